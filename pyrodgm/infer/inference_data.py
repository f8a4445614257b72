"""Posteriors as ArviZ takes them."""

import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from pyrodgm.infer.over_draws import log_likelihoods

if TYPE_CHECKING:
    from arviz import InferenceData

    from pyrodgm.infer.posterior import Posterior


@torch.no_grad()
def to_inference_data(
    posterior: "Posterior", x: Tensor, context: Tensor | None = None, *, num_draws: int = 1000
) -> "InferenceData":
    """Return an ``InferenceData`` of draws, with each row's log-likelihood; needs ArviZ.

    Args:
        posterior: Of the weights.
        x: ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        num_draws: Number of draws; of NUTS, at most as many as there are, in their order and by chain.

    Returns:
        Groups ``posterior`` with a variable a parameter, ``log_likelihood`` and ``observed_data`` with ``"x"``.

    Raises:
        ImportError: If ArviZ is absent.
        ValueError: If the data are not such as the component takes.
    """
    posterior.bayesian.check_data(x, context)
    with warnings.catch_warnings():  # ArviZ 0.23 announces version 1 whenever it is imported
        warnings.filterwarnings("ignore", message=r"\s*ArviZ is undergoing a major refactor", category=FutureWarning)
        try:
            from arviz import from_dict
        except ImportError as error:
            raise ImportError('InferenceData needs ArviZ; pip install "pyrodgm[train]".') from error
    draws = posterior.draws_by_chain(num_draws)
    first = next(iter(draws.values()))
    flat = {name: value.flatten(0, 1) for name, value in draws.items()}
    scores = log_likelihoods(posterior.bayesian, flat, x, context)
    return from_dict(
        posterior={name: value.cpu().numpy() for name, value in draws.items()},
        log_likelihood={"x": scores.unflatten(0, first.shape[:2]).cpu().numpy()},
        observed_data={"x": x.cpu().numpy()},
    )
