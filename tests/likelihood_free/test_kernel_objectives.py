import math

import pytest
import torch

from pyrodgm import Fixed, distributions
from pyrodgm import likelihood_free as lf
from tests.likelihood_free.small_gans import generator

X, Y = (lambda: torch.tensor([[0.0], [1.0], [3.0]]), lambda: torch.tensor([[0.5], [2.0]]))


def pairs(f, a, b, same=False):
    values = [f(u, v) for i, u in enumerate(a.tolist()) for j, v in enumerate(b.tolist()) if not (same and i == j)]
    return sum(values) / len(values)


def statistic(f):
    return pairs(f, X(), X(), True) + pairs(f, Y(), Y(), True) - 2 * pairs(f, X(), Y())


def test_mmd_by_hand():
    def kernel(u, v):
        return sum(math.exp(-((u[0] - v[0]) ** 2) / (2 * h**2)) for h in (0.7, 2.0))

    assert lf.MMDObjective([0.7, 2.0])(X(), Y()).item() == pytest.approx(statistic(kernel), abs=1e-14)


def test_mmd_takes_the_median_distance():
    # Distances 1, 2 and 3: the median is 2.
    widths = [0.5, 1.0, 2.0, 4.0, 8.0]
    assert torch.equal(lf.MMDObjective()(X(), Y()), lf.MMDObjective(widths)(X(), Y()))


def test_energy_distance_by_hand():
    distance = statistic(lambda u, v: -abs(u[0] - v[0]))
    assert lf.EnergyObjective()(X(), Y()).item() == pytest.approx(distance, abs=1e-14)


@pytest.mark.parametrize("objective", [lf.MMDObjective([1.0]), lf.EnergyObjective()])
def test_no_bias_under_the_null(objective):
    values = torch.stack([objective(torch.randn(20, 2), torch.randn(15, 2)) for _ in range(400)])
    # Beyond four standard errors once in 15,000 seeds.
    assert values.mean().abs() < 4 * values.std() / 20


@pytest.mark.parametrize("objective", [lf.MMDObjective(), lf.EnergyObjective()])
def test_equal_rows_have_finite_gradients(objective):
    fake = torch.zeros(4, 2, requires_grad=True)
    objective(torch.zeros(4, 2), fake).backward()
    assert fake.grad.isfinite().all()


@pytest.mark.parametrize("objective", [lf.MMDObjective(), lf.EnergyObjective()])
def test_a_generator_learns_without_an_adversary(objective):
    torch.manual_seed(0)
    gan = lf.GAN(Fixed(distributions.StandardNormal(3)), generator(), ema_decay=0.9)
    x = torch.randn(2000, 2) * 0.5 + torch.tensor([2.0, -1.0])
    before = lf.EnergyObjective()(x, gan.sample(1000)).item()
    history = lf.train(gan, objective, x, 300, batch_size=64, lr_generator=1e-2)
    assert history.keys() == {"generator_loss", "generator_gradient_norm"}
    assert lf.EnergyObjective()(x, gan.sample(1000)).item() < 0.05 * before
