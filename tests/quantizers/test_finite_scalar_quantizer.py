import itertools

import pytest
import torch

from pyrodgm.quantizers import FiniteScalarQuantizer


@pytest.mark.parametrize("levels", [(2,), (3,), (4, 3), (5, 2, 8)])
def test_codes_are_the_nearest_points_of_the_grid(levels):
    quantizer = FiniteScalarQuantizer(levels)
    axes = [torch.linspace(-1.0, 1.0, n) for n in levels]
    grid = torch.tensor(list(itertools.product(*axes)))
    z = torch.randn(300, len(levels)) * 2
    codes, indices, *_ = quantizer(z)
    torch.testing.assert_close(codes, grid[torch.cdist(z.tanh(), grid).argmin(-1)])
    assert quantizer.num_codes == len(grid)
    every = quantizer.lookup(torch.arange(len(grid)))
    assert {tuple(row) for row in every.mul(1e6).round().long().tolist()} == {
        tuple(row) for row in grid.mul(1e6).round().long().tolist()
    }
    assert torch.equal(every[indices], codes)


def test_three_levels_are_the_papers():
    """Section 3: with L = 3 the features of a code are -1, 0 and 1, and f(z) = floor(L / 2) tanh(z) is rounded."""
    z = torch.linspace(-3.0, 3.0, 101).unsqueeze(-1)
    assert torch.equal(FiniteScalarQuantizer((3,))(z).codes, z.tanh().round())


def test_the_gradient_is_that_of_the_bound():
    z, weights = torch.randn(50, 2, requires_grad=True), torch.randn(50, 2)
    (gradient,) = torch.autograd.grad((FiniteScalarQuantizer((4, 5))(z).codes * weights).sum(), z)
    torch.testing.assert_close(gradient, (weights * (1 - z.tanh().square())).detach())


def test_far_values_take_the_outer_levels():
    quantizer = FiniteScalarQuantizer((4, 5))
    codes, indices, *_ = quantizer(torch.tensor([[1e9, 1e9], [-1e9, -1e9], [1e9, -1e9]]))
    assert torch.equal(codes, torch.tensor([[1.0, 1.0], [-1.0, -1.0], [1.0, -1.0]]))
    assert indices.tolist() == [19, 0, 3]
    assert torch.equal(quantizer.indices_of(codes * 1.5), indices)


def test_use_is_counted():
    quantizer = FiniteScalarQuantizer((2, 2))
    quantized = quantizer(torch.tensor([[1.0, 1.0], [-1.0, 1.0], [1.0, 1.0], [-1.0, 1.0]]))
    torch.testing.assert_close(quantized.perplexity, torch.tensor(2.0))
    assert quantized.dead_fraction == 0.5
    assert quantized.commitment == 0
