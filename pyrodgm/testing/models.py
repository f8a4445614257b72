"""The contract of a model/guide pair."""

import copy
import pickle
from collections.abc import Callable

import pyro
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import Adam  # type: ignore[attr-defined]
from torch import Tensor

from pyrodgm.infer.reparameterized_elbo import ReparameterizedELBO
from pyrodgm.models.model import Model
from pyrodgm.models.program import Program
from pyrodgm.testing.expectations import close, expect, in_float64


@in_float64
def check_model(make: Callable[[], Model], x: Tensor, context: Tensor | None = None) -> None:
    """The contract of a pair: it learns under SVI and under a torch optimiser, also as the second of a process.

    Besides: sites and plate, scaling of mini-batches, one entry a parameter in the ``state_dict``, copies that keep
    nothing in common, and an equal loss from :class:`~pyrodgm.infer.ReparameterizedELBO`.
    """
    pyro.clear_param_store()
    args = (x,) if context is None else (x, context)
    models = [make(), make()]
    models += [copy.deepcopy(models[0]), pickle.loads(pickle.dumps(models[0]))]
    for number, model in enumerate(models):  # the second of a process, and a copy, must learn as well as the first
        before = copy.deepcopy(model.state_dict())
        first = average_loss(model, args)
        svi = SVI(model.model, model.guide, Adam({"lr": 1e-2}), Trace_ELBO())
        for _ in range(30):
            svi.step(*args)
        expect(average_loss(model, args) < first, f"model {number} does not learn under SVI")
        changed = [name for name, value in model.state_dict().items() if not torch.equal(value, before[name])]
        moving = {name for name, parameter in model.named_parameters() if parameter.numel()}
        expect(set(changed) >= moving, f"SVI of model {number} left parameters")
    names = [program._pyro_name for model in models for program in (model.model, model.guide)]
    expect(len(set(names)) == len(names), f"programs share a name: {names}")

    model = make()
    pointers = [value.data_ptr() for value in model.state_dict().values() if value.numel()]
    expect(len(set(pointers)) == len(pointers), "a parameter stands twice in the state_dict")
    loss = Trace_ELBO()(model.model, model.guide)
    optimiser = torch.optim.Adam(loss.parameters(), lr=1e-2)
    first = average_loss(model, args)
    for _ in range(30):
        optimiser.zero_grad()
        loss(*args).backward()
        optimiser.step()
    expect(average_loss(model, args) < first, "does not learn under a torch optimiser")

    values, gradients, state = [], [], copy.deepcopy(model.state_dict())
    for objective in (Trace_ELBO(), ReparameterizedELBO()):
        model.load_state_dict(state)  # what a pass changes besides, such as a moving average
        pyro.set_rng_seed(0)
        value = objective(model.model, model.guide)(*args)
        values.append(value.detach())
        gradients.append(torch.autograd.grad(value, list(model.parameters()), allow_unused=True))
    close(values[0], values[1], "ReparameterizedELBO against Trace_ELBO")
    for ours, pyros in zip(*gradients, strict=True):
        expect((ours is None) == (pyros is None), "gradients of the two objectives reach other parameters")
        if ours is not None and pyros is not None:
            close(ours, pyros, "gradients of ReparameterizedELBO against Trace_ELBO")
    model.load_state_dict(state)
    pyro.set_rng_seed(0)
    scaled = Trace_ELBO()(model.model, model.guide)(*args, size=10 * len(x)).detach()
    close(scaled, 10 * values[0], "a mini-batch's loss scaled to the data set")

    trace = pyro.poutine.trace(model.model).get_trace(*args)
    expect(trace.nodes["x"]["is_observed"] and trace.nodes["data"]["type"] == "sample", "site x in plate data")
    drawn = model.sample(len(x), context)
    expect(drawn.shape == x.shape, f"draws of shape {drawn.shape}")
    expect(isinstance(model.model, Program) and isinstance(model.guide, Program), "model and guide are Programs")
    pyro.clear_param_store()


def average_loss(model: Model, args: tuple[Tensor, ...]) -> float:
    """Return the loss averaged over draws that are the same at each call."""
    state = torch.get_rng_state()
    pyro.set_rng_seed(0)
    with torch.no_grad():
        loss = ReparameterizedELBO(num_particles=20)(model.model, model.guide)(*args).item()
    torch.set_rng_state(state)
    return loss
