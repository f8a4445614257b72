"""Transformers over text and codes: who sees whom, what is scored, draws, completion, learning."""

import pytest
import torch

from pyrodgm import autoregressive as ar
from pyrodgm import testing
from tests.autoregressive.sequence_checks import all_sequences, check_draws_agree


def small(num_words=5, text_length=3, num_codes=4, num_positions=6):
    model = ar.prompted(num_words, text_length, num_codes, num_positions, num_layers=2, num_heads=2, model_dim=16)
    return testing.perturb(model, 0.3)


def test_every_code_sees_every_word():
    model, text = small(), torch.randint(5, (7, 3))
    codes = torch.randint(4, (7, 6))
    before = model.net(codes, text)
    for word in range(3):
        other = text.clone()
        other[:, word] = (other[:, word] + 1) % 5
        assert ((model.net(codes, other) - before).abs().amax((0, 2)) > 1e-6).all()


def test_only_codes_are_scored_and_have_probability():
    model, text = small(), torch.randint(5, (3,))
    inner = model.net.transformer
    codes = torch.randint(4, (9, 6))
    tokens = torch.cat((text.expand(9, 3), codes + 5), 1)
    each = inner(tokens)[:, 3:].log_softmax(-1).gather(-1, codes.unsqueeze(-1)).squeeze(-1)
    torch.testing.assert_close(model(text).log_prob(codes), each.sum(-1))
    total = model(text).log_prob(all_sequences(4, 6)).exp().sum()
    torch.testing.assert_close(total, torch.tensor(1.0))


def test_strategies_draw_alike():
    text = torch.randint(5, (7, 3))
    draw = check_draws_agree(small(), (4,), text)
    assert draw.shape == (4, 7, 6)
    assert draw.max() < 4


def test_one_text_for_many_and_many_for_one():
    model, text = small(), torch.randint(5, (2, 3))
    codes = torch.randint(4, (8, 2, 6))
    found = model(text).log_prob(codes)
    torch.testing.assert_close(found[:, 1], model(text[1]).log_prob(codes[:, 1]))
    assert model(text).expand((3, 2)).sample().shape == (3, 2, 6)


def test_half_an_image_is_completed():
    model, text = small(), torch.randint(5, (7, 3))
    codes = torch.randint(4, (7, 6))
    known = torch.arange(6) < 3
    drawn = model.sample((2,), text, condition_on=codes, mask=known)
    assert torch.equal(drawn[..., :3], codes[:, :3].expand(2, 7, 3))
    with pytest.raises(ValueError, match="Expected known values before unknown ones in the order"):
        model.sample(context=text, condition_on=codes, mask=~known)
    imputed = model.impute(codes, ~known, text, num_particles=5)
    assert torch.equal(imputed[:, 3:], codes[:, 3:])


def test_it_learns_what_the_text_says():
    """The codes are the words in reverse; those that fill up say nothing."""
    model = ar.prompted(5, 3, 4, 3, num_layers=2, num_heads=2, model_dim=32)
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for _ in range(250):
        text = torch.randint(1, 5, (64, 3))
        loss = -model(text).log_prob(text.flip(1) - 1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1  # chance is 3 log 4 = 4.2
    text = torch.randint(1, 5, (50, 3))
    assert (model.sample(context=text) == text.flip(1) - 1).double().mean() > 0.95


def test_single_precision_and_its_state_are_kept():
    model = small().float()
    text = torch.randint(5, (7, 3))
    assert model.net(torch.zeros(7, 6), text).dtype == torch.float32
    assert model.sample(context=text).shape == (7, 6)
    twin = small().float()
    twin.load_state_dict(model.state_dict())
    codes = torch.randint(4, (7, 6))
    assert torch.equal(twin(text).log_prob(codes), model(text).log_prob(codes))
