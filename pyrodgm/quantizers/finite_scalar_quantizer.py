"""Rounding each feature to a few levels: a fixed grid of codes, with nothing to learn and nothing to collapse."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pyrodgm.quantizers.quantized import (
    Quantized,
    check_indices,
    check_width,
    count,
    perplexity_of,
    straight_through,
)


class FiniteScalarQuantizer(nn.Module):
    r"""Rounds :math:`\tanh z_i` to :math:`L_i` equidistant levels from -1 to 1; gradients pass through the rounding.

    The codes are a grid of :math:`K = \prod_i L_i` points. For odd :math:`L_i` this is the paper's quantizer; for even
    ones, where the paper moves the levels by half a step so that 0 is one of them, they stay symmetric here.

    Args:
        levels: Number :math:`L_i` of levels of each feature, at least 2.

    Raises:
        ValueError: If there is no feature, or one has fewer than two levels; when called, if z has another width or is
            not finite.

    Example:
        >>> import torch
        >>> from pyrodgm import quantizers
        >>> quantizer = quantizers.FiniteScalarQuantizer((8, 5, 5, 5))
        >>> codes, indices, *_ = quantizer(torch.randn(5, 7, 7, 4))
        >>> quantizer.num_codes, codes.shape, indices.shape
        (1000, torch.Size([5, 7, 7, 4]), torch.Size([5, 7, 7]))

    References:
        Mentzer, Minnen, Agustsson, Tschannen (2023), Finite Scalar Quantization: VQ-VAE Made Simple, section 3,
        https://arxiv.org/abs/2309.15505
    """

    steps: Tensor
    places: Tensor

    def __init__(self, levels: Sequence[int]) -> None:
        super().__init__()
        self.levels = tuple(levels)
        if not self.levels or any(isinstance(n, bool) or not isinstance(n, int) or n < 2 for n in self.levels):
            raise ValueError(f"Expected levels of at least 2, one a feature; got {self.levels}. Try (8, 5, 5, 5).")
        self.num_codes = math.prod(self.levels)
        self.code_dim = len(self.levels)
        self.register_buffer("steps", torch.tensor(self.levels) - 1, persistent=False)
        places = [math.prod(self.levels[:i]) for i in range(self.code_dim)]
        self.register_buffer("places", torch.tensor(places), persistent=False)

    def forward(self, z: Tensor) -> Quantized:
        """Quantize.

        Args:
            z: ``(*batch, code_dim)``.

        Returns:
            Codes with features in [-1, 1]; ``commitment`` is 0, ``dead_fraction`` the share of codes that the batch
            does not use.

        Raises:
            ValueError: If z has another width, or is not finite.
        """
        check_width(z, self.code_dim, "z")
        if not z.isfinite().all():
            raise ValueError("Expected finite z; got NaN or inf. Look for the encoder's, or lower the learning rate.")
        bounded = z.tanh()
        places = self._places(bounded.detach())
        indices = (places * self.places).sum(-1)
        counts = count(indices, self.num_codes, z.dtype)
        dead_fraction = (counts == 0).to(z.dtype).mean()
        codes = straight_through(self._codes(places, z.dtype), bounded)
        return Quantized(codes, indices, z.new_zeros(()), perplexity_of(counts), dead_fraction)

    def lookup(self, indices: Tensor) -> Tensor:
        """Return codes by their indices.

        Args:
            indices: ``(*batch,)``, integers, as floating numbers too.

        Returns:
            ``(*batch, code_dim)``, of the default dtype.

        Raises:
            ValueError: If an index is no integer, or out of range.
        """
        whole = check_indices(indices, self.num_codes).unsqueeze(-1)
        return self._codes(whole // self.places % (self.steps + 1), torch.get_default_dtype())

    def indices_of(self, codes: Tensor) -> Tensor:
        """Return the indices of the nearest codes.

        Args:
            codes: ``(*batch, code_dim)``.

        Returns:
            ``(*batch,)``.

        Raises:
            ValueError: If codes have another width.
        """
        check_width(codes, self.code_dim, "codes")
        return (self._places(codes.detach().clamp(-1.0, 1.0)) * self.places).sum(-1)

    def _places(self, bounded: Tensor) -> Tensor:
        """Return the level of each feature, counted from the lowest."""
        return ((bounded + 1.0) * (0.5 * self.steps)).round().long()

    def _codes(self, places: Tensor, dtype: torch.dtype) -> Tensor:
        return 2.0 * places.to(dtype) / self.steps - 1.0

    def extra_repr(self) -> str:
        """Name the levels."""
        return str(self.levels)
