import pytest
import torch

from pyrodgm import transforms
from pyrodgm.testing import perturb


def matrix(linear):
    """The factorisation written out, one matrix after the other."""
    dim = linear.input_dim
    lower = linear.triangles.tril(-1) + torch.eye(dim)
    upper = linear.triangles.triu(1) + torch.eye(dim)
    scale = torch.diag((16 * (linear.raw_log_scale / 16).tanh()).exp())
    order = torch.eye(dim) if linear.permute is None else torch.eye(dim)[linear.permute.permutation]
    return order @ scale @ lower @ upper


def correlated(num, dim, scales):
    return torch.randn(num, dim) @ torch.randn(dim, dim) * scales + 5 * scales


@pytest.mark.parametrize("permutation", [None, [2, 0, 3, 1]])
def test_equals_the_product_of_its_factors(permutation):
    linear = perturb(transforms.LULinear(4, permutation=permutation), 0.5)
    x = torch.randn(7, 4)
    y, ladj = linear.forward_and_ladj(x)
    torch.testing.assert_close(y, x @ matrix(linear).mT + linear.bias)
    torch.testing.assert_close(ladj, torch.linalg.slogdet(matrix(linear))[1].expand(7))


def test_starts_at_the_permutation():
    x = torch.randn(7, 3)
    assert torch.equal(transforms.LULinear(3).forward_and_ladj(x)[0], x)
    assert torch.equal(transforms.LULinear(3, permutation=[2, 0, 1]).forward_and_ladj(x)[0], x[:, [2, 0, 1]])


@pytest.mark.parametrize("permutation", [None, [4, 2, 0, 3, 1]])
def test_initialize_whitens(permutation):
    linear = transforms.LULinear(5, permutation=permutation)
    y = correlated(50, 5, torch.tensor([1e-3, 1.0, 1e3, 10.0, 0.1]))
    linear.initialize(y)
    x, ladj = linear.inverse_and_ladj(y)
    torch.testing.assert_close(x.T.cov(), torch.eye(5), atol=1e-9, rtol=0)
    torch.testing.assert_close(x.mean(0), torch.zeros(5), atol=1e-9, rtol=0)
    torch.testing.assert_close(ladj[0], -0.5 * torch.linalg.slogdet(y.T.cov())[1])


def test_initialize_in_single_precision():
    linear = transforms.LULinear(5).float()
    y = correlated(50, 5, torch.tensor([1e-3, 1.0, 1e3, 10.0, 0.1])).float()
    linear.initialize(y)
    torch.testing.assert_close(linear.inverse_and_ladj(y)[0].T.cov(), torch.eye(5).float(), atol=1e-3, rtol=0)


def test_singular_data_give_a_finite_start():
    y = torch.randn(3, 5)  # fewer rows than features
    y[:, 4] = 2 * y[:, 0]
    linear = transforms.LULinear(5)
    linear.initialize(y)
    x, ladj = linear.inverse_and_ladj(y)
    assert torch.isfinite(ladj).all()
    assert (x.T.cov().diagonal() < 1.01).all()
    torch.testing.assert_close(linear.forward_and_ladj(x)[0], y)


@pytest.mark.parametrize("method", ["forward_and_ladj", "inverse_and_ladj"])
def test_gradients(method):
    linear = perturb(transforms.LULinear(3, permutation=[2, 0, 1]), 0.5)
    x = torch.randn(2, 3, requires_grad=True)
    torch.autograd.gradcheck(lambda value, *_: getattr(linear, method)(value), (x, *linear.parameters()))
