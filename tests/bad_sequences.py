"""Bad input to models of sequences, with its messages: a part of the table in tests/test_bad_input.py."""

import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn


def model(**kwargs):
    return ar.char_rnn(5, 4, hidden_dim=8, **kwargs)


def ends_at_once():
    made = model(end=0)
    torch.nn.init.zeros_(made.net.output.weight)
    with torch.no_grad():
        made.net.output.bias.copy_(torch.tensor([99.0, 0.0, 0.0, 0.0, 0.0]))
    return made


CASES = {
    "sequence of length 0": (
        lambda: ar.transformer(5, 0),
        r"Expected max_length to be an integer of at least 1; got 0\. Give max_length >= 1\.",
    ),
    "sequence of length 0, recurrent": (lambda: ar.char_rnn(5, 0), r"Expected max_length to be .* at least 1; got 0\."),
    "no vocabulary": (lambda: ar.char_rnn(0), r"Expected vocabulary_size to be an integer of at least 2; got 0\."),
    "vocabulary of one": (lambda: ar.transformer(1, 4), r"Expected vocabulary_size to be .* at least 2; got 1\."),
    "no cell": (
        lambda: ar.char_rnn(5, cell=torch.nn.RNN),
        r"Expected cell to be torch\.nn\.LSTM or torch\.nn\.GRU, the class itself; got .*RNN",
    ),
    "cell that is made": (lambda: ar.char_rnn(5, cell=torch.nn.LSTM(3, 4)), r"the class itself; got LSTM\(3, 4\)\."),
    "no layers": (lambda: ar.char_rnn(5, num_layers=0), r"Expected num_layers to be an integer of at least 1; got 0\."),
    "width that heads do not divide": (
        lambda: ar.transformer(5, 4, num_heads=4, model_dim=20),
        r"Expected model_dim to be a multiple of 8; got 20 for 4 heads with rotary positions\. Give each head the same",
    ),
    "width that heads do not divide, learned positions": (
        lambda: nn.Transformer(5, 4, num_heads=4, model_dim=18, rotary=False),
        r"Expected model_dim to be a multiple of 4; got 18 for 4 heads\. Give each head the same width\.",
    ),
    **{
        f"everything dropped by {build.__name__}": (
            lambda build=build: build(5, 4, dropout=1.0),
            r"Expected dropout in \[0, 1\); got 1\.0\. It is the probability of dropping a unit\.",
        )
        for build in (ar.transformer, ar.char_rnn)
    },
    "symbol outside the vocabulary": (
        lambda: model()().log_prob(torch.tensor([[0, 1, 2, 3], [0, 1, 5, 3]])),
        r"Expected values in .*; got 5 at index \[1, 2\]\.",
    ),
    "prompt outside the vocabulary": (
        lambda: model().sample((2,), condition_on=torch.tensor([0.0, 7.0, torch.nan, torch.nan])),
        r"Expected values in .*; got 7 at index \[0, 1\]\.",
    ),
    "context of another batch": (
        lambda: model(context_dim=2)(torch.randn(3, 2)).log_prob(torch.zeros(4, 4)),
        r"Expected batches of value and context that broadcast; got \(4,\) and \(3,\)\. Give one context for each",
    ),
    "end outside the vocabulary": (
        lambda: model(end=5),
        r"Expected end to be a value of Categorical\(5, event_shape=\(\)\); got 5\. Name the symbol that ends a",
    ),
    "end of a picture": (
        lambda: ar.Autoregressive(nn.PixelCNN((1, 4, 4), 5, num_levels=5, num_layers=2), heads.Categorical(5), end=0),
        r"Expected a net over sequences, one row of symbols, with end; got events of shape \(1, 4, 4\)",
    ),
    "end in an order": (
        lambda: ar.Autoregressive(nn.MaskedMLP(3, 5, order=[2, 0, 1]), heads.Categorical(5), end=0),
        r"Expected the natural order with end; got position 2 as number 0\. Leave end out",
    ),
    "end of real numbers": (
        lambda: ar.Autoregressive(nn.MaskedMLP(3, 2), heads.Normal(), end=0),
        r"Expected a head over integers with end; got Normal\(.*\)\. Leave end out",
    ),
    "something after the end": (
        lambda: model(end=0).sample((2,), condition_on=torch.tensor([1.0, 0.0, 3.0, torch.nan])),
        r"Expected nothing but the end, 0, after the first; got 3 at index \[0, 2\]\. Fill up with the end",
    ),
    "missing values that always end": (
        lambda: ends_at_once().impute(torch.tensor([0.0, 2.0, 2.0, 2.0]), torch.tensor([False, True, True, True])),
        r"Expected a completion with what is observed; got 100 impossible ones, which ended before\. Give more",
    ),
    "a sequence of no temperature": (
        lambda: ar.sample_biased(model(), temperature=0.0),
        r"Expected temperature > 0; got 0\.0\. A small one, such as 1e-6, takes the likeliest value\.",
    ),
    "negative temperature of a head": (
        lambda: heads.BiasedCategorical(5, temperature=-1.0),
        r"Expected temperature > 0; got -1\.0",
    ),
    "none of the likeliest": (lambda: ar.sample_biased(model(), top_k=0), r"Expected top_k of at least 1; got 0\."),
    "no probability": (lambda: ar.sample_biased(model(), top_p=0.0), r"Expected top_p in \(0, 1\]; got 0\.0\."),
    "too much probability": (lambda: ar.sample_biased(model(), top_p=1.1), r"Expected top_p in \(0, 1\]; got 1\.1\."),
    "bias of something else": (
        lambda: ar.sample_biased(ar.Autoregressive(nn.Transformer(4, 2), heads.Normal()), (3,)),
        r"Expected a model with one categorical variable a position; got Normal\(.*\)\. Draw exactly, by model",
    ),
}
