import pytest
import torch

from pyrodgm import distributions, models


def random_table(num_states):
    table = models.full_joint_table(len(num_states), num_states)
    with torch.no_grad():
        table.conditional.logits.normal_()
    return table


def all_rows(num_states):
    return torch.cartesian_prod(*map(torch.arange, num_states)).reshape(-1, len(num_states))


@pytest.mark.parametrize("num_states", [(2,), (3, 2), (2, 3, 4), (2, 2, 2, 2)])
def test_log_prob_looks_up_the_cell(num_states):
    table = random_table(num_states)
    rows = all_rows(num_states)
    expected = table.conditional.logits.flatten().log_softmax(0)
    torch.testing.assert_close(table.log_prob(rows), expected)
    assert table.num_parameters() == len(rows) - 1


def test_queries_equal_sums_by_hand():
    table = random_table((2, 3, 4))
    p = table.conditional.logits.detach().flatten().softmax(0).view(2, 3, 4)
    torch.testing.assert_close(table.query(1), p.sum((0, 2)))
    torch.testing.assert_close(table.query([2, 0]), p.sum(1).t())
    torch.testing.assert_close(table.query(0, {2: 3}), p.sum(1)[:, 3] / p.sum(1)[:, 3].sum())
    torch.testing.assert_close(table.query([2], {0: 1, 1: 2}), p[1, 2] / p[1, 2].sum())
    torch.testing.assert_close(table.query([2, 1, 0]), p.permute(2, 1, 0))


def test_fit_takes_shares_of_rows():
    x = torch.tensor([[0.0, 1.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    table = models.full_joint_table(2).fit(x, prior_counts=0.0)
    torch.testing.assert_close(table.query([0, 1]), torch.tensor([[0.0, 0.5], [0.25, 0.25]]))
    assert table.log_prob(torch.tensor([[0.0, 0.0]])).item() == -torch.inf
    torch.testing.assert_close(table.fit(x).query([0, 1]), torch.tensor([[1.0, 3.0], [2.0, 2.0]]) / 8)


def test_a_markov_chain_with_the_whole_past_is_the_full_table():
    x = torch.rand(200, 4).round()
    table = models.full_joint_table(4).fit(x, prior_counts=0.0)
    chain = models.MarkovChain(4, order=3).fit(x, prior_counts=0.0)
    torch.testing.assert_close(table.log_prob(x), chain.log_prob(x))


def test_draws_follow_the_table():
    table = random_table((2, 3))
    x = table.sample(20_000)
    for row in all_rows((2, 3)):
        p = table.log_prob(row[None]).exp().item()
        share = (x == row).all(1).double().mean().item()
        assert abs(share - p) < 5.5 * (p * (1 - p) / 20_000) ** 0.5  # 6 cells: one failure in 4e6 runs


def test_batches_of_tables():
    logits = torch.randn(5, 2, 3)
    p = distributions.JointCategorical(logits, 2)
    x = p.sample((4,))
    assert x.shape == (4, 5, 2)
    expected = torch.stack(
        [distributions.JointCategorical(one, 2).log_prob(x[:, i]) for i, one in enumerate(logits)], 1
    )
    torch.testing.assert_close(p.log_prob(x), expected)
    assert p.support.check(x).all()
    assert not p.support.check(torch.tensor([1, 3]))
