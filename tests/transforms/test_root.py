import pytest
import torch

from pyrodgm.transforms.root import solve_increasing


def cubic(x):
    return x + x**3, 1 + 3 * x**2


def steep(x):
    return torch.tanh(5 * x) + 0.01 * x, 5 * (1 - torch.tanh(5 * x).square()) + 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bracket", [(0.0, 0.0), (-1e3, 1e3), (5.0, 6.0)])
def test_roots_to_rounding(dtype, bracket):
    x = torch.cat([torch.linspace(-50, 50, 1001), torch.logspace(-9, 2, 50), torch.zeros(1)]).to(dtype)
    low, high = (torch.tensor(end, dtype=dtype) for end in bracket)
    for function, tolerance in ((cubic, 4), (steep, 500)):  # the latter is flat, slope 0.01, on most of the line
        root = solve_increasing(function, function(x)[0], low, high)
        assert root.dtype == dtype
        assert ((root - x).abs() <= tolerance * torch.finfo(dtype).eps * x.abs().clamp_min(1)).all()


@torch.no_grad()
@pytest.mark.parametrize("slope", [1e-30, 1e30, float("inf"), float("nan")])
def test_the_search_survives_a_wrong_derivative(slope):
    x = torch.linspace(-5, 5, 101)
    root = solve_increasing(lambda v: (cubic(v)[0], torch.full_like(v, slope)), cubic(x)[0], x[:1], x[-1:])
    torch.testing.assert_close(root, x, atol=1e-14, rtol=1e-14)


def test_gradients_of_the_implicit_function():
    y = torch.randn(2, 5, requires_grad=True)
    scale = torch.rand(5).add(0.5).requires_grad_()

    def solve(y, scale):
        return solve_increasing(
            lambda x: (scale * x + x**3, scale + 3 * x**2), y, torch.tensor(-1.0), torch.tensor(1.0)
        )

    assert solve(y, scale).shape == (2, 5)
    assert torch.autograd.gradcheck(solve, (y, scale))
    with torch.no_grad():
        torch.testing.assert_close(solve(y, scale), solve(y, scale))


@pytest.mark.parametrize(
    ("function", "y", "message"),
    [
        (cubic, float("nan"), r"Expected finite values for the inverse of a cubic; got nan\."),
        (cubic, float("inf"), r"Expected finite values for the inverse of a cubic; got inf\."),
        (steep, 1e300, r"Expected the inverse of a cubic to converge"),
        (lambda x: (x.tanh(), 1 - x.tanh() ** 2), 2.0, r"to converge; got 2, outside its values on \["),
        (lambda x: (x * float("nan"), x), 2.0, r"Expected the inverse of a cubic to converge; got 2, outside"),
        (
            lambda x: (torch.where(x.abs() < 1, float("nan"), x), torch.ones_like(x)),
            0.5,
            r"Expected the inverse of a cubic to converge; got a residual of .* after \d+ steps",
        ),
    ],
)
def test_what_cannot_be_solved_is_said(function, y, message):
    with pytest.raises(ValueError, match=message):
        solve_increasing(function, torch.tensor([y]), -torch.ones(1), torch.ones(1), what="a cubic")
