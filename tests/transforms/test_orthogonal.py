import pytest
import torch

from pyrodgm import transforms


def dense(rotation):
    """Q, its columns the images of the axes."""
    return rotation.forward_and_ladj(torch.eye(rotation.input_dim, dtype=rotation.vectors.dtype))[0].mT


@pytest.mark.parametrize(("dim", "num"), [(5, 5), (5, 2), (4, 7), (1, 1)])
def test_equals_the_reflections_one_by_one(dim, num):
    rotation = transforms.Orthogonal(dim, num)
    q = torch.eye(dim)
    for v in rotation.vectors.detach().unbind(-1):
        q = q @ (torch.eye(dim) - 2 * torch.outer(v, v) / v.dot(v))
    torch.testing.assert_close(dense(rotation), q)
    torch.testing.assert_close(q.mT @ q, torch.eye(dim))


def test_equals_householder_product_of_torch():
    packed, tau = torch.geqrf(torch.randn(5, 4))
    rotation = transforms.Orthogonal(5, 4)
    rotation.vectors.data = packed.tril(-1) + torch.eye(5, 4)
    torch.testing.assert_close(dense(rotation)[:, :4], torch.linalg.householder_product(packed, tau))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_stays_orthogonal_when_wide(dtype):
    q = dense(transforms.Orthogonal(300).to(dtype))
    tolerance = 100 * torch.finfo(dtype).eps
    torch.testing.assert_close(q.mT @ q, torch.eye(300, dtype=dtype), atol=tolerance, rtol=0)


@pytest.mark.parametrize("length", [0.0, 1e-300, 1e-20, 1e-3])
def test_short_vectors(length):
    rotation = transforms.Orthogonal(4)
    rotation.vectors.data[:, 1:3] *= length
    q = dense(rotation)
    torch.testing.assert_close(q.mT @ q, torch.eye(4))
    (gradient,) = torch.autograd.grad(q.square().mul(torch.randn(4, 4)).sum(), rotation.vectors)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("method", ["forward_and_ladj", "inverse_and_ladj"])
def test_gradients(method):
    rotation = transforms.Orthogonal(3, 2)
    x = torch.randn(2, 3, requires_grad=True)
    torch.autograd.gradcheck(lambda value, _: getattr(rotation, method)(value)[0], (x, rotation.vectors))


@pytest.mark.parametrize("num", [5, 6, 7])
def test_initialize_gives_principal_components(num):
    y = torch.randn(60, 5) @ torch.randn(5, 5) + 3
    rotation = transforms.Orthogonal(5, num)
    rotation.initialize(y)
    covariance = rotation.inverse_and_ladj(y)[0].T.cov()
    variances = torch.linalg.eigvalsh(y.T.cov()).flip(0)
    torch.testing.assert_close(covariance, torch.diag(variances), atol=1e-9, rtol=1e-9)


def test_initialize_with_few_reflections_gives_the_leading_components():
    y = torch.randn(60, 5) @ torch.randn(5, 5) + 3
    rotation = transforms.Orthogonal(5, 2)
    rotation.initialize(y)
    covariance = rotation.inverse_and_ladj(y)[0].T.cov()
    variances = torch.linalg.eigvalsh(y.T.cov()).flip(0)
    torch.testing.assert_close(covariance[:2], torch.diag(variances)[:2], atol=1e-9, rtol=1e-9)


def test_initialize_on_uncorrelated_data():
    y = torch.tensor([[3.0, 0.0, 0.0], [-3.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, -2.0, 0.0], [0.0, 0.0, 0.0]])
    rotation = transforms.Orthogonal(3)
    rotation.initialize(y)  # its last column is constant, which a rotation does not mind
    torch.testing.assert_close(rotation.inverse_and_ladj(y)[0].abs(), y.abs())
