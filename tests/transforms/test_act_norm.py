import copy

import pytest
import torch

from pyrodgm import transforms

SCALES = torch.tensor([1e-4, 1.0, 1e4], dtype=torch.float64)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("explicit", [True, False])
def test_the_start_standardizes(explicit, dtype):
    act_norm = transforms.ActNorm(3).to(dtype)
    y = (SCALES * (2 * torch.randn(8, 5, 3) + 3)).to(dtype)
    if explicit:
        act_norm.initialize(y.reshape(-1, 3))
        assert act_norm.initialized
    x, ladj = act_norm.inverse_and_ladj(y)
    assert act_norm.initialized
    rows = x.reshape(-1, 3)
    tolerance = 1e-4 if dtype == torch.float32 else 1e-9
    torch.testing.assert_close(rows.mean(0), torch.zeros(3, dtype=dtype), atol=tolerance, rtol=0)
    torch.testing.assert_close(rows.std(0), torch.ones(3, dtype=dtype), atol=tolerance, rtol=0)
    torch.testing.assert_close(ladj, -y.reshape(-1, 3).std(0).log().sum().expand(8, 5), atol=tolerance, rtol=tolerance)


def test_only_the_first_batch_sets_it():
    act_norm = transforms.ActNorm(3)
    act_norm.inverse_and_ladj(torch.randn(10, 3))
    before = copy.deepcopy(act_norm.state_dict())
    act_norm.inverse_and_ladj(5 * torch.randn(10, 3))
    twin = transforms.ActNorm(3)
    twin.inverse_and_ladj(7 * torch.randn(10, 3))
    twin.load_state_dict(before)
    twin.inverse_and_ladj(5 * torch.randn(10, 3))
    for module in (act_norm, twin):
        assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_checkpoint_from_before_the_start_waits_again():
    act_norm = transforms.ActNorm(3)
    act_norm.inverse_and_ladj(torch.randn(10, 3))
    act_norm.load_state_dict(transforms.ActNorm(3).state_dict())
    x, _ = act_norm.inverse_and_ladj(5 * torch.randn(10, 3))
    torch.testing.assert_close(x.std(0), torch.ones(3))


@pytest.mark.parametrize("shape", [(3,), (1, 3), (1, 1, 3), (0, 3)])
def test_a_batch_of_one_waits(shape):
    act_norm = transforms.ActNorm(3)
    y = torch.randn(shape)
    x, ladj = act_norm.inverse_and_ladj(y)
    assert torch.equal(x, y)
    assert torch.equal(ladj, torch.zeros(shape[:-1]))
    assert not act_norm.initialized


def untouched(act_norm):
    return not act_norm.initialized and not act_norm.shift.any() and not act_norm.raw_log_scale.any()


def test_evaluation_and_bad_values_set_nothing():
    act_norm = transforms.ActNorm(3)
    act_norm.eval().inverse_and_ladj(torch.randn(10, 3))
    assert untouched(act_norm)
    y = torch.randn(10, 3)
    y[2, 1] = torch.nan
    act_norm.train().inverse_and_ladj(y)
    assert untouched(act_norm)
    act_norm.forward_and_ladj(torch.randn(10, 3))
    assert untouched(act_norm)


def test_tracing_and_functional_transforms_set_nothing():
    act_norm = transforms.ActNorm(3)
    y = torch.randn(10, 3)
    compiled = torch.compile(lambda value: act_norm.inverse_and_ladj(value)[0], backend="eager")
    assert torch.equal(compiled(y), y)
    assert untouched(act_norm)
    torch.func.vmap(lambda value: act_norm.inverse_and_ladj(value)[0])(y[:, None].expand(10, 4, 3))
    assert untouched(act_norm)
    replaced = {name: value.detach().clone() for name, value in act_norm.named_parameters()}
    torch.func.functional_call(act_norm.inv, {f"bijection.{k}": v for k, v in replaced.items()}, (y,))
    assert untouched(act_norm)


def test_a_constant_column_of_a_batch_stays_finite():
    act_norm = transforms.ActNorm(3)
    y = torch.randn(10, 3)
    y[:, 1] = 5.0
    x, ladj = act_norm.inverse_and_ladj(y)
    torch.testing.assert_close(x[:, 1], torch.zeros(10))
    assert torch.isfinite(ladj).all()
    torch.testing.assert_close(-act_norm.forward_and_ladj(x)[1], ladj)


def test_gradients_flow_in_the_very_call_that_sets_it():
    act_norm = transforms.ActNorm(3)
    x, ladj = act_norm.inverse_and_ladj(torch.randn(10, 3))
    (x.square().sum() - ladj.sum()).backward()
    assert all(torch.isfinite(p.grad).all() and p.grad.any() for p in act_norm.parameters())


def test_many_layers_start_from_data_far_away():
    parts = [part for _ in range(8) for part in (transforms.ActNorm(3), transforms.LULinear(3), transforms.Planar(3))]
    flow = transforms.Compose([*parts, transforms.ActNorm(3)])
    y = 1e4 * torch.randn(20, 3) + 1e5
    flow.initialize(y)
    x, ladj = flow.inverse_and_ladj(y)
    assert torch.isfinite(ladj).all()
    torch.testing.assert_close(flow.forward_and_ladj(x)[0], y)
