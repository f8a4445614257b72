"""The probability integral transform where there are draws but no distribution function."""

import torch
from torch import Tensor


def pit_of_draws(draws: Tensor, x: Tensor) -> Tensor:
    r"""Randomized transform :math:`u_n = (\#\{s: x_{ns} < x_n\} + v_n (1 + \#\{s: x_{ns} = x_n\})) / (S + 1)`.

    With :math:`v_n` uniform, :math:`u_n` is uniform if the target comes from the distribution of the draws, whatever
    their number :math:`S`, and also where values are tied, as counts are.

    Args:
        draws: Predictive draws, ``(num_draws, *shape)``: those of one datum in a column.
        x: Targets of that ``shape``.

    Returns:
        Values in [0, 1], of the shape of ``x``; each feature is judged by itself, by its marginal distribution.

    Raises:
        ValueError: If there are no draws, shapes differ, or something is NaN.

    Example:
        >>> from pyrodgm import metrics
        >>> metrics.pit_of_draws(torch.randn(100, 5, 2), torch.randn(5, 2)).shape
        torch.Size([5, 2])

    References:
        Czado, Gneiting, Held (2009), Predictive Model Assessment for Count Data,
        https://doi.org/10.1111/j.1541-0420.2009.01191.x
    """
    if draws.dim() != x.dim() + 1 or draws.shape[1:] != x.shape or not draws.numel():
        raise ValueError(
            f"Expected draws of shape (num_draws, {', '.join(map(str, x.shape))}), num_draws > 0, for targets of shape "
            f"{tuple(x.shape)}; got {tuple(draws.shape)}. Draw for each target."
        )
    if draws.isnan().any() or x.isnan().any():
        raise ValueError("Expected numbers in draws and targets; got NaN. Look at the data or at the model.")
    below, tied = (draws < x).sum(0), (draws == x).sum(0)
    return (below + torch.rand_like(x) * (1 + tied)) / (len(draws) + 1)
