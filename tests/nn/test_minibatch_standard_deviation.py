import pytest
import torch

from pyrodgm import nn


def test_the_added_feature_is_the_mean_deviation_of_the_batch():
    x = torch.tensor([[1.0, 5.0], [3.0, 5.0], [1.0, 8.0], [3.0, 8.0]])
    out = nn.MinibatchStandardDeviation()(x)
    assert torch.equal(out[:, :2], x)
    assert torch.allclose(out[:, 2], torch.full((4,), (1.0 + 1.5) / 2), atol=1e-7)


@pytest.mark.parametrize("shape", [(6,), (3, 4, 4)])
def test_groups_are_consecutive_rows(shape):
    x = torch.randn(8, *shape)
    out = nn.MinibatchStandardDeviation(4)(x)
    each = [nn.MinibatchStandardDeviation()(part) for part in x.split(4)]
    assert out.shape == (8, shape[0] + 1, *shape[1:])
    assert torch.equal(out, torch.cat(each))


def test_rows_that_are_all_alike_have_a_finite_gradient():
    x = torch.ones(4, 3, requires_grad=True)
    out = nn.MinibatchStandardDeviation()(x)
    out.sum().backward()
    assert out[:, 3].max() < 1e-3
    assert x.grad.isfinite().all()


def test_scores_tell_a_collapsed_batch_from_a_varied_one():
    torch.manual_seed(0)
    judge = torch.nn.Sequential(nn.MinibatchStandardDeviation(), nn.MLP(3, 1))
    row = torch.randn(1, 2)
    together = judge(torch.cat((row, torch.randn(3, 2))))[0]
    assert not torch.allclose(judge(row.expand(4, 2))[0], together)
