"""Recurrent models of text and other sequences of symbols."""

from torch import nn

from pyrodgm import heads
from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.recurrent import Recurrent


def char_rnn(
    vocabulary_size: int,
    max_length: int = 256,
    context_dim: int = 0,
    *,
    cell: type[nn.LSTM | nn.GRU] = nn.LSTM,
    embedding_dim: int = 64,
    hidden_dim: int = 256,
    num_layers: int = 1,
    dropout: float = 0.0,
    end: int | None = None,
) -> Autoregressive:
    r"""Recurrent model of symbols, :math:`p(x \mid c) = \prod_i \mathrm{softmax}(W s_i + b)_{x_i}`.

    The state :math:`s_i` sums up the symbols before position :math:`i`; a draw carries it from symbol to symbol.
    No weight depends on ``max_length``: a state dict fits a model of any other length.

    Args:
        vocabulary_size: Number of symbols; events hold integers from 0.
        max_length: Number of positions of one event.
        context_dim: Number of context features, such as the width of a one-hot label.
        cell: :class:`torch.nn.LSTM` or :class:`torch.nn.GRU`.
        embedding_dim: Width of a symbol's embedding.
        hidden_dim: Width of each layer's state.
        num_layers: Number of layers.
        dropout: Probability of dropping what a layer reads, and what the output reads, in training; never the state.
        end: A symbol that ends a sequence. Shorter ones are filled with it: what follows the first one is the end
            again, with probability one.

    Returns:
        A module; ``model(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (max_length,)``.

    Raises:
        ValueError: If a size is too small, ``cell`` is another class, ``dropout`` is outside [0, 1), or ``end`` is no
            symbol.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar
        >>> model = ar.char_rnn(27, 12, end=0, hidden_dim=32)
        >>> model().log_prob(torch.randint(1, 27, (5, 12))).shape
        torch.Size([5])
        >>> model.sample((3,), condition_on=torch.tensor([5.0, 2.0] + 10 * [torch.nan])).shape
        torch.Size([3, 12])

    References:
        Sutskever, Martens, Hinton (2011), Generating Text with Recurrent Neural Networks,
        https://icml.cc/2011/papers/524_icmlpaper.pdf;
        Graves (2013), Generating Sequences With Recurrent Neural Networks, section 2, https://arxiv.org/abs/1308.0850;
        Zaremba, Sutskever, Vinyals (2014), Recurrent Neural Network Regularization, section 3.2 (where to drop),
        https://arxiv.org/abs/1409.2329
    """
    check_dim("vocabulary_size", vocabulary_size, 2)
    net = Recurrent(
        max_length,
        vocabulary_size,
        vocabulary_size=vocabulary_size,
        context_dim=context_dim,
        cell=cell,
        embedding_dim=embedding_dim,
        hidden_dim=hidden_dim,
        num_layers=num_layers,
        dropout=dropout,
    )
    return Autoregressive(net, heads.Categorical(vocabulary_size), end=end)
