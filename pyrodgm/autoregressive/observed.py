"""Values that are partly known: completion, imputation, and probabilities of what is known."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from pyrodgm.autoregressive.draw import MAX_BYTES, as_drawn, bytes_per_draw, draw_events
from pyrodgm.autoregressive.strategies import Strategy
from pyrodgm.autoregressive.support import check_values, inner_value, variable_support
from pyrodgm.nn.causal import CausalNet, symbols_last

if TYPE_CHECKING:
    from pyrodgm.autoregressive.distribution import AutoregressiveDistribution


def spread_observed(x: Tensor, observed: Tensor | None, shape: torch.Size, net: CausalNet) -> tuple[Tensor, Tensor]:
    """Return values, zero where they are unknown, and a mask, both ``(*shape, *event_shape)``.

    Raises:
        ValueError: If one of them does not broadcast, or some channels of a pixel that is drawn whole are known.
    """
    full = shape + net.event_shape
    if observed is None:
        observed = ~x.isnan() if x.is_floating_point() else torch.ones_like(x, dtype=torch.bool)
    if observed.dtype != torch.bool:
        raise ValueError(f"Expected a boolean mask, True where known; got {observed.dtype}. Compare it with 1 first.")
    for name, tensor in (("x", x), ("mask", observed)):
        try:
            fits = torch.broadcast_shapes(tensor.shape, full) == full
        except RuntimeError:
            fits = False
        if not fits:
            raise ValueError(
                f"Expected {name} of shape {tuple(full)}, or broadcast to it; got {tuple(tensor.shape)}. "
                "Give one value and one truth value for each variable."
            )
    observed = observed.expand(full)
    if net.symbol_shape:
        channels = symbols_last(observed, len(net.symbol_shape), len(net.grid_shape))
        if bool((channels.any(-1) != channels.all(-1)).any()):
            raise ValueError(
                "Expected all channels of a pixel known or none; got some, and this model draws a pixel whole. "
                "Mask whole pixels, or build the model channel by channel."
            )
    x = x.expand(full)
    return x.masked_fill(~observed, 0), observed


def in_order(observed: Tensor, net: CausalNet) -> Tensor:
    """Return a mask along the positions in the net's order, ``(*batch, num_positions)``."""
    mask = symbols_last(observed, len(net.symbol_shape), len(net.grid_shape))
    mask = mask.all(-1) if net.symbol_shape else mask
    return mask.flatten(-len(net.grid_shape)).index_select(-1, net.order)


def from_the_front(observed: Tensor, net: CausalNet) -> Tensor:
    """Return for which rows the observed positions come first in the order, ``(*batch,)``."""
    mask = in_order(observed, net)
    return ~(mask[..., 1:] & ~mask[..., :-1]).any(-1)


def check_prefix(net: CausalNet, observed: Tensor) -> None:
    """Refuse something known that comes after something unknown.

    Raises:
        ValueError: Naming the first such position.
    """
    mask = in_order(observed, net).reshape(-1, net.num_positions)
    late = mask[:, 1:] & ~mask[:, :-1]
    if bool(late.any()):
        row, k = late.nonzero()[0].tolist()
        raise ValueError(
            f"Expected known values before unknown ones in the order; got number {k + 1} known and number {k} unknown "
            f"in row {row}. Use impute, which weighs what comes later."
        )


@torch.no_grad()
def impute_by_order(
    distribution: "AutoregressiveDistribution",
    x: Tensor,
    observed: Tensor,
    *,
    num_particles: int,
    strategy: Strategy | None = None,
) -> Tensor:
    """Draw what is missing; exactly for rows observed from the front, else by importance resampling.

    Args:
        distribution: The model.
        x: ``(*batch, *event_shape)``.
        observed: True where ``x`` is known, broadcast against ``x``.
        num_particles: Completions for each other row.
        strategy: How to draw.

    Returns:
        ``(*batch, *event_shape)``.

    Raises:
        ValueError: If shapes do not fit, an observed value is outside the support, or none of a row's completions can
            be: its end came before an observed value.
    """
    completions, log_weights = weighted_completions(distribution, x, observed, num_particles, strategy)
    if bool((log_weights == -torch.inf).all(0).any()):
        raise ValueError(
            f"Expected a completion with what is observed; got {len(log_weights)} impossible ones, which ended before. "
            "Give more num_particles, or nothing after an observed end."
        )
    if len(completions) == 1:
        return completions[0]  # of an empty batch too
    chosen = torch.distributions.Categorical(logits=log_weights.movedim(0, -1)).sample()  # (*batch,)
    index = chosen.reshape(1, *chosen.shape, *[1] * len(distribution.event_shape))
    return completions.take_along_dim(index, 0).squeeze(0)


def weighted_completions(
    distribution: "AutoregressiveDistribution",
    x: Tensor,
    observed: Tensor,
    num_particles: int,
    strategy: Strategy | None,
) -> tuple[Tensor, Tensor]:
    r"""Draw completions and their log-weights :math:`\sum_{i\ \mathrm{observed}} \log p(x_i \mid x_{<i})`.

    Returns:
        ``(num, *batch, *event_shape)`` and ``(num, *batch)``; one is enough where every row is observed from the
        front, since then all completions weigh the same.
    """
    if num_particles < 1:
        raise ValueError(f"Expected num_particles of at least 1; got {num_particles}. More are more exact.")
    net, (values, mask) = distribution.net, checked(distribution, x, observed)
    num = 1 if bool(from_the_front(mask, net).all()) else num_particles
    completions = complete(distribution, values, mask, num, strategy=strategy)
    if num == 1:
        return completions, torch.zeros(completions.shape[: -len(net.event_shape)], device=completions.device)
    return completions, weights_of(distribution, completions, mask)


def complete(
    distribution: "AutoregressiveDistribution", values: Tensor, mask: Tensor, num: int, **options: Any
) -> Tensor:
    """Draw what is missing in the order, given what comes before it: ``(num, *batch, *event_shape)``.

    Args:
        distribution: The model.
        values: ``(*batch, *event_shape)``, of a batch that has been checked.
        mask: True where known, as ``values``.
        num: How many completions.
        **options: The strategy, bound on memory and bar of :func:`draw_events`.
    """
    net = distribution.net
    shape = (num, *values.shape[: values.dim() - len(net.event_shape)])
    known, end = (values, mask), distribution.end
    return draw_events(net, distribution.head, shape, distribution.context, known=known, end=end, **options)


def weights_of(distribution: "AutoregressiveDistribution", completions: Tensor, mask: Tensor) -> Tensor:
    """Return the log-probabilities of what completions ``(num, *batch, *event_shape)`` had to accept, in chunks."""
    net = distribution.net
    batch = completions.shape[1 : completions.dim() - len(net.event_shape)]
    size = max(1, MAX_BYTES // (bytes_per_draw(net, next(net.parameters())) * max(batch.numel(), 1)))
    with as_drawn(net):  # nothing is dropped, as when the completions were drawn
        return torch.cat([observed_log_prob(distribution, part, mask) for part in completions.split(size)])


def log_prob_by_order(distribution: "AutoregressiveDistribution", x: Tensor, observed: Tensor) -> Tensor:
    """Return the log-probability in nats of what is observed, ``(*batch,)``, for rows observed from the front.

    Raises:
        ValueError: If a row is not, shapes do not fit, or an observed value is outside the support.
    """
    values, mask = checked(distribution, x, observed)
    check_prefix(distribution.net, mask)
    return observed_log_prob(distribution, values, mask)


def observed_log_prob(distribution: "AutoregressiveDistribution", x: Tensor, mask: Tensor) -> Tensor:
    """Sum the conditional log-probabilities of the positions in the mask."""
    net = distribution.net
    along = symbols_last(mask, len(net.symbol_shape), len(net.grid_shape))
    along = along.all(-1) if net.symbol_shape else along
    log_prob = distribution.position_log_prob(x)  # (*batch, *grid_shape)
    return torch.where(along, log_prob, 0.0).flatten(-len(net.grid_shape)).sum(-1)


def checked(distribution: "AutoregressiveDistribution", x: Tensor, observed: Tensor) -> tuple[Tensor, Tensor]:
    """Return values, one inside the support where they are unknown, and the mask, both ``(*batch, *event_shape)``.

    Raises:
        ValueError: If shapes do not fit, or an observed value is outside the support.
    """
    given = x.shape[: max(x.dim() - len(distribution.event_shape), 0)]
    try:
        batch = torch.broadcast_shapes(given, distribution.batch_shape)
    except RuntimeError as error:
        raise ValueError(
            f"Expected batches of x and context that broadcast; got {tuple(given)} and "
            f"{tuple(distribution.batch_shape)}. Give one context for each x, or one for all."
        ) from error
    values, mask = spread_observed(x, observed, batch, distribution.net)
    support = variable_support(distribution.head)
    check_values(values, support, mask)
    return torch.where(mask, values, inner_value(support)), mask
