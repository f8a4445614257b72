"""The logit with a margin: exact in float32 at both ends, by autograd in the middle, and refused outside."""

import pytest
import torch

from pyrodgm import transforms

ALPHAS = [0.0, 1e-6, 0.05, 0.4]


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("event_dim", [0, 1, 3])
def test_both_log_determinants_against_autograd(alpha, event_dim):
    logit = transforms.LogitTransform(alpha, event_dim=event_dim)
    shape = (2, 1, 3) if event_dim == 3 else (3,) if event_dim else ()
    x = 2 * torch.randn(5, *shape)
    y, ladj = logit.forward_and_ladj(x)
    assert ladj.shape == (5,)
    for function, point in ((logit.forward_and_ladj, x), (logit.inverse_and_ladj, y)):
        leaf = point.clone().requires_grad_()
        value, ladj = function(leaf)
        (slope,) = torch.autograd.grad(value.sum(), leaf)  # the Jacobian is diagonal
        torch.testing.assert_close(ladj, slope.log().reshape(5, -1).sum(-1))
    torch.testing.assert_close(logit.inverse_and_ladj(y)[0], x)
    torch.testing.assert_close(y, (torch.sigmoid(x) - alpha) / (1 - 2 * alpha))


@pytest.mark.parametrize("alpha", [1e-6, 0.05, 0.4])
def test_a_margin_takes_the_ends_of_the_unit_interval(alpha):
    logit = transforms.LogitTransform(alpha)
    y = torch.tensor([[0.0, 1.0, 0.5]], requires_grad=True)
    x, ladj = logit.inverse_and_ladj(y)
    end = torch.logit(torch.tensor(alpha))
    torch.testing.assert_close(x, torch.stack([end, -end, torch.zeros(())])[None], rtol=1e-9, atol=0)
    assert torch.isfinite(torch.autograd.grad(x.sum() + ladj.sum(), y)[0]).all()


@pytest.mark.parametrize("alpha", ALPHAS)
def test_single_precision_agrees_with_double_near_both_ends(alpha):
    logit = transforms.LogitTransform(alpha)
    small = torch.logspace(-30, -1, 200, dtype=torch.float32) if alpha == 0 else torch.rand(200, dtype=torch.float32)
    y = torch.cat([small, 1 - torch.logspace(-6, -1, 50, dtype=torch.float32)])[:, None]
    single, double = logit.inverse_and_ladj(y), logit.inverse_and_ladj(y.double())
    for ours, exact in zip(single, double, strict=True):
        torch.testing.assert_close(ours.double(), exact, rtol=3e-6, atol=3e-6)
    x = torch.linspace(-60, 60, 241, dtype=torch.float32)[:, None]
    torch.testing.assert_close(
        logit.forward_and_ladj(x)[1].double(), logit.forward_and_ladj(x.double())[1], rtol=3e-7, atol=3e-7
    )


@pytest.mark.parametrize("alpha", ALPHAS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_draws_far_out_stay_inside_of_the_image(alpha, dtype):
    logit = transforms.LogitTransform(alpha)
    x = torch.tensor([[-1e6, -1000.0, -90.0, -20.0, 20.0, 90.0, 1000.0, 1e6]], dtype=dtype, requires_grad=True)
    y, ladj = logit.forward_and_ladj(x)
    back, inverse_ladj = logit.inverse_and_ladj(y)  # would raise on the end itself
    assert logit.codomain.check(y).all()
    for tensor in (y, ladj, back, inverse_ladj, *torch.autograd.grad(y.sum() + ladj.sum(), x)):
        assert torch.isfinite(tensor).all()


def test_values_outside_are_named_while_validation_is_on():
    with pytest.raises(
        ValueError, match=r"interval \(0, 1\) of LogitTransform\(alpha=0\); got 1\. Dequantize the data"
    ):
        transforms.LogitTransform(0.0).inverse_and_ladj(torch.tensor([[0.5, 1.0]]))
    margin = transforms.LogitTransform(0.05)
    with pytest.raises(ValueError, match=r"interval \(-0\.0555556, 1\.05556\) .*; got 16\. Scale the data to it\."):
        margin.inverse_and_ladj(torch.tensor([[0.5, 16.0]]))
    with pytest.raises(ValueError, match="got nan"):
        margin.inverse_and_ladj(torch.tensor([[0.5, torch.nan]]))
    torch.distributions.Distribution.set_default_validate_args(False)  # switched on again before every test
    try:
        assert torch.isnan(margin.inverse_and_ladj(torch.tensor([[0.5, 16.0]]))[0]).any()
    finally:
        torch.distributions.Distribution.set_default_validate_args(True)


@pytest.mark.parametrize("alpha", [-0.1, 0.5, 1.0, torch.nan])
def test_margins_that_are_none(alpha):
    with pytest.raises(ValueError, match=r"Expected alpha in \[0, 0\.5\); got "):
        transforms.LogitTransform(alpha)


def test_compiles_to_equal_numbers():
    logit = transforms.LogitTransform()
    compiled = torch.compile(logit.inverse_and_ladj, fullgraph=True, backend="eager")
    y = torch.rand(5, 3)
    for ours, expected in zip(compiled(y), logit.inverse_and_ladj(y), strict=True):
        torch.testing.assert_close(ours, expected)
