"""The evidence lower bound with a gradient for draws that have none."""

from collections.abc import Callable
from typing import Any, Literal

import pyro
import torch
from pyro.infer.elbo import ELBOModule
from torch import Tensor, nn

from pyrodgm.infer.log_evidence import check_positive
from pyrodgm.infer.run import Scorer, check_sites, run
from pyrodgm.infer.scaled_row_sum import RowScale, ScaledRowSum

Baseline = Literal["average", "leave_one_out"]
DECAY = 0.9  # share of the running average that each batch leaves as it is


class ScoreFunctionELBO:
    r"""Negative ELBO with the gradient :math:`-E_q[(\log w - b) \nabla \log q(z \mid x)]` by the guide's parameters.

    The score function estimator, or REINFORCE, with :math:`w = p(x, z) / q(z \mid x)`: draws need no gradient, so that
    latents may be discrete. It has no bias, and much more noise than the reparameterized gradient;
    :func:`~pyrodgm.infer.gradient_variance` measures how much.

    A baseline :math:`b` that does not depend on the draw that it is subtracted for takes away noise and adds no bias:

    - ``"average"``: the running average of :math:`\log w` over the batches before; the first has none.
    - ``"leave_one_out"``: for each draw, the average over the other draws of the same datum.

    The model's gradient is the usual one.

    Args:
        num_particles: Number of draws to average, in one vectorised pass.
        baseline: What is subtracted.

    Raises:
        ValueError: If there are too few draws, or the baseline is unknown; when called, if a site lies outside of the
            data's plate, or model and guide do not sample the same latent sites.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> vae = models.vae(64, 8, hidden_dims=(32,))
        >>> loss = infer.ScoreFunctionELBO(4, baseline="leave_one_out")(vae.model, vae.guide)
        >>> loss(torch.rand(5, 64).round()).shape
        torch.Size([])

    References:
        Williams (1992), Simple Statistical Gradient-Following Algorithms for Connectionist Reinforcement Learning,
        https://doi.org/10.1007/BF00992696;
        Mnih, Gregor (2014), Neural Variational Inference and Learning in Belief Networks (running averages),
        https://arxiv.org/abs/1402.0030;
        Kool, van Hoof, Welling (2019), Buy 4 REINFORCE Samples, Get a Baseline for Free! (leave one out),
        https://openreview.net/forum?id=r1lgTGL5DE
    """

    def __init__(self, num_particles: int = 1, *, baseline: Baseline | None = None) -> None:
        check_positive(num_particles=num_particles)
        if baseline not in (None, "average", "leave_one_out"):
            raise ValueError(f"Expected baseline None, 'average' or 'leave_one_out'; got {baseline!r}. Choose one.")
        if baseline == "leave_one_out" and num_particles < 2:
            raise ValueError("Expected num_particles of at least 2 with baseline='leave_one_out'; got 1. Draw more.")
        self.num_particles = num_particles
        self.baseline = baseline
        self.average: Tensor | None = None  # of the batches before

    def __call__(self, model: nn.Module, guide: nn.Module) -> ELBOModule:
        """Return a module that maps a batch to the loss, with the parameters of model and guide."""
        return ELBOModule(model, guide, self)  # type: ignore[arg-type]

    def differentiable_loss(
        self, model: Callable[..., Any], guide: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Tensor:
        """Return the negative ELBO in nats, summed over the batch as the plates scale it.

        Args:
            model: Program with every site in the plate ``"data"``.
            guide: Program of the posterior.
            *args: What both take, the data ``(num_rows, *event_shape)`` first.
            **kwargs: What both take besides.
        """
        num_rows, scale = len(args[0]), RowScale()
        log_q, log_p = ScaledRowSum(num_rows, scale), ScaledRowSum(num_rows, scale)
        values: dict[str, Tensor] = {}
        q, p = FixedDraws(values, log_q.add, replay=False), Scorer(values, log_p.add, replay=True)
        with pyro.plate("particles", self.num_particles, dim=-2), q:
            run(guide, *args, **kwargs)
        with pyro.plate("particles", self.num_particles, dim=-2), p:
            run(model, *args, **kwargs)
        check_sites(p, q)
        log_weights = (log_p.value - log_q.value).detach()
        surrogate = log_p.value + (log_weights - self._baseline(log_weights)) * log_q.value
        # The surrogate has the gradient, and the bound is the value.
        loss: Tensor = -(scale.value * (surrogate - surrogate.detach() + log_weights)).sum() / self.num_particles
        return loss

    def _baseline(self, log_weights: Tensor) -> Tensor | float:
        """Return what to subtract of ``(num_particles, num_rows)``."""
        if self.baseline == "leave_one_out":
            return (log_weights.sum(0) - log_weights) / (self.num_particles - 1)
        if self.baseline is None:
            return 0.0
        before, now = self.average, log_weights.mean()
        if torch.is_grad_enabled():
            self.average = now if before is None else DECAY * before + (1 - DECAY) * now
        return 0.0 if before is None else before


class FixedDraws(Scorer):
    """Scores draws as if they were given: no gradient flows through them."""

    def _pyro_post_sample(self, msg: Any) -> None:
        if isinstance(msg["value"], Tensor):
            msg["value"] = msg["value"].detach()
        super()._pyro_post_sample(msg)
