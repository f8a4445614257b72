"""Transformers over text and other sequences of symbols."""

from pyrodgm import heads
from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.transformer import Transformer


def transformer(
    vocabulary_size: int,
    max_length: int,
    context_dim: int = 0,
    *,
    num_layers: int = 4,
    num_heads: int = 4,
    model_dim: int = 128,
    dropout: float = 0.0,
    end: int | None = None,
) -> Autoregressive:
    r"""Decoder-only transformer, :math:`p(x \mid c) = \prod_i \mathrm{softmax}(\theta_i(x_{<i}, c))_{x_i}`.

    Blocks normalize first, positions are rotary, and a draw keeps the keys and values of earlier positions, so that it
    takes each symbol through the network once. For learned positions, or for vectors of real numbers, put
    :class:`pyrodgm.nn.Transformer` and a head together, as the example does. No weight depends on ``max_length``: a
    state dict fits a model of any other length, though positions beyond those seen in training are predicted badly.

    Args:
        vocabulary_size: Number of symbols; events hold integers from 0.
        max_length: Number of positions of one event.
        context_dim: Number of context features, such as the width of a one-hot label.
        num_layers: Number of blocks.
        num_heads: Number of heads of attention.
        model_dim: Width, a multiple of twice ``num_heads``.
        dropout: Probability that a number added by a block is dropped, in training mode.
        end: A symbol that ends a sequence. Shorter ones are filled with it: what follows the first one is the end
            again, with probability one.

    Returns:
        A module; ``model(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (max_length,)``.

    Raises:
        ValueError: If a size is too small, widths do not fit, ``dropout`` is outside [0, 1), or ``end`` is no
            symbol.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar, heads, nn
        >>> model = ar.transformer(27, 12, num_layers=2, model_dim=32)
        >>> model().log_prob(torch.randint(27, (5, 12))).shape
        torch.Size([5])
        >>> learned = nn.Transformer(12, 27, vocabulary_size=27, model_dim=32, rotary=False)
        >>> ar.Autoregressive(learned, heads.Categorical(27)).sample((5,)).shape
        torch.Size([5, 12])
        >>> prior = ar.Autoregressive(nn.Transformer(8, 2, model_dim=32), heads.Normal())  # over vectors
        >>> prior().log_prob(torch.randn(5, 8)).shape
        torch.Size([5])

    References:
        Vaswani et al. (2017), Attention Is All You Need, section 3, https://arxiv.org/abs/1706.03762;
        Al-Rfou et al. (2019), Character-Level Language Modeling with Deeper Self-Attention,
        https://arxiv.org/abs/1808.04444
    """
    check_dim("vocabulary_size", vocabulary_size, 2)
    net = Transformer(
        max_length,
        vocabulary_size,
        vocabulary_size=vocabulary_size,
        context_dim=context_dim,
        num_layers=num_layers,
        num_heads=num_heads,
        model_dim=model_dim,
        dropout=dropout,
    )
    return Autoregressive(net, heads.Categorical(vocabulary_size), end=end)
