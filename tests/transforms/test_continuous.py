"""Continuous maps against closed forms, their traces, counts, fallbacks and penalties."""

import copy
import dataclasses
import pickle

import pytest
import torch
from torch.func import functional_call
from torchdiffeq._impl.odeint import SOLVERS as THEIRS

from pyrodgm import nn, transforms
from pyrodgm.transforms.continuous import continuous as module
from pyrodgm.transforms.continuous.directions import basis, draw
from pyrodgm.transforms.continuous.settings import FIXED, SOLVERS
from tests.transforms.fields import Counted, Linear, Pole, smooth_field

ADJOINTS = ["torchdiffeq", "checkpoint", None]
DIRECTIONS = ["forward_and_ladj", "inverse_and_ladj"]
CLOSE = {"rtol": 1e-8, "atol": 1e-8}
TIGHT = {"rtol": 1e-10, "atol": 1e-10}


@pytest.mark.parametrize("adjoint", ADJOINTS)
@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-4), (torch.float64, 1e-6)])
def test_a_linear_field_is_the_matrix_exponential(adjoint, dtype, tolerance):
    matrix = torch.randn(3, 3, dtype=dtype)
    settings = {"rtol": 1e-6, "atol": 1e-6} if dtype == torch.float32 else CLOSE
    continuous = transforms.Continuous(Linear(matrix), 3, interval=(-0.5, 1.0), adjoint=adjoint, **settings)
    x = torch.randn(2, 5, 3, dtype=dtype)
    for direction, sign in zip(DIRECTIONS, (1.0, -1.0), strict=True):
        y, ladj = getattr(continuous, direction)(x)
        expected = x @ torch.matrix_exp(sign * 1.5 * matrix).T
        torch.testing.assert_close(y, expected, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(ladj, (sign * 1.5 * matrix.trace()).expand(2, 5), rtol=tolerance, atol=tolerance)
        assert y.dtype == ladj.dtype == dtype


def test_the_names_of_solvers_are_torchdiffeqs():
    assert set(SOLVERS) == set(THEIRS)
    assert len(set(SOLVERS)) == len(SOLVERS)


LOW_ORDER = {"euler": 2e-2, "fehlberg2": 1e-2}  # how close these come here


@pytest.mark.parametrize("solver", SOLVERS)
def test_every_solver_solves_and_has_gradients(solver):
    matrix = torch.tensor([[0.3, -0.5], [0.8, -0.2]])
    step = {"step_size": 0.01} if solver in FIXED else {}
    continuous = transforms.Continuous(Linear(matrix), 2, solver=solver, **step)
    x = torch.randn(4, 2, requires_grad=True)
    y, ladj = continuous.forward_and_ladj(x)
    tolerance = LOW_ORDER.get(solver, 1e-3)
    exponential = torch.matrix_exp(matrix)
    torch.testing.assert_close(y, x @ exponential.T, rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(ladj, matrix.trace().expand(4), rtol=tolerance, atol=tolerance)
    (gradient,) = torch.autograd.grad(y.sum(), x)
    torch.testing.assert_close(gradient, exponential.sum(0).expand(4, 2), rtol=tolerance, atol=tolerance)


def test_the_three_ways_to_gradients_agree():
    """The judge goes back through torchdiffeq's own operations.

    It also differentiates the length of its first step, and ends by an interpolation: at a tolerance of 1e-10 they
    still make 5e-8, at 1e-12 less than is asked here. test_checkpointed_adjoint.py compares equal steps.
    """
    field = smooth_field(3, 2, (8,))
    x, context = torch.randn(4, 5, 3), torch.randn(5, 2)
    gradients = {}
    for adjoint in ADJOINTS:
        continuous = transforms.Continuous(field, 3, context_dim=2, adjoint=adjoint, rtol=1e-12, atol=1e-12)
        leaves = (x.clone().requires_grad_(), context.clone().requires_grad_(), *field.parameters())
        y, ladj = continuous.inverse_and_ladj(leaves[0], leaves[1].sin())
        loss = (y.square().sum(-1) * ladj.cos()).sum() + ladj.square().sum()
        gradients[adjoint] = torch.autograd.grad(loss, leaves)
    for way, tolerance in (("checkpoint", 1e-8), ("torchdiffeq", 1e-6)):
        for ours, judge in zip(gradients[way], gradients[None], strict=True):
            torch.testing.assert_close(ours, judge, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("adjoint", ["checkpoint", None])
def test_gradients_of_fixed_steps_are_exact(adjoint):
    continuous = transforms.Continuous(
        smooth_field(2, 2, (4,)), 2, context_dim=2, solver="rk4", step_size=0.25, adjoint=adjoint
    )
    x, context = torch.randn(3, 2, requires_grad=True), torch.randn(3, 2, requires_grad=True)
    torch.autograd.gradcheck(continuous.forward_and_ladj, (x, context))


def test_a_graph_has_a_graph():
    continuous = transforms.Continuous(smooth_field(2, 0, (4,)), 2, solver="rk4", step_size=0.5, adjoint=None)
    torch.autograd.gradgradcheck(continuous.forward_and_ladj, torch.randn(2, 2, requires_grad=True))


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_gradients_are_of_the_parameters_that_the_call_had(adjoint):
    """The field is evaluated again to go backward, when ``functional_call`` has put the old parameters back."""
    continuous = transforms.Continuous(smooth_field(2, 0, (4,)), 2, solver="rk4", step_size=0.02, adjoint=adjoint)

    class Caller(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.bijection = continuous

        def forward(self, x):
            return self.bijection.forward_and_ladj(x)

    caller, x = Caller(), torch.randn(3, 2)
    other = {name: (2 * parameter).detach().requires_grad_() for name, parameter in caller.named_parameters()}
    y, ladj = functional_call(caller, other, (x,))
    ours = torch.autograd.grad((y + ladj[:, None]).square().sum(), list(other.values()))
    with torch.no_grad():
        for parameter in continuous.parameters():
            parameter.mul_(2)
    continuous.settings = dataclasses.replace(continuous.settings, adjoint=None)
    y, ladj = continuous.forward_and_ladj(x)
    expected = torch.autograd.grad((y + ladj[:, None]).square().sum(), list(continuous.parameters()))
    tolerance = 1e-3 if adjoint == "torchdiffeq" else 1e-10
    for one, two in zip(ours, expected, strict=True):
        torch.testing.assert_close(one, two, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_evaluation_has_a_solver_of_its_own(adjoint):
    settings = {"solver": "euler", "step_size": 0.5, "adjoint": adjoint, "rtol": 1e-7, "atol": 1e-7}
    continuous = transforms.Continuous(smooth_field(2), 2, eval_solver="dopri5", **settings)
    judge = transforms.Continuous(continuous.field, 2, rtol=1e-9, atol=1e-9)
    coarse = transforms.Continuous(continuous.field, 2, **settings)
    x = torch.randn(5, 2)
    exact, in_training = judge.inverse_and_ladj(x), continuous.inverse_and_ladj(x)
    assert continuous.num_evaluations == 2
    continuous.eval(), coarse.eval()
    in_evaluation = continuous.inverse_and_ladj(x)
    assert continuous.num_evaluations > 10
    for found, by_steps, expected, same in zip(
        in_evaluation, in_training, exact, coarse.inverse_and_ladj(x), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        assert (by_steps - expected).abs().max() > 1e-3
        torch.testing.assert_close(same, by_steps)


@pytest.mark.parametrize("probe", ["rademacher", "gaussian"])
@torch.no_grad()
def test_the_estimates_are_unbiased_and_vary_less_with_more_probes(probe):
    field, t = smooth_field(6), torch.tensor(0.3)
    point = torch.randn(6)
    z = point.expand(10_000, 6)

    def estimates(num_probes):
        directions = draw(z, 1, num_probes, probe)
        products = field.forward_and_jvp(t, z, directions.tangents)[1]
        return directions.trace(products), directions.square_norm(products)

    exact = basis(point, 1)
    products = field.forward_and_jvp(t, point, exact.tangents)[1]
    one, many = estimates(1), estimates(16)
    for truth, few, more in zip((exact.trace(products), exact.square_norm(products)), one, many, strict=True):
        for values in (few, more):
            # Five standard errors: fails once in a million.
            assert (values.mean() - truth).abs() < 5 * values.std() / 100
        assert 12 < few.var() / more.var() < 21  # 16, and a ratio of variances of 10,000 draws each is within a tenth


def test_signs_vary_less_than_normals():
    z = torch.zeros(10_000, 4)
    matrix = torch.randn(4, 4)
    variances = {}
    for probe in ("rademacher", "gaussian"):
        directions = draw(z, 1, 1, probe)
        variances[probe] = directions.trace(directions.tangents @ matrix.T).var()
    assert variances["rademacher"] < variances["gaussian"]


def test_probes_are_drawn_once_a_solve(monkeypatch):
    calls = []
    monkeypatch.setattr(module, "draw", lambda *args: calls.append(1) or draw(*args))
    continuous = transforms.Continuous(smooth_field(3), 3, trace="hutchinson", num_probes=2)
    continuous.forward_and_ladj(torch.randn(5, 3))
    assert continuous.num_evaluations > 10
    assert len(calls) == 1
    continuous.trajectory(torch.randn(5, 3), [0.0, 0.5, 1.0])
    assert len(calls) == 2


@pytest.mark.parametrize("adjoint", ["torchdiffeq", "checkpoint"])
def test_evaluations_do_not_depend_on_the_noise(adjoint):
    """Probes drawn anew within a solve would make its right side jump, and the evaluations explode."""
    field, x = smooth_field(3), torch.randn(20, 3)
    exact = transforms.Continuous(field, 3, trace="exact", adjoint=adjoint)
    noisy = transforms.Continuous(field, 3, trace="hutchinson", adjoint=adjoint)
    with torch.no_grad():
        exact.inverse_and_ladj(x)
        counts = []
        for _ in range(10):
            noisy.inverse_and_ladj(x)
            counts.append(noisy.num_evaluations)
    assert max(counts) <= 2 * exact.num_evaluations
    assert max(counts) - min(counts) <= 18  # three steps


def test_auto_is_exact_up_to_eight_dimensions():
    for dim, is_basis in ((8, True), (9, False)):
        continuous = transforms.Continuous(smooth_field(dim), dim)
        assert continuous._directions(torch.zeros(2, dim)).is_basis == is_basis
    small = transforms.Continuous(nn.ConcatSquashConv((2, 2, 2)), (2, 2, 2))
    assert small._directions(torch.zeros(5, 2, 2, 2)).tangents.shape == (8, 1, 2, 2, 2)


@pytest.mark.parametrize("adjoint", ADJOINTS)
@pytest.mark.parametrize("solver", ["dopri5", "rk4"])
def test_evaluations_are_counted(adjoint, solver):
    field = Counted(smooth_field(2))
    continuous = transforms.Continuous(field, 2, solver=solver, adjoint=adjoint)
    x = torch.randn(5, 2)
    assert continuous.num_evaluations == continuous.num_backward_evaluations == 0
    with torch.no_grad():
        continuous.forward_and_ladj(x)
    assert continuous.num_evaluations == field.num_calls > 0
    field.num_calls = 0
    y, ladj = continuous.forward_and_ladj(x)
    forward = continuous.num_evaluations
    assert forward == field.num_calls
    assert continuous.num_backward_evaluations == 0
    (y.sum() + ladj.sum()).backward()
    assert continuous.num_evaluations == forward
    assert continuous.num_backward_evaluations == field.num_calls - forward
    assert (continuous.num_backward_evaluations == 0) == (adjoint is None)
    if solver == "rk4":
        assert forward == 4 * 20
    if solver == "dopri5":
        assert forward % 6 == 2  # two to choose the first step, six a step
    twin = copy.deepcopy(continuous)
    assert twin.num_evaluations == forward


@pytest.mark.parametrize("adjoint", ["torchdiffeq", "checkpoint"])
def test_an_underflow_falls_back_to_fixed_steps_and_says_so(adjoint):
    continuous = transforms.Continuous(Pole(), 2, adjoint=adjoint)
    x = torch.randn(4, 2, requires_grad=True)
    with pytest.warns(UserWarning, match=r"underflow in dt of dopri5: .* rk4 in 100 equal steps .* Try a smoother"):
        y, ladj = continuous.forward_and_ladj(x)
    assert continuous.num_evaluations > 400
    fixed = transforms.Continuous(Pole(), 2, solver="rk4", step_size=0.01, adjoint=adjoint)
    torch.testing.assert_close(y, fixed.forward_and_ladj(x)[0])
    torch.testing.assert_close(torch.autograd.grad(y.sum(), x)[0], torch.ones(4, 2))
    assert ladj.abs().max() == 0


def test_a_trajectory_passes_through_the_ends():
    continuous = transforms.Continuous(smooth_field(2, 1), 2, context_dim=1, adjoint="checkpoint", **CLOSE)
    z, context = torch.randn(5, 2), torch.randn(5, 1)
    states, ladjs = continuous.trajectory(z, [0.0, 0.25, 0.25, 1.0], context)
    assert states.shape == (4, 5, 2)
    assert ladjs.shape == (4, 5)
    y, ladj = continuous.forward_and_ladj(z, context)
    assert torch.equal(states[0], z)
    assert torch.equal(states[1], states[2])
    torch.testing.assert_close(states[-1], y, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ladjs[-1], ladj, rtol=1e-6, atol=1e-6)
    back, lost = continuous.trajectory(states[1], [0.25, 0.0], context)
    torch.testing.assert_close(back[-1], z, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(lost[-1], -ladjs[1], rtol=1e-6, atol=1e-6)
    assert ladjs.requires_grad


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_the_penalty_is_the_integral_of_energy_and_jacobian(direction, adjoint):
    matrix = torch.tensor([[0.3, -0.5], [0.8, -0.2]])
    continuous = transforms.Continuous(
        Linear(matrix), 2, adjoint=adjoint, kinetic_weight=0.7, jacobian_weight=0.2, **CLOSE
    )
    x = torch.randn(5, 2)
    getattr(continuous, direction)(x)
    ours = continuous.penalty
    leaf = matrix.clone().requires_grad_()
    times = (torch.arange(1000) + 0.5) / 1000 * (1 if direction == "forward_and_ladj" else -1)
    ways = x @ torch.matrix_exp(times[:, None, None] * leaf).mT  # (num_times, 5, 2)
    energy = (ways @ leaf.T).square().sum(-1).mean()
    expected = 0.7 * energy + 0.2 * leaf.square().sum()
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
    gradients = torch.autograd.grad(ours, continuous.field.matrix)[0], torch.autograd.grad(expected, leaf)[0]
    torch.testing.assert_close(*gradients, rtol=1e-5, atol=1e-5)


def test_the_penalty_is_of_training_alone():
    continuous = transforms.Continuous(smooth_field(2), 2, solver="rk4", step_size=0.5, kinetic_weight=1.0)
    x = torch.randn(5, 2)
    with torch.no_grad():
        continuous.forward_and_ladj(x)
    assert continuous.penalty is None
    continuous.eval().forward_and_ladj(x)
    assert continuous.penalty is None
    plain = continuous.inverse_and_ladj(x)
    penalised = continuous.train().inverse_and_ladj(x)
    for one, two in zip(plain, penalised, strict=True):
        torch.testing.assert_close(one, two)
    assert continuous.penalty > 0
    kept = continuous.penalty
    with torch.no_grad():
        continuous.inverse_and_ladj(x)
    assert continuous.penalty is kept
    for twin in (copy.deepcopy(continuous), pickle.loads(pickle.dumps(continuous))):
        assert twin.penalty is None
        torch.testing.assert_close(twin.forward_and_ladj(x), continuous.forward_and_ladj(x))
    assert "penalty" not in continuous.state_dict()
    transforms.Continuous(smooth_field(2), 2).forward_and_ladj(x)  # no weight, no penalty
    assert transforms.Continuous(smooth_field(2), 2).penalty is None


@pytest.mark.parametrize("trace", ["exact", "hutchinson"])
@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_any_module_is_a_field(trace, adjoint):
    """Products with its Jacobian come by torch's forward mode, and equal those that are written out."""
    field = smooth_field(3, 2)
    settings = {"context_dim": 2, "trace": trace, "num_probes": 2, "solver": "rk4", "step_size": 0.2}
    results = []
    for one in (field, Counted(field)):
        continuous = transforms.Continuous(one, 3, adjoint=adjoint, **settings)
        torch.manual_seed(1)
        x, context = torch.randn(2, 5, 3), torch.randn(5, 2, requires_grad=True)
        torch.manual_seed(2)
        y, ladj = continuous.inverse_and_ladj(x, context)
        loss = (y.square().sum(-1) + ladj.square()).sum()
        results.append((y, ladj, *torch.autograd.grad(loss, (context, *field.parameters()))))
    for ours, plain in zip(*results, strict=True):
        torch.testing.assert_close(ours, plain)


@pytest.mark.parametrize("adjoint", ADJOINTS)
def test_without_gradients_and_in_inference_mode(adjoint):
    for field in (smooth_field(2), Counted(smooth_field(2))):
        continuous = transforms.Continuous(field, 2, adjoint=adjoint)
        x = torch.randn(5, 2)
        expected = continuous.forward_and_ladj(x)
        assert all(value.requires_grad for value in expected)
        for mode in (torch.no_grad, torch.inference_mode):
            with mode():
                values = continuous.forward_and_ladj(x.clone())
            assert not any(value.requires_grad for value in values)
            for value, one in zip(values, expected, strict=True):
                torch.testing.assert_close(value.clone(), one.detach())


@pytest.mark.parametrize("context_dim", [0, 2])
def test_images(context_dim):
    field = nn.ConcatSquashConv((1, 2, 3), hidden_channels=(4,), context_dim=context_dim)
    continuous = transforms.Continuous(
        field, (1, 2, 3), context_dim=context_dim, adjoint="checkpoint", rtol=1e-8, atol=1e-8
    )
    context = (torch.randn(4, context_dim),) if context_dim else ()
    x = torch.randn(2, 4, 1, 2, 3)
    y, ladj = continuous.forward_and_ladj(x, *context)
    assert continuous.event_dim == 3
    assert y.shape == x.shape
    assert ladj.shape == (2, 4)
    back, lost = continuous.inverse_and_ladj(y, *context)
    torch.testing.assert_close(back, x, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(lost, -ladj, rtol=1e-6, atol=1e-6)
    one = tuple(part[0] for part in context)
    jacobian = torch.autograd.functional.jacobian(lambda v: continuous.forward_and_ladj(v, *one)[0], x[0, 0])
    torch.testing.assert_close(jacobian.reshape(6, 6).slogdet()[1], ladj[0, 0], rtol=1e-6, atol=1e-6)


def test_an_empty_batch_is_not_solved():
    continuous = transforms.Continuous(smooth_field(2), 2)
    y, ladj = continuous.forward_and_ladj(torch.zeros(3, 0, 2))
    assert y.shape == (3, 0, 2)
    assert ladj.shape == (3, 0)
    assert continuous.num_evaluations == 0


def test_steps_are_those_that_were_asked_for():
    for step_size, num_steps in ((None, 20), (0.1, 10), (0.3, 4), (5.0, 1)):
        continuous = transforms.Continuous(smooth_field(2), 2, solver="euler", step_size=step_size)
        continuous.forward_and_ladj(torch.randn(3, 2))
        assert continuous.num_evaluations == num_steps
