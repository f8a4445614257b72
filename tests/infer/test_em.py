"""What the loop checks, keeps and prints, on models that do as they should and on some that do not."""

import math

import pytest
import torch

from pyrodgm import infer, models


class Coin:
    """Two coins, one of which made each row: a model that is no module."""

    handles_missing = False

    def __init__(self):
        self.heads = torch.tensor([0.3, 0.6])

    def initialize(self, x):
        self.heads = torch.tensor([0.4, 0.7])

    def scores(self, x):
        return x.sum(1, keepdim=True) * self.heads.log() + (1 - x).sum(1, keepdim=True) * (1 - self.heads).log()

    def e_step(self, x):
        return self.scores(x).softmax(1)

    def m_step(self, x, q):
        self.heads = (q * x.mean(1, keepdim=True)).sum(0) / q.sum(0)

    def bound(self, x, q):
        return (q * (self.scores(x) - math.log(2) - q.log())).sum()


TOSSES = torch.tensor(  # the example of Do, Batzoglou (2008), What is the expectation maximization algorithm?
    [
        [1, 0, 0, 0, 1, 1, 0, 1, 0, 1],
        [1, 1, 1, 1, 0, 1, 1, 1, 1, 1],
        [1, 0, 1, 1, 1, 1, 1, 0, 1, 1],
        [1, 0, 1, 0, 0, 0, 1, 1, 0, 0],
        [0, 1, 1, 1, 0, 1, 1, 1, 0, 1],
    ]
)


def test_a_published_example():
    coin = Coin()
    coin.heads = torch.tensor([0.6, 0.5])
    infer.em(coin, TOSSES.double(), num_steps=1, initialize=False)
    assert coin.heads.tolist() == pytest.approx([0.71, 0.58], abs=0.005)
    infer.em(coin, TOSSES.double(), num_steps=9, tolerance=0.0, initialize=False)
    assert coin.heads.tolist() == pytest.approx([0.80, 0.52], abs=0.005)


def test_any_object_with_the_methods_will_do():
    assert isinstance(Coin(), models.ExpectationMaximization)
    assert not isinstance(torch.nn.Linear(1, 1), models.ExpectationMaximization)
    coin = Coin()
    found = infer.em(coin, TOSSES.double())
    assert found.converged
    assert coin.heads[0] < coin.heads[1]  # it started from its own initialize


def test_the_result_has_the_half_steps():
    found = infer.em(Coin(), TOSSES.double(), num_steps=3, tolerance=0.0)
    assert (len(found.bounds), found.num_steps, len(found.after_e), len(found.after_m)) == (7, 3, 4, 3)
    assert found.log_likelihood == found.bounds[-1] == found.after_e[-1]
    assert not found.converged
    assert found.bounds == sorted(found.bounds)
    assert "after 3 steps, not converged" in str(found)


def test_the_tolerance_is_nats_a_row():
    steps = [infer.em(Coin(), TOSSES.double(), tolerance=tolerance).num_steps for tolerance in (1.0, 1e-2, 1e-9)]
    assert steps[0] == 1
    assert steps == sorted(set(steps))
    assert infer.em(Coin(), TOSSES.double().repeat(7, 1), tolerance=1e-2).num_steps == steps[1]


def test_each_half_step_is_printed(capsys):
    found = infer.em(Coin(), TOSSES.double(), num_steps=2, tolerance=0.0, verbose=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1:3] for line in lines] == [["0", "E"], ["1", "M"], ["1", "E"], ["2", "M"], ["2", "E"]]
    assert [float(line.split()[4]) for line in lines] == pytest.approx(found.bounds, abs=1e-6)


class Backwards(Coin):
    def m_step(self, x, q):
        self.heads = 0.5 * self.heads


class Greedy(Coin):
    def e_step(self, x):
        return torch.full((len(x), 2), math.nan)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (Backwards(), r"never decreases; got -.* after -.* by the M step of step 1\."),
        (Greedy(), "finite bound; got nan after the E step of step 0"),
    ],
)
def test_a_wrong_step_is_named(model, message):
    with pytest.raises(FloatingPointError, match=message):
        infer.em(model, TOSSES.double())


def test_the_rounding_of_single_precision_is_no_decrease():
    x = 100 + torch.randn(500, 3).float()
    found = infer.em(models.GaussianMixture(3, 4).float(), x, tolerance=0.0, num_steps=50)
    assert math.isfinite(found.log_likelihood)
