"""Probability density distillation: the divergence of a student's draws from a teacher's density."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor, nn

from pyrodgm.autoregressive import Autoregressive
from pyrodgm.autoregressive.support import variable_support
from pyrodgm.conditional import Conditional
from pyrodgm.flows.causal import CausalFlow
from pyrodgm.flows.flow import FlowDistribution
from pyrodgm.infer.spectral_power_loss import spectral_power_loss
from pyrodgm.models.density import DensityModel


class Distillation:
    r"""Loss :math:`\mathrm{KL}(S \,\|\, T) = E_{S}[\log p_S(x \mid c) - \log p_T(x \mid c)]` of a student's draws.

    Any density can be the teacher. Where the student is a :class:`~pyrodgm.flows.CausalFlow` and the teacher an
    :class:`~pyrodgm.autoregressive.Autoregressive` model in the same order, the divergence is

    .. math:: E_{u}\left[\sum_t H\left(p_S(x_t \mid u_{<t}),\, p_T(x_t \mid x_{<t})\right)\right]
        - E_u\left[\sum_t \log s_t\right] - H(p_u),

    with the student's entropy in closed form (two nats a sample for a logistic base), and each inner cross-entropy
    averaged over ``num_draws`` draws of :math:`x_t` given the noise before it. They are scored under the parameters
    that one pass of the teacher gives for :math:`x`. Value and gradient have the expectation of the plain estimator,
    and the gradient has far less noise.

    The teacher is in evaluation mode for the time of its pass, and its parameters get no gradient. It stays where it
    is: move it to the student's device.

    Args:
        teacher: The density, over real numbers; :func:`pyrodgm.autoregressive.relaxed` makes one of a model of levels.
        num_draws: Draws of each sample given the noise before it; 0 takes the plain estimator.
        spectral_weight: Weight of the spectral loss, in nats a sound; 0 leaves it out.
        spectral_loss: ``(draws, real sounds) -> scalar``; by default :func:`spectral_power_loss`, row by row where
            there is a context, whose row of draws and of real sounds are of one context.

    Raises:
        ValueError: If a number is out of range; when called, if student and teacher are of different events or
            contexts, share parameters, the teacher has no density over real numbers, or draws carry no gradients.
        FloatingPointError: When called, if draws or the loss are not finite.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar, flows, heads, infer, nn
        >>> net = nn.WaveNet(50, 2, num_levels=None, num_layers=3, num_channels=8)
        >>> teacher = ar.Autoregressive(net, heads.Normal())
        >>> student = flows.parallel_wavenet(50, num_flows=2, num_layers=3, num_channels=8)
        >>> loss = infer.Distillation(teacher)(student)
        >>> loss.mean_loss(4).shape
        torch.Size([])

    References:
        van den Oord and others (2017), Parallel WaveNet: Fast High-Fidelity Speech Synthesis,
        https://arxiv.org/abs/1711.10433
    """

    def __init__(
        self,
        teacher: Conditional,
        *,
        num_draws: int = 8,
        spectral_weight: float = 0.0,
        spectral_loss: Callable[[Tensor, Tensor], Tensor] | None = None,
    ) -> None:
        if num_draws < 0:
            raise ValueError(f"Expected num_draws of at least 0; got {num_draws}. 0 takes the plain estimator.")
        if not 0 <= spectral_weight < math.inf:
            raise ValueError(f"Expected spectral_weight of at least 0; got {spectral_weight}. 0 leaves the loss out.")
        self.teacher = teacher
        self.num_draws = num_draws
        self.spectral_weight = spectral_weight
        self.spectral_loss = spectral_loss

    def __call__(self, model: nn.Module, guide: object = None) -> "DistillationModule":
        """Return the loss of a student, or of the student in :class:`~pyrodgm.models.Density`'s two programs.

        Raises:
            ValueError: If student and teacher do not fit.
        """
        student = model.conditional if isinstance(model, DensityModel) else model
        if not isinstance(student, Conditional):
            raise ValueError(
                f"Expected a student, or the programs of models.Density(student); got {type(model).__name__}. "
                "Pass a flow."
            )
        check_pair(student, self.teacher)
        return DistillationModule(student, self)


class DistillationModule(nn.Module):
    """The loss, with the parameters of the student alone."""

    def __init__(self, student: Conditional, objective: Distillation) -> None:
        super().__init__()
        self.student = student
        self.objective = objective

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the loss summed over as many draws as rows, in nats: what a trainer calls on a batch.

        Args:
            x: Real data, ``(num, *event_shape)``, which the spectral loss compares draws with.
            context: ``(num, *context_shape)`` or ``None``.
        """
        return len(x) * self.mean_loss(len(x), context, x)

    def mean_loss(self, num: int, context: Tensor | None = None, reference: Tensor | None = None) -> Tensor:
        """Return the loss averaged over draws, in nats.

        Args:
            num: Number of draws, that of the contexts where there are any.
            context: ``(num, *context_shape)`` or ``None``.
            reference: Real data for the spectral loss, ``(num, *event_shape)``, or ``None``.

        Raises:
            ValueError: If the context or the reference is missing or of another shape.
            FloatingPointError: If draws or the loss are not finite.
        """
        objective = self.objective
        x, divergence = score_draws(self.student, objective.teacher, num, context, objective.num_draws)
        loss = divergence.mean()
        if objective.spectral_weight:
            if reference is None:
                raise ValueError("Expected real sounds beside spectral_weight > 0; got None. Pass reference=.")
            if objective.spectral_loss is not None:
                spectral = objective.spectral_loss(x, reference)
            else:
                spectral = spectral_power_loss(x, reference, paired=context is not None)
            loss = loss + objective.spectral_weight * spectral
        if not loss.isfinite():
            bad = int((~divergence.isfinite()).sum())
            raise FloatingPointError(
                f"Expected a finite loss; got {loss.item()}, with a divergence that is NaN or inf at {bad} of "
                f"{divergence.numel()} draws. Look at the teacher's density there, or lower the learning rate."
            )
        return loss


def score_draws(
    student: Conditional, teacher: Conditional, num: int, context: Tensor | None, num_draws: int
) -> tuple[Tensor, Tensor]:
    """Return draws of the student and an estimate of the divergence for each, ``(num, *event_shape)`` and ``(num,)``.

    Raises:
        ValueError: If the context does not fit, or draws carry no gradients.
        FloatingPointError: If draws are not finite.
    """
    shape = torch.Size(() if student.context_shape else (num,))
    q: TorchDistribution = student(context)
    if not q.has_rsample:
        raise ValueError(
            f"Expected a student with reparameterized draws; got {type(q).__name__} without rsample. "
            "Use a continuous one, such as a flow."
        )
    if (
        num_draws
        and isinstance(student, CausalFlow)
        and isinstance(teacher, Autoregressive)
        and in_one_order(student, teacher)
    ):
        return integrate_steps(student, teacher, shape + q.batch_shape, context, num_draws)
    if isinstance(q, FlowDistribution):
        x, log_q = q.rsample_and_log_prob(shape)
    else:
        x = q.rsample(shape)
        log_q = q.log_prob(x)
    check_draws(x)
    with held(teacher):
        log_p = teacher(context).log_prob(x)
    return x, log_q - log_p


def integrate_steps(
    student: CausalFlow, teacher: Autoregressive, shape: torch.Size, context: Tensor | None, num_draws: int
) -> tuple[Tensor, Tensor]:
    """Return draws ``(*shape, length)`` and estimates of the divergence, averaged over draws of each step."""
    base = student.base()
    noise = base.rsample(shape)
    x, loc, scale = student.steps(noise, context)
    check_draws(x)
    step_draws = loc + scale * base.rsample(torch.Size((num_draws, *shape)))
    with held(teacher):
        params = teacher.net(x, context)
        if not params.isfinite().all():
            raise FloatingPointError(
                "Expected finite parameters of the teacher; got NaN or inf. Look at its weights, and at how far out "
                "the student's draws lie."
            )
        log_p = teacher.head.log_prob(params, step_draws).mean(0).sum(-1)
    return x, -log_p - scale.log().sum(-1) - entropy_of(base, noise)


def entropy_of(base: TorchDistribution, noise: Tensor) -> Tensor:
    """Return the entropy of a base in nats, or where no form of it is known, what its draws say of it."""
    try:
        return base.entropy()  # type: ignore[no-any-return]
    except NotImplementedError:
        return -base.log_prob(noise)  # type: ignore[no-any-return]


def in_one_order(student: CausalFlow, teacher: Autoregressive) -> bool:
    """Return whether both go through a row of features in the same order."""
    net = teacher.net
    on_a_row = not net.symbol_shape and len(net.grid_shape) == 1
    return on_a_row and torch.equal(net.order, student.order.to(net.order.device))


@contextmanager
def held(teacher: nn.Module) -> Iterator[None]:
    """Keep a teacher in evaluation mode, and its parameters out of the graph, for the time; then put both back."""
    training = [module for module in teacher.modules() if module.training]
    trained = [p for p in teacher.parameters() if p.requires_grad] if torch.is_grad_enabled() else []
    for module in training:
        module.training = False
    for parameter in trained:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for module in training:
            module.training = True
        for parameter in trained:
            parameter.requires_grad_(True)


def check_draws(x: Tensor) -> None:
    """Refuse draws that no density can be asked about.

    Raises:
        FloatingPointError: If some are NaN or infinite; says how many.
    """
    bad = int((~x.isfinite()).sum())
    if bad:
        raise FloatingPointError(
            f"Expected finite draws of the student; got NaN or inf in {bad} of {x.numel()} values. "
            "Lower the learning rate."
        )


def check_pair(student: Conditional, teacher: Conditional) -> None:
    """Refuse a student and a teacher that do not fit.

    Raises:
        ValueError: Saying why.
    """
    for name in ("event_shape", "context_shape"):
        own, other = tuple(getattr(student, name)), tuple(getattr(teacher, name))
        if own != other:
            raise ValueError(
                f"Expected student and teacher of one {name}; got {own} and {other}. "
                f"Build both for the same {'data' if name == 'event_shape' else 'context'}."
            )
    if isinstance(teacher, Autoregressive) and variable_support(teacher.head).is_discrete:
        raise ValueError(
            f"Expected a teacher with a density over real numbers; got {teacher.head!r}, with one over levels. "
            "Pass autoregressive.relaxed(teacher), with heads.DiscretizedLogisticMixture, or train it on real numbers."
        )
    theirs = {id(parameter) for parameter in teacher.parameters()}
    if any(id(parameter) in theirs for parameter in student.parameters()):
        raise ValueError(
            "Expected a student with parameters of its own; got some of the teacher's, which would be trained too. "
            "Copy them."
        )
