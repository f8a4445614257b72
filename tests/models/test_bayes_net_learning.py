import itertools

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import infer
from pyrodgm.models import BayesNet, ExpectationMaximization, Variable, bayes_net_learning
from tests.bayes_net_cases import asia, generated, sprinkler
from tests.models.test_bayes_net import completions


def with_holes(x, share=0.3):
    return x.to(torch.get_default_dtype()).masked_fill(torch.rand(x.shape) < share, torch.nan)


def expected_by_hand(net, x):
    """Expected counts and log-likelihood by every completion of every row."""
    counts, log_likelihood = torch.zeros(net.layout.num_cells), 0.0
    for row in x:
        hidden = row.isnan().nonzero().flatten().tolist()
        rows = completions(net, row.nan_to_num(0).long(), hidden)[0] if hidden else row.long()[None]
        log_probs = net.log_prob(rows).detach()
        weights = log_probs.softmax(0)
        counts.index_add_(0, net.layout.cells(rows).flatten(), weights.repeat_interleave(len(net.names)))
        log_likelihood += log_probs.logsumexp(0).item()
    return counts, log_likelihood


def test_fit_counts():
    x = torch.tensor([[0, 0], [0, 1], [0, 1], [1, 2]])
    net = BayesNet({"a": Variable(2), "b": Variable(3, ["a"])})
    assert net.fit(x) is net
    torch.testing.assert_close(net.table("a").detach(), torch.tensor([4, 2]) / 6)
    torch.testing.assert_close(net.table("b").detach(), torch.tensor([[2 / 6, 3 / 6, 1 / 6], [1 / 4, 1 / 4, 2 / 4]]))
    net.fit(x, prior_counts=0)
    torch.testing.assert_close(net.table("b").detach(), torch.tensor([[1 / 3, 2 / 3, 0], [0, 0, 1]]))
    before = net.table("b").detach()
    net.fit(x[:3], prior_counts=0)  # a row of the table without data stays
    torch.testing.assert_close(net.table("b").detach()[1], before[1])


def test_fit_maximizes_the_likelihood():
    net = generated(8, seed=2)
    x = net.sample(300)
    best = net.fit(x, prior_counts=0).log_prob(x).sum()
    best.backward()
    for parameter in net.parameters():
        torch.testing.assert_close(parameter.grad, torch.zeros_like(parameter), atol=1e-9, rtol=0)


def test_posterior_is_conjugate():
    x = torch.tensor([[0, 0], [0, 1], [0, 1], [1, 2]])
    net = BayesNet({"a": Variable(2), "b": Variable(3, ["a"])})
    posterior = net.posterior(x, prior_counts=0.5)
    assert isinstance(posterior.distribution("b"), dist.Dirichlet)
    expected = torch.tensor([[1.5, 2.5, 0.5], [0.5, 0.5, 1.5]])
    torch.testing.assert_close(posterior.distribution("b").concentration, expected)
    # By hand: B(3.5, 1.5) / B(0.5, 0.5), and so on.
    prior_a, prior_b = torch.full((2,), 0.5), torch.full((2, 3), 0.5)
    evidence = (
        log_beta(prior_a + torch.tensor([3, 1])) - log_beta(prior_a) + (log_beta(expected) - log_beta(prior_b)).sum()
    )
    torch.testing.assert_close(posterior.log_evidence, evidence)


def log_beta(concentration):
    return concentration.lgamma().sum(-1) - concentration.sum(-1).lgamma()


def test_evidence_is_the_product_of_predictions():
    net = sprinkler()
    x = net.sample(12)
    total = torch.zeros(())
    for number in range(len(x)):
        known = x[:number]
        predictive = net.posterior(known, 0.7).predictive() if number else uniform(net)
        total = total + predictive.log_prob(x[number])
    torch.testing.assert_close(net.posterior(x, 0.7).log_evidence, total.detach())


def uniform(net):
    return BayesNet({name: Variable(net.states[name], net.parents[name]) for name in net.names})


def test_equivalent_graphs_have_the_same_evidence():
    x = generated(3, seed=4, max_states=3).sample(40)
    sizes = [int(size) for size in x.amax(0) + 1]

    def evidence(parents, **kwargs):
        variables = {f"v{i}": Variable(sizes[i], [f"v{p}" for p in parents[i]]) for i in range(3)}
        return BayesNet(variables).posterior(x, **kwargs).log_evidence

    chain, back, fork, collider = ((), (0,), (1,)), ((1,), (2,), ()), ((1,), (), (1,)), ((), (0, 2), ())
    values = [evidence(graph, equivalent_sample_size=5.0) for graph in (chain, back, fork)]
    torch.testing.assert_close(values[0], values[1])
    torch.testing.assert_close(values[0], values[2])
    assert abs(values[0] - evidence(collider, equivalent_sample_size=5.0)) > 0.1
    assert abs(evidence(chain) - evidence(back)) > 1e-3  # one pseudo-count a cell is not the same prior of both


def test_draws_of_the_posterior_average_to_the_predictive():
    # 4.5 standard errors, 4 + 8 comparisons: fails once in 10,000 seeds; the seed is fixed.
    net = sprinkler()
    posterior = net.posterior(net.sample(20))
    draws = torch.stack([posterior.sample().table("grass").detach() for _ in range(400)])
    error = draws.std(0) / 20
    assert ((draws.mean(0) - posterior.predictive().table("grass").detach()).abs() < 4.5 * error).all()


@pytest.mark.parametrize("together", [2**26, 0])
@pytest.mark.parametrize("build", [sprinkler, lambda: generated(7, seed=1, max_states=3)])
def test_expected_counts_are_those_of_all_completions(build, together, monkeypatch):
    monkeypatch.setattr(bayes_net_learning, "TOGETHER", together)
    monkeypatch.setattr(bayes_net_learning, "CHUNK", 500)
    net = build()
    x = with_holes(net.sample(40))
    x[0] = torch.nan
    q = net.e_step(x)
    counts, log_likelihood = expected_by_hand(net, x)
    torch.testing.assert_close(q.counts, counts)
    torch.testing.assert_close(net.bound(x, q), torch.tensor(log_likelihood))
    torch.testing.assert_close(net.log_prob_observed(x).sum(), torch.tensor(log_likelihood))


def test_zeros_in_tables_are_expected_never():
    net = asia()
    x = with_holes(net.sample(30), 0.5)
    counts, log_likelihood = expected_by_hand(net, x)
    q = net.e_step(x)
    torch.testing.assert_close(q.counts, counts)
    torch.testing.assert_close(net.bound(x, q), torch.tensor(log_likelihood))
    net.m_step(x, q)
    assert set(net.table("either").detach().flatten().tolist()) == {0.0, 1.0}


def test_log_prob_observed_is_that_of_the_evidence():
    net = generated()
    x = with_holes(net.sample(6), 0.6)
    x[0], x[1, :-1] = x[0].nan_to_num(0), torch.nan
    found = net.log_prob_observed(x)
    torch.testing.assert_close(net.log_prob_observed(x.nan_to_num(-1).long()), found)
    torch.testing.assert_close(found[0], net.log_prob(x[0]).detach())
    for row, value in zip(x[1:], found[1:], strict=True):
        evidence = {name: int(state) for name, state in zip(net.names, row, strict=True) if not state.isnan()}
        target = next(name for name in net.names if name not in evidence)
        torch.testing.assert_close(value, net.query(target, evidence).log_evidence.detach())


def test_what_the_tables_exclude_has_no_probability():
    x = torch.tensor([[0, 1, -1, -1, -1, 0, -1, -1], [-1] * 8, [0, 1, 0, 0, 0, 0, 0, 0]])
    assert asia().log_prob_observed(x).tolist() == pytest.approx([-torch.inf, 0.0, -torch.inf])


def test_em_never_decreases_and_is_tight_after_each_e_step():
    net = asia()
    x = with_holes(net.sample(200))
    assert isinstance(net, ExpectationMaximization)
    net.initialize(x)
    before = -torch.inf
    for _ in range(15):
        q = net.e_step(x)
        bound = net.bound(x, q)
        torch.testing.assert_close(bound, net.log_prob_observed(x).sum())
        net.m_step(x, q)
        assert before <= bound <= net.bound(x, q)
        before = net.bound(x, q)


def test_em_on_complete_rows_is_fit():
    net = asia()
    x = net.sample(100)
    found = infer.em(net, x)
    twin = asia().fit(x, prior_counts=0)
    assert found.converged
    assert found.num_steps <= 2
    torch.testing.assert_close(torch.tensor(found.log_likelihood), twin.log_prob(x).sum().detach())


def test_em_reaches_more_than_the_truth_and_a_prior_keeps_off_zero():
    truth = sprinkler()
    x = with_holes(truth.sample(400))
    reached = truth.log_prob_observed(x).sum().item()
    net = uniform(truth)
    found = infer.em(net, x, missing="em", num_steps=200)
    assert found.log_likelihood > reached
    careful = BayesNet(
        {name: Variable(truth.states[name], truth.parents[name]) for name in truth.names}, prior_counts=0.5
    )
    with_prior = infer.em(careful, x, missing="em", num_steps=200)
    assert with_prior.converged
    assert min(careful.table(name).min().item() for name in careful.names) > 1e-4
    assert careful.log_prob_observed(x).sum() < found.log_likelihood
    gradient_of_the_log_posterior_vanishes(careful, x)


def gradient_of_the_log_posterior_vanishes(net, x):
    """At a fixed point of EM, tables are proportional to expected counts and the prior's."""
    q = net.e_step(x)
    for name, table in zip(net.names, net.layout.split(q.counts + 0.5), strict=True):
        torch.testing.assert_close(net.table(name).detach(), table / table.sum(-1, keepdim=True), atol=2e-3, rtol=0)


def test_em_finds_a_cause_that_is_never_seen():
    features = [f"x{number}" for number in range(5)]
    table = [[0.9, 0.1], [0.2, 0.8]]
    truth = BayesNet(
        {"class": Variable(table=[0.4, 0.6]), **{name: Variable(2, ["class"], table) for name in features}}
    )
    x = truth.sample(1500)
    x[:, 0] = -1
    net = uniform(truth)
    infer.em(net, x, missing="em", num_steps=300)
    found = net.table("x0").detach()[:, 1].sort().values
    # A standard error is near 0.02 of 600 rows; the seed is fixed.
    torch.testing.assert_close(found, torch.tensor([0.1, 0.8]), atol=0.08, rtol=0)
    assert net.log_prob_observed(x).sum() > truth.log_prob_observed(x).sum()


def test_gradients_fit_too():
    net = uniform(sprinkler())
    x = sprinkler().sample(200)
    optimizer = torch.optim.LBFGS(net.parameters(), max_iter=100)

    def loss():
        optimizer.zero_grad()
        value = -net.log_prob(x).sum() - sum(net.table(name).log().sum() for name in net.names)
        value.backward()
        return value

    optimizer.step(loss)
    twin = sprinkler().fit(x)  # one pseudo-count a cell: the gradient of the logarithms above
    for name in net.names:
        torch.testing.assert_close(net.table(name).detach(), twin.table(name).detach(), atol=1e-4, rtol=0)


def test_rows_of_one_pattern_go_together(monkeypatch):
    monkeypatch.setattr(bayes_net_learning, "TOGETHER", 0)
    net = generated(10)
    codes = net.sample(60)
    for row, hidden in zip(codes, itertools.cycle(([0, 3], [5], [1, 2, 9])), strict=False):
        row[hidden] = -1
    codes[:8] = 0
    found = list(bayes_net_learning.groups(net.graph, codes))
    assert torch.cat([rows for rows, _ in found]).sort().values.tolist() == list(range(60))
    assert sorted((len(plan.order), len(rows)) for rows, plan in found) == [(0, 8), (1, 17), (2, 17), (3, 18)]
