"""Every draw of a guide scored under the posterior of every datum."""

import math
from collections.abc import Callable
from typing import Any

import pyro
import torch
from torch import Tensor
from torch.distributions import Distribution, Independent, Normal

from pyrodgm.distributions.diagonal_normal_mixture import pairwise_log_probs
from pyrodgm.infer.log_evidence import RowSum
from pyrodgm.infer.run import Scorer, run


class Draws:
    """What a guide drew, batch by batch: values, posterior means, and the moments of diagonal normals."""

    def __init__(self) -> None:
        self._values: dict[str, list[Tensor]] = {}
        self._means: dict[str, list[Tensor]] = {}
        self._moments: dict[str, list[tuple[Tensor, Tensor] | None]] = {}

    def note(self, msg: Any) -> None:
        """Keep a latent site of a batch; values are ``(num_particles, num_rows, *event_shape)``."""
        if msg["is_observed"] or msg["infer"].get("is_auxiliary"):
            return
        name, fn, value = msg["name"], msg["fn"], msg["value"]
        self._values.setdefault(name, []).append(value)
        try:
            mean = fn.mean.expand_as(value)[0]
        except NotImplementedError:
            mean = value.mean(0)
        self._means.setdefault(name, []).append(mean.reshape(len(mean), -1))
        self._moments.setdefault(name, []).append(normal_moments(fn) if msg["mask"] is None else None)

    def values(self) -> dict[str, Tensor]:
        """Return the draws of all data, ``(num_particles, num_rows, *event_shape)`` a site."""
        return {name: torch.cat(parts, 1) for name, parts in self._values.items()}

    def posterior_means(self) -> Tensor:
        """Return the posterior mean of each latent variable, ``(num_rows, num_latents)``."""
        return torch.cat([torch.cat(parts).double() for parts in self._means.values()], 1)

    def moments(self) -> tuple[Tensor, Tensor] | None:
        """Return means and scales, ``(num_rows, num_features)``, if the only site is a diagonal normal vector."""
        (parts, *others) = self._moments.values()
        if others or any(part is None for part in parts):
            return None
        loc, scale = (torch.cat(kind) for kind in zip(*parts, strict=True))  # type: ignore[arg-type]
        return loc, scale


class AllPosteriors:
    """Scores draws under the posteriors of all data, a bounded number of pairs at once.

    Args:
        guide: Program of the posterior.
        x: Data, ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        draws: What the guide drew for these data.
        batch_size: Number of data that the guide sees at once.
        max_pairs: Number of (draw, posterior) pairs in memory at once.
    """

    def __init__(
        self,
        guide: Callable[..., Any],
        x: Tensor,
        context: Tensor | None,
        draws: Draws,
        *,
        batch_size: int,
        max_pairs: int,
    ) -> None:
        self.guide = guide
        self.args = (x,) if context is None else (x, context)
        self.num_rows = len(x)
        values = draws.values()
        self.num_particles = next(iter(values.values())).shape[0]
        self.values = {name: value.flatten(0, 1) for name, value in values.items()}
        self.moments = draws.moments()
        self.batch_size, self.max_pairs = batch_size, max_pairs

    def log_mean(self, own: Tensor, num_components: int | None) -> Tensor:
        """Return the logarithm of the average density of each draw over the data's posteriors.

        Args:
            own: Log-density of each draw under its own posterior, ``(num_particles, num_rows)``.
            num_components: Least number of other posteriors to average over, drawn at random; all if ``None``.

        Returns:
            ``(num_particles, num_rows)``, float64, nats.
        """
        num = self.num_rows
        chosen = torch.arange(num)
        # One more than asked for, so that a draw whose own posterior is among them has as many others.
        if num_components is not None and num_components < num - 1:
            chosen = torch.randperm(num)[: num_components + 1].sort().values
        results = []
        step = max(1, self.max_pairs // len(chosen))
        for start in range(0, self.num_particles * num, step):
            draws = slice(start, min(start + step, self.num_particles * num))
            log_probs = self._score(draws, chosen)
            rows = torch.arange(draws.start, draws.stop) % num
            is_own = rows[:, None] == chosen
            others = log_probs.masked_fill_(is_own, -math.inf).logsumexp(1)
            # Own and others are weighted as in the average over all, whichever others were drawn.
            log_weight = ((num - 1) / (len(chosen) - is_own.sum(1))).log()
            results.append(torch.logaddexp(own.flatten()[draws], others + log_weight) - math.log(num))
        return torch.cat(results).reshape(self.num_particles, num)

    def _score(self, draws: slice, chosen: Tensor) -> Tensor:
        """Return log-densities ``(num_draws, num_chosen)`` in float64."""
        if self.moments is not None:
            (value,) = self.values.values()
            loc, scale = self.moments
            return pairwise_log_probs(value[draws].double(), loc[chosen].double(), scale[chosen].double()).cpu()
        values = {name: value[draws].unsqueeze(1) for name, value in self.values.items()}
        parts = []
        for some in chosen.split(self.batch_size):
            total = RowSum(len(some))
            with (
                pyro.plate("particles", draws.stop - draws.start, dim=-2),
                Scorer(values, total.add, replay=True),
            ):
                run(self.guide, *(arg[some] for arg in self.args))
            parts.append(total.value.double().cpu())
        return torch.cat(parts, 1)


def normal_moments(fn: Distribution) -> tuple[Tensor, Tensor] | None:
    """Return mean and scale of the first particle if a distribution is a diagonal normal vector."""
    base = fn.base_dist if isinstance(fn, Independent) and len(fn.event_shape) == 1 else None
    if not isinstance(base, Normal):
        return None
    return base.loc[0], base.scale[0]
