"""Paths from one value of a base to another."""

import torch
from torch import Tensor
from torch.distributions import Independent, Normal

from pyrodgm.conditional import Conditional, Fixed
from pyrodgm.distributions.standard_normal import StandardNormal
from pyrodgm.flows.tempered import Tempered


def line(first: Tensor, last: Tensor, num: int) -> Tensor:
    """Return ``num`` values at equal distances on the line from ``first`` to ``last``, both included.

    Args:
        first: ``(*batch, *event)``.
        last: ``(*batch, *event)``.
        num: At least two.

    Returns:
        ``(num, *batch, *event)``.
    """
    t = steps(first, num)
    return (1 - t) * first + t * last


def great_circle(first: Tensor, last: Tensor, num: int, event_dim: int) -> Tensor:
    r"""Return :math:`\frac{\sin((1 - t) \omega)}{\sin \omega} u_0 + \frac{\sin(t \omega)}{\sin \omega} u_1`.

    :math:`\omega` is the angle between the two. Where all of a normal's draws lie near a sphere, so does the path; a
    line would cut across its inside, where there are none. Between values on one line through zero the path is the
    line.

    Args:
        first: :math:`u_0`, ``(*batch, *event)``.
        last: :math:`u_1`, ``(*batch, *event)``.
        num: Number of :math:`t`, from 0 to 1, at least two.
        event_dim: Number of dimensions of an event.

    Returns:
        ``(num, *batch, *event)``.

    References:
        White (2016), Sampling Generative Networks, https://arxiv.org/abs/1609.04468
    """
    dims = tuple(range(-event_dim, 0))
    lengths = (first.square().sum(dims, keepdim=True) * last.square().sum(dims, keepdim=True)).sqrt()
    cosine = (first * last).sum(dims, keepdim=True) / lengths.clamp_min(torch.finfo(first.dtype).tiny)
    angle = cosine.clamp(-1.0, 1.0).acos()
    sine = angle.sin()
    is_line = sine < torch.finfo(first.dtype).eps ** 0.5

    def weight(share: Tensor) -> Tensor:
        return torch.where(is_line, share, (share * angle).sin() / sine)

    t = steps(first, num)
    return weight(1 - t) * first + weight(t) * last


def steps(like: Tensor, num: int) -> Tensor:
    """Return ``num`` numbers from 0 to 1, ``(num, 1, ...)``, that broadcast against batches of values."""
    return torch.linspace(0, 1, num, dtype=like.dtype, device=like.device).reshape(num, *[1] * like.dim())


def is_normal(base: Conditional) -> bool:
    """Return whether a base is a normal distribution of mean zero, however it is scaled."""
    while isinstance(base, Tempered):
        base = base.base
    if not isinstance(base, Fixed):
        return False
    distribution = base.distribution(None)
    while isinstance(distribution, Independent):
        distribution = distribution.base_dist
    return isinstance(distribution, StandardNormal) or (
        isinstance(distribution, Normal) and not distribution.mean.any()
    )
