"""A compiled flow gives the numbers of the flow, in one graph, and follows its parameters."""

import shutil
from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from pyrodgm import Flow, flows

DIM, CONTEXT_DIM = 5, 3
ONE_PASS = [flows.realnvp, flows.maf, flows.spline_coupling]


@pytest.fixture(autouse=True)
def forget_compilations() -> Iterator[None]:
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


def lively(build: Callable[..., Flow], context_dim: int = CONTEXT_DIM) -> Flow:
    """Build a flow whose last layers are not near zero."""
    flow = build(DIM, context_dim, num_layers=2, hidden_dims=(16,))
    with torch.no_grad():
        for parameter in flow.parameters():
            parameter.normal_(std=0.3)
    return flow


def density_and_gradients(log_prob: Callable[[Tensor], Tensor], flow: Flow, x: Tensor) -> list[Tensor]:
    leaf = x.clone().requires_grad_()
    log_p = log_prob(leaf)
    return [log_p.detach(), *torch.autograd.grad(log_p.sum(), (leaf, *flow.parameters()))]


def assert_follows(flow: Flow, context: Tensor | None, backend: str, tolerance: float, *, fullgraph: bool) -> None:
    """Compare values and gradients before and after a step of an optimiser, on a compiled function made once."""

    def log_prob(x: Tensor) -> Tensor:
        return flow(context).log_prob(x)

    compiled = torch.compile(log_prob, backend=backend, fullgraph=fullgraph)
    x = torch.randn(7, DIM)
    optimizer = torch.optim.SGD(flow.parameters(), lr=1e-2)
    seen = []
    for _ in range(2):
        ours, expected = density_and_gradients(compiled, flow, x), density_and_gradients(log_prob, flow, x)
        for one, other in zip(ours, expected, strict=True):
            torch.testing.assert_close(one, other, atol=tolerance, rtol=tolerance)
        seen.append(ours[0])
        for parameter, gradient in zip(flow.parameters(), ours[2:], strict=True):
            parameter.grad = -gradient
        optimizer.step()
    assert not torch.allclose(*seen)


@pytest.mark.parametrize("build", ONE_PASS, ids=lambda build: build.__name__)
def test_a_density_is_one_graph_with_equal_numbers(build: Callable[..., Flow]) -> None:
    assert_follows(lively(build), torch.randn(7, CONTEXT_DIM), "aot_eager", 1e-12, fullgraph=True)


@torch.no_grad()
def test_a_direction_that_needs_a_sweep_is_equal_too() -> None:
    # The sweep stops when nothing changes any more: what it does depends on values, and no single graph can say so.
    flow, x = flows.iaf(2, num_layers=1, hidden_dims=(8,)), torch.randn(7, 2)
    compiled = torch.compile(lambda value: flow().log_prob(value), backend="aot_eager")
    torch.testing.assert_close(compiled(x), flow().log_prob(x), atol=1e-12, rtol=1e-12)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # of torch about itself
def test_compiled_machine_code_is_equal() -> None:
    if not (shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")):
        pytest.skip("no C++ compiler, which torch.compile's default backend needs on a CPU")
    assert_follows(lively(flows.maf, 0), None, "inductor", 1e-10, fullgraph=True)


@pytest.mark.parametrize("build", [flows.realnvp, flows.iaf], ids=lambda build: build.__name__)
def test_compiled_draws_are_equal(build: Callable[..., Flow]) -> None:
    flow, u, context = lively(build), torch.randn(7, DIM), torch.randn(7, CONTEXT_DIM)
    compiled = torch.compile(flow.bijection.forward_and_ladj, backend="aot_eager", fullgraph=True)
    for ours, expected in zip(compiled(u, context), flow.bijection.forward_and_ladj(u, context), strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-12, rtol=1e-12)


def test_a_remembered_draw_is_not_compiled_in() -> None:
    flow = lively(flows.realnvp, 0)
    distribution = flow()
    compiled = torch.compile(distribution.log_prob, backend="aot_eager")
    for _ in range(2):
        x = distribution.sample((4,))
        torch.testing.assert_close(compiled(x), flow().log_prob(x.clone()), atol=1e-12, rtol=1e-12)
        with torch.no_grad():
            for parameter in flow.parameters():
                parameter.add_(0.1)
        torch.testing.assert_close(compiled(x), flow().log_prob(x.clone()), atol=1e-12, rtol=1e-12)
