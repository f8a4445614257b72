"""Cases of the sequence family: networks on tokens and the models made of them."""

import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn

CAUSAL_NETS = {  # name: (constructor, whether each position sees all earlier ones, number of levels of integers)
    "Recurrent": (lambda: nn.Recurrent(7, 3, vocabulary_size=3, embedding_dim=4, hidden_dim=8), True, 3),
    "Recurrent, GRU, two layers, context": (
        lambda: nn.Recurrent(5, 4, vocabulary_size=4, context_dim=2, cell=torch.nn.GRU, hidden_dim=7, num_layers=2),
        True,
        4,
    ),
    "Recurrent, real, context": (
        lambda: nn.Recurrent(5, 2, context_dim=2, embedding_dim=3, hidden_dim=7, num_layers=2),
        True,
        None,
    ),
    "Recurrent, one symbol": (lambda: nn.Recurrent(1, 3, vocabulary_size=3, hidden_dim=8), True, 3),
    "Transformer": (lambda: nn.Transformer(7, 3, vocabulary_size=3, num_layers=2, num_heads=2, model_dim=12), True, 3),
    "Transformer, learned positions, context": (
        lambda: nn.Transformer(5, 4, vocabulary_size=4, context_dim=2, num_heads=3, model_dim=9, rotary=False),
        True,
        4,
    ),
    "Transformer, real, context": (
        lambda: nn.Transformer(5, 2, context_dim=2, num_layers=1, num_heads=1, model_dim=6),
        True,
        None,
    ),
    "Transformer, one symbol": (lambda: nn.Transformer(1, 3, vocabulary_size=3, num_layers=1, model_dim=8), True, 3),
}

CONDITIONALS = {  # name: (constructor, whether the sum over all values is checked)
    "char_rnn": (lambda: ar.char_rnn(2, 8, embedding_dim=3, hidden_dim=7), True),
    "char_rnn, GRU, context": (lambda: ar.char_rnn(2, 6, 3, cell=torch.nn.GRU, hidden_dim=7, num_layers=2), True),
    "char_rnn, end": (lambda: ar.char_rnn(2, 6, hidden_dim=7, end=1), True),
    "transformer": (lambda: ar.transformer(2, 8, num_layers=2, model_dim=16), True),
    "transformer, context": (lambda: ar.transformer(2, 6, 3, num_heads=1, model_dim=6), True),
    "transformer, end": (lambda: ar.transformer(2, 6, num_layers=1, model_dim=16, end=0), True),
    "Transformer over vectors": (
        lambda: ar.Autoregressive(nn.Transformer(4, 2, context_dim=3, num_layers=1, model_dim=8), heads.Normal()),
        False,
    ),
}
