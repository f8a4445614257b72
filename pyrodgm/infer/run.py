"""Running a program outside of Pyro's parameter store, and scoring its sites in the same pass."""

from collections.abc import Callable
from typing import Any

import pyro.poutine as poutine
from pyro.distributions.util import scale_and_mask
from pyro.poutine.messenger import Messenger
from torch import Tensor

from pyrodgm.models.program import Program


def run(program: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Run a program; one of ours without telling the parameter store of its parameters, which nothing here reads."""
    return program.forward(*args, **kwargs) if isinstance(program, Program) else program(*args, **kwargs)


class Scorer(Messenger):
    """Adds up log-densities of the sites that a program samples, as it samples them.

    Args:
        values: Where values of latent sites are kept; known ones are replayed.
        replay: Whether to take values from ``values`` (a model) or to put them there (a guide).
        collect: Called with each site's message and its unscaled log-density.
    """

    def __init__(self, values: dict[str, Tensor], collect: Callable[[Any, Tensor], None], *, replay: bool) -> None:
        super().__init__()
        self.values = values
        self.collect = collect
        self.replay = replay
        self.latents: set[str] = set()  # those that must have a twin in the other program

    def _pyro_sample(self, msg: Any) -> None:
        if self.replay and msg["name"] in self.values and not msg["is_observed"]:
            msg["value"] = self.values[msg["name"]]
            msg["done"] = True

    def _pyro_post_sample(self, msg: Any) -> None:
        if poutine.util.site_is_subsample(msg):
            return
        if not self.replay:
            self.values[msg["name"]] = msg["value"]
        if not msg["is_observed"] and (self.replay or not msg["infer"].get("is_auxiliary")):
            self.latents.add(msg["name"])
        self.collect(msg, msg["fn"].log_prob(msg["value"], *msg["args"], **msg["kwargs"]))


def check_sites(model: Scorer, guide: Scorer) -> None:
    """Refuse a pair of programs that do not sample the same latent sites; auxiliary sites are the guide's own.

    Raises:
        ValueError: Naming the sites.
    """
    missing, unknown = sorted(model.latents - guide.values.keys()), sorted(guide.latents - model.latents)
    if missing:
        raise ValueError(
            f"Expected a guide for every latent site of the model; got none for {missing}. "
            "Sample these in the guide, or observe them in the model."
        )
    if unknown:
        raise ValueError(
            f"Expected a guide over latent sites of the model; got {unknown} besides. "
            'Remove these, or mark what only helps the guide by infer={"is_auxiliary": True}.'
        )


class Total:
    """The sum of scaled log-densities over all sites, in nats; those of latent sites weighted by ``beta``.

    Args:
        beta: The weight.
        apart: Where sums of latent sites are added up by name instead, with the number of data that they stand for.
        sign: Of what is added there.
    """

    def __init__(
        self, beta: float = 1.0, apart: dict[str, tuple[Tensor | float, float]] | None = None, sign: float = 1.0
    ) -> None:
        self.beta = beta
        self.apart = apart
        self.sign = sign
        self.value: Tensor | float = 0.0

    def __call__(self, msg: Any, log_prob: Tensor) -> None:
        """Add one site."""
        total = scale_and_mask(log_prob, msg["scale"], msg["mask"]).sum()
        if self.apart is not None and not msg["is_observed"]:
            before, _ = self.apart.get(msg["name"], (0.0, 0.0))
            self.apart[msg["name"]] = (before + self.sign * total, log_prob.numel() * float(msg["scale"]))
        else:
            self.value = self.value + (total if self.beta == 1.0 or msg["is_observed"] else self.beta * total)
