"""Transformers: equal draws, each symbol through the network once, two kinds of positions, vectors."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn, testing
from pyrodgm.nn.transformer import rotations, turn
from tests.autoregressive.sequence_checks import all_sequences, check_draws_agree, check_float32_steps, train


def learned_positions(num_symbols, length, context_dim=0):
    net = nn.Transformer(
        length, num_symbols, vocabulary_size=num_symbols, context_dim=context_dim, model_dim=16, rotary=False
    )
    return ar.Autoregressive(net, heads.Categorical(num_symbols))


def rotary_positions(num_symbols, length, context_dim=0):
    return ar.transformer(num_symbols, length, context_dim, num_layers=2, num_heads=2, model_dim=16)


IN_PLACE = {  # which torch's counter leaves out
    torch.ops.aten.addmm_: lambda total, left, right, **shapes: 2 * left[0] * left[1] * right[1]
}
BUILDERS = [learned_positions, rotary_positions]


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("context_dim", [0, 3])
@pytest.mark.parametrize("num", [1, 9])
def test_strategies_draw_alike(build, context_dim, num):
    context = torch.randn(num, 3) if context_dim else None
    draw = check_draws_agree(testing.perturb(build(5, 12, context_dim), 0.3), (4,), context)
    assert draw.shape == (4, *((num,) if context_dim else ()), 12)


@pytest.mark.parametrize("build", BUILDERS)
def test_strategies_draw_alike_after_training(build):
    model = build(4, 8)
    assert train(model) < 0.5 * 8 * math.log(4)  # it has learned something: chance is 8 log 4
    check_draws_agree(model, (20,))


@pytest.mark.parametrize("build", BUILDERS)
def test_probabilities_of_all_sequences_sum_to_one(build):
    model = testing.perturb(build(3, 5, 2), 0.5)
    for context in torch.randn(3, 2):
        torch.testing.assert_close(model(context).log_prob(all_sequences(3, 5)).exp().sum(), torch.tensor(1.0))


@pytest.mark.parametrize("build", BUILDERS)
def test_stepping_in_float32_equals_the_full_pass(build):
    check_float32_steps(build(7, 40, 2).net, 7, torch.randn(6, 2))


def test_a_step_costs_one_row_and_attention_to_earlier_ones():
    dim, num_layers = 16, 2
    net = rotary_positions(5, 24).net
    stepper, flops = net.stepper((3,)), []
    for i in range(24):
        with FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counter:
            stepper(None if i == 0 else torch.zeros(3))
        flops.append(counter.get_total_flops())
    per_row = 2 * (num_layers * 12 * dim * dim + dim * 5)  # products of a row with every weight once
    per_key = 2 * num_layers * 2 * dim  # scores and averages
    assert flops == [3 * (per_row + per_key * (i + 1)) for i in range(24)]


def test_the_memory_of_earlier_positions_is_set_aside_once():
    stepper = rotary_positions(5, 32).net.stepper((3,))
    block = stepper.blocks[0]
    places = block.keys.data_ptr(), block.values.data_ptr()
    assert block.keys.shape == block.values.shape == (3 * 2, 32, 8)
    for i in range(32):
        stepper(None if i == 0 else torch.zeros(3))
    assert places == (block.keys.data_ptr(), block.values.data_ptr())


def test_scores_of_turned_queries_and_keys_depend_on_distances():
    turns = rotations(20, 6, torch.float64)
    query, key = torch.randn(2, 1, 6).expand(2, 20, 6).unbind(0)
    scores = turn(query, turns) @ turn(key, turns).T
    for distance in range(-19, 20):
        diagonal = scores.diagonal(distance)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal))
    torch.testing.assert_close(scores[0, 0], query[0] @ key[0])
    assert scores[0].std() > 0.1


def test_a_block_by_hand():
    """One block with one head, in sums over positions written out."""
    net = testing.perturb(
        nn.Transformer(4, 3, vocabulary_size=3, num_layers=1, num_heads=1, model_dim=4, rotary=False), 0.3
    )
    block = net.blocks[0]
    x = torch.tensor([2, 0, 1, 1])
    h = torch.cat((net.input.start[None], net.input.embedding.weight[x[:-1]])) + net.positions

    def norm(h, layer):
        h = h - h.mean(-1, keepdim=True)
        return h / (h.square().mean(-1, keepdim=True) + 1e-5).sqrt() * layer.weight + layer.bias

    query, key, value = (norm(h, block.attention_norm) @ block.query_key_value.weight.T).split(4, -1)
    attended = torch.zeros(4, 4)
    for i in range(4):
        weights = torch.stack([(query[i] @ key[j] / 2).exp() for j in range(i + 1)])  # the root of 4 features
        attended[i] = sum(weights[j] / weights.sum() * value[j] for j in range(i + 1))
    h = h + attended @ block.merge.weight.T
    up = norm(h, block.mlp_norm) @ block.up.weight.T
    h = h + (up * 0.5 * (1 + torch.erf(up / math.sqrt(2)))) @ block.down.weight.T
    torch.testing.assert_close(net(x), norm(h, net.norm) @ net.output.weight.T + net.output.bias)


def test_dropout_acts_in_training_alone():
    net = nn.Transformer(6, 3, vocabulary_size=3, model_dim=16, dropout=0.5)
    x = torch.randint(3, (2, 6))
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_weights_with_rotary_positions_fit_every_length():
    short, long = rotary_positions(3, 5), rotary_positions(3, 9)
    long.load_state_dict(testing.perturb(short).state_dict())
    x = torch.randint(3, (6, 9))
    torch.testing.assert_close(long().position_log_prob(x)[:, :5], short().position_log_prob(x[:, :5]))


def test_a_transformer_over_vectors_is_a_density():
    """Over two features: the integral of the density on a grid, and draws equal to rounding."""
    model = testing.perturb(ar.Autoregressive(nn.Transformer(2, 2, num_layers=1, model_dim=8), heads.Normal()), 0.3)
    points = torch.linspace(-12.0, 12.0, 121)
    with torch.no_grad():
        density = model().log_prob(torch.cartesian_prod(points, points)).exp()
    torch.testing.assert_close(density.sum() * 0.2**2, torch.tensor(1.0), rtol=1e-3, atol=0.0)
    torch.manual_seed(1)
    expected = model.sample((9,), strategy=ar.Sequential())
    torch.manual_seed(1)
    torch.testing.assert_close(model.sample((9,)), expected)


def test_a_prompt_stands_and_the_rest_is_drawn():
    model = testing.perturb(rotary_positions(6, 7, 2), 0.5)
    prompt = torch.tensor([3.0, 1.0] + 5 * [math.nan])
    drawn = model.sample((50,), torch.randn(4, 2), condition_on=prompt)
    assert (drawn[..., :2] == prompt[:2]).all()
    assert drawn[..., 2:].unique().numel() > 1
