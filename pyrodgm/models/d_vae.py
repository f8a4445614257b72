"""The discrete variational autoencoder: a categorical a position, relaxed in training."""

from typing import cast

import pyro
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor, nn

from pyrodgm.conditional import Conditional
from pyrodgm.distributions.coded import Codebook, Coded
from pyrodgm.models.checks import check_rows
from pyrodgm.models.code_model import CodeModel, CodeModelProgram, encode_grid
from pyrodgm.models.codes import UniformIndices
from pyrodgm.models.program import Program, data_plate
from pyrodgm.models.relaxed_codes import RelaxedCodes
from pyrodgm.quantizers import RelaxedCategorical
from pyrodgm.transforms.univariate.checks import validation_enabled

KINDS = ("categorical", "relaxed")


class DVAE(CodeModel):
    r"""Codes :math:`k` on a grid of :math:`P` positions with the guide :math:`q(k \mid x) = \mathrm{softmax}`, relaxed.

    The site ``"codes"`` holds a point :math:`y_i` of the simplex for each position, channels first; the likelihood's
    first linear layer makes of it the average :math:`\sum_k y_{ik} e_k` of code vectors.

    *In evaluation mode* points are corners, drawn from :math:`q`, and Pyro's ELBO is the bound of the discrete model,

    .. math:: \log p(x) \ge E_{q(k \mid x)}[\log p(x \mid k) + \log p(k) - \log q(k \mid x)]

    with :math:`\log p(k) = -P \log K` until :meth:`fit_prior` has learned more. Importance weighting tightens it. Small
    grids are summed over exactly by ``TraceEnum_ELBO`` with ``config_enumerate(model.guide)``: a grid is one variable.
    Gradients are then exact too, or those of the score function, in ``Trace_ELBO``.

    *In training mode* points are draws of the Concrete distribution at the quantizer's temperature, with gradients.

    - ``kl="categorical"`` pays the divergence of the categoricals, :math:`-H(q) + P \log K`, in closed form. With the
      likelihood at relaxed codes this is **no bound** of :math:`\log p(x)`: as the temperature falls it becomes the
      bound of the discrete model. With a quantizer that rounds its draws (``straight_through``) it is that bound, and
      only its gradient is biased.
    - ``kl="relaxed"`` takes the Concrete densities of :math:`q` and of the uniform prior at the drawn points. This
      **is** a bound, of a model whose codes are Concrete variables themselves, not of the discrete model.

    A learned prior scores the largest component of each point, a draw of :math:`q`; no gradient passes from it to the
    encoder. Train the first stage before it, therefore.

    Args:
        encoder: Maps ``x``, ``(num_rows, *event_shape)``, to logits, ``(num_rows, num_codes, *grid_shape)``.
        quantizer: Draws of the logits; its temperature is the model's.
        likelihood: ``p(x | codes)``, with ``context_shape == (num_codes, *grid_shape)``.
        prior: Distribution of indices 0 .. K - 1, whose event is the grid, flat, or with ones before it; with a
            context or without. ``None`` for the uniform one.
        kl: ``"categorical"`` or ``"relaxed"``.

    Raises:
        ValueError: If sizes disagree, the prior is not over the indices of the grid, ``kl`` is another, or densities of
            relaxed codes are asked for where the quantizer rounds them (``straight_through``); when called, if the
            encoder returns another grid, the prior's context is not given, or relaxed densities meet a learned prior.

    Example:
        >>> import torch
        >>> from pyrodgm import Neural, heads, models, nn, quantizers
        >>> encoder = nn.ResNetEncoder((1, 8, 8), (16, 2, 2), num_channels=8)
        >>> decoder = nn.ResNetDecoder((16, 2, 2), (1, 8, 8), num_channels=8)
        >>> likelihood = Neural(decoder, heads.Bernoulli(64))
        >>> d_vae = models.DVAE(encoder, quantizers.RelaxedCategorical(16), likelihood)
        >>> d_vae.encode(torch.rand(5, 64).round()).shape, d_vae.sample(3).shape
        (torch.Size([5, 2, 2]), torch.Size([3, 64]))

    References:
        Jang, Gu, Poole (2017), Categorical Reparameterization with Gumbel-Softmax, section 2,
        https://arxiv.org/abs/1611.01144;
        Maddison, Mnih, Teh (2017), The Concrete Distribution, appendix C (the divergences),
        https://arxiv.org/abs/1611.00712;
        Ramesh et al. (2021), Zero-Shot Text-to-Image Generation, section 2.1, https://arxiv.org/abs/2102.12092
    """

    def __init__(
        self,
        encoder: nn.Module,
        quantizer: RelaxedCategorical,
        likelihood: Conditional,
        prior: Conditional | None = None,
        *,
        kl: str = "categorical",
    ) -> None:
        if kl not in KINDS:
            raise ValueError(f"Expected kl to be one of {', '.join(KINDS)}; got {kl!r}.")
        if kl == "relaxed" and quantizer.straight_through:
            raise ValueError(
                "Expected draws inside the simplex for kl='relaxed'; got straight_through=True, whose draws are "
                "corners, where the density is infinite. Take kl='categorical', or straight_through=False."
            )
        num_codes = quantizer.num_codes
        super().__init__(encoder, quantizer, likelihood, prior, num_codes=num_codes, code_dim=num_codes)
        self.kl = kl
        shape = tuple(likelihood.context_shape)
        self.pair(
            DVAEModel(self.prior, likelihood, quantizer, kl=kl),
            DVAEGuide(encoder, quantizer, shape, self.event_shape, kl=kl),
        )

    def most_probable(self, encoded: Tensor) -> Tensor:
        """Return the indices of the largest logits."""
        return encoded.argmax(-1)

    def drawn(self, encoded: Tensor) -> Tensor:
        """Return indices drawn from ``q(codes | x)``."""
        return dist.Categorical(logits=encoded).sample()


class DVAEModel(CodeModelProgram):
    """The program ``codes ~ p(codes | c); x ~ p(x | codes)``, over points of the simplex."""

    def __init__(self, prior: Conditional, likelihood: Conditional, quantizer: RelaxedCategorical, *, kl: str) -> None:
        super().__init__(prior, likelihood, quantizer)
        self.kl = kl

    def codes(self, context: Tensor | None, x: Tensor | None) -> TorchDistribution:
        """Return ``p(codes | c)``: over corners, or, to score relaxed codes by their density, over the simplex."""
        if self.kl == "categorical" or x is None or not self.quantizer.training:
            return super().codes(context, x)
        if not isinstance(self.prior, UniformIndices):
            raise ValueError(
                f"Expected a uniform prior for kl='relaxed' in training mode; got {type(self.prior).__name__}, which "
                "has no density of relaxed codes. Call eval() for the bound, or train with kl='categorical'."
            )
        like = next(self.likelihood.parameters())
        logits = like.new_zeros(*self.grid_shape, self.likelihood.context_shape[0])
        return RelaxedCodes(logits, cast(RelaxedCategorical, self.quantizer), len(self.grid_shape), kl=self.kl)


class DVAEGuide(Program):
    """The program ``codes ~ q(codes | x)``."""

    def __init__(
        self,
        encoder: nn.Module,
        quantizer: RelaxedCategorical,
        shape: tuple[int, ...],
        event_shape: torch.Size,
        *,
        kl: str,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.quantizer = quantizer
        self.shape, self.event_shape, self.kl = shape, event_shape, kl

    def forward(self, x: Tensor, context: Tensor | None = None, *, size: int | None = None) -> Tensor:
        """Sample codes given ``x``, relaxed in training mode."""
        quantizer, grid_dim = self.quantizer, len(self.shape) - 1
        if validation_enabled():
            check_rows(x, self.event_shape)
        with data_plate(len(x), size):
            logits = encode_grid(self.encoder, x, self.shape)
            codes: TorchDistribution
            if quantizer.training:
                codes = RelaxedCodes(logits, quantizer, grid_dim, kl=self.kl)
            else:
                codes = Coded(dist.Categorical(logits=logits).to_event(grid_dim), cast(Codebook, quantizer))
            return pyro.sample("codes", codes)
