"""A path of densities from a start that can be drawn from to the joint density."""

from collections.abc import Callable
from typing import Any

import pyro
import torch
from torch import Tensor

from pyrodgm.infer.log_evidence import RowSum
from pyrodgm.infer.run import Scorer, check_sites, run

Values = dict[str, Tensor]

FAR = 1e6  # a site that has density at plus and minus this is taken for one on all real numbers


class Path:
    """The densities from start to joint of one batch.

    Args:
        model: Program of the joint density.
        guide: Program of the start, or ``None`` for the prior.
        args: The batch: data, and contexts if there are any.
    """

    def __init__(self, model: Callable[..., Any], guide: Callable[..., Any] | None, args: tuple[Tensor, ...]) -> None:
        self.model = model
        self.guide = guide
        self.args = args

    @torch.no_grad()
    def draw(self, num: int) -> Values:
        """Draw the latent sites from the start, ``(num, num_rows, *event_shape)`` each.

        Raises:
            ValueError: If a site is not real-valued, or model and guide do not sample the same.
        """
        values: Values = {}
        latents: Values = {}
        with pyro.plate("particles", num, dim=-2):
            if self.guide is None:
                p = Scorer(values, lambda msg, _: note_latent(msg, latents), replay=False)
                with p:
                    run(self.model, *self.args)
            else:
                q = Scorer(values, lambda msg, _: check_no_auxiliary(msg), replay=False)
                with q:
                    run(self.guide, *self.args)
                p = Scorer(values, lambda msg, _: note_latent(msg, latents), replay=True)
                with p:
                    run(self.model, *self.args)
                check_sites(p, q)
        if not latents:
            raise ValueError("Expected a model with latent sites; got none. Its log-density is the evidence.")
        return latents

    def score(self, values: Values) -> tuple[Tensor, Tensor]:
        """Return the log-density of the start, and that of the joint less the start's, each ``(num, num_rows)``."""
        num, num_rows = len(next(iter(values.values()))), len(self.args[0])
        start, slope = RowSum(num_rows), RowSum(num_rows)

        def of_model(msg: Any, log_prob: Tensor) -> None:
            (start if self.guide is None and not msg["is_observed"] else slope).add(msg, log_prob)

        def of_guide(msg: Any, log_prob: Tensor) -> None:
            start.add(msg, log_prob)
            slope.subtract(msg, log_prob)

        with pyro.plate("particles", num, dim=-2):
            with Scorer(values, of_model, replay=True):
                run(self.model, *self.args)
            if self.guide is not None:
                with Scorer(values, of_guide, replay=True):
                    run(self.guide, *self.args)
        return start.value.expand(num, num_rows), slope.value.expand(num, num_rows)

    def gradient(self, values: Values, beta: float) -> tuple[Tensor, Tensor, Values]:
        """Score, with the gradient of the log-density at ``beta``."""
        with torch.enable_grad():
            leaves = {name: value.detach().requires_grad_() for name, value in values.items()}
            start, slope = self.score(leaves)
            target = (start + beta * slope).sum()
            gradients = torch.autograd.grad(target, list(leaves.values()))
        return start.detach(), slope.detach(), dict(zip(leaves, gradients, strict=True))


def note_latent(msg: Any, latents: Values) -> None:
    """Keep the value of a latent site.

    Raises:
        ValueError: If a chain cannot walk over all its values.
    """
    if msg["is_observed"]:
        return
    value, support = msg["value"], msg["fn"].support
    ends = (torch.full_like(value, FAR), torch.full_like(value, -FAR))
    if support is None or support.is_discrete or not all(support.check(end).all() for end in ends):
        raise ValueError(
            f"Expected real-valued latent sites; got site {msg['name']!r} of {type(msg['fn']).__name__} with support "
            f"{support}. Chains walk over real numbers: use infer.log_evidence."
        )
    latents[msg["name"]] = value


def check_no_auxiliary(msg: Any) -> None:
    """Refuse a site that only helps the guide: what it leaves of the guide's density has no closed form.

    Raises:
        ValueError: Naming the site.
    """
    if msg["infer"].get("is_auxiliary"):
        raise ValueError(
            f"Expected a guide without auxiliary sites; got {msg['name']!r}. Start from the prior: guide=None."
        )
