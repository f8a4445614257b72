"""The contract of models whose latents are codes on a grid: coding, decoding, and the second stage, a learned prior."""

import math
from abc import abstractmethod
from typing import cast

import pyro
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor, nn
from torch.distributions import Distribution

from pyrodgm.conditional import Conditional
from pyrodgm.distributions.coded import Codebook, Coded, channels_first, channels_last
from pyrodgm.models.checks import check_rows, check_support
from pyrodgm.models.codes import UniformIndices, check_indices, check_prior
from pyrodgm.models.evaluation import evaluation
from pyrodgm.models.model import Model
from pyrodgm.models.program import Program, data_plate, num_rows
from pyrodgm.models.vae import expectation
from pyrodgm.transforms.univariate.checks import validation_enabled

MAX_GRADIENT_NORM = 10.0
CHUNK_SIZE = 500  # data that are encoded at once


class CodeModel(Model):
    """A pair whose latent site ``"codes"`` holds code vectors on a grid, and whose prior is one of their indices.

    Subclasses make the two programs, and say which codes are the likeliest, and how codes are drawn.

    Args:
        encoder: Maps ``x``, ``(num_rows, *event_shape)``, to ``(num_rows, code_dim, *grid_shape)``.
        quantizer: Makes codes of what the encoder returns.
        likelihood: ``p(x | codes)``, with ``context_shape == (code_dim, *grid_shape)``.
        prior: Distribution of indices, or ``None`` for the uniform one.
        num_codes: Number of codes.
        code_dim: Width of a code vector.

    Attributes:
        grid_shape: Shape of the positions.

    Raises:
        ValueError: If sizes disagree, or the prior is not over the indices of the grid.
    """

    def __init__(
        self,
        encoder: nn.Module,
        quantizer: nn.Module,
        likelihood: Conditional,
        prior: Conditional | None,
        *,
        num_codes: int,
        code_dim: int,
    ) -> None:
        super().__init__()
        shape = tuple(likelihood.context_shape)
        if shape[:1] != (code_dim,):
            raise ValueError(
                f"Expected a likelihood of codes with context_shape ({code_dim}, *grid_shape), the quantizer's "
                f"vectors; got {shape}. Build both with one code_dim."
            )
        self.grid_shape = torch.Size(shape[1:])
        self.num_codes = num_codes
        self.event_shape = likelihood.event_shape
        if prior is not None:
            check_prior(prior, num_codes, self.grid_shape)
        self.encoder, self.quantizer, self.likelihood = encoder, quantizer, likelihood
        self.prior = UniformIndices(num_codes, self.grid_shape) if prior is None else prior

    @property
    def codebook(self) -> Codebook:
        """What looks vectors up: the quantizer."""
        return cast(Codebook, self.quantizer)

    @abstractmethod
    def most_probable(self, encoded: Tensor) -> Tensor:
        """Return the likeliest indices, ``(num, *grid_shape)``, of ``(num, *grid_shape, code_dim)``."""

    def drawn(self, encoded: Tensor) -> Tensor:
        """Return indices drawn from ``q(codes | x)``; by default the likeliest, where that is all there is."""
        return self.most_probable(encoded)

    def observation(self, context: Tensor | None) -> Distribution:
        """Return ``p(x | codes)`` at the first code everywhere."""
        zeros = torch.zeros((1, *self.grid_shape), dtype=torch.long, device=device_of(self.likelihood))
        return self.likelihood(self.vectors(zeros))

    def vectors(self, indices: Tensor) -> Tensor:
        """Return the code vectors ``(num, code_dim, *grid_shape)`` of indices ``(num, *grid_shape)``."""
        return channels_first(self.codebook.lookup(indices.long()), len(self.grid_shape))

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """Return the likeliest codes.

        Args:
            x: ``(num_rows, *event_shape)``.

        Returns:
            Indices, ``(num_rows, *grid_shape)``.
        """
        return torch.cat([self.most_probable(self.encoded(rows)) for rows in x.split(CHUNK_SIZE)])

    @torch.no_grad()
    def decode(self, indices: Tensor) -> Tensor:
        """Return the mean of ``p(x | codes)``, or a draw of it where it has no mean in closed form.

        Args:
            indices: Whole numbers of any type, ``(num, *grid_shape)``.

        Returns:
            ``(num, *event_shape)``.

        Raises:
            ValueError: If a code is out of range, or the shape is another.
        """
        check_indices(indices, self.num_codes, self.grid_shape)
        with evaluation(self):
            p = self.likelihood(self.vectors(indices))
            try:
                return expectation(p)
            except NotImplementedError:
                return p.sample()

    def reconstruct(self, x: Tensor) -> Tensor:
        """Return what the likeliest codes of data decode to, ``(num_rows, *event_shape)``."""
        return self.decode(self.encode(x))

    def fit_prior(
        self,
        prior: Conditional,
        x: Tensor,
        context: Tensor | None = None,
        *,
        num_steps: int = 2000,
        batch_size: int = 128,
        lr: float = 1e-3,
    ) -> list[float]:
        r"""Train a prior of the codes of data by maximum likelihood, and make it the model's: the second stage.

        The encoder, the codebook and the likelihood stay as they are. The bound becomes
        :math:`E_q[\log p(x \mid \mathrm{codes}) + \log p(\mathrm{codes}) - \log q]` with the new prior, and the model
        draws with it. Adam with a cosine decay, on random rows, whose codes are drawn anew at each step.

        Args:
            prior: Any distribution of whole numbers 0 .. K - 1 that is trained by its density, such as a PixelCNN over
                ``(1, *grid_shape)`` or a transformer over the flat grid; with a context, of codes given that.
            x: Data, ``(num_rows, *event_shape)``.
            context: ``(num_rows, *context_shape)``, or ``None``.
            num_steps: Number of steps of Adam.
            batch_size: Number of rows a step.
            lr: Its step size at the start.

        Returns:
            The loss at each step, :math:`-\log p(\mathrm{codes})` in nats per datum.

        Raises:
            ValueError: If the prior is not over the indices of the grid, its context is not given or superfluous, data
                do not fit, a number is not positive, or nothing is to be trained.
            FloatingPointError: If a loss or a gradient is NaN or infinite.
        """
        check_prior(prior, self.num_codes, self.grid_shape)
        check_rows(x, self.event_shape)
        check_fit(prior, x, context, num_steps, batch_size, lr)
        trained = [parameter for parameter in prior.parameters() if parameter.requires_grad]
        optimizer = torch.optim.Adam(trained, lr=lr, fused=True)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, num_steps)
        prior.train()
        losses = []
        for step in range(num_steps):
            rows = torch.randint(len(x), (batch_size,), device=x.device)
            with torch.no_grad():
                indices = self.drawn(self.encoded(x[rows])).to(torch.promote_types(trained[0].dtype, torch.float32))
            distribution = prior(None if context is None else context[rows])
            loss = -distribution.log_prob(indices.reshape(batch_size, *prior.event_shape)).mean()
            optimizer.zero_grad()
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(trained, MAX_GRADIENT_NORM)
            if not norm.isfinite():
                raise FloatingPointError(
                    f"Expected a finite gradient; got a norm of {norm.item()} at step {step}, with a loss of "
                    f"{loss.item():.6g}. Lower the learning rate."
                )
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        self.prior = prior.train(self.training)
        return losses

    def encoded(self, x: Tensor) -> Tensor:
        """Return what the encoder makes of data in evaluation mode, ``(num, *grid_shape, code_dim)``."""
        with evaluation(self.encoder):
            return encode_grid(self.encoder, x, tuple(self.likelihood.context_shape))


class CodeModelProgram(Program):
    """The program ``codes ~ p(codes | c); x ~ p(x | codes)``, over code vectors."""

    def __init__(self, prior: Conditional, likelihood: Conditional, quantizer: nn.Module) -> None:
        super().__init__()
        self.prior = prior
        self.likelihood = likelihood
        self.quantizer = quantizer

    @property
    def grid_shape(self) -> torch.Size:
        """Shape of the positions."""
        return torch.Size(self.likelihood.context_shape[1:])

    def codebook(self) -> Codebook:
        """Return what looks vectors up: the quantizer, which knows the indices of what it has just made."""
        return cast(Codebook, self.quantizer)

    def codes(self, context: Tensor | None, x: Tensor | None) -> TorchDistribution:
        """Return ``p(codes | c)``, over vectors on the grid."""
        prior = self.prior
        return Coded(prior(context if prior.context_shape else None), self.codebook(), self.grid_shape)

    def forward(
        self, x: Tensor | None = None, context: Tensor | None = None, *, size: int | None = None, num: int = 1
    ) -> Tensor:
        """Sample codes, and sample or score ``x``."""
        likelihood = self.likelihood
        with data_plate(num_rows(x, context, num), size):
            distribution = likelihood(pyro.sample("codes", self.codes(context, x)))
            if x is not None and validation_enabled():
                check_support(distribution, x)
            return pyro.sample("x", distribution, obs=x)


def encode_grid(encoder: nn.Module, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return ``(num_rows, *grid_shape, code_dim)``, what the encoder makes of data.

    Raises:
        ValueError: If that is not of the ``shape`` that the likelihood takes.
    """
    encoded: Tensor = encoder(x)
    if tuple(encoded.shape) != (len(x), *shape):
        raise ValueError(
            f"Expected an encoder to (num_rows, {', '.join(map(str, shape))}), what the likelihood takes; got "
            f"{tuple(encoded.shape)} of {len(x)} rows. Build both for one grid of codes."
        )
    return channels_last(encoded, len(shape) - 1)


def check_fit(
    prior: Conditional, x: Tensor, context: Tensor | None, num_steps: int, batch_size: int, lr: float
) -> None:
    """Refuse what cannot be trained on.

    Raises:
        ValueError: Saying what is wrong.
    """
    if num_steps < 1 or batch_size < 1 or not 0 < lr < math.inf:
        raise ValueError(
            f"Expected num_steps and batch_size of at least 1, and lr > 0; got {num_steps}, {batch_size} and {lr}. "
            "Give positive numbers."
        )
    if prior.context_shape and context is None:
        raise ValueError(
            f"Expected a context for a prior with context_shape {prior.context_shape}; got None. Pass one row of "
            "context a datum, to fit_prior and whenever the model is called."
        )
    prior.check_context(context)
    if context is not None and len(context) != len(x):
        raise ValueError(f"Expected one context a row; got {len(context)} for {len(x)} rows. Pass as many.")
    if not any(parameter.requires_grad for parameter in prior.parameters()):
        raise ValueError(f"Expected a prior with parameters to train; {type(prior).__name__} has none.")


def device_of(module: nn.Module) -> torch.device:
    """Return the device of a module's parameters."""
    return next((parameter.device for parameter in module.parameters()), torch.device("cpu"))
