"""Bases: what a flow starts from."""

from pyrodgm.conditional import Conditional, Fixed
from pyrodgm.distributions.standard_logistic import StandardLogistic
from pyrodgm.distributions.standard_normal import StandardNormal
from pyrodgm.transforms.bijection import check_input_dim


def standard_base(input_dim: int) -> Conditional:
    """Return the standard normal base of ``input_dim`` features."""
    return Fixed(StandardNormal(input_dim))


def logistic_base(input_dim: int) -> Conditional:
    r"""Return the standard logistic base, :math:`\log p(u) = -\sum_i \log(1 + e^{u_i}) + \log(1 + e^{-u_i})`.

    Args:
        input_dim: Number of features.

    Raises:
        ValueError: If ``input_dim`` is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flows.nice(3, base=flows.logistic_base(3))().sample((5,)).shape
        torch.Size([5, 3])

    References:
        Dinh, Krueger, Bengio (2015), NICE, section 3.4, https://arxiv.org/abs/1410.8516
    """
    check_input_dim(input_dim)
    return Fixed(StandardLogistic(input_dim))
