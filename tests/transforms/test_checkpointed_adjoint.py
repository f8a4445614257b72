"""The checkpointed adjoint: gradients of the very steps that were taken, in the memory of few states."""

import math
import weakref

import pytest
import torch

from pyrodgm import transforms
from pyrodgm.transforms.continuous.checkpoints import MAX_STATES, Checkpoints
from pyrodgm.transforms.continuous.directions import basis
from pyrodgm.transforms.continuous.dynamics import Dynamics, Evaluations
from pyrodgm.transforms.continuous.runge_kutta import solve, take_step
from pyrodgm.transforms.continuous.settings import SolverSettings
from pyrodgm.transforms.continuous.tableau import TABLEAUS
from tests.transforms.fields import Linear, smooth_field


def loss_of(y, ladj):
    return (y.square().sum(-1) * ladj.cos()).sum() + ladj.square().sum()


def through_the_graph(continuous, x, context, start, end):
    """Return state and log-determinant by the accepted steps of a solve, each taken again in one long graph."""
    dynamics = Dynamics(continuous.field, context, basis(x, 1), Evaluations())
    accepted = Checkpoints()
    with torch.no_grad():
        solve(dynamics, x, start, end, continuous.settings, accepted)
    z, ladj = x, torch.zeros(x.shape[:-1])
    for t, h in accepted.steps:
        step = take_step(dynamics, TABLEAUS[continuous.settings.solver], t, h, z)
        z, ladj = step.state, ladj + step.increments[0]
    return z, ladj


@pytest.mark.parametrize("settings", [{"rtol": 1e-3, "atol": 1e-3}, {}, {"rtol": 1e-9, "atol": 1e-9}], ids=str)
@pytest.mark.parametrize("forward", [True, False])
def test_gradients_are_those_of_the_accepted_steps(settings, forward):
    """At any tolerance, loose ones too: the steps are the same, so that nothing but rounding can differ."""
    field = smooth_field(3, 2)
    continuous = transforms.Continuous(field, 3, context_dim=2, adjoint="checkpoint", **settings)
    x, context = torch.randn(5, 3, requires_grad=True), torch.randn(5, 2, requires_grad=True)
    leaves = (x, context, *field.parameters())
    times = (0.0, 1.0) if forward else (1.0, 0.0)
    judge = through_the_graph(continuous, x, context, *times)
    ours = continuous.forward_and_ladj(x, context) if forward else continuous.inverse_and_ladj(x, context)
    for one, two in zip(ours, judge, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-12, atol=1e-12)
    gradients = [torch.autograd.grad(loss_of(*values), leaves) for values in (ours, judge)]
    for one, two in zip(*gradients, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("solver", [name for name in TABLEAUS if name != "dopri5"])
@pytest.mark.parametrize("num_steps", [1, 5, 50])
def test_fixed_steps_are_torchdiffeqs(solver, num_steps):
    """The same steps in both, so that going back through torchdiffeq's operations gives the same gradients."""
    field, x = smooth_field(2), torch.randn(4, 2)
    results = []
    for adjoint in ("checkpoint", None):
        settings = {"solver": solver, "step_size": 1 / num_steps, "adjoint": adjoint}
        continuous = transforms.Continuous(field, 2, **settings)
        leaf = x.clone().requires_grad_()
        y, ladj = continuous.inverse_and_ladj(leaf)
        results.append((y, ladj, *torch.autograd.grad(loss_of(y, ladj), (leaf, *field.parameters()))))
        results[-1] += (torch.tensor(continuous.num_evaluations),)
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("tolerance", [1e-4, 1e-6, 1e-8])
def test_the_controller_is_torchdiffeqs(tolerance):
    field, x = smooth_field(2), torch.randn(20, 2)
    counts, ends = [], []
    for adjoint in ("checkpoint", "torchdiffeq"):
        continuous = transforms.Continuous(field, 2, adjoint=adjoint, rtol=tolerance, atol=tolerance)
        with torch.no_grad():
            ends.append(continuous.forward_and_ladj(x))
        counts.append(continuous.num_evaluations)
    assert abs(counts[0] - counts[1]) <= 12  # the last step is cut here and interpolated there
    for ours, theirs in zip(*ends, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=100 * tolerance, atol=100 * tolerance)


@pytest.mark.parametrize("output", [0, 1])
def test_one_output_alone(output):
    field, x = smooth_field(2), torch.randn(4, 2, requires_grad=True)
    gradients = []
    for adjoint in ("checkpoint", None):
        continuous = transforms.Continuous(field, 2, solver="rk4", adjoint=adjoint)
        gradients.append(torch.autograd.grad(continuous.forward_and_ladj(x)[output].square().sum(), x)[0])
    torch.testing.assert_close(*gradients)


def test_a_trace_that_nothing_changes():
    matrix = torch.randn(3, 3)
    continuous = transforms.Continuous(Linear(matrix, trainable=False), 3, adjoint="checkpoint", rtol=1e-8, atol=1e-8)
    x = torch.randn(4, 3, requires_grad=True)
    y, ladj = continuous.forward_and_ladj(x)
    (gradient,) = torch.autograd.grad(y.sum() + ladj.sum(), x)
    torch.testing.assert_close(gradient, torch.matrix_exp(matrix).sum(0).expand(4, 3), rtol=1e-5, atol=1e-5)


def test_a_parameter_without_effect_gets_no_gradient():
    field = smooth_field(2)
    field.register_parameter("idle", torch.nn.Parameter(torch.ones(3)))
    continuous = transforms.Continuous(field, 2, adjoint="checkpoint")
    y, ladj = continuous.forward_and_ladj(torch.randn(4, 2))
    (y.sum() + ladj.sum()).backward()
    assert field.idle.grad is None
    assert all(parameter.grad is not None for name, parameter in field.named_parameters() if name != "idle")


def test_backward_twice_is_the_same():
    continuous = transforms.Continuous(smooth_field(2), 2, adjoint="checkpoint")
    x = torch.randn(4, 2, requires_grad=True)
    loss = loss_of(*continuous.inverse_and_ladj(x))
    (first,) = torch.autograd.grad(loss, x, retain_graph=True)
    (second,) = torch.autograd.grad(loss, x)
    assert torch.equal(first, second)


def test_parameters_that_were_changed_in_between_are_refused():
    continuous = transforms.Continuous(smooth_field(2), 2, adjoint="checkpoint")
    loss = loss_of(*continuous.inverse_and_ladj(torch.randn(4, 2)))
    with torch.no_grad():
        next(continuous.parameters()).add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_types_are_kept(dtype):
    continuous = transforms.Continuous(smooth_field(2, 1), 2, context_dim=1, adjoint="checkpoint").to(dtype)
    x, context = torch.randn(4, 2, dtype=dtype, requires_grad=True), torch.randn(4, 1, dtype=dtype, requires_grad=True)
    y, ladj = continuous.forward_and_ladj(x, context)
    gradients = torch.autograd.grad(loss_of(y, ladj), (x, context, *continuous.parameters()))
    assert {value.dtype for value in (y, ladj, *gradients)} == {dtype}


@pytest.mark.parametrize("num_steps", [1, 2, 8, 9, 16, 17, 33, 100, 1000])
def test_few_states_are_kept_and_all_steps_come_back(num_steps):
    checkpoints, z = Checkpoints(), torch.zeros(())
    for index in range(num_steps):
        checkpoints.add(float(index), 1.0, z)
        z = z + 1
        assert len(checkpoints.states) <= MAX_STATES
    made: list[weakref.ref[torch.Tensor]] = []

    def advance(t, h, state):
        assert float(state) == t
        after = state + h
        made.append(weakref.ref(after))
        return after

    times, most = [], 0
    for t, _, state in checkpoints.backwards(advance):
        times.append(t)
        assert float(state) == t
        most = max(most, sum(reference() is not None for reference in made))
    assert times == [float(index) for index in reversed(range(num_steps))]
    halvings = math.log2(checkpoints.stride)
    assert most <= halvings
    assert len(made) <= num_steps * halvings / 2
    if num_steps == 33:
        assert (len(checkpoints.states), checkpoints.stride, most) == (5, 8, 3)


@pytest.mark.parametrize("name", TABLEAUS)
def test_a_tableau_is_consistent(name):
    tableau = TABLEAUS[name]
    weights, nodes = torch.tensor(tableau.weights), torch.tensor(tableau.nodes)
    sums = torch.tensor([float(sum(row)) for row in tableau.stages])
    torch.testing.assert_close(sums, nodes, rtol=0, atol=1e-13)
    assert abs(weights.sum() - 1) < 1e-13
    if tableau.order > 1:
        assert abs((weights * nodes).sum() - 0.5) < 1e-13
    if tableau.is_adaptive:
        assert abs(sum(tableau.errors)) < 1e-13
        assert len(tableau.errors) == len(tableau.weights) + 1


@pytest.mark.parametrize("name", TABLEAUS)
def test_the_error_falls_with_the_order(name):
    """Half the step divides the error by two to the power of the order."""
    tableau = TABLEAUS[name]
    dynamics = Dynamics(Linear(torch.tensor([[1.0]])), None, basis(torch.ones(1), 1), Evaluations())
    errors = []
    for num_steps in (8, 16):
        z = torch.ones(1)
        for index in range(num_steps):
            z = take_step(dynamics, tableau, index / num_steps, 1 / num_steps, z).state
        errors.append((z.detach() - torch.e).abs().item())
    assert abs(errors[0] / errors[1] / 2**tableau.order - 1) < 0.3


def test_settings_are_taken_over():
    settings = SolverSettings(solver="rk4", step_size=0.3)
    assert [settings.num_steps(length) for length in (0.1, 0.3, 0.9, 1.0)] == [1, 1, 3, 4]
    assert SolverSettings(solver="rk4").num_steps(0.01) == 20
