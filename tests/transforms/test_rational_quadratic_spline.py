import copy
import math
import pickle

import pytest
import torch

from pyrodgm import transforms
from pyrodgm.transforms.univariate.rational_quadratic_spline import RationalQuadraticSpline
from tests.cases import autoregressive, coupling

BATCHES = [(), (5,), (2, 5), (0,), (2, 1, 3)]
SPLINE = RationalQuadraticSpline()
CIRCLE = RationalQuadraticSpline(5, bound=math.pi, periodic=True)


def awkward_values(params: torch.Tensor, *, bound: float = 5.0) -> torch.Tensor:
    """Values inside, on every knot of x and y, on the bounds and far outside; params (num_params,)."""
    _, _, planes = SPLINE._bin_of(torch.linspace(-bound, bound, 201, dtype=params.dtype), params, search=0)
    edges = torch.cat([plane.detach() for plane in planes[:4]])
    inside = torch.linspace(-bound, bound, 301, dtype=params.dtype)
    outside = torch.tensor([-1e6, -5.1, 5.1, 1e6, bound, -bound, 0.0], dtype=params.dtype)
    return torch.cat([inside, edges, outside])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("num_bins", [2, 8])
def test_shapes_and_round_trip(batch, dtype, num_bins):
    spline = RationalQuadraticSpline(num_bins, bound=3.0)
    assert spline.num_params == 3 * num_bins - 1
    x, params = 2 * torch.randn(batch, dtype=dtype), torch.randn(*batch, spline.num_params, dtype=dtype)
    y, ladj = spline.forward_and_ladj(x, params)
    back, inverse_ladj = spline.inverse_and_ladj(y, params)
    for value in (y, ladj, back, inverse_ladj):
        assert value.shape == batch
        assert value.dtype == dtype
    tolerance = 1e-4 if dtype == torch.float32 else 1e-10
    torch.testing.assert_close(back, x, atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(inverse_ladj, -ladj, atol=10 * tolerance, rtol=10 * tolerance)


@pytest.mark.parametrize(("x_shape", "params_batch"), [((7, 5), (5,)), ((7, 5), (7, 1)), ((7, 5), ()), ((5,), (7, 5))])
def test_parameters_broadcast(x_shape, params_batch):
    x, params = torch.randn(x_shape), torch.randn(*params_batch, SPLINE.num_params)
    full = params.expand(7, 5, SPLINE.num_params)
    for method in (SPLINE.forward_and_ladj, SPLINE.inverse_and_ladj):
        for ours, expected in zip(method(x, params), method(x.expand(7, 5), full), strict=True):
            assert torch.equal(ours, expected)


def test_a_transposed_view_equals_its_copy():
    x, params = torch.randn(6, 4), torch.randn(6, SPLINE.num_params, 4).transpose(-1, -2)
    for ours, expected in zip(
        SPLINE.forward_and_ladj(x, params), SPLINE.forward_and_ladj(x, params.clone()), strict=True
    ):
        assert torch.equal(ours, expected)


def test_zero_parameters_are_the_identity():
    x = torch.linspace(-8, 8, 321)
    for method in (SPLINE.forward_and_ladj, SPLINE.inverse_and_ladj):
        y, ladj = method(x, torch.zeros(SPLINE.num_params))
        torch.testing.assert_close(y, x, atol=1e-12, rtol=0)
        torch.testing.assert_close(ladj, torch.zeros_like(x), atol=1e-12, rtol=0)


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_log_derivatives_against_autograd(scale):
    params = scale * torch.randn(20, 50, SPLINE.num_params)
    value = 3 * torch.randn(20, 50)
    for method in (SPLINE.forward_and_ladj, SPLINE.inverse_and_ladj):
        leaf = value.clone().requires_grad_()
        result, ladj = method(leaf, params)
        (derivative,) = torch.autograd.grad(result.sum(), leaf)
        torch.testing.assert_close(ladj, derivative.log(), atol=1e-8, rtol=1e-8)


def test_gradients_against_finite_differences():
    x = 3 * torch.randn(12, requires_grad=True)
    params = torch.randn(12, SPLINE.num_params, requires_grad=True)
    assert torch.autograd.gradcheck(SPLINE.forward_and_ladj, (x, params))
    assert torch.autograd.gradcheck(SPLINE.inverse_and_ladj, (x, params))


def test_the_gradient_is_right_at_the_middle_of_a_straight_bin():
    width = 10 / SPLINE.num_bins
    y = torch.tensor([width / 2, -width / 2])
    params = torch.zeros(2, SPLINE.num_params)

    def central(ends: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        return (ends[0] - ends[1]) / 2e-5

    for k in range(SPLINE.num_params):
        step = torch.zeros_like(params)
        step[:, k] = 1e-5
        leaf = params.clone().requires_grad_()
        (slope,) = torch.autograd.grad(SPLINE.inverse_and_ladj(y, leaf)[0].sum(), leaf)
        ends = (SPLINE.inverse_and_ladj(y, params + step)[0], SPLINE.inverse_and_ladj(y, params - step)[0])
        torch.testing.assert_close(slope[:, k], central(ends), atol=1e-8, rtol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 5.0, 20.0, 1e3])
@pytest.mark.parametrize("seed", range(20))
def test_wild_parameters_stay_finite_and_monotone(scale, dtype, seed):
    torch.manual_seed(seed)
    raw = scale * torch.randn(SPLINE.num_params, dtype=dtype)
    values = awkward_values(raw).sort().values
    for method in (SPLINE.forward_and_ladj, SPLINE.inverse_and_ladj):
        leaf = values.clone().requires_grad_()
        params = raw.expand(len(values), -1).clone().requires_grad_()
        result, ladj = method(leaf, params)
        assert result.isfinite().all()
        assert ladj.isfinite().all()
        slack = 1e-5 if dtype == torch.float32 else 1e-13
        assert (result.diff() >= -slack).all()
        for part in (result, ladj):
            for gradient in torch.autograd.grad(part.sum(), (leaf, params), retain_graph=True):
                assert gradient.isfinite().all()


@pytest.mark.parametrize("scale", [1.0, 5.0])
def test_round_trip_in_float32(scale):
    params = scale * torch.randn(200, 500, SPLINE.num_params, dtype=torch.float32)
    value = 10 * torch.rand(200, 500, dtype=torch.float32) - 5
    x, _ = SPLINE.inverse_and_ladj(value, params)
    assert (SPLINE.forward_and_ladj(x, params)[0] - value).abs().max() < 1e-3
    # The other way round, neighbouring x share one float32 y where the spline is nearly flat: there y is compared.
    y, ladj = SPLINE.forward_and_ladj(value, params)
    x, _ = SPLINE.inverse_and_ladj(y, params)
    assert (x - value).abs()[ladj.exp() > 0.01].max() < 1e-3
    assert (SPLINE.forward_and_ladj(x, params)[0] - y).abs().max() < 1e-5


def test_the_identity_holds_outside_and_slopes_meet_at_the_bounds():
    params = 5 * torch.randn(4, SPLINE.num_params)
    x = torch.tensor([-1e6, -5.0000001, 5.0000001, 1e6])
    for method in (SPLINE.forward_and_ladj, SPLINE.inverse_and_ladj):
        y, ladj = method(x, params)
        assert torch.equal(y, x)
        assert torch.equal(ladj, torch.zeros(4))
        y, ladj = method(torch.tensor([-5.0, 5.0, -5.0, 5.0]), params)
        torch.testing.assert_close(y, torch.tensor([-5.0, 5.0, -5.0, 5.0]))
        torch.testing.assert_close(ladj, torch.zeros(4), atol=1e-10, rtol=0)


def test_tails_pass_gradients_to_the_input_only():
    x = torch.tensor([-7.0, 9.0], requires_grad=True)
    params = torch.randn(2, SPLINE.num_params, requires_grad=True)
    y, ladj = SPLINE.forward_and_ladj(x, params)
    to_x, to_params = torch.autograd.grad(y.sum() + ladj.sum(), (x, params))
    assert torch.equal(to_x, torch.ones(2))
    assert torch.equal(to_params, torch.zeros_like(params))


def test_the_spline_passes_through_its_knots_with_their_slopes():
    spline = RationalQuadraticSpline(3, bound=2.0, min_bin=0.01, min_slope=0.1)
    raw = torch.randn(8)
    widths, heights = (0.01 + 0.97 * part.softmax(0) for part in (raw[:3], raw[3:6]))
    x = -2 + 4 * widths.cumsum(0)[:2]
    slopes = 0.1 + torch.log1p(raw[6:].exp() * torch.expm1(torch.tensor(0.9)))
    y, ladj = spline.forward_and_ladj(x, raw)
    torch.testing.assert_close(y, -2 + 4 * heights.cumsum(0)[:2])
    torch.testing.assert_close(ladj.exp(), slopes)


def test_nan_is_passed_on():
    y, _ = SPLINE.forward_and_ladj(torch.tensor([float("nan"), 1.0]), torch.randn(2, SPLINE.num_params))
    assert y.isnan().tolist() == [True, False]


def test_copies():
    x, params = torch.randn(4), torch.randn(4, SPLINE.num_params)
    for twin in (copy.deepcopy(SPLINE), pickle.loads(pickle.dumps(SPLINE))):
        assert torch.equal(twin.forward_and_ladj(x, params)[0], SPLINE.forward_and_ladj(x, params)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_bins": 1}, "Expected num_bins to be an integer of at least 2; got 1"),
        ({"num_bins": 2.5}, "Expected num_bins to be an integer of at least 2; got 2.5"),
        ({"bound": 0.0}, "Expected a positive bound; got 0.0"),
        ({"bound": float("nan")}, "Expected a positive bound; got nan"),
        ({"min_bin": 0.2}, "Expected 0 < min_bin < 1 / num_bins = 0.125; got 0.2"),
        ({"min_slope": 1.0}, "Expected 0 < min_slope < 1; got 1.0"),
    ],
)
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        RationalQuadraticSpline(**options)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_circle_both_ways(dtype):
    assert CIRCLE.num_params == 3 * 5 + 1
    angles = (math.pi * (2 * torch.rand(300, 4) - 1)).to(dtype)
    params = torch.randn(300, 4, CIRCLE.num_params, dtype=dtype)
    y, ladj = CIRCLE.forward_and_ladj(angles, params)
    assert CIRCLE.codomain.check(y).all()
    back, inverse_ladj = CIRCLE.inverse_and_ladj(y, params)
    tolerance = 1e-3 if dtype == torch.float32 else 1e-11
    difference = torch.remainder(back - angles + math.pi, 2 * math.pi) - math.pi
    assert difference.abs().max() < tolerance
    torch.testing.assert_close(inverse_ladj, -ladj, atol=10 * tolerance, rtol=tolerance)
    for method in (CIRCLE.forward_and_ladj, CIRCLE.inverse_and_ladj):
        leaf = angles.clone().requires_grad_()
        value, ladj = method(leaf, params)
        torch.testing.assert_close(ladj, torch.autograd.grad(value.sum(), leaf)[0].log(), atol=1e-3, rtol=1e-3)


def test_zero_parameters_leave_the_circle_alone():
    angles = torch.linspace(-math.pi, math.pi, 101)
    for method in (CIRCLE.forward_and_ladj, CIRCLE.inverse_and_ladj):
        y, ladj = method(angles, torch.zeros(CIRCLE.num_params))
        torch.testing.assert_close(y, angles, atol=1e-12, rtol=0)
        torch.testing.assert_close(ladj, torch.zeros(101), atol=1e-12, rtol=0)


def test_the_density_is_continuous_across_the_cut_and_integrates_to_one():
    params = torch.randn(CIRCLE.num_params)
    for method in (CIRCLE.forward_and_ladj, CIRCLE.inverse_and_ladj):
        edge, ladj = method(torch.tensor([-math.pi, math.pi]), params)
        torch.testing.assert_close(ladj[0], ladj[1])
        assert ladj[0].abs() > 0.01  # the slope at the cut is learned
        torch.testing.assert_close(edge.sin(), edge.sin().flip(0))
        # Where the shift puts the cut of the other side, there is no jump either.
        cut = torch.remainder(CIRCLE.forward_and_ladj(torch.tensor([math.pi]), params)[0], 2 * math.pi) - math.pi
        near = (cut + torch.tensor([-1e-7, 1e-7])).clamp(-math.pi, math.pi)
        torch.testing.assert_close(*method(near, params)[1], atol=1e-4, rtol=0)
        grid = torch.linspace(-math.pi, math.pi, 200001)
        assert abs(torch.trapezoid(method(grid, params)[1].exp(), grid) - 2 * math.pi) < 1e-6


def test_the_shift_turns_the_circle():
    angles, params = torch.linspace(-3, 3, 50), torch.zeros(CIRCLE.num_params)
    for turns in (0.5, -2.0, 2 * math.pi, 40.0):
        params[-1] = turns
        y, ladj = CIRCLE.forward_and_ladj(angles, params)
        torch.testing.assert_close(y.sin(), (angles + turns).sin())
        torch.testing.assert_close(y.cos(), (angles + turns).cos())
        torch.testing.assert_close(ladj, torch.zeros(50), atol=1e-12, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 5.0, 20.0])
def test_wild_circles_stay_finite(scale, dtype):
    angles = torch.cat([torch.linspace(-math.pi, math.pi, 299), torch.zeros(1)]).to(dtype).requires_grad_()
    params = (scale * torch.randn(300, CIRCLE.num_params, dtype=dtype)).requires_grad_()
    for method in (CIRCLE.forward_and_ladj, CIRCLE.inverse_and_ladj):
        value, ladj = method(angles, params)
        assert CIRCLE.codomain.check(value).all()
        gradients = torch.autograd.grad(value.sum() + ladj.sum(), (angles, params))
        assert all(t.isfinite().all() for t in (value, ladj, *gradients))


@pytest.mark.parametrize("build", [coupling, autoregressive])
def test_circles_in_flows(build):
    bijection = build(3, CIRCLE)
    x = 3 * torch.rand(6, 3)
    y, ladj = bijection.forward_and_ladj(x)
    back, inverse_ladj = bijection.inverse_and_ladj(y)
    torch.testing.assert_close(back.cos(), x.cos())
    torch.testing.assert_close(back.sin(), x.sin())
    torch.testing.assert_close(inverse_ladj, -ladj)


def test_values_off_the_circle_are_refused(monkeypatch):
    for bad in (4.0, -3.15, math.nan):
        value, params = torch.tensor([0.0, bad]), torch.zeros(2, CIRCLE.num_params)
        for method in (CIRCLE.forward_and_ladj, CIRCLE.inverse_and_ladj):
            with pytest.raises(
                ValueError, match=rf"Expected values within \[-3\.14159, 3\.14159\]; got {bad:g}\. Wrap"
            ):
                method(value, params)
    monkeypatch.setattr(torch.distributions.Distribution, "_validate_args", False)
    CIRCLE.forward_and_ladj(torch.tensor([4.0]), torch.zeros(1, CIRCLE.num_params))
    assert CIRCLE.domain.check(torch.tensor([math.pi], dtype=torch.float32)).all()
    assert transforms.RationalQuadraticSpline().domain is torch.distributions.constraints.real
