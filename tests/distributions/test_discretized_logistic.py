"""One interval of one logistic: values and gradients against many digits, eager and compiled."""

import shutil

import mpmath
import pytest
import torch

from pyrodgm.distributions.discretized_logistic import expm1, level_edges, level_of, logistic_log_mass, scale_levels

LOCS = (-1e4, -30.0, -1.0, 0.1, 0.9, 1.0, 30.0, 1e4)
LOG_SCALES = (-7.0, -4.0, -1.0, 2.0, 8.0, 20.0, 60.0)
LEVELS = (0.0, 1.0, 100.0, 254.0, 255.0)


def extremes(dtype):
    """Return edges of levels, locations and log-scales, in all combinations."""
    points = torch.cartesian_prod(*(torch.tensor(values, dtype=dtype) for values in (LOCS, LOG_SCALES, LEVELS)))
    loc, log_scale, level = points.unbind(-1)
    return (*level_edges(level, 256), loc, log_scale)


def with_slopes(function, lower, upper, loc, log_scale):
    """Return the log-masses, and their slopes in location and log-scale."""
    loc, log_scale = loc.detach().requires_grad_(), log_scale.detach().requires_grad_()
    log_mass = function(lower, upper, loc, log_scale)
    return [log_mass.detach(), *torch.autograd.grad(log_mass.sum(), (loc, log_scale))]


def many_digits(lower, upper, loc, log_scale):
    """Return the log-mass and its slope in the log-scale from 150 digits of the very numbers that are passed."""

    def log_mass(s):
        a, b = ((mpmath.mpf(edge) - loc) * mpmath.exp(-s) for edge in (upper, lower))
        a, b = (-b, -a) if a + b > 0 else (a, b)  # the nearer tail, where nothing cancels
        return mpmath.log(1 / (1 + mpmath.exp(-a)) - 1 / (1 + mpmath.exp(-b)))

    with mpmath.workdps(150):
        s, step = mpmath.mpf(log_scale), mpmath.mpf(10) ** -50
        return float(log_mass(s)), float((log_mass(s + step) - log_mass(s - step)) / (2 * step))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_values_and_gradients_against_many_digits(dtype):
    points = extremes(dtype)
    log_mass, _, slope = with_slopes(logistic_log_mass, *points)
    expected = torch.tensor([many_digits(*row) for row in zip(*(t.tolist() for t in points), strict=True)])
    # An edge over the scale is rounded by a few units in its last place, and the results are of its size.
    tolerance = 8 * torch.finfo(dtype).eps
    torch.testing.assert_close(log_mass.double(), expected[:, 0], rtol=tolerance, atol=tolerance)
    torch.testing.assert_close(slope.double(), expected[:, 1], rtol=tolerance, atol=tolerance)


def test_gradients_against_finite_differences():
    level = torch.tensor([0.0, 1.0, 130.0, 255.0])
    loc, log_scale = torch.randn(3, 4, requires_grad=True), torch.randn(3, 1, requires_grad=True)

    def log_mass(loc, log_scale):
        return logistic_log_mass(*level_edges(level, 256), loc, log_scale)

    assert torch.autograd.gradcheck(log_mass, (loc, log_scale))
    assert torch.autograd.gradgradcheck(log_mass, (loc, log_scale))
    per_row = torch.func.vmap(torch.func.grad(lambda *args: log_mass(*args).sum()), (0, None))(loc, log_scale)
    at_once = torch.func.grad(lambda *args: log_mass(*args).sum())(loc[:, None], log_scale)[:, 0]
    torch.testing.assert_close(per_row, at_once)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_expm1_of_a_compiled_graph_keeps_its_digits(dtype, monkeypatch):
    x = torch.cat([torch.logspace(-38, 30, 2000), torch.linspace(0.04, 0.06, 200)]).to(dtype)
    expected = [(-x).double().expm1(), x.double().expm1()]
    monkeypatch.setattr(torch.compiler, "is_compiling", lambda: True)
    for ours, exact in zip((expm1(-x), expm1(x)), expected, strict=True):
        # Beyond the series, the difference to one loses a factor of 1 / 0.05.
        tolerance = 1e-9 + 30 * torch.finfo(dtype).eps
        is_finite = exact < torch.finfo(dtype).max
        torch.testing.assert_close(ours[is_finite].double(), exact[is_finite], rtol=tolerance, atol=0)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:torch")  # of torch about itself
def test_machine_code_keeps_its_digits():
    if not (shutil.which("g++") or shutil.which("clang++") or shutil.which("c++")):
        pytest.skip("no C++ compiler, which torch.compile's default backend needs on a CPU")
    torch._dynamo.reset()
    points = extremes(torch.float32)
    compiled = with_slopes(torch.compile(logistic_log_mass, fullgraph=True), *points)
    tolerance = 30 * torch.finfo(torch.float32).eps  # as for expm1
    for ours, expected in zip(compiled, with_slopes(logistic_log_mass, *points), strict=True):
        torch.testing.assert_close(ours, expected, rtol=tolerance, atol=tolerance)
    torch._dynamo.reset()


@pytest.mark.parametrize("num_levels", [2, 3, 256, 65536])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_levels_tile_the_axis(num_levels, dtype):
    levels = torch.arange(num_levels, dtype=dtype)
    lower, upper = level_edges(levels, num_levels)
    scaled = scale_levels(levels, num_levels)
    assert torch.equal(lower[1:], upper[:-1])
    assert (lower < scaled).all()
    assert (scaled < upper).all()
    assert torch.equal(level_of(scaled, num_levels), levels)
    assert torch.equal(scaled[[0, -1]], torch.tensor([-1.0, 1.0], dtype=dtype))
    far = torch.tensor([-torch.inf, -2.0, 2.0, torch.inf], dtype=dtype)
    assert torch.equal(level_of(far, num_levels), levels[[0, 0, -1, -1]])
