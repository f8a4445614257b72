"""The contract of a module that makes distributions."""

import copy
import pickle
from collections.abc import Callable

import pyro
import torch
from pyro.infer import Predictive
from torch import Tensor

from pyrodgm.conditional import Conditional
from pyrodgm.testing.expectations import BATCHES, check_gradients, close, expect, expect_error, in_float64, perturb


@in_float64
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
