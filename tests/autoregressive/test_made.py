"""MADE with several orders and masks: one member in training, the mixture of all in evaluation."""

import math

import pytest
import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, models, nn, testing
from pyrodgm.autoregressive import ensemble_distribution
from pyrodgm.autoregressive.draw import draw_events
from pyrodgm.train.export import load_weights, save_weights

NUM = 5
VALUES = torch.cartesian_prod(*[torch.arange(2.0, dtype=torch.float64)] * NUM)
CODE = 2.0 ** torch.arange(NUM, dtype=torch.float64)
SETTINGS = {
    "orders": {"num_orders": 3},
    "masks": {"num_masks": 3},
    "both, direct": {"num_orders": 2, "num_masks": 2, "direct": True},
    "every order": {"num_orders": None},
}


def model(context_dim=0, scale=0.7, **settings):
    settings = settings or {"num_orders": 3, "num_masks": 2}
    return testing.perturb(ar.made(NUM, context_dim, hidden_dims=(16,), **settings), scale).eval()


def parts(made, *args):
    return [ar.AutoregressiveDistribution(net, made.head, *args) for net in made.members]


def chi_square(drawn, probs):
    """Return the statistic of drawn values against probabilities of VALUES, and its degrees of freedom."""
    counts = (drawn @ CODE).long().bincount(minlength=2**NUM)
    expected = len(drawn) * probs[(VALUES @ CODE).long().argsort()]
    seen = expected > 0
    assert (counts[~seen] == 0).all()
    return ((counts - expected)[seen] ** 2 / expected[seen]).sum(), int(seen.sum()) - 1


def test_one_order_and_one_mask_is_one_network():
    made = ar.made(NUM, hidden_dims=(16,))
    assert isinstance(made, ar.Autoregressive)
    assert made.net.order.tolist() == list(range(NUM))
    torch.testing.assert_close(made.train()().log_prob(VALUES), made.eval()().log_prob(VALUES))


@pytest.mark.parametrize("name", SETTINGS)
def test_evaluation_is_the_mean_of_the_members_probabilities(name):
    made = model(**SETTINGS[name])
    each = torch.stack([part.log_prob(VALUES) for part in parts(made)])
    assert len(each) == {"orders": 3, "masks": 3, "both, direct": 4, "every order": 8}[name]
    torch.testing.assert_close(made().log_prob(VALUES).exp(), each.exp().mean(0))
    torch.testing.assert_close(each.exp().sum(1), torch.ones(len(each)))  # each member is a distribution


def test_training_takes_one_member_a_call():
    made = model().train()
    each = torch.stack([part.log_prob(VALUES) for part in parts(made)])
    members = set()
    for _ in range(60):
        distribution = made()
        log_prob = distribution.log_prob(VALUES)
        found = (each - log_prob).abs().amax(1) < 1e-9
        assert found.sum() == 1
        assert torch.equal(distribution.log_prob(VALUES), log_prob)  # one member, however often it is asked
        members.add(found.nonzero().item())
    assert members == set(range(6))


def test_training_depends_on_the_seed_alone():
    made = model(num_orders=None).train()
    torch.manual_seed(5)
    expected = [made().log_prob(VALUES) for _ in range(3)]
    torch.manual_seed(5)
    assert all(torch.equal(made().log_prob(VALUES), one) for one in expected)


@pytest.mark.parametrize("name", SETTINGS)
def test_draws_have_the_mixtures_probabilities(name):
    made = model(**SETTINGS[name])
    statistic, freedom = chi_square(made.sample((8000,)), made().log_prob(VALUES).exp())
    assert freedom == 31
    assert statistic < 85  # a true sampler fails about once in 10^6 seeds


@pytest.mark.parametrize("head", [heads.Bernoulli(), heads.Categorical(4), heads.Normal()], ids=repr)
@pytest.mark.parametrize("context_dim", [0, 3])
def test_strategies_draw_alike(head, context_dim):
    made = model(context_dim, num_orders=3, num_masks=2, head=head)
    context = torch.randn(4, 3) if context_dim else None
    draws = []
    for strategy in (None, ar.Incremental(), ar.FixedPoint(), ar.Sequential()):
        torch.manual_seed(1)
        draws.append(made.sample((20,), context, strategy=strategy))
    for drawn in draws[1:]:
        if isinstance(head, heads.Normal):
            torch.testing.assert_close(drawn, draws[0], rtol=1e-9, atol=1e-9)
        else:
            assert torch.equal(drawn, draws[0])
    torch.manual_seed(1)
    assert torch.equal(made.train().sample((20,), context), draws[0])  # training changes the distribution, no draw


def test_memory_changes_no_draw():
    made = model()
    torch.manual_seed(1)
    expected = made.sample((20,))
    torch.manual_seed(1)
    assert torch.equal(made.sample((20,), max_bytes=1), expected)


def fixed_orders(orders, **settings):
    made = model(num_orders=len(orders), **settings)
    made.nets.orders.copy_(torch.tensor(orders))
    return made


def posterior(distributions, x, observed):
    """Probabilities of all values given the observed ones under a mixture, by enumeration."""
    fits = (VALUES[:, observed] == x[observed]).all(-1)
    joint = torch.stack([part.log_prob(VALUES) for part in distributions]).exp().mean(0)
    return torch.where(fits, joint, 0.0) / joint[fits].sum()


@pytest.mark.parametrize("num_particles", [None, 10])
def test_imputation_is_exact_where_all_orders_fit(num_particles):
    made = fixed_orders([[0, 2, 1, 3, 4], [2, 0, 4, 3, 1]], num_masks=2)
    x, observed = torch.tensor([1.0, math.nan, 0.0, math.nan, math.nan]), torch.tensor([1, 0, 1, 0, 0]).bool()
    drawn = made.impute(x.expand(8000, NUM), observed, num_particles=num_particles)
    assert (drawn[:, observed] == x[observed]).all()
    statistic, freedom = chi_square(drawn, posterior(parts(made), x, observed))
    assert freedom == 7
    assert statistic < 40.5  # a true sampler fails once in 10^6 seeds
    torch.manual_seed(3)
    expected = made.sample((30,), condition_on=x)
    torch.manual_seed(3)
    assert torch.equal(made.sample((30,), condition_on=x, strategy=ar.Sequential()), expected)
    statistic, _ = chi_square(made.sample((8000,), condition_on=x), posterior(parts(made), x, observed))
    assert statistic < 40.5


def test_imputation_takes_the_members_that_fit():
    made = fixed_orders([[0, 1, 2, 3, 4], [2, 4, 0, 3, 1], [4, 2, 1, 0, 3]])
    observed = torch.tensor([0, 0, 1, 0, 1]).bool()

    def difference(x):
        return (posterior(parts(made)[1:], x, observed) - posterior(parts(made), x, observed)).abs().sum()

    x = max(VALUES, key=difference)
    fitting, whole = posterior(parts(made)[1:], x, observed), posterior(parts(made), x, observed)
    assert difference(x) > 0.1
    statistic, _ = chi_square(made.impute(x.expand(8000, NUM), observed), fitting)
    assert statistic < 40.5  # seven degrees of freedom, once in 10^6 seeds
    statistic, _ = chi_square(made.impute(x.expand(2000, NUM), observed, num_particles=200), whole)
    assert statistic < 40.5


def test_imputation_by_particles_where_no_order_fits():
    made = fixed_orders([[0, 1, 2, 3, 4], [2, 4, 0, 3, 1]])
    x, observed = torch.ones(NUM), torch.tensor([0, 0, 0, 1, 1]).bool()
    with pytest.raises(ValueError, match=r"row 1, which none of the 2 orders fits\. Pass num_particles="):
        made.impute(torch.ones(2, NUM), torch.stack([torch.ones(NUM).bool(), observed]))
    drawn = made.impute(x.expand(2000, NUM), observed, num_particles=300)
    probs = posterior(parts(made), x, observed)
    assert chi_square(drawn, probs)[0] < 40.5  # seven degrees of freedom, once in 10^6 seeds
    naive = made.impute(x.expand(2000, NUM), observed, num_particles=1)
    assert chi_square(naive, probs)[0] > 60  # one particle a member does not know what comes later


def test_every_mask_fits_where_every_order_is_trained():
    made = model(num_orders=None)
    x, observed = torch.tensor([0.0, 1.0, 1.0, 0.0, 1.0]), torch.tensor([0, 1, 0, 1, 0]).bool()
    members = [ar.AutoregressiveDistribution(net, made.head) for net in made.nets.fitting(observed)]
    statistic, _ = chi_square(made.impute(x.expand(8000, NUM), observed), posterior(members, x, observed))
    assert statistic < 40.5
    joint = torch.stack([part.log_prob(VALUES) for part in members]).exp().mean(0)
    marginal = joint[(VALUES[:, observed] == x[observed]).all(-1)].sum().log()
    torch.testing.assert_close(made.log_prob_observed(x, observed), marginal)


def test_log_prob_of_the_observed_is_the_fitting_members_marginal():
    made = fixed_orders([[0, 1, 2, 3, 4], [2, 4, 0, 3, 1], [4, 2, 1, 0, 3]])
    observed = torch.tensor([[0, 0, 1, 0, 1], [1, 0, 0, 0, 0], [0, 0, 0, 0, 0]]).bool()
    x = torch.tensor([1.0, 0.0, 1.0, 1.0, 0.0]).expand(3, NUM).masked_fill(~observed, math.nan)
    each = torch.stack([part.log_prob(VALUES).exp() for part in parts(made)])
    expected = [
        each[1:, (VALUES[:, [2, 4]] == torch.tensor([1.0, 0.0])).all(-1)].sum(1).mean().log(),
        each[0, VALUES[:, 0] == 1].sum().log(),
        torch.tensor(0.0),
    ]
    torch.testing.assert_close(made.log_prob_observed(x, observed), torch.stack(expected))
    with pytest.raises(ValueError, match=r"row 1, which none of the 3 orders fits"):
        made.log_prob_observed(torch.ones(2, NUM), torch.tensor([[1, 1, 0, 0, 0], [0, 1, 0, 0, 0]]).bool())


def test_rows_have_masks_and_contexts_of_their_own():
    made = model(3, num_orders=None, head=heads.Categorical(3))
    observed, context = torch.rand(2, 6, NUM) < 0.5, torch.randn(6, 3)
    x = torch.randint(3, (2, 6, NUM))
    imputed = made.impute(x, observed, context)
    assert imputed.shape == (2, 6, NUM)
    assert torch.equal(imputed[observed], x[observed])
    scores = made.log_prob_observed(x, observed, context)
    assert scores.shape == (2, 6)
    one = made.log_prob_observed(x[1, 4], observed[1, 4], context[4])
    torch.testing.assert_close(scores[1, 4], one)
    assert made.impute(x[:, :0], observed[:, :0], context[:0]).shape == (2, 0, NUM)
    assert made.log_prob_observed(x[:, :0], observed[:, :0], context[:0]).shape == (2, 0)
    assert made.sample((2,), context[:0]).shape == (2, 0, NUM)


@pytest.mark.parametrize("name", SETTINGS)
def test_weights_are_kept_once_and_come_back(name, tmp_path):
    made, other = model(**SETTINGS[name]), model(**SETTINGS[name])
    save_weights(models.Density(made), tmp_path / "weights")
    load_weights(models.Density(other), tmp_path / "weights")
    assert torch.equal(made().log_prob(VALUES), other().log_prob(VALUES))
    names = [key for key in made.state_dict() if "layers.0.weight" in key]
    assert names == ["nets.layers.0.weight"]
    own = [tensor.data_ptr() for tensor in made.state_dict().values()]
    assert len(own) == len(set(own))


def test_training_through_pyros_objective_learns():
    made = ar.made(8, hidden_dims=(32,), num_orders=None, num_masks=2).train()
    bits = torch.rand(400, 4).round()
    x = torch.cat((bits, bits.flip(1)), 1)  # four bits, twice
    optimizer = torch.optim.Adam(made.parameters(), lr=2e-2)
    for _ in range(200):
        loss = -made().log_prob(x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    made.eval()
    assert made().log_prob(x).mean() > -4.0  # 2.77 nats are in the bits, 5.55 without their repetition
    observed = torch.tensor([False] * 4 + [True] * 4)
    assert (made.impute(x[:50], observed) == x[:50]).double().mean() > 0.9  # 0.75 by guessing


def test_a_head_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"Expected a head of one variable with 1 parameters; got Categorical\(3"):
        ar.Ensemble(nn.MaskedEnsemble(4, 1, hidden_dims=(8,)), heads.Categorical(3))


def test_completions_keep_to_the_bound_on_memory(monkeypatch):
    made, x = model(num_orders=None), torch.tensor([1.0] + [math.nan] * (NUM - 1))
    given = []

    def counting(*args, **options):
        given.append((options["max_bytes"], options["progress"]))
        return draw_events(*args, **options)

    monkeypatch.setattr(ensemble_distribution, "draw_events", counting)
    made.sample((4,), condition_on=x, max_bytes=1, progress=False)
    assert set(given) == {(1, False)}
