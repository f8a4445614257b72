"""Biased generation: the changed probabilities by hand, exact draws without a bias, the greedy choice in the limit."""

import math

import pytest
import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, testing
from tests.autoregressive.sequence_checks import all_sequences

PROBS = [0.1, 0.4, 0.05, 0.25, 0.2]
CHANGED = {  # settings: probabilities by hand, up to their sum
    "nothing": ({}, PROBS),
    "sharper": ({"temperature": 0.5}, [0.01, 0.16, 0.0025, 0.0625, 0.04]),
    "flatter": ({"temperature": 2.0}, [math.sqrt(p) for p in PROBS]),
    "three likeliest": ({"top_k": 3}, [0, 0.4, 0, 0.25, 0.2]),
    "likeliest": ({"top_k": 1}, [0, 1, 0, 0, 0]),
    "more than there are": ({"top_k": 9}, PROBS),
    "reached by three": ({"top_p": 0.8}, [0, 0.4, 0, 0.25, 0.2]),
    "reached by four": ({"top_p": 0.86}, [0.1, 0.4, 0, 0.25, 0.2]),
    "always one": ({"top_p": 0.01}, [0, 1, 0, 0, 0]),
    "all": ({"top_p": 1.0}, PROBS),
    "of what is left": ({"top_k": 2, "top_p": 0.61}, [0, 0.4, 0, 0, 0]),  # 0.4 of 0.65 is 0.615
    "of the sharper": ({"temperature": 0.5, "top_p": 0.8}, [0, 0.16, 0, 0.0625, 0]),  # 0.2225 of 0.275 is 0.809
}


def model(num_symbols=4, length=3, **kwargs):
    return testing.perturb(ar.char_rnn(num_symbols, length, hidden_dim=8, **kwargs), 0.7)


@pytest.mark.parametrize("name", CHANGED)
@pytest.mark.parametrize("shift", [0.0, -700.0])
def test_probabilities_by_hand(name, shift):
    settings, expected = CHANGED[name]
    expected = torch.tensor(expected) / sum(expected)
    head = heads.BiasedCategorical(5, **settings)
    params = torch.tensor(PROBS).log() + shift
    torch.testing.assert_close(head(params).probs, expected)
    torch.testing.assert_close(head.log_prob(params.expand(5, 5), torch.arange(5)).exp(), expected)
    # Noise on a fine grid falls into each value in proportion, to the width of one cell.
    noise = (torch.arange(100_000) + 0.5) / 100_000
    counts = head.from_noise(params.expand(100_000, 5), noise).bincount(minlength=5)
    assert (counts / 100_000 - expected).abs().max() <= 1e-5
    assert (counts[expected == 0] == 0).all()


def test_equal_values_are_cut_to_the_first():
    head = heads.BiasedCategorical(5, top_k=2)
    assert (head(torch.zeros(5)).probs > 0).tolist() == [True, True, False, False, False]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_largest_uniform_draws_nothing_that_is_cut(dtype):
    params = torch.randn(5000, 65, dtype=dtype)
    head = heads.BiasedCategorical(65, top_k=40)
    drawn = head.from_noise(params, torch.full((5000,), 1 - torch.finfo(dtype).eps / 2, dtype=dtype))
    assert (params.gather(1, drawn[:, None]) >= params.topk(40).values[:, -1:]).all()


@pytest.mark.parametrize("temperature", [1e-3, 1e-30, 1e-300])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_towards_zero_the_choice_is_the_likeliest(temperature, dtype):
    params = torch.randn(200, 5, dtype=dtype) * 10
    drawn = heads.BiasedCategorical(5, temperature=temperature).from_noise(params, torch.rand(200, dtype=dtype))
    assert torch.equal(drawn, params.argmax(-1))


def test_without_a_bias_draws_are_the_models_bit_for_bit():
    made, context = model(context_dim=2, length=7), torch.randn(3, 2)
    for settings in ({}, {"temperature": 1.0, "top_k": 4, "top_p": 1.0}):
        torch.manual_seed(1)
        expected = made.sample((20,), context)
        torch.manual_seed(1)
        assert torch.equal(ar.sample_biased(made, (20,), context, **settings), expected)


def test_greedy_generation_takes_the_likeliest_symbol_after_symbol():
    made = model(length=6)
    x = torch.zeros(6)
    for i in range(6):
        x[i] = made.net(x)[i].argmax()
    for settings in ({"temperature": 1e-9}, {"top_k": 1}, {"top_p": 1e-9}):
        assert torch.equal(ar.sample_biased(made, (5,), **settings), x.long().expand(5, 6))


def test_sequences_have_the_product_of_the_changed_probabilities():
    made, settings = model(3, 2), {"temperature": 0.8, "top_p": 0.75}
    x = all_sequences(3, 2)
    logits = made.net(x).detach() / 0.8  # (9, 2, 3)
    probs = torch.ones(9)
    for row in range(9):
        for i in range(2):
            p = logits[row, i].softmax(-1)
            kept, total = [], 0.0
            for k in p.argsort(descending=True).tolist():
                if total < 0.75:
                    kept.append(k)
                    total += p[k].item()
            symbol = int(x[row, i])
            probs[row] *= p[symbol] / total if symbol in kept else 0.0
    assert 0 < (probs > 0).sum() < 9
    torch.testing.assert_close(probs.sum(), torch.tensor(1.0))
    drawn = ar.sample_biased(made, (20_000,), **settings)
    counts = (drawn[:, None] == x).all(-1).sum(0)
    possible = probs > 0
    assert (counts[~possible] == 0).all()
    chi_square = ((counts - 20_000 * probs) ** 2 / (20_000 * probs))[possible].sum()
    assert chi_square < 43  # at most eight degrees of freedom: a true sampler fails once in 10^6 seeds


def test_prompts_stand_and_ends_end():
    made = model(4, 8, end=0)
    prompt = torch.tensor([3.0, 2.0] + 6 * [torch.nan])
    drawn = ar.sample_biased(made, (200,), temperature=1.5, condition_on=prompt)
    assert (drawn[:, :2] == torch.tensor([3, 2])).all()
    ended = (drawn == 0).cummax(-1).values
    assert (drawn[ended] == 0).all()
    assert ended.any()
    known = torch.tensor([1, 2, 1, 0, 0, 0, 0, 0])
    mask = torch.arange(8) < 3
    assert (ar.sample_biased(made, (9,), top_k=2, condition_on=known, mask=mask)[:, :3] == known[:3]).all()
