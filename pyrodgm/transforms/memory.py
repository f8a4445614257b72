"""Remembering a drawn pair, so that its density costs no inverse, and never returning a stale one."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

State = tuple[tuple[object, ...], Tensor | None]
SAMPLED = 64  # elements looked at in each parameter


class Watch:
    """Tells states of a module's parameters apart.

    Torch counts in-place changes of a tensor, but fused optimisers and writes through ``parameter.data`` pass the
    counter by. So a state holds the counters and, besides, a few values of each parameter. Replaced parameters
    (``functional_call``, surgery on a layer) and moved ones (``.to()``) are found out by identity.
    """

    def __init__(self) -> None:
        self._entries: list[tuple[Mapping[str, Tensor | None], str, Tensor, int]] | None = None
        self._samples: list[Tensor] = []

    def state(self, module: nn.Module) -> State | None:
        """Return what compares equal (by :func:`same`) for unchanged parameters, or ``None`` if that cannot be told."""
        if torch.is_inference_mode_enabled() or torch.compiler.is_compiling():
            return None
        try:
            if self._entries is None or any(
                owner.get(name) is not p or p.data_ptr() != address for owner, name, p, address in self._entries
            ):
                self._look_through(module)
            counters = tuple((id(p), p._version) for _, _, p, _ in self._entries or ())
            return counters, torch.cat(self._samples) if self._samples else None
        except RuntimeError:  # tensors of a functional transform have neither counter nor address
            self._entries = None
            return None

    def _look_through(self, module: nn.Module) -> None:
        self._entries, self._samples = [], []
        for part in module.modules():
            kept = {k: v for k, v in part._buffers.items() if k not in part._non_persistent_buffers_set}
            for tensors, names in ((part._parameters, part._parameters), (part._buffers, kept)):
                for name in names:
                    tensor = tensors[name]
                    if tensor is not None and tensor.numel() and tensor.is_floating_point():
                        self._entries.append((tensors, name, tensor, tensor.data_ptr()))
                        flat = tensor.detach().view(-1)  # a view, so that it shows later changes
                        self._samples.append(flat[:: -(-flat.numel() // SAMPLED)])

    def __deepcopy__(self, memo: dict[int, object]) -> "Watch":
        return Watch()

    def __reduce__(self) -> tuple[type["Watch"], tuple[()]]:
        return Watch, ()


def same(first: State | None, second: State | None) -> bool:
    """Return whether two states are known and equal."""
    if first is None or second is None or first[0] != second[0]:
        return False
    return first[1] is second[1] or (
        first[1] is not None and second[1] is not None and torch.equal(first[1], second[1])
    )


class Memory:
    """The last pair ``(x, y)`` of a bijection and its log-determinant, under everything that they depend on.

    A pair is valid only for the very same tensors, unchanged since, the same state of the parameters, and the same
    grad mode. Copies and pickles start empty.
    """

    def __init__(self) -> None:
        self._pair: tuple[Tensor, Tensor, Tensor] | None = None
        self._parameters: State | None = None
        self._tensors: tuple[object, ...] = ()

    def keep(self, x: Tensor, y: Tensor, ladj: Tensor, parameters: State | None, context: Tensor | None) -> None:
        """Remember ``y = f(x)`` with ``ladj = log|det dy/dx|``."""
        if parameters is None:
            self._pair = None
            return
        self._pair = x, y, ladj
        self._parameters = parameters
        self._tensors = _versions(x, y, context)

    def holds(self, *, x: Tensor | None = None, y: Tensor | None = None) -> bool:
        """Return whether ``x`` and ``y`` are the very tensors of the pair: worth a look at the parameters."""
        pair = self._pair
        return pair is not None and (x is None or x is pair[0]) and (y is None or y is pair[1])

    def recall(self, parameters: State | None, context: Tensor | None) -> tuple[Tensor, Tensor, Tensor] | None:
        """Return the pair, if it is still true."""
        if self._pair is None or not same(parameters, self._parameters):
            return None
        x, y, ladj = self._pair
        return (x, y, ladj) if _versions(x, y, context) == self._tensors else None

    def __deepcopy__(self, memo: dict[int, object]) -> "Memory":
        return Memory()

    def __reduce__(self) -> tuple[type["Memory"], tuple[()]]:
        return Memory, ()


def _versions(*tensors: Tensor | None) -> tuple[object, ...]:
    return torch.is_grad_enabled(), *(None if t is None else (id(t), t._version) for t in tensors)
