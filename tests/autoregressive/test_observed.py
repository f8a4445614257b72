"""Completion and imputation: exact from the front, by weights elsewhere."""

import math

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn, testing

NUM = 5
VALUES = torch.cartesian_prod(*[torch.arange(2.0, dtype=torch.float64)] * NUM)
CODE = 2.0 ** torch.arange(NUM, dtype=torch.float64)


def model(order=(2, 0, 4, 1, 3)):
    return testing.perturb(
        ar.Autoregressive(nn.MaskedMLP(NUM, 1, hidden_dims=(32,), order=order), heads.Bernoulli()), 0.7
    )


def posterior(made, x, observed):
    """Probabilities of all values given the observed ones, by enumeration."""
    fits = (VALUES[:, observed] == x[observed]).all(-1)
    return torch.where(fits, made().log_prob(VALUES), -math.inf).softmax(0)


def chi_square(drawn, probs):
    counts = (drawn @ CODE).long().bincount(minlength=2**NUM)
    expected = len(drawn) * probs[(VALUES @ CODE).long().argsort()]
    seen = expected > 0
    assert (counts[~seen] == 0).all()
    return ((counts - expected)[seen] ** 2 / expected[seen]).sum(), int(seen.sum()) - 1


def test_completion_from_the_front_has_the_conditional_probabilities():
    made = model()
    x, observed = torch.tensor([1.0, math.nan, 1.0, math.nan, 0.0]), torch.tensor([True, False, True, False, True])
    drawn = made.sample((20000,), condition_on=x)  # known where it is no NaN
    assert (drawn[:, observed] == x[observed]).all()
    statistic, freedom = chi_square(drawn, posterior(made, x.nan_to_num(), observed))
    assert freedom == 3
    assert statistic < 30.7  # a true sampler fails once in 10^6 seeds
    statistic, _ = chi_square(made.impute(x.expand(20000, NUM), observed), posterior(made, x.nan_to_num(), observed))
    assert statistic < 30.7


@pytest.mark.parametrize("strategy", [ar.Incremental(), ar.FixedPoint(), ar.Sequential()], ids=repr)
def test_strategies_complete_alike(strategy):
    made, x = model(), torch.tensor([1.0, math.nan, 1.0, math.nan, 0.0])
    torch.manual_seed(3)
    expected = made.sample((40,), condition_on=x)
    torch.manual_seed(3)
    assert torch.equal(made.sample((40,), condition_on=x, strategy=strategy), expected)


def test_imputation_out_of_order_converges_to_the_conditional_probabilities():
    made = model()
    x, observed = torch.ones(NUM), torch.tensor([False, True, False, True, False])  # second and third from the end
    probs = posterior(made, x, observed)
    exact, _ = chi_square(made.impute(x.expand(4000, NUM), observed, num_particles=200), probs)
    naive, _ = chi_square(made.impute(x.expand(4000, NUM), observed, num_particles=1), probs)
    assert exact < 40.5  # seven degrees of freedom, once in 10^6 seeds
    assert naive > 100  # what one particle draws: missing values that do not know what comes later


def test_log_prob_of_what_comes_first_is_the_marginal():
    made = model()
    observed = torch.tensor([True, False, True, False, False])
    x = torch.tensor([1.0, 5.0, 0.0, math.nan, 2.0])  # what is not observed is not read
    fits = (VALUES[:, observed] == x[observed]).all(-1)
    marginal = made().log_prob(VALUES[fits]).logsumexp(0)
    torch.testing.assert_close(made.log_prob_observed(x, observed), marginal)


def test_rows_have_masks_of_their_own():
    made = model()
    observed = torch.rand(6, NUM) < 0.5
    x = torch.randint(2, (6, NUM)).double()
    imputed = made.impute(x.masked_fill(~observed, math.nan), observed)
    assert imputed.shape == (6, NUM)
    assert torch.equal(imputed[observed], x[observed])
    assert ((imputed == 0) | (imputed == 1)).all()


class LogNormal(heads.Normal):
    """Of positive numbers, so that zero is outside the support."""

    def make(self, params):
        return dist.LogNormal(*self._loc_scale(params)).to_event(self.event_dim)


def test_what_is_unknown_is_never_outside_the_support():
    made = ar.Autoregressive(nn.MaskedMLP(3, 2), LogNormal())
    observed = torch.tensor([True, False, False])
    log_prob = made.log_prob_observed(torch.tensor([2.0, math.nan, math.nan]), observed)
    first = LogNormal()(made.net(torch.ones(3))[0]).log_prob(torch.tensor(2.0))
    torch.testing.assert_close(log_prob, first)
    log_prob.backward()
    assert all(weight.grad.isfinite().all() for weight in made.parameters())
    with pytest.raises(ValueError, match=r"got -1 at index \[0\]"):
        made.log_prob_observed(torch.tensor([-1.0, math.nan, math.nan]), observed)


@pytest.mark.parametrize("build", [model, lambda: ar.made(NUM, hidden_dims=(8,), num_orders=2)])
def test_nothing_to_impute(build):
    assert build().impute(torch.zeros(0, NUM), torch.zeros(0, NUM, dtype=torch.bool)).shape == (0, NUM)


def test_truth_values_are_zeros_and_ones():
    made, x = model(), torch.rand(6, NUM) < 0.5
    assert torch.equal(made().log_prob(x), made().log_prob(x.double()))
    assert torch.equal(made.impute(x, torch.ones_like(x)), x.double())


def test_completions_are_weighed_without_dropout():
    made = ar.transformer(3, 4, num_layers=1, num_heads=1, model_dim=8, dropout=0.9)
    x, observed = torch.randint(3, (20, 4)), torch.tensor([False, True, False, True])
    drawn = []
    for mode in (True, False):
        torch.manual_seed(5)
        drawn.append(made.train(mode).impute(x, observed))
    assert torch.equal(*drawn)
