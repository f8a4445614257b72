"""The contract of each kind of component as a function, for ours and for yours; each raises on a breach."""

import copy
import pickle
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

import pyro
import torch
from pyro.distributions import ConditionalTransformedDistribution, TransformedDistribution
from pyro.infer import SVI, Predictive, Trace_ELBO
from pyro.optim import Adam  # type: ignore[attr-defined]
from torch import Tensor, nn

from pyrodgm.conditional import Conditional
from pyrodgm.distributions.standard_normal import StandardNormal
from pyrodgm.heads.head import Head
from pyrodgm.infer.reparameterized_elbo import ReparameterizedELBO
from pyrodgm.models.model import Model
from pyrodgm.models.program import Program
from pyrodgm.nn.masked_mlp import MaskedMLP
from pyrodgm.transforms.bijection import Bijection
from pyrodgm.transforms.univariate.base import Univariate

__all__ = [
    "check_bijection",
    "check_causal_net",
    "check_conditional",
    "check_head",
    "check_model",
    "check_network",
    "check_univariate",
]

SomeModule = TypeVar("SomeModule", bound=nn.Module)

BATCHES: tuple[tuple[int, ...], ...] = ((), (5,), (2, 5), (2, 1, 3))
BATCHES_AND_NONE = (*BATCHES, (0,))  # torch's own Independent and Categorical cannot score an empty batch


def expect(condition: object, message: str) -> None:
    """Raise if a contract is broken."""
    if not condition:
        raise AssertionError(message)


def close(actual: Tensor, expected: Tensor, what: str, *, tolerance: float = 1e-6) -> None:
    """Compare tensors of one shape."""
    torch.testing.assert_close(
        actual, expected, rtol=tolerance, atol=tolerance, msg=lambda text: f"{what}: {text}", check_dtype=False
    )


def perturb(module: SomeModule, scale: float = 0.1) -> SomeModule:
    """Move every parameter away from its start, so that nothing holds by initialisation alone."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=scale)
    return module


def dtype_of(module: nn.Module) -> torch.dtype:
    """Return the type of a module's parameters."""
    return next((p.dtype for p in module.parameters()), torch.get_default_dtype())


def check_gradients(module: nn.Module, output: Tensor) -> None:
    """Every parameter gets a gradient, and a finite one."""
    names, parameters = (
        zip(*module.named_parameters(), strict=True) if any(True for _ in module.parameters()) else ((), ())
    )
    if not parameters:
        return
    gradients = torch.autograd.grad(output.sum(), parameters, allow_unused=True)
    for name, gradient in zip(names, gradients, strict=True):
        expect(gradient is not None, f"parameter {name} gets no gradient")
        expect(torch.isfinite(gradient).all(), f"parameter {name} gets a gradient that is not finite")  # type: ignore[arg-type]


def check_head(head: Head) -> None:
    """Shapes for every batch, draws from noise equal for equal noise and distributed as the distribution says."""
    for batch in BATCHES:
        params = torch.randn(*batch, head.num_params)
        distribution = head(params)
        expect(distribution.batch_shape == batch, f"batch_shape {distribution.batch_shape} of params of batch {batch}")
        expect(distribution.event_shape == head.event_shape, f"event_shape {distribution.event_shape}")
        noise = head.noise(batch, dtype=params.dtype)
        draw = head.from_noise(params, noise)
        expect(torch.equal(draw, head.from_noise(params, noise)), "equal noise gives unequal draws")
        expect(draw.shape == batch + head.event_shape, f"draw of shape {draw.shape}")
        expect(distribution.log_prob(draw).shape == batch, "log_prob of another shape than the batch")
    params = torch.randn(head.num_params).expand(20000, -1)
    ours = head.from_noise(params, head.noise((20000,), dtype=params.dtype)).double()
    theirs = head(params).sample().double()
    error = (ours.var(0) + theirs.var(0)).div(20000).sqrt() + 1e-12
    # Six standard errors: a true head fails once in about 10^9 variables.
    expect(((ours.mean(0) - theirs.mean(0)).abs() <= 6 * error).all(), "from_noise and sample differ in the mean")
    for wrong in (head.num_params + 1, max(head.num_params - 1, 0)):
        expect_error(partial(head, torch.zeros(2, wrong)), "Expected params of shape")


def check_univariate(univariate: Univariate) -> None:
    """Identity at zero parameters; round trip; both log-derivatives against autograd; finite at any parameter."""
    for batch in BATCHES_AND_NONE:
        shape = (*batch, 3)
        x, params = 3 * torch.randn(shape), torch.randn(*shape, univariate.num_params)
        y, ladj = univariate.forward_and_ladj(x, params)
        back, inverse_ladj = univariate.inverse_and_ladj(y, params)
        expect(y.shape == ladj.shape == shape, f"shapes {y.shape}, {ladj.shape} of {shape}")
        close(back, x, "round trip")
        close(inverse_ladj, -ladj, "log-derivatives of the two directions")
        close(univariate.forward(x, params), y, "forward alone")
        close(univariate.forward_and_ladj(x, torch.zeros_like(params))[0], x, "zero parameters are no identity")
    x, params = 3 * torch.randn(50), torch.randn(50, univariate.num_params)
    for function in (univariate.forward_and_ladj, univariate.inverse_and_ladj):
        leaf = x.clone().requires_grad_()
        value, ladj = function(leaf, params)
        close(ladj, torch.autograd.grad(value.sum(), leaf)[0].abs().log(), "log-derivative against autograd")
        for dtype in (torch.float32, torch.float64):
            wild = (20 * torch.randn(200, univariate.num_params, dtype=dtype)).requires_grad_()
            leaf = torch.cat([10 * torch.randn(190), torch.logspace(0, 6, 10)]).to(dtype).requires_grad_()
            value, ladj = function(leaf, wild)
            expect(value.dtype == ladj.dtype == dtype, f"dtype {value.dtype} of {dtype}")
            outputs = (value, ladj, *torch.autograd.grad(value.sum() + ladj.sum(), (leaf, wild)))
            expect(all(torch.isfinite(t).all() for t in outputs), f"not finite at wild parameters, {dtype}")


def check_bijection(make: Callable[[], Bijection], input_dim: int) -> None:
    """The contract of a bijection.

    Round trip, both log-determinants against autograd's full Jacobian, gradients of both directions, float32 and
    float64, wild parameters, copies, the memory of pairs, and Pyro's own containers.
    """
    bijection = perturb(make())
    context = torch.randn(5, bijection.context_dim) if bijection.context_dim else None
    for batch in BATCHES_AND_NONE:
        x = torch.randn(*batch, input_dim)
        c = torch.randn(*batch, bijection.context_dim) if bijection.context_dim else None
        y, ladj = bijection.forward_and_ladj(x, c)
        expect(y.shape == x.shape and ladj.shape == batch, f"shapes {y.shape}, {ladj.shape} of {x.shape}")
        back, inverse_ladj = bijection.inverse_and_ladj(y, c)
        close(back, x, "round trip")
        close(inverse_ladj, -ladj, "log-determinants of the two directions")
        with torch.no_grad():
            close(bijection.forward_and_ladj(x, c)[0], y, "with and without gradients")
    x = torch.randn(5, input_dim)
    for function in (bijection.forward_and_ladj, bijection.inverse_and_ladj):
        value, ladj = function(x, context)
        jacobian = torch.autograd.functional.jacobian(lambda v, f=function: f(v, context)[0].sum(0), x)  # (D, 5, D)
        close(ladj, torch.linalg.slogdet(jacobian.transpose(0, 1))[1], "log-determinant against autograd")
        check_gradients(bijection, value.square().sum() + ladj.sum())
    if context is not None:
        many = torch.randn(3, 5, input_dim)
        for function in (bijection.forward_and_ladj, bijection.inverse_and_ladj):
            one = torch.stack([function(row, context)[0] for row in many])
            close(function(many, context)[0], one, "context broadcast against samples")
    for dtype in (torch.float32, torch.float64):
        typed = make().to(dtype)
        wild = perturb(typed, 20.0 / max(1, typed_fan(typed)) ** 0.5)
        c = None if context is None else context.to(dtype)
        for function in (wild.forward_and_ladj, wild.inverse_and_ladj):  # type: ignore[union-attr]
            value, ladj = function(torch.randn(5, input_dim, dtype=dtype), c)
            expect(value.dtype == ladj.dtype == dtype, f"dtype {value.dtype} of {dtype}")
            expect(
                torch.isfinite(value).all() and torch.isfinite(ladj).all(), f"not finite at wild parameters, {dtype}"
            )
    check_memory(bijection, x, context)
    for twin in (copy.deepcopy(bijection), pickle.loads(pickle.dumps(bijection))):
        close(twin.forward_and_ladj(x, context)[0], bijection.forward_and_ladj(x, context)[0], "copy")
    check_in_pyro(bijection, input_dim, context)


def typed_fan(module: nn.Module) -> int:
    """Return the widest layer, by which a scale per parameter becomes one per output."""
    return max((p.shape[-1] for p in module.parameters() if p.dim() > 1), default=1)


def check_memory(bijection: Bijection, x: Tensor, context: Tensor | None) -> None:
    """A pair just computed costs nothing more; after a step of an optimiser it is computed anew."""
    bound = bijection.condition(context)
    y = bound(x)
    expect(bound.inv(y) is x, "the inverse of a value just computed is not remembered")
    parameters = list(bijection.parameters())
    if not parameters:
        return
    optimiser = torch.optim.Adam(parameters, lr=0.1)
    (y.sum() + bound.log_abs_det_jacobian(x, y).sum()).backward()
    optimiser.step()
    y = y.detach()
    bound(x)
    optimiser.step()
    expected, ladj = bijection.inverse_and_ladj(y, context)
    close(bound.inv(y), expected, "stale value after an optimiser step")
    close(bound.log_abs_det_jacobian(bound.inv(y), y), -ladj, "stale log-determinant after an optimiser step")
    bijection.zero_grad()


def check_in_pyro(bijection: Bijection, input_dim: int, context: Tensor | None) -> None:
    """Pyro's conditional and plain transformed distributions take it and agree with the change of variables."""
    base = StandardNormal(input_dim, batch_shape=(5,))
    if context is None:
        distribution = TransformedDistribution(base, [bijection])
    else:
        distribution = ConditionalTransformedDistribution(base, [bijection]).condition(context)
    x = distribution.rsample((4,))
    z, ladj = bijection.inverse_and_ladj(x, context)
    close(distribution.log_prob(x), base.log_prob(z) + ladj, "log_prob of Pyro's transformed distribution")
    inverse = bijection.inv.condition(context)
    close(inverse(x), z, "inv")


def check_causal_net(net: MaskedMLP) -> None:
    """Parameters at a position depend on earlier positions of ``net.order`` alone; stepping equals the full pass."""
    perturb(net, 0.5)
    dim = net.input_dim
    for batch in BATCHES_AND_NONE:
        x = torch.randn(*batch, dim)
        context = torch.randn(*batch, net.context_dim) if net.context_dim else None
        params = net(x, context)
        expect(params.shape == (*batch, dim, net.num_params), f"params of shape {params.shape}")
        stepper = net.stepper(batch, context)
        value = None
        for i in net.order.tolist():
            close(stepper(value), params[..., i, :].detach(), f"stepping at feature {i}")
            value = x[..., i]
    # Over many inputs, since one may find every unit that links two features switched off.
    x = torch.randn(50, dim)
    context = torch.randn(50, net.context_dim) if net.context_dim else None
    jacobian = torch.autograd.functional.jacobian(lambda v: net(v, context).sum((0, 2)), x)  # (D, 50, D)
    ordered = jacobian.abs().sum(1)[net.order][:, net.order]
    expect(torch.equal(ordered, ordered.tril(-1)), "the Jacobian is not strictly triangular in the order")
    expect((ordered + torch.ones(dim, dim).triu() > 0).all(), "a feature does not see an earlier one")
    if context is not None:
        wide = torch.autograd.functional.jacobian(lambda c: net(x, c).sum((0, 2)), context)
        expect((wide.abs().sum((1, 2)) > 0).all(), "a feature does not see the context")


def check_network(net: nn.Module, input_shape: Sequence[int], output_dim: int) -> None:
    """A network keeps batch dimensions, and its gradients reach every parameter."""
    perturb(net)
    for batch in BATCHES_AND_NONE:
        expect(net(torch.randn(*batch, *input_shape)).shape == (*batch, output_dim), f"output shape of batch {batch}")
    check_gradients(net, net(torch.randn(5, *input_shape)))


def check_conditional(make: Callable[[], Conditional], *, integrates: bool = False) -> None:
    """The contract of a module that makes distributions.

    Shapes for every batch, gradients to every parameter, plates, ``Predictive(parallel=True)``, ``expand``,
    ``state_dict``, dtype, wrong contexts, and with ``integrates`` the integral of a density in one or two
    dimensions, or the sum over all values of a discrete one.
    """
    conditional = perturb(make())
    shape = conditional.context_shape
    for batch in BATCHES if shape else BATCHES[:1]:
        distribution = conditional(torch.randn(*batch, *shape)) if shape else conditional()
        expect(distribution.batch_shape == batch, f"batch_shape {distribution.batch_shape} of contexts of {batch}")
        expect(distribution.event_shape == conditional.event_shape, f"event_shape {distribution.event_shape}")
        x = distribution.sample((4,))
        expect(x.shape == (4, *batch, *conditional.event_shape), f"draws of shape {x.shape}")
        expect(distribution.log_prob(x).shape == (4, *batch), f"log_prob of shape {distribution.log_prob(x).shape}")
        wider = distribution.expand((6, *batch))
        expect(
            wider.batch_shape == (6, *batch) and wider.sample().shape == (6, *batch, *conditional.event_shape), "expand"
        )
        close(wider.log_prob(x[:1]), distribution.log_prob(x[:1]).expand(6, *batch), "log_prob of an expansion")
    context = torch.randn(5, *shape) if shape else None
    distribution = conditional(context)
    x = distribution.sample(() if shape else (5,))
    check_gradients(conditional, distribution.log_prob(x).sum())
    if distribution.has_rsample:
        distribution = conditional(context)
        check_gradients(conditional, distribution.rsample((3,)).sum() + distribution.log_prob(x).sum())
    distribution = conditional(context)

    twin = make()
    twin.load_state_dict(conditional.state_dict())
    for other in (twin, copy.deepcopy(conditional), pickle.loads(pickle.dumps(conditional))):
        close(other(context).log_prob(x), distribution.log_prob(x), "log_prob of a copy")
    if x.is_floating_point():
        single = copy.deepcopy(conditional).float()(None if context is None else context.float())
        expect(single.sample().dtype == torch.float32, "draws do not follow the dtype of the parameters")

    def program() -> Tensor:
        with pyro.plate("data", 5, dim=-1):
            return pyro.sample("x", conditional(context))

    pyro.set_rng_seed(0)
    draws = Predictive(program, num_samples=7, parallel=True)()["x"]
    expect(draws.shape == (7, 5, *conditional.event_shape), f"Predictive(parallel=True) draws {draws.shape}")

    if shape:
        expect_error(lambda: conditional(torch.randn(5, *shape[:-1], shape[-1] + 1)), "Expected context of shape")
        expect_error(lambda: conditional(), "Expected context of shape")
    else:
        expect_error(lambda: conditional(torch.randn(5, 3)), "Expected no context")
    if integrates:
        check_integral(conditional, context)


def check_integral(conditional: Conditional, context: Tensor | None) -> None:
    """A density in one or two dimensions integrates to one; a discrete distribution sums to one."""
    distribution = conditional(None if context is None else context[0])
    if distribution.support.is_discrete:
        num = int(distribution.enumerate_support(expand=False).shape[0]) if not conditional.event_shape else 2
        dims = conditional.event_shape.numel()
        values = torch.cartesian_prod(*[torch.arange(num).double()] * dims).reshape(-1, *conditional.event_shape)
        close(distribution.log_prob(values).logsumexp(0).exp(), torch.ones(()), "sum over all values")
        return
    dim = conditional.event_shape.numel()
    width = 12.0
    points = torch.linspace(-width, width, 20001 if dim == 1 else 501)
    grid = torch.cartesian_prod(*[points] * dim).reshape(-1, *conditional.event_shape)
    step = float(points[1] - points[0])
    with torch.no_grad():
        total = distribution.log_prob(grid).logsumexp(0).exp() * step**dim
    close(total, torch.ones(()), "integral", tolerance=2e-3)


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
        expect(set(changed) >= {name for name, _ in model.named_parameters()}, f"SVI of model {number} left parameters")
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

    values, gradients = [], []
    for objective in (Trace_ELBO(), ReparameterizedELBO()):
        pyro.set_rng_seed(0)
        value = objective(model.model, model.guide)(*args)
        values.append(value.detach())
        gradients.append(torch.autograd.grad(value, list(model.parameters()), allow_unused=True))
    close(values[0], values[1], "ReparameterizedELBO against Trace_ELBO")
    for ours, pyros in zip(*gradients, strict=True):
        expect((ours is None) == (pyros is None), "gradients of the two objectives reach other parameters")
        if ours is not None and pyros is not None:
            close(ours, pyros, "gradients of ReparameterizedELBO against Trace_ELBO")
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


def expect_error(call: Callable[[], object], text: str) -> None:
    """The call raises a ValueError that contains the text."""
    try:
        call()
    except ValueError as error:
        expect(text in str(error), f"error without {text!r}: {error}")
    else:
        raise AssertionError(f"no ValueError {text!r}")
