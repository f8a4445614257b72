"""A step of mean-field inference, beside the plain step of the same component, and beside Pyro's AutoNormal."""

from collections.abc import Callable
from functools import partial

import pyro
import torch
from pyro.infer import Trace_ELBO
from pyro.infer.autoguide import AutoNormal
from torch import Tensor

from pyrodgm import Conditional, Neural, autoregressive, flows, heads, infer, nn
from pyrodgm.infer.energy import Energy
from pyrodgm.infer.flat_weights import FlatWeights
from pyrodgm.infer.mean_field_steps import MeanFieldSteps
from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave

GROUPS = (("pyrodgm", "pyro-ppl"),)
ROUNDS = 15
BATCH = 128
OURS, PEER = "`infer.mean_field`", "Pyro's `AutoNormal` and `Trace_ELBO`"
TARGETS = {OURS: Target(limit=1.3, ahead_of=(PEER,))}
Rows = tuple[Tensor, Tensor | None]


def regression() -> tuple[Conditional, Rows]:
    """A net of 13 features and 50 hidden units."""
    return Neural(nn.MLP(13, 2, hidden_dims=(50,)), heads.Normal(1)), (torch.randn(BATCH, 1), torch.randn(BATCH, 13))


def maf() -> tuple[Conditional, Rows]:
    """A MAF of five layers over 43 features."""
    return flows.maf(43), (torch.randn(BATCH, 43), None)


def made() -> tuple[Conditional, Rows]:
    """A MADE over 784 binary pixels with 500 hidden units."""
    return autoregressive.made(784, hidden_dims=(500,)), (torch.rand(BATCH, 784).round(), None)


COMPONENTS: dict[str, tuple[str, Callable[[], tuple[Conditional, Rows]]]] = {
    "net": ("a regression net, 13 features and 50 hidden units", regression),
    "maf": ("a MAF of five layers over 43 features", maf),
    "made": ("a MADE over 784 pixels with 500 hidden units", made),
}


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time all components."""
    return {name: measure_component(*build(), rounds, quick) for name, (_, build) in COMPONENTS.items()}


def measure_component(component: Conditional, rows: Rows, rounds: int, quick: bool) -> list[Timing]:
    """Time one component's plain step, ours, and Pyro's; all with fused Adam."""
    bayes = infer.bayesian(component, 1.0)
    flat = FlatWeights(bayes)
    energy = Energy(bayes, flat, *rows)
    with torch.no_grad():
        steps = MeanFieldSteps(energy, 0.01, 1)
    pyro.clear_param_store()  # which knows every AutoNormal by one name
    guide = AutoNormal(bayes.model, init_scale=0.01)
    guide(*rows)
    elbo = Trace_ELBO()(bayes.model, guide)
    num = flat.num_weights
    contenders = [
        Contender(FLOOR, partial(plain_step, component, rows, adam(list(component.parameters()))), num),
        Contender(OURS, partial(our_step, energy, steps, adam([steps.loc, steps.log_scale])), num),
        Contender(PEER, partial(peer_step, elbo, rows, adam(list(guide.parameters()))), num),
    ]
    return interleave(contenders, rounds=rounds, block_seconds=0.05 if quick else 0.2)


def adam(values: list[Tensor]) -> torch.optim.Optimizer:
    """The optimiser of all contenders; its rate leaves the weights where they are."""
    return torch.optim.Adam(values, lr=1e-8, fused=True)


def plain_step(component: Conditional, rows: Rows, optimizer: torch.optim.Optimizer) -> None:
    """Maximise the likelihood; without checks, as ours, which checks the data once."""
    x, context = rows
    with pyro.validation_enabled(False):
        optimizer.zero_grad()
        loss = -component(context).log_prob(x).sum()
        loss.backward()
        optimizer.step()
    loss.item()


def our_step(energy: Energy, steps: MeanFieldSteps, optimizer: torch.optim.Optimizer) -> None:
    """What :func:`pyrodgm.infer.descend.descend` does, and the exchange of weights, once a fit, besides."""
    with torch.no_grad(), energy:
        steps().item()
        torch.linalg.vector_norm(steps.loc.grad).item()
        optimizer.step()


def peer_step(elbo: torch.nn.Module, rows: Rows, optimizer: torch.optim.Optimizer) -> None:
    """The same objective through Pyro's autoguide."""
    with pyro.validation_enabled(False):
        optimizer.zero_grad()
        loss = elbo(*rows)
        loss.backward()
        optimizer.step()
    loss.item()


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table a component."""
    return [
        Table(
            f"Mean-field step, {text}",
            f"One step of variational inference with independent normals over all weights of {text}, batch {BATCH}, in "
            "single precision. The floor is the plain step of the same component: likelihood, gradient, fused Adam.",
            timings[name],
            TARGETS,
        )
        for name, (text, _) in COMPONENTS.items()
    ]
