import pytest
import torch

from pyrodgm import transforms
from pyrodgm.testing import perturb


def data(num=40):
    return torch.tensor([0.1, 1.0, 10.0]) * torch.randn(num, 3) + 3


@pytest.mark.parametrize("shape", [(40, 3), (8, 5, 3)])
def test_training_uses_the_batch(shape):
    norm = perturb(transforms.BatchNorm(3))
    y = data().reshape(shape)
    x, ladj = norm.inverse_and_ladj(y)
    gamma = 3 * (norm.raw_log_scale / 3).tanh()
    rows = x.reshape(-1, 3)
    torch.testing.assert_close(rows.mean(0), norm.shift)
    variance = y.reshape(-1, 3).var(0, correction=0)
    torch.testing.assert_close(rows.var(0, correction=0), (2 * gamma).exp() * variance / (variance + norm.eps))
    torch.testing.assert_close(ladj, (gamma - 0.5 * (variance + norm.eps).log()).sum().expand(shape[:-1]))
    assert ladj.shape == shape[:-1]


def test_the_log_determinant_is_that_of_a_row_under_constant_statistics():
    norm = perturb(transforms.BatchNorm(3))
    y = data()
    variance, mean = torch.var_mean(y, 0, correction=0)
    _, ladj = norm.inverse_and_ladj(y)
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.eval()
    jacobian = torch.autograd.functional.jacobian(lambda row: norm.inverse_and_ladj(row)[0], y[0])
    torch.testing.assert_close(ladj, torch.linalg.slogdet(jacobian)[1].expand(40))


def test_gradients_run_through_the_statistics():
    norm = perturb(transforms.BatchNorm(2))
    torch.autograd.gradcheck(norm.inverse_and_ladj, torch.randn(4, 2, requires_grad=True))
    y = torch.randn(4, 2, requires_grad=True)
    (gradient,) = torch.autograd.grad(norm.inverse_and_ladj(y)[0].pow(3).sum(), y)
    torch.testing.assert_close(gradient.sum(0), torch.zeros(2))  # a shift of the whole batch changes nothing


def test_running_averages_converge_to_the_data():
    norm = transforms.BatchNorm(3)
    y = data()
    for _ in range(300):  # what is left of the start: 0.9**300 = 2e-14
        norm.inverse_and_ladj(y)
    torch.testing.assert_close(norm.running_mean, y.mean(0))
    torch.testing.assert_close(norm.running_var, y.var(0))
    twin = transforms.BatchNorm(3)
    twin.initialize(y)
    torch.testing.assert_close(twin.state_dict(), norm.state_dict())
    x, ladj = norm.eval().inverse_and_ladj(y)
    torch.testing.assert_close(x.std(0), torch.ones(3), atol=1e-3, rtol=0)
    back, forward_ladj = norm.train().forward_and_ladj(x)  # from base to data always the running ones
    torch.testing.assert_close(back, y)
    torch.testing.assert_close(forward_ladj, -ladj)


@pytest.mark.parametrize("shape", [(3,), (1, 3), (0, 3)])
def test_a_batch_of_one_takes_the_running_averages(shape):
    norm = transforms.BatchNorm(3)
    norm.initialize(data())
    before = {name: value.clone() for name, value in norm.state_dict().items()}
    y = torch.randn(shape)
    x, ladj = norm.inverse_and_ladj(y)
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    assert torch.isfinite(ladj).all()
    torch.testing.assert_close(norm.forward_and_ladj(x)[0], y)


def test_evaluation_changes_nothing():
    norm = transforms.BatchNorm(3).eval()
    norm.inverse_and_ladj(data())
    assert torch.equal(norm.running_mean, torch.zeros(3))


def test_a_constant_column_of_a_batch_stays_finite():
    norm = transforms.BatchNorm(3)
    y = data()
    y[:, 1] = 5.0
    x, ladj = norm.inverse_and_ladj(y.requires_grad_())
    (gradient,) = torch.autograd.grad(x.square().sum() + ladj.sum(), y)
    assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_training_on_data_of_another_type(dtype):
    norm, y = transforms.BatchNorm(3, momentum=1.0).float(), data()
    x, ladj = norm.inverse_and_ladj(y.to(dtype))
    assert x.isfinite().all()
    assert ladj.isfinite().all()
    assert norm.running_mean.dtype == torch.float32
    torch.testing.assert_close(norm.running_mean.double(), y.mean(0), rtol=0.02, atol=0.02)
