"""Orders and graphs: who depends on whom in a masked autoregressive flow."""

import itertools

import pytest
import torch

from pyrodgm import Embedded, flows, nn, testing
from pyrodgm.testing.networks import dependencies

MATRICES = [torch.tensor(bits).reshape(3, 3) for bits in itertools.product([0, 1], repeat=9)]


def is_acyclic(matrix):
    power = matrix.double()
    return not any(torch.linalg.matrix_power(power, k).diagonal().any() for k in (1, 2, 3))


GRAPHS = [matrix for matrix in MATRICES if is_acyclic(matrix)]


def mixed_derivatives(flow, dim):
    """Largest second derivatives of the log-density: zero where features are independent given the rest."""
    x = torch.randn(6, dim)
    rows = [torch.autograd.functional.hessian(lambda v: flow().log_prob(v), row).abs() for row in x]
    return torch.stack(rows).amax(0)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_every_order_is_triangular(order):
    testing.check_causal_net(nn.MaskedMLP(4, 2, hidden_dims=(24, 25), order=order), sees_all=True)


def test_there_are_25_graphs():
    assert len(GRAPHS) == 25


@pytest.mark.parametrize("graph", GRAPHS, ids=lambda graph: "".join(map(str, graph.flatten().tolist())))
def test_every_graph_is_kept_to(graph):
    net = nn.MaskedMLP(3, 2, hidden_dims=(24, 25), adjacency=graph)
    testing.check_causal_net(net)
    assert torch.equal(dependencies(net), graph.bool())
    assert torch.equal(net.dependencies, graph.bool())


def test_children_are_independent_given_their_parent():
    flow = testing.perturb(flows.maf(3, num_layers=1, adjacency=[[0, 0, 0], [1, 0, 0], [1, 0, 0]]), 0.5)
    derivatives = mixed_derivatives(flow, 3)
    assert derivatives[1, 2] < 1e-10
    assert derivatives[0, 1] > 1e-3
    assert derivatives[0, 2] > 1e-3


def test_parents_depend_on_each_other_given_their_child():
    flow = testing.perturb(flows.maf(3, num_layers=1, adjacency=[[0, 0, 0], [0, 0, 0], [1, 1, 0]]), 0.5)
    assert mixed_derivatives(flow, 3)[0, 1] > 1e-3
    marginal = flows.maf(2, num_layers=1, adjacency=[[0, 0], [0, 0]])
    assert mixed_derivatives(testing.perturb(marginal, 0.5), 2)[0, 1] < 1e-10


def test_a_transitive_graph_holds_through_all_layers():
    flow = testing.perturb(flows.maf(3, num_layers=3, adjacency=[[0, 0, 0], [1, 0, 0], [1, 0, 0]]), 0.5)
    assert mixed_derivatives(flow, 3)[1, 2] < 1e-10


def test_without_edges_features_are_independent():
    flow = testing.perturb(flows.maf(3, num_layers=2, adjacency=torch.zeros(3, 3)), 0.5)
    off_diagonal = mixed_derivatives(flow, 3) * (1 - torch.eye(3))
    assert off_diagonal.max() < 1e-10


def test_the_first_feature_of_one_layer_is_normal_in_its_order():
    flow = testing.perturb(flows.maf(2, num_layers=1, orders=[[1, 0]]), 0.5)
    x = flow().sample((5000,))
    skewness = ((x[:, 1] - x[:, 1].mean()) / x[:, 1].std()).pow(3).mean()
    assert skewness.abs() < 6 * (6 / 5000) ** 0.5  # six standard errors: fails by chance once in 10^9
    net = flow.bijection.parts[0].net
    assert torch.equal(net.dependencies, torch.tensor([[False, True], [False, False]]))


def test_loading_brings_the_orders_along():
    torch.manual_seed(0)
    flow = testing.perturb(flows.maf(6, num_layers=2, orders=flows.random_orders(6, 2)), 0.5)
    other = flows.maf(6, num_layers=2, orders=flows.random_orders(6, 2))
    assert not torch.equal(flow.bijection.parts[0].net.order, other.bijection.parts[0].net.order)
    other.load_state_dict(flow.state_dict())
    x = torch.randn(5, 6)
    torch.testing.assert_close(other().log_prob(x), flow().log_prob(x))
    testing.check_causal_net(other.bijection.parts[1].net, sees_all=True)


def test_initialize_standardizes():
    x = 5 + torch.tensor([0.1, 3.0]) * torch.randn(1000, 2)
    for flow in (flows.maf(2), flows.nice(2)):
        before = flow().log_prob(x).mean()
        flow.initialize(x)
        z = flow.bijection.inverse_and_ladj(x)[0].detach()
        assert (z.mean(0).abs() < 0.1).all()
        assert ((z.std(0) - 1).abs() < 0.1).all()
        assert flow().log_prob(x).mean() > before


def test_an_embedded_flow_is_initialized_given_its_features():
    context = torch.randn(1000, 3)
    x = 5 + torch.tensor([0.1, 3.0]) * torch.randn(1000, 2)
    embedded = Embedded(nn.MLP(3, 4, hidden_dims=(8,)), flows.maf(2, 4))
    before = embedded(context).log_prob(x).mean()
    embedded.initialize(x, context)
    z = embedded.conditional.bijection.inverse_and_ladj(x, embedded.net(context))[0].detach()
    assert (z.mean(0).abs() < 0.3).all()
    assert ((z.std(0) - 1).abs() < 0.3).all()
    assert embedded(context).log_prob(x).mean() > before
