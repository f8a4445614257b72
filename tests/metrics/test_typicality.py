"""p-values of log-likelihoods, against hand computations, enumeration and scipy."""

import math

import pytest
import torch

from pyrodgm import metrics


def test_by_hand() -> None:
    train = torch.tensor([-3.0, -1.0, -2.0, -1.0])
    test = torch.tensor([-9.0, -3.0, -1.5, -1.0, 0.0])
    # training data at most as likely: 0, 1, 2, 4, 4 of 4
    assert metrics.typicality(train, test).tolist() == pytest.approx([1 / 5, 2 / 5, 3 / 5, 1.0, 1.0])
    # at least as likely: 4, 4, 2, 2, 0 of 4
    expected = [2 / 5, 4 / 5, 1.0, 1.0, 2 / 5]
    assert metrics.typicality(train, test, two_sided=True).tolist() == pytest.approx(expected)


@pytest.mark.parametrize("two_sided", [False, True])
def test_p_values_are_valid_at_every_level(two_sided: bool) -> None:
    """A datum exchangeable with N others has each rank equally often: P(p <= alpha) <= alpha, exactly for one tail."""
    values = torch.randn(20)
    p = torch.cat(
        [
            metrics.typicality(torch.cat([values[:i], values[i + 1 :]]), values[i : i + 1], two_sided=two_sided)
            for i in range(20)
        ]
    )
    for alpha in torch.arange(1, 21) / 20:
        share = (p <= alpha + 1e-9).double().mean()
        assert share <= alpha + 1e-9
        if not two_sided:
            assert share == pytest.approx(float(alpha))


def test_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    train, test = torch.randn(300).mul(3).round(), torch.randn(50).mul(3).round()  # many ties
    p = metrics.typicality(train, test)
    expected = [(stats.percentileofscore(train.numpy(), x, kind="weak") / 100 * 300 + 1) / 301 for x in test.tolist()]
    assert p.tolist() == pytest.approx(expected)


def test_low_likelihood_is_what_a_small_p_value_means() -> None:
    train = torch.linspace(-100, -50, 999)
    p = metrics.typicality(train, torch.tensor([-200.0, -math.inf, 0.0]))
    assert p.tolist() == pytest.approx([1e-3, 1e-3, 1.0])
    two_sided = metrics.typicality(train, torch.tensor([-200.0, -75.0, 0.0]), two_sided=True)
    assert two_sided.tolist() == pytest.approx([2e-3, 1.0, 2e-3])


def test_precision_and_gradients() -> None:
    train = torch.randn(70_000, dtype=torch.float16)
    p = metrics.typicality(train, torch.full((3,), 100.0, dtype=torch.float16))
    assert p.dtype == torch.float32
    assert p.tolist() == [1.0] * 3
    mixed = metrics.typicality(train.float(), torch.randn(3, requires_grad=True))
    assert mixed.dtype == torch.float64
    assert not mixed.requires_grad


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (
            torch.zeros(0),
            torch.zeros(2),
            r"Expected log_prob_train as floats of shape \(num,\), num > 0; got .* \(0,\)",
        ),
        (torch.zeros(2), torch.zeros(0), r"Expected log_prob_test as floats .* \(0,\)"),
        (torch.zeros(2, 1), torch.zeros(2), r"Expected log_prob_train .* \(2, 1\)\. Give one number a datum\."),
        (torch.zeros(2), torch.tensor(1.0), r"Expected log_prob_test .* \(\)\."),
        (torch.zeros(2).long(), torch.zeros(2), r"got torch\.int64 of shape \(2,\)"),
        (torch.tensor([0.0, math.nan]), torch.zeros(2), r"Expected numbers in log_prob_train; got NaN in row 1\."),
        (torch.zeros(2), torch.tensor([math.nan]), r"Expected numbers in log_prob_test; got NaN in row 0\."),
    ],
)
def test_refuses(train: torch.Tensor, test: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        metrics.typicality(train, test)
