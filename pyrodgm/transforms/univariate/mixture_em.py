"""Expectation-maximisation for mixtures of one variable, many variables at once."""

from collections.abc import Callable

import torch
from torch import Tensor

NUM_STEPS = 20
MAX_ROWS = 10_000  # as many as tell a mixture's shape; all rows would take long and much memory
SMALLEST = 0.01  # scale of a component, in standard deviations of its column: no component falls on a single value


def refine_mixtures(
    x: Tensor, locations: Tensor, scales: Tensor, log_density: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor, Tensor]:
    r"""Improve mixtures of equal weights by :math:`r_{nk} \propto \pi_k g((x_n - \mu_k) / s_k) / s_k` and its moments.

    For normal components the likelihood rises in each step. For others the moments are matched instead.

    Args:
        x: Data, ``(num, D)``, a mixture for each column; some rows, evenly, if there are many.
        locations: Where the components start, ``(D, K)``.
        scales: Their standard deviations, ``(D, K)``.
        log_density: That of the component with mean 0 and standard deviation 1, elementwise.

    Returns:
        Log-weights, locations and standard deviations, each ``(D, K)``.

    References:
        Bishop (2006), Pattern Recognition and Machine Learning, section 9.2.2
    """
    rows = x[:: -(-len(x) // MAX_ROWS)].unsqueeze(-1)  # (num, D, 1)
    smallest = SMALLEST * x.std(0).unsqueeze(-1)
    log_weights = torch.zeros_like(locations)
    scales = torch.maximum(scales, smallest)
    for _ in range(NUM_STEPS):
        shares = (log_weights - scales.log() + log_density((rows - locations) / scales)).softmax(-1)
        counts = shares.sum(0) + 1.0  # a component that nothing belongs to keeps a little weight
        means = (shares * rows).sum(0) / (counts - 1.0).clamp_min(1e-6)
        locations = torch.where(counts > 1.1, means, locations)
        variances = (shares * (rows - locations).square()).sum(0) / counts
        scales = torch.maximum(variances.sqrt(), smallest)
        log_weights = (counts / counts.sum(-1, keepdim=True)).log()
    return log_weights, locations, scales
