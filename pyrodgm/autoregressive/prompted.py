"""A transformer over text and image codes."""

from pyrodgm import heads
from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.prompted_transformer import PromptedTransformer


def prompted(
    num_words: int,
    text_length: int,
    num_codes: int,
    num_positions: int,
    *,
    num_layers: int = 4,
    num_heads: int = 4,
    model_dim: int = 128,
    dropout: float = 0.0,
) -> Autoregressive:
    r"""Codes given a text, :math:`p(k \mid t) = \prod_i \mathrm{softmax}(\theta_i(t, k_{<i}))_{k_i}`: a transformer.

    The sequence is text, then codes, over one vocabulary; every code attends to the whole text and to the codes before
    it. Only codes have probability at the positions of codes, and only these are scored: the text is the context, and
    may be filled up to its length with any word. As the prior of a discrete VAE over images it is a small DALL-E.

    Args:
        num_words: Number of words, the one that fills up included; contexts hold integers 0 .. num_words - 1.
        text_length: Number of words of one text.
        num_codes: Number of codes; events hold integers 0 .. num_codes - 1.
        num_positions: Number of codes of one event, the positions of a grid row by row.
        num_layers: Number of blocks.
        num_heads: Number of heads of attention.
        model_dim: Width, a multiple of ``num_heads``.
        dropout: Probability that a number added by a block is dropped, in training mode.

    Returns:
        A module; ``model(text)`` has ``batch_shape == text.shape[:-1]`` and ``event_shape == (num_positions,)``.
        ``model.sample(context=text, condition_on=codes)`` completes what is known of an image.

    Raises:
        ValueError: If a size is too small, widths do not fit, or ``dropout`` is outside [0, 1); when called, if a text
            has another length or holds a value that is no word.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar
        >>> prior = ar.prompted(12, 5, num_codes=16, num_positions=6, num_layers=2, model_dim=32)
        >>> text = torch.randint(12, (3, 5))
        >>> prior(text).log_prob(torch.zeros(3, 6)).shape, prior.sample((2,), text).shape
        (torch.Size([3]), torch.Size([2, 3, 6]))

    References:
        Ramesh et al. (2021), Zero-Shot Text-to-Image Generation, section 2.2, https://arxiv.org/abs/2102.12092
    """
    check_dim("num_codes", num_codes, 2)
    net = PromptedTransformer(
        num_positions,
        num_codes,
        num_words=num_words,
        text_length=text_length,
        num_codes=num_codes,
        num_layers=num_layers,
        num_heads=num_heads,
        model_dim=model_dim,
        dropout=dropout,
    )
    return Autoregressive(net, heads.Categorical(num_codes))
