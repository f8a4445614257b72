"""The scale on which sixteen bits of sound become eight."""

import math

import torch
from torch import Tensor


def mu_law(x: Tensor, num_levels: int = 256) -> Tensor:
    r"""Compress sound to integers, :math:`\lfloor (f(x) + 1) \mu / 2 + 1/2 \rfloor`, finely where it is quiet.

    Here :math:`f(x) = \mathrm{sign}(x) \log(1 + \mu |x|) / \log(1 + \mu)` and :math:`\mu` is ``num_levels - 1``.
    Silence is level ``num_levels // 2``.

    Args:
        x: Samples within [-1, 1], of any shape.
        num_levels: Number of integers, at least 2.

    Returns:
        Integers 0..num_levels - 1, of the shape of ``x``.

    Raises:
        ValueError: If a sample is outside [-1, 1] or NaN, or there are fewer than two levels.

    Example:
        >>> mu_law(torch.linspace(-1, 1, 5)).shape
        torch.Size([5])

    References:
        van den Oord and others (2016), WaveNet, section 2.2, https://arxiv.org/abs/1609.03499, after ITU-T
        Recommendation G.711
    """
    check_num_levels(num_levels)
    check_samples(x)
    mu = num_levels - 1
    compressed = x.sign() * (mu * x.abs()).log1p() / math.log1p(mu)
    return ((compressed + 1) * (mu / 2) + 0.5).floor().long()


def inverse_mu_law(levels: Tensor, num_levels: int = 256) -> Tensor:
    r"""Return the samples at the middle of the levels of :func:`mu_law`, within [-1, 1].

    With :math:`y = 2\, \text{level} / \mu - 1`, a sample is :math:`\mathrm{sign}(y) ((1 + \mu)^{|y|} - 1) / \mu`.

    Args:
        levels: Integers 0..num_levels - 1 of any shape, in any dtype.
        num_levels: The number that they were made with.

    Returns:
        Samples of the shape of ``levels``, in their dtype if it is a floating-point one, else in the default dtype.

    Raises:
        ValueError: If a level is out of range, or there are fewer than two.

    Example:
        >>> inverse_mu_law(mu_law(torch.linspace(-1, 1, 5))).shape
        torch.Size([5])
    """
    check_num_levels(num_levels)
    wrong = levels[(levels < 0) | (levels >= num_levels) | (levels != levels.floor())]
    if len(wrong):
        raise ValueError(
            f"Expected integers from 0 to {num_levels - 1}; got {wrong[0].item():g}. Give the num_levels of the levels."
        )
    mu = num_levels - 1
    y = levels.to(levels.dtype if levels.is_floating_point() else torch.get_default_dtype()) * (2 / mu) - 1
    return (y.sign() * (y.abs() * math.log1p(mu)).expm1() / mu).clamp(-1, 1)


def check_num_levels(num_levels: int) -> None:
    """Raise if sound cannot be told from silence.

    Raises:
        ValueError: If there are fewer than two levels.
    """
    if num_levels < 2:
        raise ValueError(f"Expected num_levels of at least 2; got {num_levels}. 256 is eight bits a sample.")


def check_samples(x: Tensor) -> None:
    """Raise if a sample is louder than full scale or no number.

    Raises:
        ValueError: Giving the first such sample.
    """
    wrong = x[~(x.abs() <= 1)]  # NaN compares false
    if len(wrong):
        raise ValueError(f"Expected samples within [-1, 1]; got {wrong[0].item():g}. Divide by the largest magnitude.")
