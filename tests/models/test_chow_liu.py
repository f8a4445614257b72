import itertools

import pytest
import torch
from scipy.sparse.csgraph import minimum_spanning_tree
from sklearn.metrics import mutual_info_score

from pyrodgm import data
from pyrodgm.models import BayesNet, Variable, chow_liu
from pyrodgm.models.chow_liu import mutual_information, spanning_tree
from tests.bayes_net_cases import generated


def trees(num_variables):
    """Every tree, by its Prüfer sequence, as parents from variable 0."""
    for sequence in itertools.product(range(num_variables), repeat=num_variables - 2):
        degree = [1 + sequence.count(v) for v in range(num_variables)]
        edges = []
        for v in sequence:
            leaf = degree.index(1)
            edges.append((leaf, v))
            degree[leaf] -= 1
            degree[v] -= 1
        edges.append(tuple(v for v in range(num_variables) if degree[v] == 1))
        yield rooted(edges, num_variables)


def rooted(edges, num_variables):
    parents, pending = {0: []}, [0]
    while pending:
        v = pending.pop()
        for a, b in edges:
            for child in {a, b} - {v} if v in (a, b) else ():
                if child not in parents:
                    parents[child] = [v]
                    pending.append(child)
    assert len(parents) == num_variables
    return parents


def test_no_tree_is_more_likely():
    x = generated(5, max_states=3, seed=5).sample(200)
    found = chow_liu(x, prior_counts=0.0)
    best = found.log_prob(x).sum()
    values = []
    for parents in trees(5):
        sizes = [len(states) for states in found.states.values()]
        net = BayesNet({f"x{v}": Variable(sizes[v], [f"x{p}" for p in parents[v]]) for v in range(5)})
        values.append(net.fit(x, prior_counts=0.0).log_prob(x).sum())
    assert len(values) == 5**3
    torch.testing.assert_close(best, torch.stack(values).max())
    assert sum(map(len, found.parents.values())) == 4


def test_mutual_information_is_scikit_learns():
    x = generated(6, max_states=4, seed=6).sample(300)
    sizes = (x.amax(0) + 1).tolist()
    found = mutual_information(x, sizes, 0.0)
    for i, j in itertools.combinations(range(6), 2):
        expected = mutual_info_score(x[:, i], x[:, j])
        assert found[i, j].item() == found[j, i].item() == pytest.approx(expected, abs=1e-12)


def test_counts_before_the_data_stand_in_real_cells_only():
    x = torch.tensor([[0, 0], [0, 2], [1, 1]])
    counts = torch.tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]) + 1
    joint = counts / counts.sum()
    expected = (joint * (joint / joint.sum(0) / joint.sum(1, keepdim=True)).log()).sum()
    torch.testing.assert_close(mutual_information(x, [2, 3], 1.0)[0, 1], expected)


def test_the_spanning_tree_is_scipys():
    weights = torch.rand(30, 30)
    weights = weights + weights.T
    parents = spanning_tree(weights)
    total = sum(weights[i, p] for i, p in enumerate(parents) if p is not None)
    expected = -minimum_spanning_tree(-weights.fill_diagonal_(0).numpy()).sum()
    assert total.item() == pytest.approx(expected)
    assert parents[0] is None


def test_names_states_and_one_column():
    x = torch.tensor([[0, 1], [1, 0], [1, 0]])
    net = chow_liu(x, num_states=[2, 3], names=["a", "b"])
    assert net.parents == {"a": (), "b": ("a",)}
    assert net.table("b").shape == (2, 3)
    assert chow_liu(x[:, :1]).parents == {"x0": ()}
    assert chow_liu(torch.zeros(3, 2)).states["x1"] == (0, 1)


@pytest.mark.parametrize(("name", "figure"), [("nltcs", 6.759), ("dna", 87.74)])
def test_figures_of_another_implementation(name, figure, data_root):
    splits = data.debd(name, data_root)
    tree = chow_liu(splits.train.x)
    assert -tree.log_prob(splits.test.x).mean().item() == pytest.approx(figure, abs=0.02)
    assert tree.num_parameters() == 2 * splits.shape[0] - 1
