"""What every quantizer returns, and what they share."""

from typing import NamedTuple

import torch
from torch import Tensor


class Quantized(NamedTuple):
    r"""Codes of a batch, with what there is to say about their use.

    Attributes:
        codes: ``(*batch, code_dim)``: the codes, through which the gradient passes to the quantizer's input.
        indices: ``(*batch,)``, integers in :math:`0, \dots, K-1`: which codes these are.
        commitment: Scalar: the weighted squared distance between input and code, summed over ``code_dim``, and averaged
            over all vectors of the batch. Times ``indices.numel()`` it is the sum over the batch. 0 where a quantizer
            needs none.
        perplexity: Scalar: exponential of the entropy of how often the batch uses each code, from 1, where all vectors
            share a code, to :math:`K`.
        dead_fraction: Scalar: share of the codes that are out of use; each quantizer says what that means for it.

    Example:
        >>> import torch
        >>> from pyrodgm import quantizers
        >>> quantized = quantizers.VectorQuantizer(16, 4)(torch.randn(5, 7, 7, 4))
        >>> quantized.codes.shape, quantized.indices.shape, quantized.perplexity.shape
        (torch.Size([5, 7, 7, 4]), torch.Size([5, 7, 7]), torch.Size([]))
    """

    codes: Tensor
    indices: Tensor
    commitment: Tensor
    perplexity: Tensor
    dead_fraction: Tensor


def straight_through(value: Tensor, through: Tensor) -> Tensor:
    """Return ``value``, to the bit, with the gradient of ``through``, which is finite.

    References:
        Bengio, Leonard, Courville (2013), Estimating or Propagating Gradients Through Stochastic Neurons for
        Conditional Computation, section 4, https://arxiv.org/abs/1308.3432
    """
    return value.detach() + (through - through.detach())  # an exact zero, unlike through + (value - through)


def count(indices: Tensor, num_codes: int, dtype: torch.dtype) -> Tensor:
    """Return how often each code occurs, ``(num_codes,)``, as floating numbers that can be averaged."""
    return torch.bincount(indices.flatten(), minlength=num_codes).to(dtype)


def perplexity_of(counts: Tensor) -> Tensor:
    """Return the exponential of the entropy of frequencies; 1 of an empty batch."""
    shares = counts / counts.sum().clamp_min(1.0)
    return torch.special.entr(shares).sum().exp()


def check_indices(indices: Tensor, num_codes: int) -> Tensor:
    """Return indices of codes as integers, or say what is wrong with them.

    Raises:
        ValueError: If one is no integer or belongs to no code.
    """
    whole = indices.long()
    if indices.is_floating_point() and not torch.equal(whole.to(indices.dtype), indices):
        raise ValueError("Expected indices to be integers; got fractions. Pass Quantized.indices, or draws of a prior.")
    if whole.numel():
        low, high = (int(bound) for bound in whole.aminmax())
        if low < 0 or high >= num_codes:
            raise ValueError(
                f"Expected indices in 0 .. {num_codes - 1}; got {low if low < 0 else high}. "
                "Decode indices of this quantizer, or build it with more codes."
            )
    return whole


def check_num_codes(num_codes: int) -> int:
    """Return a number of codes, or say what is wrong with it.

    Raises:
        ValueError: If it is no integer of at least 2.
    """
    if isinstance(num_codes, bool) or not isinstance(num_codes, int) or num_codes < 2:
        raise ValueError(f"Expected num_codes of at least 2; got {num_codes!r}. One code tells nothing.")
    return num_codes


def check_width(x: Tensor, width: int, name: str) -> None:
    """Refuse a tensor whose last dimension is another.

    Raises:
        ValueError: Naming both.
    """
    if x.dim() == 0 or x.shape[-1] != width:
        raise ValueError(
            f"Expected {name} of shape (*batch, {width}); got {tuple(x.shape)}. "
            "The last dimension is one vector: move channels there, or build the quantizer for that width."
        )
