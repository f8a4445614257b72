"""A causal network and a head: an autoregressive model, as a module that makes a distribution."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from pyrodgm.autoregressive.distribution import AutoregressiveDistribution
from pyrodgm.autoregressive.draw import MAX_BYTES, draw_events
from pyrodgm.autoregressive.observed import check_prefix, impute_by_order, log_prob_by_order, spread_observed
from pyrodgm.autoregressive.strategies import Strategy
from pyrodgm.autoregressive.support import check_end, check_values, level_bounds, variable_support
from pyrodgm.conditional import Conditional
from pyrodgm.heads.head import Head
from pyrodgm.nn.causal import CausalNet


class Autoregressive(Conditional):
    r"""The chain rule as a model: :math:`p(x \mid c) = \prod_i \mathrm{head}(\mathrm{net}(x_{<i}, c)_i)(x_i)`.

    The density takes one pass. Draws are exact; :class:`Incremental`, :class:`FixedPoint` and :class:`Sequential` give
    the same one of the same seed.

    Args:
        net: A causal network.
        head: The distribution of one position, with ``net.num_params`` parameters.
        end: A symbol, a whole number, that ends a sequence. What follows the first one is the end again, with
            probability one.

    Raises:
        ValueError: If net and head do not fit, ``end`` is no value of the head, or it ends something else than a row of
            whole numbers in their natural order.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar, heads, nn
        >>> model = ar.Autoregressive(nn.MaskedMLP(6, 1, context_dim=2), heads.Bernoulli())
        >>> model(torch.randn(5, 2)).log_prob(torch.ones(3, 5, 6)).shape
        torch.Size([3, 5])
        >>> model.sample((3,), torch.randn(5, 2), strategy=ar.FixedPoint()).shape
        torch.Size([3, 5, 6])

    References:
        Larochelle, Murray (2011), The Neural Autoregressive Distribution Estimator, eq. 1,
        https://proceedings.mlr.press/v15/larochelle11a.html
    """

    def __init__(self, net: CausalNet, head: Head, *, end: int | None = None) -> None:
        super().__init__()
        if head.num_params != net.num_params:
            raise ValueError(
                f"Expected a net with {head.num_params} parameters a position for {head!r}; got {net.num_params}. "
                f"Build the net with num_params={head.num_params}."
            )
        if tuple(head.event_shape) != tuple(net.symbol_shape):
            raise ValueError(
                f"Expected a head over {tuple(net.symbol_shape)}, one position of the net; got {head!r}. "
                "Build both for one variable, or both for all channels of a pixel."
            )
        if end is not None:
            check_sequence(net, head)
            if not bool(variable_support(head).check(torch.tensor(end))):
                raise ValueError(
                    f"Expected end to be a value of {head!r}; got {end}. Name the symbol that ends a sequence."
                )
        self.net = net
        self.head = head
        self.end = end
        self.context_shape = tuple(net.context_shape)
        self.event_shape = net.event_shape

    def distribution(self, context: Tensor | None) -> AutoregressiveDistribution:
        """Make the distribution; the network runs when it is sampled or scored."""
        return AutoregressiveDistribution(self.net, self.head, context, end=self.end)

    def sample(
        self,
        sample_shape: Sequence[int] = (),
        context: Tensor | None = None,
        *,
        strategy: Strategy | None = None,
        condition_on: Tensor | None = None,
        mask: Tensor | None = None,
        max_bytes: int = MAX_BYTES,
        progress: bool = True,
    ) -> Tensor:
        """Draw exactly, by a strategy of choice, or complete what is known.

        The network is in evaluation mode for the time, so that nothing is dropped; autocast is off.

        Args:
            sample_shape: How many draws.
            context: ``(*batch, *context_shape)`` or ``None``.
            strategy: How to draw; ``None`` takes the fastest, as measured.
            condition_on: Values known beforehand, broadcast against ``(*sample_shape, *batch, *event_shape)``.
            mask: True where ``condition_on`` is known; by default everywhere but where it is NaN.
            max_bytes: Bound on the memory of activations; larger draws go in chunks.
            progress: Whether a draw that takes seconds shows a bar with the time left.

        Returns:
            ``(*sample_shape, *batch, *event_shape)``.

        Raises:
            ValueError: If the context does not fit, known values are outside the support, or something unknown comes
                before something known in the order (that takes :meth:`impute`), or something else follows the end.
        """
        distribution = cast(AutoregressiveDistribution, self(context))
        shape = torch.Size(sample_shape) + distribution.batch_shape
        known = None
        if condition_on is not None:
            known = spread_observed(condition_on, mask, shape, self.net)
            check_prefix(self.net, known[1])
            check_values(known[0], variable_support(self.head), known[1])
            if self.end is not None:
                check_end(known[0], self.end, known[1])
        elif mask is not None:
            raise ValueError("Expected condition_on beside mask; got the mask alone. Pass the known values too.")
        return draw_events(
            self.net,
            self.head,
            shape,
            context,
            strategy=strategy,
            known=known,
            end=self.end,
            max_bytes=max_bytes,
            progress=progress,
        )

    @torch.no_grad()
    def impute(
        self,
        x: Tensor,
        observed: Tensor,
        context: Tensor | None = None,
        *,
        num_particles: int = 100,
        strategy: Strategy | None = None,
    ) -> Tensor:
        r"""Draw what is missing given what is observed.

        Exact for rows whose observed positions come first in the order. For others by importance resampling: missing
        values of ``num_particles`` completions are drawn in the order, given what comes before them; a completion is
        weighted by the probability of the observed values that it had to accept, and one is drawn by the weights.
        That is exact as the number of particles grows, not before.

        Args:
            x: ``(*batch, *event_shape)``; what is not observed is not read, and may be NaN.
            observed: True where ``x`` is known, broadcast against ``x``.
            context: ``(*batch, *context_shape)`` or ``None``.
            num_particles: Completions for each row that is not observed from the front.
            strategy: How to draw; ``None`` takes the fastest, as measured.

        Returns:
            ``(*batch, *event_shape)``, equal to ``x`` where observed.

        Raises:
            ValueError: If shapes do not fit, or an observed value is outside the support.
        """
        distribution = cast(AutoregressiveDistribution, self(context))
        return impute_by_order(distribution, x, observed, num_particles=num_particles, strategy=strategy)

    def log_prob_observed(self, x: Tensor, observed: Tensor, context: Tensor | None = None) -> Tensor:
        r"""Return :math:`\log p(x_o \mid c)` of the observed part alone, in nats.

        Args:
            x: ``(*batch, *event_shape)``; what is not observed is not read, and may be NaN.
            observed: True where ``x`` is known, broadcast against ``x``; positions that come first in the order.
            context: ``(*batch, *context_shape)`` or ``None``.

        Returns:
            ``(*batch,)``.

        Raises:
            ValueError: If something unknown comes before something known in the order, which takes an integral.
        """
        distribution = cast(AutoregressiveDistribution, self(context))
        return log_prob_by_order(distribution, x, observed)


def check_sequence(net: CausalNet, head: Head) -> None:
    """Refuse nets and heads whose events do not end: other than one row of symbols in its natural order.

    Raises:
        ValueError: Saying which.
    """
    if net.symbol_shape or len(net.grid_shape) != 1:
        raise ValueError(
            f"Expected a net over sequences, one row of symbols, with end; got events of shape "
            f"{tuple(net.event_shape)} on a grid of shape {tuple(net.grid_shape)}. Leave end out."
        )
    early = (net.order.cpu() != torch.arange(net.num_positions)).nonzero().flatten().tolist()
    if early:
        raise ValueError(
            f"Expected the natural order with end; got position {int(net.order[early[0]])} as number {early[0]}. "
            "Leave end out, or build the net in that order."
        )
    if level_bounds(head) is None:
        raise ValueError(
            f"Expected a head over integers with end; got {head!r}. Leave end out, or take heads.Categorical, say."
        )
