"""Values that are partly known, under an ensemble: each row by the members in whose order the known comes first."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from pyrodgm.autoregressive.distribution import AutoregressiveDistribution
from pyrodgm.autoregressive.draw import MAX_BYTES
from pyrodgm.autoregressive.ensemble_distribution import draw_by_members
from pyrodgm.autoregressive.observed import complete, observed_log_prob, weights_of
from pyrodgm.autoregressive.strategies import Strategy
from pyrodgm.heads.head import Head
from pyrodgm.nn.causal import CausalNet
from pyrodgm.nn.masked_ensemble import MaskedEnsemble


def by_mask(mask: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield each different mask, ``(input_dim,)``, and the numbers of the rows that have it; ``mask`` is by row."""
    different, which = mask.unique(dim=0, return_inverse=True)
    for index, one in enumerate(different):
        yield one, (which == index).nonzero().squeeze(-1)


def check_fit(nets: MaskedEnsemble, mask: Tensor) -> None:
    """Refuse rows that no member fits.

    Raises:
        ValueError: Naming the first such row.
    """
    unfit = [int(rows[0]) for one, rows in by_mask(mask) if not nets.fitting(one)]
    if unfit:
        raise ValueError(
            f"Expected what is observed first in a trained order; got row {min(unfit)}, which none of the "
            f"{len(nets.orders)} orders fits. Pass num_particles= to impute for importance resampling, or train with "
            "num_orders=None, which fits every mask."
        )


@torch.no_grad()
def complete_rows(
    nets: MaskedEnsemble,
    head: Head,
    values: Tensor,
    mask: Tensor,
    context: Tensor | None = None,
    *,
    num_particles: int | None = None,
    strategy: Strategy | None = None,
    max_bytes: int = MAX_BYTES,
    progress: bool = True,
) -> Tensor:
    """Draw what is missing: from the members that fit, or with particles from the whole ensemble.

    Args:
        nets: The networks.
        head: The distribution of one feature.
        values: ``(num, input_dim)``, of rows that have been checked.
        mask: True where known, as ``values``.
        context: ``(num, *context_shape)`` or ``None``.
        num_particles: Completions for each row that some member does not fit; ``None`` takes the fitting members.
        strategy: How to draw.
        max_bytes: Bound on the memory of activations.
        progress: Whether a draw that takes seconds shows a bar with the time left.

    Returns:
        ``(num, input_dim)``.
    """
    options = {"strategy": strategy, "max_bytes": max_bytes, "progress": progress}
    if num_particles is None:
        check_fit(nets, mask)
    if not len(values):
        return values
    parts, places = [], []
    for one, rows in by_mask(mask):
        given = None if context is None else context[rows]
        members = nets.fitting(one)
        if num_particles is None or len(members) == nets.num_members:
            part = draw_fitting(members, head, values[rows], mask[rows], given, **options)
        else:
            members = [nets.member(index) for index in range(nets.num_members)]
            part = resample(members, head, values[rows], mask[rows], given, num_particles, **options)
        parts.append(part)
        places.append(rows)
    return torch.cat(parts)[torch.cat(places).argsort()]


def draw_fitting(
    members: Sequence[CausalNet],
    head: Head,
    values: Tensor,
    mask: Tensor,
    context: Tensor | None,
    **options: Any,
) -> Tensor:
    """Draw a member for each row by the probability that it gives to what is observed, then what is missing.

    Options are those of :func:`draw_by_members`.
    """
    logits = torch.stack([log_prob_by_member(net, head, values, mask, context) for net in members], -1)
    which = torch.distributions.Categorical(logits=logits).sample()
    return draw_by_members(members, head, which, context, known=(values, mask), **options)


def resample(
    members: Sequence[CausalNet],
    head: Head,
    values: Tensor,
    mask: Tensor,
    context: Tensor | None,
    num_particles: int,
    **options: Any,
) -> Tensor:
    """Complete each row by each member in its order, weigh the completions, and draw one by the weights.

    Options are those of :func:`complete`.
    """
    num = math.ceil(num_particles / len(members))  # as many from each: a member's weights average to its p(x_o)
    completions, log_weights = [], []
    for net in members:
        distribution = AutoregressiveDistribution(net, head, context)
        completions.append(complete(distribution, values, mask, num, **options))
        log_weights.append(weights_of(distribution, completions[-1], mask))
    chosen = torch.distributions.Categorical(logits=torch.cat(log_weights).t()).sample()  # (rows,)
    return torch.cat(completions).take_along_dim(chosen.view(1, -1, 1), 0).squeeze(0)


def log_prob_rows(
    nets: MaskedEnsemble, head: Head, values: Tensor, mask: Tensor, context: Tensor | None = None
) -> Tensor:
    """Return the log-probability of what is observed under the mixture of the members that fit, ``(num,)``."""
    check_fit(nets, mask)
    if not len(values):
        return values.new_zeros(0)
    parts, places = [], []
    for one, rows in by_mask(mask):
        given, members = None if context is None else context[rows], nets.fitting(one)
        scores = [log_prob_by_member(net, head, values[rows], mask[rows], given) for net in members]
        parts.append(torch.stack(scores).logsumexp(0) - math.log(len(members)))
        places.append(rows)
    return torch.cat(parts)[torch.cat(places).argsort()]


def log_prob_by_member(net: CausalNet, head: Head, values: Tensor, mask: Tensor, context: Tensor | None) -> Tensor:
    """Return the log-probability of what is observed, which comes first in the member's order, ``(num,)``."""
    return observed_log_prob(AutoregressiveDistribution(net, head, context), values, mask)
