"""The log-evidence of each datum by importance weighting."""

import math
from collections.abc import Callable
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from pyrodgm.infer.run import Scorer, check_sites, run


@torch.no_grad()
def log_evidence(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    x: Tensor,
    context: Tensor | None = None,
    *,
    num_particles: int = 1000,
    chunk_size: int = 50,
    batch_size: int = 100,
) -> Tensor:
    r"""Importance-weighted estimate :math:`\log \tfrac1K \sum_k p(x, z_k) / q(z_k \mid x)` of each :math:`\log p(x)`.

    A lower bound in expectation that rises to the evidence with :math:`K`; exact where there are no latent variables.
    Any proposal will do: the guide may be the model's own, another program over the same latent sites, such as one with
    wider tails or :class:`~pyrodgm.infer.SemiAmortized`, or Pyro's, if only it has density wherever the posterior has.
    The closer it is to the posterior, the fewer draws it takes; too narrow a one misses what it never visits, and shows
    no sign of it. At most ``chunk_size * batch_size`` (particle, datum) pairs are in memory at once.

    Args:
        model: Program with every site in the plate ``"data"``.
        guide: Program of the proposal :math:`q`, any one over the model's latent sites.
        x: Data, ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        num_particles: Number :math:`K` of draws a datum.
        chunk_size: Number of draws a datum in memory at once.
        batch_size: Number of data in memory at once.

    Returns:
        ``(num_rows,)``, nats.

    Raises:
        ValueError: If a number is not positive, a site lies outside of the plate, or model and guide do not sample the
            same latent sites.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> vae = models.vae(64, 8, hidden_dims=(32,))
        >>> x = torch.rand(5, 64).round()
        >>> infer.log_evidence(vae.model, vae.guide, x, num_particles=20, chunk_size=10).shape
        torch.Size([5])

    References:
        Burda, Grosse, Salakhutdinov (2016), Importance Weighted Autoencoders, eq. 8, https://arxiv.org/abs/1509.00519
    """
    check_positive(num_particles=num_particles, chunk_size=chunk_size, batch_size=batch_size)
    if len(x) == 0:
        raise ValueError("Expected at least one row of x; got an empty tensor. Pass data.")
    results = []
    for start in range(0, len(x), batch_size):
        rows = slice(start, start + batch_size)
        args = (x[rows],) if context is None else (x[rows], context[rows])
        first, varies = log_weights(model, guide, args, min(chunk_size, num_particles))
        if not varies:
            num_particles = 1
        total = first.logsumexp(0)
        done = len(first)
        while done < num_particles:
            weights, _ = log_weights(model, guide, args, min(chunk_size, num_particles - done))
            total = torch.logaddexp(total, weights.logsumexp(0))
            done += len(weights)
        results.append(total - math.log(done))
    return torch.cat(results)


def log_weights(
    model: Callable[..., Any], guide: Callable[..., Any], args: tuple[Tensor, ...], num: int
) -> tuple[Tensor, bool]:
    """Return log-weights ``(num, num_rows)``, and whether they vary: not if the guide samples nothing, or points."""
    weights = RowSum(len(args[0]))
    values: dict[str, Tensor] = {}
    varies: list[bool] = []

    def of_guide(msg: Any, log_prob: Tensor) -> None:
        weights.subtract(msg, log_prob)
        varies.append(not msg["is_observed"] and not isinstance(msg["fn"], dist.Delta))

    q, p = Scorer(values, of_guide, replay=False), Scorer(values, weights.add, replay=True)
    with pyro.plate("particles", num, dim=-2), q:
        run(guide, *args)
    if not any(varies):  # one particle is as good as all
        values.update({name: value[:1] for name, value in values.items()})
    with pyro.plate("particles", num if any(varies) else 1, dim=-2), p:
        run(model, *args)
    check_sites(p, q)
    return weights.value.expand(num, -1), any(varies)


class RowSum:
    """Log-densities of each datum, summed over sites, unscaled."""

    def __init__(self, num_rows: int) -> None:
        self.num_rows = num_rows
        self.value = torch.zeros(())

    def add(self, msg: Any, log_prob: Tensor, sign: float = 1.0) -> None:
        """Add a site.

        Raises:
            ValueError: If it is not sampled once a datum.
        """
        if log_prob.shape[-1:] != (self.num_rows,) or log_prob.dim() > 2:
            raise ValueError(
                f"Expected site {msg['name']!r} inside the plate 'data' of {self.num_rows} rows, and no other; got "
                f"log-densities of shape {tuple(log_prob.shape)}. Sample every site once a datum."
            )
        if msg["mask"] is not None:
            log_prob = torch.where(torch.as_tensor(msg["mask"]), log_prob, log_prob.new_zeros(()))
        self.value = self.value + sign * log_prob

    def subtract(self, msg: Any, log_prob: Tensor) -> None:
        """Subtract a site."""
        self.add(msg, log_prob, -1.0)


def check_positive(**numbers: int) -> None:
    """Refuse numbers below one.

    Raises:
        ValueError: Naming the number.
    """
    for name, number in numbers.items():
        if number < 1:
            raise ValueError(f"Expected {name} of at least 1; got {number}. Give a positive number.")
