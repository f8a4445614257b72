"""Reverse Kullback-Leibler divergence to a density known up to a constant, without samples of it."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pyrodgm.conditional import Conditional
from pyrodgm.flows.flow import FlowDistribution


class ReverseKL:
    r"""Loss :math:`E_q[\log q(x \mid c) - \beta \log \tilde p(x, c)]` of a reparameterized :math:`q`.

    At :math:`\beta = 1` it is :math:`\mathrm{KL}(q \,\|\, p) - \log Z` with :math:`p = \tilde p / Z`; where
    :math:`\tilde p` is a joint density of latent variables and data, it is the negative ELBO. Smaller :math:`\beta`
    flattens the target to :math:`\tilde p^\beta`.

    Mode seeking: :math:`q` pays for mass where the target has none, and nothing for modes that it never visits, so a
    small family settles in one mode. Raising :math:`\beta` from near 0 to 1 lets a flexible one find the others.

    Args:
        log_density: Maps rows ``(num, *event_shape)`` to log-densities ``(num,)`` in nats, up to a constant,
            differentiably; with a context it is called as ``log_density(x, context)`` with a context for every row.
        num_particles: Number of draws to average, for each context.
        beta: Inverse temperature; an attribute that a schedule may set.
        path_gradient: Whether to leave out the score :math:`\partial_\phi \log q_\phi(x)` at fixed :math:`x`, whose
            mean is 0. The gradient's noise then vanishes as :math:`q` becomes the target; a step costs one more
            evaluation of :math:`\log q`, for a flow by its inverse.

    Raises:
        ValueError: If ``num_particles`` is not positive or ``beta`` negative; when called, if draws carry no
            gradients or ``log_density`` does not return one number a row.
        FloatingPointError: When called, if a log-density is NaN or infinite.

    Example:
        >>> from pyrodgm import flows, infer
        >>> loss = infer.ReverseKL(lambda x: -0.5 * x.square().sum(-1))(flows.realnvp(2))
        >>> loss().shape
        torch.Size([])

    References:
        Rezende, Mohamed (2015), Variational Inference with Normalizing Flows, eq. 15 and 20 (the annealing),
        https://arxiv.org/abs/1505.05770;
        Roeder, Wu, Duvenaud (2017), Sticking the Landing, section 3 (the path gradient),
        https://arxiv.org/abs/1703.09194
    """

    def __init__(
        self,
        log_density: Callable[..., Tensor],
        *,
        num_particles: int = 256,
        beta: float = 1.0,
        path_gradient: bool = False,
    ) -> None:
        if num_particles < 1:
            raise ValueError(
                f"Expected num_particles of at least 1; got {num_particles}. Give how many draws to average."
            )
        if beta < 0:
            raise ValueError(f"Expected beta of at least 0; got {beta}. 1 is the divergence from the density itself.")
        self.log_density = log_density
        self.num_particles = num_particles
        self.beta = beta
        self.path_gradient = path_gradient

    def __call__(self, conditional: Conditional) -> nn.Module:
        """Return a module that maps nothing, or contexts ``(*batch, *context_shape)``, to the loss in nats."""
        return ReverseKLModule(conditional, self)


class ReverseKLModule(nn.Module):
    """The loss, with the parameters of what it fits."""

    def __init__(self, conditional: Conditional, objective: ReverseKL) -> None:
        super().__init__()
        self.scorer = LogProb(conditional)
        self.objective = objective

    def forward(self, context: Tensor | None = None) -> Tensor:
        """Return the loss in nats, averaged over draws and contexts."""
        objective = self.objective
        q = self.scorer.conditional(context)
        if not q.has_rsample:
            raise ValueError(
                f"Expected a distribution with reparameterized draws; got {type(q).__name__} without rsample. "
                "Use a continuous one, such as a flow."
            )
        shape = torch.Size([objective.num_particles])
        if objective.path_gradient:
            x = q.rsample(shape)
            fixed = {name: parameter.detach() for name, parameter in self.scorer.named_parameters()}
            log_q = torch.func.functional_call(self.scorer, fixed, (x, None if context is None else context.detach()))
        elif isinstance(q, FlowDistribution):
            x, log_q = q.rsample_and_log_prob(shape)
        else:
            x = q.rsample(shape)
            log_q = q.log_prob(x)
        log_p = score_rows(objective.log_density, x, context, len(q.event_shape))
        loss = log_q.mean() - objective.beta * log_p.mean()
        if not loss.isfinite():
            check_finite(log_p, "of the target")
            check_finite(log_q, "of the approximation")
        return loss


class LogProb(nn.Module):
    """The log-density as a module's call, so that it can be run with other tensors for parameters."""

    def __init__(self, conditional: Conditional) -> None:
        super().__init__()
        self.conditional = conditional

    def forward(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Return ``log q(x | context)``."""
        log_prob: Tensor = self.conditional(context).log_prob(x)
        return log_prob


def score_rows(log_density: Callable[..., Tensor], x: Tensor, context: Tensor | None, event_dim: int) -> Tensor:
    """Call a log-density with one event a row, and check what it returns.

    Args:
        log_density: Maps rows, and contexts where there are any, to one number a row.
        x: ``(num, *batch, *event_shape)``.
        context: ``(*batch, *context_shape)`` or ``None``.
        event_dim: Number of dimensions of an event.

    Returns:
        ``(num, *batch)``, nats.

    Raises:
        ValueError: If there is not one number a row.
    """
    batch = x.shape[: x.dim() - event_dim]
    rows = x.reshape(-1, *x.shape[len(batch) :])
    if context is None:
        log_prob = log_density(rows)
    else:
        each = context.expand(batch[0], *context.shape)
        log_prob = log_density(rows, each.reshape(-1, *context.shape[len(batch) - 1 :]))
    if log_prob.shape != rows.shape[:1]:
        raise ValueError(
            f"Expected one log-density a row, shape ({len(rows)},), of rows of shape {tuple(rows.shape)}; "
            f"got {tuple(log_prob.shape)}. Sum over the event's dimensions."
        )
    return log_prob.reshape(batch)


def check_finite(log_prob: Tensor, whose: str) -> None:
    """Refuse log-densities that are NaN or infinite.

    Raises:
        FloatingPointError: If any is; says how many.
    """
    bad = int((~log_prob.isfinite()).sum())
    if bad:
        raise FloatingPointError(
            f"Expected finite log-densities {whose}; got NaN or inf at {bad} of {log_prob.numel()} draws. "
            "Where the target has bounded support, end the flow in a bijection onto it; otherwise lower the "
            "learning rate or anneal."
        )
