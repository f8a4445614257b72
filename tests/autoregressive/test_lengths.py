"""Sequences of variable length: what an end token promises, by enumeration and by counting steps."""

import pytest
import torch

from pyrodgm import autoregressive as ar
from pyrodgm import testing
from pyrodgm.testing.expectations import check_gradients
from tests.autoregressive.sequence_checks import STRATEGIES, all_sequences, check_draws_agree

END = 1


def char_rnn(num_symbols, length, context_dim=0, end=END):
    return ar.char_rnn(num_symbols, length, context_dim, hidden_dim=8, end=end)


def transformer(num_symbols, length, context_dim=0, end=END):
    return ar.transformer(num_symbols, length, context_dim, num_layers=1, num_heads=2, model_dim=8, end=end)


@pytest.fixture(params=[char_rnn, transformer])
def build(request):
    return lambda *args, **kwargs: testing.perturb(request.param(*args, **kwargs), 0.5)


def well_ended(x, end=END):
    """Whether nothing but the end follows the first end."""
    ended = (x == end).cummax(-1).values
    return ((x == end) | ~ended).all(-1)


@pytest.mark.parametrize("end", [0, 2])
def test_probabilities_of_all_sequences_sum_to_one(build, end):
    model = build(3, 3, 2, end=end)
    x = all_sequences(3, 3)
    log_prob = model(torch.randn(2)).log_prob(x)
    torch.testing.assert_close(log_prob.exp().sum(), torch.tensor(1.0))
    assert torch.equal(log_prob == -torch.inf, ~well_ended(x, end))
    assert well_ended(x, end).sum() == 1 + 2 + 4 + 8  # ended at the start, after one, after two, never


def test_the_density_counts_up_to_the_end_and_not_the_room_after_it(build):
    short, long = build(4, 3), build(4, 8)
    long.load_state_dict(short.state_dict())
    x = torch.tensor([[END, END, END], [0, END, END], [3, 2, END]])
    filled = torch.cat((x, torch.full((3, 5), END)), 1)
    torch.testing.assert_close(long().log_prob(filled), short().log_prob(x))
    positions = short().position_log_prob(x)
    assert (positions[torch.tensor([0, 0, 1]), torch.tensor([1, 2, 2])] == 0).all()
    assert (positions[torch.arange(3), torch.arange(3)] < 0).all()  # the first end itself counts


def test_strategies_draw_alike_and_end_well(build):
    draw = check_draws_agree(build(4, 9), (40,))
    assert well_ended(draw).all()
    assert (draw == END).any()


def test_draws_have_the_probabilities(build):
    model = build(3, 3)
    x = all_sequences(3, 3)
    x = x[well_ended(x)]
    probs = model().log_prob(x).exp().detach()
    drawn = model.sample((20_000,))
    counts = (drawn[:, None] == x).all(-1).sum(0)
    assert counts.sum() == 20_000
    chi_square = ((counts - 20_000 * probs) ** 2 / (20_000 * probs)).sum()
    assert chi_square < 55.6  # 14 degrees of freedom: a true sampler fails once in about 1.5 * 10^6 seeds


@pytest.mark.parametrize("build_one", [char_rnn, transformer])
def test_a_draw_stops_where_every_row_has_ended(build_one):
    model = build_one(3, 50)
    with torch.no_grad():
        model.net.output.weight.zero_()
        model.net.output.bias.copy_(torch.tensor([-50.0, 50.0, -50.0]))  # the end, at once
    taken = []
    stepper = model.net.stepper

    def counting(*args):
        step = stepper(*args)
        return lambda value: taken.append(value) or step(value)

    model.net.stepper = counting
    assert (model.sample((5,), strategy=ar.Incremental()) == END).all()
    assert len(taken) == 1


def test_a_prompt_may_end_or_go_on(build):
    model = build(4, 6)
    nan = torch.nan
    for strategy in STRATEGIES:
        ended = model.sample((3,), condition_on=torch.tensor([0, 3, END, nan, nan, nan]), strategy=strategy)
        assert ended.tolist() == [[0, 3] + 4 * [END]] * 3
        going_on = model.sample((30,), condition_on=torch.tensor([0, 3, nan, nan, nan, nan]), strategy=strategy)
        assert (going_on[:, :2] == torch.tensor([0, 3])).all()
        assert well_ended(going_on).all()
    torch.testing.assert_close(
        model.log_prob_observed(torch.tensor([0.0, END, END, nan, nan, nan]), torch.tensor([1, 1, 1, 0, 0, 0]).bool()),
        model().log_prob(torch.tensor([0] + 5 * [END])),
    )


def test_what_is_missing_before_a_symbol_is_no_end(build):
    """Exact probabilities of the missing first and last symbols, given that the middle is no end."""
    model = build(3, 3)
    x = all_sequences(3, 3)
    x = x[well_ended(x) & (x[:, 1] == 2)]
    probs = model().log_prob(x).softmax(0).detach()
    known = torch.tensor([torch.nan, 2.0, torch.nan]).expand(300, 3)
    drawn = model.impute(known, ~known.isnan(), num_particles=100)
    counts = (drawn[:, None] == x).all(-1).sum(0)
    assert counts.sum() == 300
    chi_square = ((counts - 300 * probs) ** 2 / (300 * probs)).sum()
    # Five degrees of freedom: a true sampler fails once in 10^6 seeds. That 100 particles are not infinitely many
    # moves probabilities by some percent of themselves, which adds less than one.
    assert chi_square < 35.9 + 1.0


def test_gradients_are_finite_with_ends(build):
    model = build(3, 5)
    x = torch.tensor([[END] * 5, [0, 2, END, END, END], [0, 0, 2, 2, 0]])
    check_gradients(model, model().log_prob(x))
