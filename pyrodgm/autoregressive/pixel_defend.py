"""Purification: a picture is moved to what a model finds probable nearby."""

import torch
from torch import Tensor

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.autoregressive.draw import MAX_BYTES, as_drawn, bytes_per_draw, of_all_bits
from pyrodgm.autoregressive.strategies import Strategy, default_strategy
from pyrodgm.autoregressive.support import check_values, level_bounds, variable_support
from pyrodgm.heads.head import Head
from pyrodgm.nn.causal import flatten_batches


@torch.no_grad()
def pixel_defend(
    model: Autoregressive,
    x: Tensor,
    epsilon: int = 8,
    context: Tensor | None = None,
    *,
    strategy: Strategy | None = None,
) -> Tensor:
    r"""Purify integers greedily: :math:`\hat x_i = \arg\max_{|v - x_i| \le \epsilon} p(v \mid \hat x_{<i}, c)`.

    Position by position in the model's order, each value becomes the most probable one within ``epsilon`` of what was
    given, given the values already purified. What an attack added to a picture, inside a ball of that size, made the
    picture improbable, and much of it is taken back. The search is greedy: there may be more probable pictures in the
    ball. Of values that are equally probable the nearest to ``x`` is taken. It is a remedy and no guarantee: an attack
    that reckons with it can pass.

    Args:
        model: A model over integers with one variable at each position; in evaluation mode for the time.
        x: ``(*batch, *event_shape)``, integers inside the support.
        epsilon: Radius of the ball in the maximum norm, in levels of the data; 0 returns ``x``.
        context: ``(*batch', *context_shape)``, whose batch broadcasts against that of ``x``, or ``None``.
        strategy: How to go through the positions, as for a draw; ``None`` takes the fastest, as measured.

    Returns:
        ``(*batch, *event_shape)`` in the dtype of ``x``.

    Raises:
        ValueError: If the model is of another kind, ``epsilon`` is no integer of at least 0, shapes do not fit, or
            ``x`` has a value outside the support.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar, heads, nn
        >>> model = ar.Autoregressive(nn.MaskedMLP(6, 256), heads.Categorical(256))
        >>> ar.pixel_defend(model, torch.randint(256, (5, 6)), epsilon=8).shape
        torch.Size([5, 6])

    References:
        Song, Kim, Nowozin, Ermon, Kushman (2018), PixelDefend: Leveraging Generative Models to Understand and Defend
        against Adversarial Examples, algorithm 1, https://arxiv.org/abs/1710.10766
        Athalye, Carlini, Wagner (2018), Obfuscated Gradients Give a False Sense of Security, section 5,
        https://arxiv.org/abs/1802.00420 (an attack that passes it)
    """
    lower, upper = integer_bounds(model)
    if isinstance(epsilon, bool) or not isinstance(epsilon, int) or epsilon < 0:
        raise ValueError(
            f"Expected epsilon as an integer of at least 0; got {epsilon!r}. Count it in levels of the data."
        )
    check_event(model, x, context)
    net, like = model.net, next(model.parameters())
    nearby = Nearby(model.head, min(epsilon, upper - lower), lower, upper, like)
    # Besides what a draw takes: the parameters of each position, repeated for each value that is compared.
    compared = len(nearby.offsets) * net.num_positions * net.num_params * like.element_size()
    size = max(1, MAX_BYTES // (bytes_per_draw(net, like) + compared))
    x_flat, context_flat, batch = flatten_batches(x, len(net.event_shape), context, len(net.context_shape))
    x_parts = x_flat.split(size)
    contexts = [None] * len(x_parts) if context_flat is None else of_all_bits(context_flat, like).split(size)
    purify = strategy or default_strategy(net, len(x_parts[0]))
    with as_drawn(net):
        parts = [purify(net, nearby, [part.to(like)], c) for part, c in zip(x_parts, contexts, strict=True)]
    return torch.cat(parts).to(x.dtype).reshape(*batch, *net.event_shape)


class Nearby:
    """Chooses the most probable value within a distance of a given one, where a strategy would have it drawn.

    Args:
        head: The distribution of one variable.
        epsilon: The distance.
        lower: Smallest value of the support.
        upper: Largest one.
        like: A tensor of the dtype and on the device of the parameters.
    """

    def __init__(self, head: Head, epsilon: int, lower: int, upper: int, like: Tensor) -> None:
        self.head = head
        self.lower, self.upper = lower, upper
        # From near to far, since argmax takes the first of equals.
        offsets = [0, *(sign * distance for distance in range(1, epsilon + 1) for sign in (-1, 1))]
        self.offsets = like.new_tensor(offsets)

    def __call__(self, params: Tensor, x: Tensor) -> Tensor:
        """Return ``(*lead,)`` of parameters ``(*lead, num_params)`` and given values ``(*lead,)``."""
        # What falls off an end of the support becomes the end, which is inside the ball too.
        values = (x.unsqueeze(-1) + self.offsets).clamp(self.lower, self.upper)
        log_prob = self.head.log_prob(params.unsqueeze(-2).expand(*values.shape, params.shape[-1]), values)
        return values.take_along_dim(log_prob.argmax(-1, keepdim=True), -1).squeeze(-1)


def integer_bounds(model: Autoregressive) -> tuple[int, int]:
    """Return the smallest and the largest value of a model's variables.

    Raises:
        ValueError: If it is not a model of bounded integers with one variable at each position, in one order.
    """
    if not isinstance(model, Autoregressive):
        raise ValueError(
            f"Expected an Autoregressive, a model with one order; got {type(model).__name__}. "
            "Take one that has one, such as ar.pixelcnn or ar.made with num_orders=1 and num_masks=1."
        )
    if model.net.symbol_shape:
        raise ValueError(
            f"Expected one variable at each position; got {tuple(model.net.symbol_shape)}, whole pixels. "
            "Build the model channel by channel, with a head over one variable such as heads.Categorical(256)."
        )
    if model.end is not None:
        raise ValueError(
            f"Expected levels of brightness or loudness; got symbols that end with {model.end}, which are not near "
            "each other. Build the model without end."
        )
    bounds = level_bounds(model.head)
    if bounds is None:
        raise ValueError(
            f"Expected a head over integers from a smallest to a largest one; got {model.head!r}. "
            "Build the model with heads.Categorical(num_levels), say."
        )
    return bounds


def check_event(model: Autoregressive, x: Tensor, context: Tensor | None) -> None:
    """Refuse data and contexts that do not fit a model or each other.

    Raises:
        ValueError: Saying which.
    """
    batch_shape = model(context).batch_shape
    event_dim = len(model.event_shape)
    batch = x.shape[: max(x.dim() - event_dim, 0)]
    if x.shape[len(batch) :] != model.event_shape:
        raise ValueError(
            f"Expected x of shape (*batch, {', '.join(map(str, model.event_shape))}); got {tuple(x.shape)}. "
            "The last dimensions are one event."
        )
    try:
        torch.broadcast_shapes(batch, batch_shape)
    except RuntimeError as error:
        raise ValueError(
            f"Expected batches of x and context that broadcast; got {tuple(batch)} and {tuple(batch_shape)}. "
            "Give one context for each x, or one for all."
        ) from error
    check_values(x, variable_support(model.head))
