"""The vector-quantized variational autoencoder: a code a position, the nearest of a codebook."""

from typing import cast

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor, nn

from pyrodgm.conditional import Conditional
from pyrodgm.distributions.coded import channels_first
from pyrodgm.models.checks import check_rows
from pyrodgm.models.code_model import CHUNK_SIZE, CodeModel, CodeModelProgram, encode_grid
from pyrodgm.models.evaluation import evaluation
from pyrodgm.models.program import Program, data_plate
from pyrodgm.quantizers import FiniteScalarQuantizer, VectorQuantizer
from pyrodgm.transforms.univariate.checks import validation_enabled

INITIAL_VECTORS = 50_000  # encoded vectors, at most, that set a codebook


class VQVAE(CodeModel):
    r"""Codes :math:`k` on a grid of :math:`P` positions, and the guide :math:`q(k \mid x)`, one at the nearest codes.

    .. math:: \log p(x) \ge \log p(x \mid e_k) + \log p(k), \qquad k_i = \arg\min_j \|\mathrm{enc}(x)_i - e_j\|

    with :math:`\log p(k) = -P \log K` until :meth:`fit_prior` has learned more. The guide is a point mass, so that
    :math:`\log q = 0`, one draw is all there is, and Pyro's ELBO is this bound exactly. The site ``"codes"`` holds the
    code *vectors*, channels first, since only they carry the straight-through gradient from the likelihood to the
    encoder; their density is that of the indices, see :class:`~pyrodgm.distributions.Coded`.

    The commitment of the encoder to its codes is no part of the bound. In training mode the guide adds it, summed over
    positions, as the factor ``"commitment"``; in evaluation mode there is none, so that validation and every estimate
    report the bound. Let them: call ``eval()`` first, which also keeps moving averages where they are.

    Args:
        encoder: Maps ``x``, ``(num_rows, *event_shape)``, to ``(num_rows, code_dim, *grid_shape)``.
        quantizer: The codebook; of a :class:`~pyrodgm.quantizers.FiniteScalarQuantizer` the codes are points of a grid.
        likelihood: ``p(x | codes)``, with ``context_shape == (code_dim, *grid_shape)``.
        prior: Distribution of indices 0 .. K - 1, whose event is the grid, flat, or with ones before it; with a
            context or without. ``None`` for the uniform one. One that is given here is trained with the rest; no
            gradient passes from it to the encoder.

    Raises:
        ValueError: If sizes disagree, or the prior is not over the indices of the grid; when called, if the encoder
            returns another grid, or the prior's context is not given.

    Example:
        >>> import torch
        >>> from pyrodgm import Neural, heads, models, nn, quantizers
        >>> encoder = nn.ResNetEncoder((1, 8, 8), (4, 2, 2), num_channels=8)
        >>> decoder = nn.ResNetDecoder((4, 2, 2), (1, 8, 8), num_channels=8)
        >>> likelihood = Neural(decoder, heads.Bernoulli(64))
        >>> vq_vae = models.VQVAE(encoder, quantizers.VectorQuantizer(16, 4), likelihood)
        >>> vq_vae.encode(torch.rand(5, 64).round()).shape, vq_vae.sample(3).shape
        (torch.Size([5, 2, 2]), torch.Size([3, 64]))

    References:
        van den Oord, Vinyals, Kavukcuoglu (2017), Neural Discrete Representation Learning, eq. 2-3,
        sections 3.1-3.3, https://arxiv.org/abs/1711.00937
    """

    def __init__(
        self,
        encoder: nn.Module,
        quantizer: VectorQuantizer | FiniteScalarQuantizer,
        likelihood: Conditional,
        prior: Conditional | None = None,
    ) -> None:
        num_codes, code_dim = quantizer.num_codes, quantizer.code_dim
        super().__init__(encoder, quantizer, likelihood, prior, num_codes=num_codes, code_dim=code_dim)
        shape = tuple(likelihood.context_shape)
        self.pair(
            CodeModelProgram(self.prior, likelihood, quantizer), VQVAEGuide(encoder, quantizer, shape, self.event_shape)
        )

    def most_probable(self, encoded: Tensor) -> Tensor:
        """Return the indices of the nearest codes."""
        with evaluation(self.quantizer):
            return cast(Tensor, self.quantizer(encoded).indices)

    @torch.no_grad()
    def initialize(self, x: Tensor, context: Tensor | None = None) -> None:
        """Start a learned codebook from encoded data, evenly spread rows of them, by k-means; needs scikit-learn."""
        if not isinstance(self.quantizer, VectorQuantizer):
            return
        step = max(1, -(-len(x) * self.grid_shape.numel() // INITIAL_VECTORS))
        vectors = [self.encoded(rows).reshape(-1, self.codebook.code_dim) for rows in x[::step].split(CHUNK_SIZE)]
        self.quantizer.initialize(torch.cat(vectors))


class VQVAEGuide(Program):
    """The program that puts all mass on the nearest codes, and adds the commitment in training mode."""

    def __init__(
        self,
        encoder: nn.Module,
        quantizer: VectorQuantizer | FiniteScalarQuantizer,
        shape: tuple[int, ...],
        event_shape: torch.Size,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.quantizer = quantizer
        self.shape, self.event_shape = shape, event_shape

    def forward(self, x: Tensor, context: Tensor | None = None, *, size: int | None = None) -> Tensor:
        """Sample the code vectors nearest to what the encoder makes of ``x``."""
        grid_dim = len(self.shape) - 1
        quantizer = self.quantizer
        if validation_enabled():
            check_rows(x, self.event_shape)
        with data_plate(len(x), size):
            quantized = quantizer(encode_grid(self.encoder, x, self.shape))
            if quantizer.training:
                num_positions = quantized.indices[0].numel()
                # Added to log q: both Trace_ELBO and ReparameterizedELBO add log q to the loss.
                commitment = (num_positions * quantized.commitment).expand(len(x))
                pyro.factor("commitment", commitment, has_rsample=True)
            codes = channels_first(quantized.codes, grid_dim)
            return pyro.sample("codes", dist.Delta(codes, event_dim=1 + grid_dim))
