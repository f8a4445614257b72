"""Remembering a drawn pair, so that its density costs no inverse, and never returning a stale one."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Memory:
    """The last pair ``(x, y)`` of a bijection and its log-determinant, under everything that they depend on.

    A pair is valid only for the very same tensors, unchanged since, the same versions of the parameters, and the same
    grad mode. Versions are torch's own in-place counters: every optimiser, ``load_state_dict`` and ``.to()`` is seen;
    only code that writes through ``parameter.data`` in place is invisible, to this as to autograd.
    Copies and pickles start empty.
    """

    def __init__(self) -> None:
        self._pair: tuple[Tensor, Tensor, Tensor] | None = None
        self._state: tuple[object, ...] = ()

    def keep(self, x: Tensor, y: Tensor, ladj: Tensor, module: nn.Module, context: Tensor | None) -> None:
        """Remember ``y = f(x)`` with ``ladj = log|det dy/dx|``."""
        if torch.is_inference_mode_enabled() or torch.compiler.is_compiling():
            self._pair = None
            return
        self._pair = x, y, ladj
        self._state = _state((x, y, context), module)

    def recall(
        self, module: nn.Module, context: Tensor | None, *, x: Tensor | None = None, y: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor] | None:
        """Return the pair whose ``x`` and ``y`` are these very tensors, if it is still true."""
        if self._pair is None or torch.is_inference_mode_enabled() or torch.compiler.is_compiling():
            return None
        known_x, known_y, ladj = self._pair
        if (x is not None and x is not known_x) or (y is not None and y is not known_y):
            return None
        return (known_x, known_y, ladj) if _state((known_x, known_y, context), module) == self._state else None

    def __deepcopy__(self, memo: dict[int, object]) -> "Memory":
        return Memory()

    def __reduce__(self) -> tuple[type["Memory"], tuple[()]]:
        return Memory, ()


def _state(tensors: Iterable[Tensor | None], module: nn.Module) -> tuple[object, ...]:
    values = [tensor if tensor is None else (id(tensor), tensor._version) for tensor in tensors]
    parameters = [(id(p), p._version, p.data_ptr()) for p in module.parameters()]
    return torch.is_grad_enabled(), *values, *parameters
