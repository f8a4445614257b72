import itertools

import pyro
import pytest
import torch

from pyrodgm import models
from pyrodgm.infer import ReparameterizedELBO


def all_rows(num_states, length):
    return torch.cartesian_prod(*[torch.arange(num_states)] * length).reshape(-1, length)


def random_chain(*args, **kwargs):
    chain = models.MarkovChain(*args, **kwargs)
    with torch.no_grad():
        chain.net.logits.normal_()
    return chain


CHAINS = {
    "independent": lambda: random_chain(4, 3, order=0),
    "independent, one table": lambda: random_chain(4, 3, order=0, homogeneous=True),
    "order 1": lambda: random_chain(5),
    "order 1, homogeneous": lambda: random_chain(5, homogeneous=True),
    "order 2, three states": lambda: random_chain(4, 3, order=2),
    "order 2, homogeneous": lambda: random_chain(6, order=2, homogeneous=True),
    "one variable": lambda: random_chain(1, 4, order=0),
}


@pytest.mark.parametrize("name", CHAINS)
def test_log_prob_is_the_product_of_the_tables(name):
    chain = CHAINS[name]()
    rows = all_rows(chain.net.num_states, chain.net.input_dim)
    by_hand = torch.zeros(len(rows))
    for position in range(chain.net.input_dim):
        start = max(0, position - chain.net.history)
        by_hand += chain.table(position)[rows[:, start : position + 1].unbind(1)].log()
    torch.testing.assert_close(chain.log_prob(rows).detach(), by_hand)
    torch.testing.assert_close(chain.log_prob(rows).exp().sum().item(), 1.0)
    torch.testing.assert_close(chain.conditional().log_prob(rows), chain.log_prob(rows))


@pytest.mark.parametrize("n", [1, 2, 5])
def test_counts_of_parameters_are_those_of_the_lecture(n):
    assert models.MarkovChain(n, order=0).num_parameters() == n
    if n > 1:
        assert models.MarkovChain(n).num_parameters() == 2 * n - 1
    assert models.MarkovChain(n, order=n - 1).num_parameters() == 2**n - 1
    assert models.full_joint_table(n).num_parameters() == 2**n - 1


def test_a_homogeneous_chain_counts_one_table():
    assert models.MarkovChain(10, 3, homogeneous=True).num_parameters() == 2 + 3 * 2
    assert models.MarkovChain(10, 3, order=2, homogeneous=True).num_parameters() == 2 + 3 * 2 + 9 * 2


def test_fit_counts_transitions():
    x = torch.tensor([[0, 1, 1, 0], [0, 1, 0, 0], [1, 1, 0, 1]])
    chain = models.MarkovChain(4).fit(x, prior_counts=0.0)
    torch.testing.assert_close(chain.table(0), torch.tensor([2 / 3, 1 / 3]))
    torch.testing.assert_close(chain.table(2), torch.tensor([[0.5, 0.5], [2 / 3, 1 / 3]]))  # never 0 before: uniform
    shared = models.MarkovChain(4, homogeneous=True).fit(x, prior_counts=0.5)
    torch.testing.assert_close(shared.table(0), torch.tensor([2.5 / 4, 1.5 / 4]))
    expected = torch.tensor([[1.5 / 5, 3.5 / 5], [3.5 / 6, 2.5 / 6]])
    torch.testing.assert_close(shared.table(1), expected)
    torch.testing.assert_close(shared.table(3), expected)


@pytest.mark.parametrize("name", CHAINS)
def test_fit_without_prior_is_maximum_likelihood(name):
    chain = CHAINS[name]()
    x = chain.sample(500)
    other = models.MarkovChain(
        chain.net.input_dim, chain.net.num_states, order=chain.net.history, homogeneous=chain.net.homogeneous
    ).fit(x, prior_counts=0.0)
    best = other.log_prob(x).mean()
    (gradient,) = torch.autograd.grad(best, list(other.parameters()))
    assert gradient.abs().max() < 1e-12
    assert best > chain.log_prob(x).mean()


def test_gradients_reach_what_counts_find():
    chain = random_chain(5)
    x = chain.sample(200)
    counted = models.MarkovChain(5).fit(x, prior_counts=0.0).log_prob(x).mean().item()
    learned = models.MarkovChain(5)
    loss_of = ReparameterizedELBO()(learned.model, learned.guide)
    optimizer = torch.optim.Adam(learned.parameters(), lr=0.1)
    for _ in range(200):
        optimizer.zero_grad()
        (loss_of(x) / len(x)).backward()
        optimizer.step()
    assert counted - 1e-3 < learned.log_prob(x).mean().item() <= counted + 1e-12


def test_draws_follow_the_tables():
    chain = random_chain(3, 3, order=1)
    x = chain.sample(30_000)
    for row in itertools.product(range(3), repeat=3):
        p = chain.log_prob(torch.tensor([row])).exp().item()
        share = (x == torch.tensor(row)).all(1).double().mean().item()
        assert abs(share - p) < 5.5 * (p * (1 - p) / 30_000) ** 0.5  # 27 cells: one failure in 1e6 runs


def test_a_beginning_is_completed():
    chain = models.MarkovChain(6).fit(torch.tensor([[0, 1, 0, 1, 0, 1]]), prior_counts=0.0)
    known = torch.tensor([0.0, 1.0] + 4 * [torch.nan])
    drawn = chain.conditional.sample((5,), condition_on=known)
    assert torch.equal(drawn.double(), torch.tensor([0.0, 1.0] * 3).expand(5, 6))


def test_the_program_scores_rows():
    chain = random_chain(4)
    x = chain.sample(7)
    trace = pyro.poutine.trace(chain.model).get_trace(x)
    torch.testing.assert_close(trace.log_prob_sum(), chain.log_prob(x).sum())


def test_text_is_scored_better_by_longer_histories(data_root):
    from pyrodgm import data

    splits = data.tinyshakespeare(data_root)
    num = splits.num_levels
    per_symbol = []
    for order in (0, 1, 2):
        chain = models.MarkovChain(splits.train.x.shape[1], num, order=order, homogeneous=True)
        chain.fit(splits.train.x, prior_counts=0.1)
        per_symbol.append(-chain.log_prob(splits.valid.x[:200]).mean().item() / splits.train.x.shape[1])
    assert per_symbol[0] > per_symbol[1] + 0.5 > per_symbol[2] + 0.8
