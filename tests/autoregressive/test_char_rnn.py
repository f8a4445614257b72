"""Recurrent models of sequences: equal draws, a state that is carried, weights for every length."""

import math

import pytest
import torch

from pyrodgm import autoregressive as ar
from pyrodgm import nn, testing
from tests.autoregressive.sequence_checks import all_sequences, check_draws_agree, check_float32_steps, train

CELLS = [torch.nn.LSTM, torch.nn.GRU]


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("context_dim", [0, 3])
@pytest.mark.parametrize("num", [1, 9])
def test_strategies_draw_alike(cell, context_dim, num):
    model = ar.char_rnn(5, 12, context_dim, cell=cell, embedding_dim=4, hidden_dim=16, num_layers=2)
    context = torch.randn(num, 3) if context_dim else None
    draw = check_draws_agree(testing.perturb(model, 0.5), (4,), context)
    assert draw.shape == (4, *((num,) if context_dim else ()), 12)


@pytest.mark.parametrize("cell", CELLS)
def test_strategies_draw_alike_after_training(cell):
    model = ar.char_rnn(4, 8, cell=cell, embedding_dim=8, hidden_dim=16)
    assert train(model) < 0.5 * 8 * math.log(4)  # it has learned something: chance is 8 log 4
    check_draws_agree(model, (20,))


@pytest.mark.parametrize("cell", CELLS)
def test_probabilities_of_all_sequences_sum_to_one(cell):
    model = testing.perturb(ar.char_rnn(3, 5, 2, cell=cell, hidden_dim=8), 0.5)
    for context in torch.randn(3, 2):
        torch.testing.assert_close(model(context).log_prob(all_sequences(3, 5)).exp().sum(), torch.tensor(1.0))


@pytest.mark.parametrize("cell", CELLS)
def test_stepping_in_float32_equals_the_full_pass(cell):
    net = nn.Recurrent(40, 7, vocabulary_size=7, context_dim=2, cell=cell, hidden_dim=32, num_layers=2)
    check_float32_steps(net, 7, torch.randn(6, 2))


def test_an_lstm_by_hand():
    """Hochreiter and Schmidhuber's equations with the forget gate of their successors, written out."""
    net = testing.perturb(nn.Recurrent(4, 3, vocabulary_size=3, context_dim=2, embedding_dim=2, hidden_dim=5), 0.3)
    x, context = torch.tensor([2.0, 0.0, 1.0, 1.0]), torch.randn(2)
    layers, embedding = net.layers, net.input.embedding.weight
    state = memory = torch.zeros(5)
    rows = []
    for i in range(4):
        read = (net.input.start if i == 0 else embedding[int(x[i - 1])]) + net.input.context_layer.weight @ context
        gates = layers.weight_ih_l0 @ read + layers.bias_ih_l0 + layers.weight_hh_l0 @ state + layers.bias_hh_l0
        enter, forget, new, leave = gates.split(5)
        memory = forget.sigmoid() * memory + enter.sigmoid() * new.tanh()
        state = leave.sigmoid() * memory.tanh()
        rows.append(net.output.weight @ state + net.output.bias)
    torch.testing.assert_close(net(x, context), torch.stack(rows))


def test_forget_gates_start_open():
    biases = ar.char_rnn(3, hidden_dim=8, num_layers=2).net.layers
    for layer in (0, 1):
        assert (getattr(biases, f"bias_hh_l{layer}")[8:16] == 1).all()
        assert (getattr(biases, f"bias_hh_l{layer}")[:8].abs() < 1).all()


def test_weights_fit_every_length():
    short, long = ar.char_rnn(3, 5, hidden_dim=8), ar.char_rnn(3, 9, hidden_dim=8)
    long.load_state_dict(testing.perturb(short).state_dict())
    x = torch.randint(3, (6, 9))
    torch.testing.assert_close(long().position_log_prob(x)[:, :5], short().position_log_prob(x[:, :5]))


def test_a_prompt_stands_and_the_rest_is_drawn():
    model = testing.perturb(ar.char_rnn(6, 7, 2, hidden_dim=8), 0.5)
    prompt = torch.tensor([3.0, 1.0] + 5 * [math.nan])
    drawn = model.sample((50,), torch.randn(4, 2), condition_on=prompt)
    assert (drawn[..., :2] == prompt[:2]).all()
    assert drawn[..., 2:].unique().numel() > 1


@pytest.mark.parametrize("num_layers", [1, 2])
def test_dropout_acts_in_training_alone(num_layers):
    net = nn.Recurrent(6, 3, vocabulary_size=3, hidden_dim=16, num_layers=num_layers, dropout=0.5)
    x = torch.randint(3, (2, 6))
    assert not torch.equal(net(x), net(x))
    net.eval()
    assert torch.equal(net(x), net(x))


def test_a_draw_drops_nothing_and_leaves_the_mode():
    model = testing.perturb(ar.char_rnn(5, 12, hidden_dim=16, num_layers=2, dropout=0.5), 0.5)
    model.net.output.eval()
    check_draws_agree(model, (20,))
    assert model.net.training
    assert not model.net.output.training
