"""Bounds of many draws: importance weighting, and Renyi's family that it belongs to."""

import math
from collections.abc import Callable
from typing import Any, Literal, get_args

import pyro
from pyro.infer.elbo import ELBOModule
from torch import Tensor, nn

from pyrodgm.infer.held import Held, HeldParams
from pyrodgm.infer.log_evidence import check_positive
from pyrodgm.infer.reparameterized_elbo import check_differentiable
from pyrodgm.infer.run import Scorer, check_sites, run
from pyrodgm.infer.scaled_row_sum import RowScale, ScaledRowSum

Gradient = Literal["reparameterized", "sticking_the_landing", "doubly_reparameterized"]


class ImportanceWeightedELBO:
    r"""Negative bound :math:`-\frac{1}{1-\alpha} \log \frac1K \sum_k w_k^{1-\alpha}` of weighted draws.

    The weights are :math:`w_k = p(x, z_k) / q(z_k \mid x)`, :math:`z_k \sim q(z \mid x)`.

    At :math:`\alpha = 0` it is the importance-weighted bound, which rises to the evidence with :math:`K`; at
    :math:`\alpha = 1` the evidence lower bound of :math:`K` draws; between and beyond, Renyi's bounds, the lower the
    larger :math:`\alpha`. One draw makes them all equal. Each datum has a bound of its own; plates scale the bounds,
    not what is inside their logarithms.

    The gradient of the plain estimate, with respect to the guide's parameters, has a signal that falls faster with
    :math:`K` than its noise, because the guide's own score takes part in it, whose expectation is known:

    - ``"reparameterized"``: the plain gradient, without bias.
    - ``"sticking_the_landing"``: without the guide's score. No bias where :math:`K = 1` or :math:`\alpha = 1`, and no
      noise at all once the guide is the posterior; otherwise biased.
    - ``"doubly_reparameterized"``: the score's expectation written as a path through the draws, for
      :math:`\alpha = 0`. No bias, and the signal-to-noise ratio rises with :math:`K`.

    The last two run the guide twice, the second time with its parameters held; a flow then inverts itself. The model's
    gradient is the plain one in all three.

    Args:
        num_particles: Number :math:`K` of draws, in one vectorised pass.
        alpha: Order of the bound, at least 0.
        gradient: Which estimator of the guide's gradient.

    Raises:
        ValueError: If a number is too small, the gradient unknown, or doubly reparameterized with another ``alpha``
            than 0; when called, if a site of the guide has no reparameterized draws, a site lies outside of the plate,
            or model and guide do not sample the same latent sites.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> vae = models.vae(64, 8, hidden_dims=(32,))
        >>> loss = infer.ImportanceWeightedELBO(5, gradient="doubly_reparameterized")(vae.model, vae.guide)
        >>> loss(torch.rand(3, 64).round()).shape
        torch.Size([])

    References:
        Burda, Grosse, Salakhutdinov (2016), Importance Weighted Autoencoders, eq. 8, https://arxiv.org/abs/1509.00519;
        Li, Turner (2016), Renyi Divergence Variational Inference, section 4.1, https://arxiv.org/abs/1602.02311;
        Roeder, Wu, Duvenaud (2017), Sticking the Landing, section 3, https://arxiv.org/abs/1703.09194;
        Tucker, Lawson, Gu, Maddison (2019), Doubly Reparameterized Gradient Estimators for Monte Carlo Objectives,
        https://arxiv.org/abs/1810.04152
    """

    def __init__(self, num_particles: int = 50, *, alpha: float = 0.0, gradient: Gradient = "reparameterized") -> None:
        check_positive(num_particles=num_particles)
        if not alpha >= 0:
            raise ValueError(f"Expected alpha of at least 0; got {alpha}. Below 0 there is no lower bound.")
        if gradient not in get_args(Gradient):
            raise ValueError(f"Expected gradient among {get_args(Gradient)}; got {gradient!r}. Choose one.")
        if gradient == "doubly_reparameterized" and alpha != 0:
            raise ValueError(
                f"Expected alpha=0 with a doubly reparameterized gradient; got {alpha}. "
                "Take the reparameterized gradient of other bounds."
            )
        self.num_particles = num_particles
        self.alpha = alpha
        self.gradient = gradient

    def __call__(self, model: nn.Module, guide: nn.Module) -> ELBOModule:
        """Return a module that maps a batch to the loss, with the parameters of model and guide."""
        return ELBOModule(model, guide, self)  # type: ignore[arg-type]

    def differentiable_loss(
        self, model: Callable[..., Any], guide: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Tensor:
        """Return the negative bound in nats, summed over the batch as the plates scale it.

        Args:
            model: Program with every site in the plate ``"data"``.
            guide: Program of the proposal.
            *args: What both take, the data ``(num_rows, *event_shape)`` first.
            **kwargs: What both take besides.
        """
        scale = RowScale()
        weights = ScaledRowSum(len(args[0]), scale)
        values: dict[str, Tensor] = {}
        plain = self.gradient == "reparameterized"

        def of_guide(msg: Any, log_prob: Tensor) -> None:
            check_differentiable(msg, log_prob)
            if plain:
                weights.subtract(msg, log_prob)

        q = Scorer(values, of_guide, replay=False)
        with pyro.plate("particles", self.num_particles, dim=-2), q:
            run(guide, *args, **kwargs)
        num = self.num_particles if values else 1
        shares: list[Tensor] = []
        if not plain:
            values = {name: self._apart(value, shares) for name, value in values.items()}
            held = Held(guide)
            with pyro.plate("particles", num, dim=-2), Scorer(values, weights.subtract, replay=True), HeldParams():
                held(*args, **kwargs)
        p = Scorer(values, weights.add, replay=True)
        with pyro.plate("particles", num, dim=-2), p:
            run(model, *args, **kwargs)
        check_sites(p, q)
        log_weights = weights.value.expand(num, -1)
        shares.append(log_weights.detach().softmax(0))
        return -(scale.value * self._bound(log_weights)).sum()

    def _bound(self, log_weights: Tensor) -> Tensor:
        """Return the bounds ``(num_rows,)`` of log-weights ``(num_particles, num_rows)``."""
        if self.alpha == 1:
            return log_weights.mean(0)
        power = 1 - self.alpha
        return ((power * log_weights).logsumexp(0) - math.log(len(log_weights))) / power

    def _apart(self, value: Tensor, shares: list[Tensor]) -> Tensor:
        """Return a draw that is scored in place of itself, so that what flows back from the scores can be told apart.

        A weight's share of the sum multiplies once what the bound already multiplies by it. It must not multiply what
        reaches a draw through the draws that were made of it.
        """
        value = value.view_as(value)
        if self.gradient == "doubly_reparameterized" and value.requires_grad:
            value.register_hook(lambda gradient: gradient * match(shares[0], gradient.dim()))
        return value


def match(shares: Tensor, dim: int) -> Tensor:
    """Give ``(num_particles, num_rows)`` as many dimensions at the end as a draw has."""
    return shares.reshape(*shares.shape, *[1] * (dim - shares.dim()))
