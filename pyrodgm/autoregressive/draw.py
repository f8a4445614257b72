"""Drawing events: noise first, then any strategy, in chunks that fit into memory, with progress."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.func import functional_call
from tqdm import tqdm

from pyrodgm.autoregressive.strategies import Strategy, default_strategy
from pyrodgm.heads.head import Head
from pyrodgm.nn.causal import CausalNet, symbols_last

MAX_BYTES = 1 << 30
PATIENCE = 2.0  # seconds after which a draw shows how far it is


@contextmanager
def as_drawn(net: CausalNet) -> Iterator[None]:
    """Run a network as every strategy does: nothing is dropped, in training mode neither, and no autocast.

    Full passes would do both where steps do neither, so that strategies would differ.
    """
    training = [module for module in net.modules() if module.training]
    for module in training:
        module.training = False
    try:
        with torch.autocast(next(net.parameters()).device.type, enabled=False):
            yield
    finally:
        for module in training:
            module.training = True


def of_all_bits(context: Tensor, like: Tensor) -> Tensor:
    """Return a context for draws, which autocast is off for, where an encoder under autocast made it of fewer bits."""
    autocast = torch.is_autocast_enabled(like.device.type) and context.is_floating_point()
    return context.to(like.dtype) if autocast else context


@torch.no_grad()
def draw_events(
    net: CausalNet,
    head: Head,
    shape: Sequence[int],
    context: Tensor | None = None,
    *,
    strategy: Strategy | None = None,
    known: tuple[Tensor, Tensor] | None = None,
    end: int | None = None,
    max_bytes: int = MAX_BYTES,
    progress: bool = True,
) -> Tensor:
    """Draw events of a causal network and a head.

    All noise is drawn first, in one shape, so that neither strategy nor memory changes what a seed draws. The network
    is in evaluation mode for the time, and autocast is off.

    Args:
        net: The network.
        head: The distribution of one position.
        shape: Shape of the batch to draw.
        context: ``(*batch', *context_shape)``, broadcast against ``shape``, or ``None``.
        strategy: How to draw; by default the fastest as measured.
        known: Values and a mask, both broadcast against ``(*shape, *event_shape)``: where the mask is true, the value
            stands instead of a draw.
        end: Symbol that ends a sequence; what follows it becomes the end too.
        max_bytes: Bound on the memory of activations; larger draws go in chunks.
        progress: Whether a draw that takes seconds shows a bar with the time left.

    Returns:
        ``(*shape, *event_shape)``.
    """
    shape = torch.Size(shape)
    like = next(net.parameters())
    num, context_shape = shape.numel(), net.context_shape
    sources = [head.noise((num, *net.grid_shape), dtype=like.dtype, device=like.device)]
    draw: Callable[..., Tensor] = head.from_noise
    if known is not None:
        values, mask = (t.expand(*shape, *net.event_shape).reshape(num, *net.event_shape) for t in known)
        sources += [symbols_last(t, len(net.symbol_shape), len(net.grid_shape)) for t in (values, mask)]
        draw = _Clamped(head)
    if context is not None:
        context = of_all_bits(context, like).expand(*shape, *context_shape).reshape(num, *context_shape)
    if num == 0:
        return like.new_zeros((*shape, *net.event_shape))
    size = num if num == 1 else min(num, max(1, max_bytes // bytes_per_draw(net, like)))
    strategy = strategy or default_strategy(net, size)
    parts = []
    for begin in range(0, num, size):
        chunk = slice(begin, begin + size)
        track = _Bar(f"drawing {begin + 1} to {min(begin + size, num)} of {num}") if progress else iter
        part_context = None if context is None else context[chunk]
        with as_drawn(net):
            parts.append(strategy(net, draw, [s[chunk] for s in sources], part_context, end=end, track=track))
    x = torch.cat(parts) if len(parts) > 1 else parts[0]
    if end is not None:
        x = x.masked_fill((x == end).cummax(-1).values, end)
        if known is not None:
            x = torch.where(mask, values.to(x.dtype), x)  # known values stand, where they are impossible too
    return x.reshape(*shape, *net.event_shape)


class _Clamped:
    """Draws, but where a value is known."""

    def __init__(self, head: Head) -> None:
        self.head = head

    def __call__(self, params: Tensor, noise: Tensor, values: Tensor, mask: Tensor) -> Tensor:
        drawn = self.head.from_noise(params, noise)
        return torch.where(mask, values.to(drawn.dtype), drawn)


class _Bar:
    """Shows a bar on the terminal, after a while."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __call__(self, steps: Iterable[int]) -> Iterable[int]:
        return tqdm(steps, desc=self.text, delay=PATIENCE, leave=False)


_measured: WeakKeyDictionary[nn.Module, dict[torch.dtype, int]] = WeakKeyDictionary()


def bytes_per_draw(net: CausalNet, like: Tensor) -> int:
    """Estimate how much memory one more draw takes: twice what one more event makes a pass keep for its gradients.

    A draw keeps no more than that; what it makes in between counts for the other half. Measured once for each owner of
    weights and dtype, on copies of the weights, since frozen ones would keep less; no random number is taken.
    """
    measured = _measured.setdefault(net.owner, {})
    if like.dtype not in measured:
        devices = [like.device] if like.is_cuda else []
        with torch.inference_mode(False), torch.random.fork_rng(devices), as_drawn(net):
            weights = {name: leaf(weight) for name, weight in net.named_parameters()}
            weights |= {name: buffer.clone() for name, buffer in net.named_buffers()}
            totals = [kept_bytes(net, weights, like, num) for num in (1, 2)]
        smallest = like.element_size() * net.num_positions * net.num_params
        measured[like.dtype] = 2 * max(totals[1] - totals[0], smallest)
    return measured[like.dtype]


def leaf(weight: Tensor) -> Tensor:
    """Return a copy that a graph can start from, of frozen weights and of those made in inference mode too."""
    return weight.detach().clone().requires_grad_(weight.is_floating_point())


def kept_bytes(net: CausalNet, weights: dict[str, Tensor], like: Tensor, num: int) -> int:
    """Return the memory of the tensors that a pass over ``num`` events keeps for its gradients."""
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    x, context = like.new_zeros(num, *net.event_shape), like.new_zeros(num, *net.context_shape)
    given = (x, context if net.context_shape else None)
    with torch.enable_grad(), torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        made = functional_call(net, weights, given)  # held until counted, so that no address serves twice
    return sum(kept.values()) + made.untyped_storage().nbytes()  # type: ignore[no-any-return]
