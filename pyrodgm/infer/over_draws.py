"""A component at many draws of its weights: side by side where torch can, else one after the other."""

import warnings
from collections.abc import Callable, Mapping
from functools import partial

import pyro
import torch
from torch import Tensor

from pyrodgm.infer.bayesian import Bayesian

MAX_NUMBERS = 2**23  # of hidden units in memory at once, about
MAX_ROWS = 4096


@torch.no_grad()
def over_draws(
    bayesian: Bayesian, draws: Mapping[str, Tensor], function: Callable[[], Tensor], num_rows: int
) -> Tensor:
    """Return what a function of the component gives at each draw of the weights, without gradients.

    Args:
        bayesian: The component.
        draws: ``(num, *shape)`` of each weight.
        function: Called without arguments while the weights of a draw are in place; it may not draw at random.
        num_rows: Number of data that it runs over, which bounds how many draws run side by side.

    Returns:
        ``(num, ...)``.
    """
    runner = bayesian.weights.runner
    num = len(next(iter(draws.values())))

    def one(weights: dict[str, Tensor]) -> Tensor:
        return runner.run(weights, function)  # type: ignore[no-any-return]

    if num > 1 and bayesian.maps:
        num_units = sum(value.shape[1] if value.dim() > 1 else 1 for value in draws.values())
        chunk = max(1, MAX_NUMBERS // (num_rows * num_units))
        # What is checked by looking at values cannot be mapped; the rows were checked, and weights are as drawn.
        with warnings.catch_warnings(), pyro.validation_enabled(False):
            warnings.filterwarnings("ignore", message="There is a performance drop", category=UserWarning)
            try:
                return torch.vmap(one, chunk_size=chunk)(dict(draws))
            except (RuntimeError, ValueError):  # an operation that torch cannot map, or an error that the loop repeats
                bayesian.maps = False
    return torch.stack([one({name: value[k] for name, value in draws.items()}) for k in range(num)])


def log_likelihoods(
    bayesian: Bayesian, draws: Mapping[str, Tensor], x: Tensor, context: Tensor | None = None
) -> Tensor:
    """Return the log-likelihood of each row at each draw, ``(num_draws, num_rows)``, in nats.

    Args:
        bayesian: The component.
        draws: ``(num_draws, *shape)`` of each weight.
        x: ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
    """
    parts = []
    for begin in range(0, len(x), MAX_ROWS):
        rows = x[begin : begin + MAX_ROWS]
        given = None if context is None else context[begin : begin + MAX_ROWS]
        score = partial(_score, bayesian, rows, given)
        parts.append(over_draws(bayesian, draws, score, len(rows)))
    return torch.cat(parts, 1)


def _score(bayesian: Bayesian, x: Tensor, context: Tensor | None) -> Tensor:
    return bayesian.module(context).log_prob(x)  # type: ignore[no-any-return]
