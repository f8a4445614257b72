import itertools
import math
import time

import networkx
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import TraceEnum_ELBO

from pyrodgm import infer
from pyrodgm.models import BayesNet, Variable
from tests.bayes_net_cases import asia, generated, learnable, sprinkler


def joint_table(net):
    """All products of table entries, by loops."""
    tables = {name: net.table(name).detach() for name in net.names}
    joint = torch.zeros([len(states) for states in net.states.values()])
    for cell in itertools.product(*(range(size) for size in joint.shape)):
        values = dict(zip(net.names, cell, strict=True))
        entries = (tables[v][tuple(values[p] for p in (*net.parents[v], v))].item() for v in net.names)
        joint[cell] = math.prod(entries)
    return joint


def brute_force(net, joint, target, evidence):
    chosen = joint[tuple(evidence.get(name, slice(None)) for name in net.names)]
    left = [name for name in net.names if name not in evidence]
    summed = [axis for axis, name in enumerate(left) if name != target]
    table = chosen.sum(summed) if summed else chosen
    return table / table.sum(), table.sum()


def completions(net, x, hidden):
    """Every row that agrees with ``x`` outside of the hidden columns."""
    sizes = [len(net.states[net.names[column]]) for column in hidden]
    values = torch.cartesian_prod(*(torch.arange(size) for size in sizes)).view(-1, len(hidden))
    rows = x.repeat(len(values), 1)
    rows[:, hidden] = values
    return rows, sizes


@pytest.mark.parametrize("build", [sprinkler, asia, lambda: generated(8, seed=1)])
def test_every_conditional_of_a_small_net_is_that_of_its_joint_table(build):
    net = build()
    joint = joint_table(net)
    torch.testing.assert_close(joint.sum(), torch.ones(()))
    for target, given in itertools.permutations(net.names, 2):
        for state in range(len(net.states[given])):
            expected, evidence = brute_force(net, joint, target, {given: state})
            found = net.query(target, {given: net.states[given][state]})
            torch.testing.assert_close(found.table.detach(), expected)
            torch.testing.assert_close(found.log_evidence.detach(), evidence.log())
    for target in net.names:
        torch.testing.assert_close(net.query(target).table.detach(), brute_force(net, joint, target, {})[0])


@pytest.mark.parametrize("build", [sprinkler, asia])
def test_conditionals_given_all_others(build):
    net = build()
    joint = joint_table(net)
    x = net.sample(20)
    for row in x.unique(dim=0).tolist():
        for target, others in itertools.product(net.names, (2, len(net.names) - 1)):
            evidence = {name: state for name, state in zip(net.names, row, strict=True) if name != target}
            evidence = dict(list(evidence.items())[-others:])
            expected = brute_force(net, joint, target, evidence)[0]
            torch.testing.assert_close(net.query(target, evidence).table.detach(), expected)


def test_published_figures():
    # Murphy (1998), A Brief Introduction to Graphical Models: a sprinkler is explained away by rain.
    net = sprinkler()
    assert net.query("sprinkler", {"grass": "wet"})["on"] == pytest.approx(0.4298, abs=5e-5)
    assert net.query("rain", {"grass": "wet"}).probs["yes"] == pytest.approx(0.7079, abs=5e-5)
    assert net.query("sprinkler", {"grass": "wet", "rain": "yes"}).probs["on"] == pytest.approx(0.1945, abs=5e-5)
    # By hand: 0.99 * 0.01 + 0.01 * 0.05; 0.5 * (0.01 + 0.1); 1 - (1 - 0.0104) * (1 - 0.055).
    net = asia()
    assert net.query("tub")["yes"] == pytest.approx(0.0104, abs=1e-12)
    assert net.query("lung")["yes"] == pytest.approx(0.055, abs=1e-12)
    assert net.query("either")["yes"] == pytest.approx(1 - (1 - 0.0104) * (1 - 0.055), abs=1e-12)


def test_37_variables_against_all_completions_of_a_row():
    net = generated()
    for seed in range(3):
        torch.manual_seed(seed)
        x = net.sample(1)[0]
        hidden = torch.randperm(37)[:8].sort().values.tolist()
        rows, sizes = completions(net, x, hidden)
        joint = net.log_prob(rows).detach().exp().view(sizes)
        evidence = {name: int(x[i]) for i, name in enumerate(net.names) if i not in hidden}
        found = net.query([net.names[i] for i in hidden], evidence)
        torch.testing.assert_close(found.table.detach(), joint / joint.sum())
        torch.testing.assert_close(found.log_evidence.detach(), joint.sum().log())


def test_37_variables_against_their_ancestors_alone():
    net = generated()
    checked = 0
    for target in net.names:
        kept = [net.names[i] for i in net.graph.ancestors([net.graph.position(target)])]
        sizes = [len(net.states[name]) for name in kept]
        if math.prod(sizes) > 20_000:
            continue
        part = BayesNet({name: Variable(len(net.states[name]), net.parents[name], net.table(name)) for name in kept})
        rows = torch.cartesian_prod(*(torch.arange(size) for size in sizes)).view(-1, len(kept))
        joint = part.log_prob(rows).detach().exp().view(sizes)
        torch.testing.assert_close(net.query(target).table.detach(), brute_force(part, joint, target, {})[0])
        checked += 1
    assert checked >= 15


def test_37_variables_by_sum_rule_and_bayes_rule():
    net = generated()
    names = torch.randperm(37)[:12].tolist()
    for a, b in itertools.pairwise(net.names[i] for i in names):
        pair = net.query([a, b]).table
        torch.testing.assert_close(pair.sum(1), net.query(a).table)
        torch.testing.assert_close(pair.sum(0), net.query(b).table)
        forward = net.query(a, {b: 1}).table * net.query(b).table[1]
        torch.testing.assert_close(forward, pair[:, 1])
        backward = net.query(b, {a: 0}).table * net.query(a).table[0]
        torch.testing.assert_close(backward, pair[0])


def test_37_variables_by_likelihood_weighting():
    # 4.5 standard errors, 36 comparisons or so: fails once in 4,000 seeds; the seed is fixed.
    net = generated()
    evidence = {"v30": 1, "v33": 0}
    x = net.sample(60_000)
    columns = [net.graph.position(name) for name in evidence]
    kept = (x[:, columns] == torch.tensor(list(evidence.values()))).all(1)
    probability = net.query("v0", evidence).log_evidence.exp().item()
    assert abs(kept.double().mean() - probability) < 4.5 * math.sqrt(probability * (1 - probability) / len(x))
    for name, result in net.marginals(evidence).items():
        share = (x[kept, net.graph.position(name)] == 1).double().mean().item()
        error = math.sqrt(result.probs[1] * (1 - result.probs[1]) / int(kept.sum()))
        assert abs(share - result.probs[1]) < 4.5 * error


def test_a_marginal_of_37_variables_takes_less_than_a_second():
    net = generated()
    start = time.perf_counter()
    net.query("v36", {"v0": 1, "v20": 0})
    assert time.perf_counter() - start < 1.0


def test_marginals_are_queries():
    net = generated(20, seed=3)
    evidence = {"v7": 1, "v19": 0}
    found = net.marginals(evidence)
    assert set(found) == set(net.names) - set(evidence)
    for name, result in found.items():
        expected = net.query(name, evidence)
        torch.testing.assert_close(result.table, expected.table.detach())
        torch.testing.assert_close(result.log_evidence, expected.log_evidence.detach())
    everything = dict.fromkeys(net.names, 0)
    assert net.marginals(everything) == {}


def enumerated_marginals(net, evidence):
    """Pyro's own marginals, of two rows: its contraction loses track of a plate of one."""
    program = pyro.condition(net.model, {name: torch.tensor([state] * 2) for name, state in evidence.items()})
    return TraceEnum_ELBO(max_plate_nesting=1).compute_marginals(program, lambda num: None, num=2)


@pytest.mark.parametrize(
    ("build", "evidence"),
    [(sprinkler, {"grass": 1}), (asia, {"dysp": 1, "asia": 1}), (lambda: generated(12), {"v11": 1, "v4": 0})],
)
def test_pyros_enumeration_agrees(build, evidence):
    net = build()
    marginals = enumerated_marginals(net, evidence)
    assert set(marginals) == set(net.names) - set(evidence)
    for name, found in marginals.items():
        expected = net.query(name, evidence).table.detach()
        torch.testing.assert_close(found.probs.detach(), expected.expand(2, -1))


def test_pyros_enumeration_of_37_variables_agrees_on_the_evidence():
    net = generated()
    evidence = {"v30": 1, "v33": 0}
    program = pyro.condition(net.model, {name: torch.tensor([state]) for name, state in evidence.items()})
    loss = TraceEnum_ELBO(max_plate_nesting=1)(program, net.guide)()
    torch.testing.assert_close(-loss, net.query("v0", evidence).log_evidence)


def test_the_program_scores_rows_as_the_distribution_does():
    net = asia()
    x = net.sample(9)
    trace = pyro.poutine.trace(net.model).get_trace(x)
    torch.testing.assert_close(trace.log_prob_sum(), net.log_prob(x).sum())
    assert all(trace.nodes[name]["is_observed"] for name in net.names)
    drawn = net.model(num=4)
    assert list(drawn) == [net.names[i] for i in net.graph.order]
    assert all(column.shape == (4,) for column in drawn.values())


def test_log_prob_is_the_product_of_table_entries_in_every_shape_and_type():
    net = asia()
    joint = joint_table(net)
    x = net.sample(50)
    expected = joint[tuple(x.T)].log()
    for kind in (torch.int64, torch.uint8, torch.float32, torch.bool):
        torch.testing.assert_close(net.log_prob(x.to(kind)).detach(), expected)
    torch.testing.assert_close(net.log_prob(x.view(5, 10, 8)).detach(), expected.view(5, 10))
    impossible = torch.tensor([0, 1, 0, 0, 0, 0, 0, 0])  # tuberculosis, but neither
    assert net.log_prob(impossible) == -torch.inf


def test_draws_have_the_probabilities_of_the_joint_table():
    # 512 cells within 5 standard errors: fails once in 3,000 seeds; the seed is fixed.
    net = generated(5, seed=1)
    joint = joint_table(net)
    drawn = net.model(num=40_000)
    for x in (net.sample(40_000), torch.stack([drawn[name] for name in net.names], 1)):
        assert x.dtype == torch.int64
        shares = torch.zeros_like(joint).index_put(tuple(x.T), torch.ones(len(x)), accumulate=True) / len(x)
        assert ((shares - joint).abs() <= 5 * (joint * (1 - joint) / len(x)).sqrt()).all()


def test_parents_may_stand_after_their_children():
    forward = sprinkler()
    tables = {name: forward.table(name) for name in forward.names}
    backward = BayesNet(
        {name: Variable(forward.states[name], forward.parents[name], tables[name]) for name in reversed(forward.names)}
    )
    x = forward.sample(20)
    torch.testing.assert_close(forward.log_prob(x), backward.log_prob(x.flip(-1)))
    assert backward.query("rain", {"grass": "wet"}).probs == pytest.approx(
        forward.query("rain", {"grass": "wet"}).probs
    )


def test_states_are_found_by_name_and_by_number():
    net = BayesNet(
        {
            "a": Variable(("x", "y"), table=[0.25, 0.75]),
            "b": Variable((3, 1), ["a"], [[0.5, 0.5], [0.0, 1.0]]),
            "c": Variable((False, True), table=[0.1, 0.9]),
        }
    )
    a = net.query("a")
    assert a["y"] == a.probs[1] == a.probs[torch.tensor(1)] == a.probs["y"] == pytest.approx(0.75)
    b = net.query("b", {"a": "x"})
    assert dict(b.probs) == pytest.approx({3: 0.5, 1: 0.5})
    assert net.query("b", {"a": 1}).probs[1] == 1.0  # the state of that name, not the second one
    assert net.query("a", {"b": 3})["x"] == 1.0
    assert net.query("c")[True] == net.query("c")[1] == pytest.approx(0.9)
    both = net.query(("b", "a"))
    assert both.probs[1, "x"] == both[1, 0] == pytest.approx(0.125)
    assert both.table.shape == (2, 2)
    assert repr(a) == "QueryResult('a': {'x': 0.2500, 'y': 0.7500})"


def test_gradients_of_a_query():
    net = sprinkler()
    parameter = net.tables["rain_logits"]

    def query(logits):
        tables = {**dict(net.named_parameters()), "tables.rain_logits": logits}
        return torch.func.functional_call(Asked(net), {f"net.{name}": value for name, value in tables.items()}, ())

    assert torch.autograd.gradcheck(query, parameter.detach().clone().requires_grad_())


class Asked(torch.nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self):
        result = self.net.query("sprinkler", {"grass": 1})
        return result.table, result.log_evidence


def test_numbers_of_parameters():
    assert sprinkler().num_parameters() == 1 + 2 + 2 + 4
    assert asia().num_parameters() == 18
    binary = [f"x{i}" for i in range(6)]
    chain = BayesNet({name: Variable(2, binary[max(0, i - 1) : i]) for i, name in enumerate(binary)})
    full = BayesNet({name: Variable(2, binary[:i]) for i, name in enumerate(binary)})
    assert chain.num_parameters() == 2 * 6 - 1
    assert full.num_parameters() == 2**6 - 1
    assert BayesNet({name: Variable(2) for name in binary}).num_parameters() == 6
    assert BayesNet({"a": Variable(3), "b": Variable(4, ["a"])}).num_parameters() == 2 + 3 * 3


def test_a_networkx_graph():
    net = asia()
    graph = networkx.DiGraph()
    for name in net.names:
        graph.add_node(name, states=net.states[name], table=net.table(name), parents=net.parents[name])
    graph.add_edges_from((parent, name) for name in net.names for parent in reversed(net.parents[name]))
    read = BayesNet.from_networkx(graph)
    assert (read.names, read.states, read.parents) == (net.names, net.states, net.parents)
    x = net.sample(9)
    torch.testing.assert_close(read.log_prob(x), net.log_prob(x))
    loose = BayesNet.from_networkx(networkx.DiGraph([("a", "c"), ("b", "c")]), states=3)
    assert loose.parents == {"a": (), "c": ("a", "b"), "b": ()}
    assert loose.num_parameters() == 2 + 2 + 9 * 2


def test_tables_keep_zeros_and_thirds():
    net = BayesNet({"a": Variable(table=[0.3333, 0.3333, 0.3333, 0.0])})
    torch.testing.assert_close(net.table("a").detach(), torch.tensor([1 / 3, 1 / 3, 1 / 3, 0.0]))
    assert (net.sample(500) < 3).all()


def test_a_variable_may_be_named_as_an_attribute_of_a_module():
    net = BayesNet({"type": Variable(2), "keys": Variable(2, ["type"]), "training": Variable(2, ["keys"])})
    assert net.query("training", {"type": 0})[1] == 0.5
    assert {name for name, _ in net.named_parameters()} == {f"tables.{name}_logits" for name in net.names}


def test_a_prior_over_tables_makes_them_sites():
    net = learnable()
    x = net.sample(30)
    trace = pyro.poutine.trace(infer.bayesian(net, 2.0).model).get_trace(x)
    weights = {name: trace.nodes[name]["value"] for name, _ in net.named_parameters()}
    prior = sum(dist.Normal(0.0, 2.0).log_prob(weight).sum() for weight in weights.values())
    net.load_state_dict(weights)
    torch.testing.assert_close(trace.log_prob_sum(), prior + net.log_prob(x).sum().detach())
