"""Masked networks of several orders as one model: trained a member at a time, scored and drawn as a mixture."""

from collections.abc import Sequence

import torch
from torch import Tensor

from pyrodgm.autoregressive.distribution import AutoregressiveDistribution
from pyrodgm.autoregressive.draw import MAX_BYTES
from pyrodgm.autoregressive.ensemble_distribution import EnsembleDistribution, draw_mixture
from pyrodgm.autoregressive.ensemble_observed import complete_rows, log_prob_rows
from pyrodgm.autoregressive.observed import checked, spread_observed
from pyrodgm.autoregressive.strategies import Strategy
from pyrodgm.autoregressive.support import check_values, variable_support
from pyrodgm.conditional import Conditional
from pyrodgm.heads.head import Head
from pyrodgm.nn.masked_ensemble import EnsembleMember, MaskedEnsemble


class Ensemble(Conditional):
    r"""The mixture :math:`p(x \mid c) = \frac{1}{M} \sum_m p_m(x \mid c)` of a masked ensemble's members.

    In training mode each call draws one member, whose distribution it returns: maximum likelihood over orders and
    connectivities. In evaluation mode the distribution is the mixture. :meth:`sample`, :meth:`impute` and
    :meth:`log_prob_observed` are the mixture's in either mode.

    Args:
        nets: The networks, with shared weights.
        head: The distribution of one feature, with ``nets.num_params`` parameters.

    Raises:
        ValueError: If nets and head do not fit.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar, heads, nn
        >>> nets = nn.MaskedEnsemble(6, 1, hidden_dims=(32,), num_orders=3)
        >>> model = ar.Ensemble(nets, heads.Bernoulli()).eval()
        >>> model().log_prob(torch.ones(5, 6)).shape, model.sample((4,), strategy=ar.FixedPoint()).shape
        (torch.Size([5]), torch.Size([4, 6]))

    References:
        Germain, Gregor, Murray, Larochelle (2015), MADE, sections 4.2-4.3, https://arxiv.org/abs/1502.03509
        Uria, Murray, Larochelle (2014), A Deep and Tractable Density Estimator, section 4,
        https://arxiv.org/abs/1310.1757
    """

    def __init__(self, nets: MaskedEnsemble, head: Head) -> None:
        super().__init__()
        if head.num_params != nets.num_params or head.event_shape:
            raise ValueError(
                f"Expected a head of one variable with {nets.num_params} parameters; got {head!r} with "
                f"{head.num_params}. Build the nets with num_params=head.num_params."
            )
        self.nets = nets
        self.head = head
        self.context_shape = nets.context_shape
        self.event_shape = torch.Size([nets.input_dim])

    @property
    def members(self) -> list[EnsembleMember]:
        """The networks of the mixture."""
        return [self.nets.member(index) for index in range(self.nets.num_members)]

    def distribution(self, context: Tensor | None) -> AutoregressiveDistribution | EnsembleDistribution:
        """Make the mixture, or in training mode draw one member's distribution."""
        if self.training:
            return AutoregressiveDistribution(self.nets.draw(), self.head, context)
        return EnsembleDistribution(self.members, self.head, context)

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
        """Draw exactly from the mixture, by a strategy of choice, or complete what is known as :meth:`impute` does.

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
            ValueError: If the context does not fit, known values are outside the support, or no order has what is
                known in a row before what is not.
        """
        self.check_context(context)
        mixture = EnsembleDistribution(self.members, self.head, context)
        shape = torch.Size(sample_shape) + mixture.batch_shape
        if condition_on is None:
            if mask is not None:
                raise ValueError("Expected condition_on beside mask; got the mask alone. Pass the known values too.")
            return draw_mixture(mixture, shape, strategy=strategy, max_bytes=max_bytes, progress=progress)
        values, known = spread_observed(condition_on, mask, shape, mixture.members[0])
        check_values(values, variable_support(self.head), known)
        rows = self._by_row(values, known, context)
        drawn = complete_rows(self.nets, self.head, *rows, strategy=strategy, max_bytes=max_bytes, progress=progress)
        return drawn.reshape(values.shape)

    @torch.no_grad()
    def impute(
        self,
        x: Tensor,
        observed: Tensor,
        context: Tensor | None = None,
        *,
        num_particles: int | None = None,
        strategy: Strategy | None = None,
    ) -> Tensor:
        r"""Draw what is missing given what is observed.

        A member fits a row if the observed features come first in its order; where every order is trained, a fitting
        one is made of each. For each row a fitting member is drawn with weight :math:`p_m(x_o)`, and then what is
        missing, from that member: the exact conditional of the mixture of the members that fit. That is the
        conditional of the whole ensemble where all of them fit.

        With ``num_particles``, rows that some member does not fit are drawn from the whole ensemble by importance
        resampling: each member completes as many times, in its order, a completion is weighted by the probability of
        the observed values that it had to accept, and one is drawn by the weights. That is exact as the number of
        particles grows, not before.

        Args:
            x: ``(*batch, *event_shape)``; what is not observed is not read, and may be NaN.
            observed: True where ``x`` is known, broadcast against ``x``.
            context: ``(*batch, *context_shape)`` or ``None``.
            num_particles: Completions for each row that some member does not fit; ``None`` takes the fitting members.
            strategy: How to draw; ``None`` takes the fastest, as measured.

        Returns:
            ``(*batch, *event_shape)``, equal to ``x`` where observed.

        Raises:
            ValueError: If shapes do not fit, an observed value is outside the support, or no member fits a row, which
                is named, and there is no ``num_particles``.
        """
        if num_particles is not None and num_particles < 1:
            raise ValueError(f"Expected num_particles of at least 1; got {num_particles}. More are more exact.")
        values, known = self._checked(x, observed, context)
        rows = self._by_row(values, known, context)
        drawn = complete_rows(self.nets, self.head, *rows, num_particles=num_particles, strategy=strategy)
        return drawn.reshape(values.shape)

    def log_prob_observed(self, x: Tensor, observed: Tensor, context: Tensor | None = None) -> Tensor:
        r"""Return :math:`\log p(x_o \mid c)` of the observed part alone, in nats, under the members that fit.

        Args:
            x: ``(*batch, *event_shape)``; what is not observed is not read, and may be NaN.
            observed: True where ``x`` is known, broadcast against ``x``.
            context: ``(*batch, *context_shape)`` or ``None``.

        Returns:
            ``(*batch,)``.

        Raises:
            ValueError: If shapes do not fit, an observed value is outside the support, or no member fits a row.
        """
        values, known = self._checked(x, observed, context)
        rows = self._by_row(values, known, context)
        return log_prob_rows(self.nets, self.head, *rows).reshape(values.shape[:-1])

    def _checked(self, x: Tensor, observed: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return values and a mask, ``(*batch, input_dim)``."""
        self.check_context(context)
        return checked(AutoregressiveDistribution(self.nets.member(0), self.head, context), x, observed)

    def _by_row(self, values: Tensor, known: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return values, mask and context with one batch dimension."""
        batch, dim = values.shape[:-1], values.shape[-1]
        num = batch.numel()
        if context is not None:
            context = context.expand(*batch, *self.context_shape).reshape(num, *self.context_shape)
        return values.reshape(num, dim), known.reshape(num, dim), context
