"""Remembering a drawn pair, so that its density costs no inverse, and never returning a stale one."""

from collections.abc import ValuesView
from itertools import chain
from operator import is_

import torch
from torch import Tensor, nn

State = tuple[tuple[object, ...], Tensor | None]
SAMPLED = 64  # elements looked at in each floating tensor, at most


class Watch:
    """Tells states of a module apart: its parameters and buffers, its parts, and whether each part is in training.

    Torch counts in-place changes of a tensor, but fused optimisers and writes through ``parameter.data`` pass the
    counter by. So a state holds the counters and, besides, a few values of each floating tensor; a write through
    ``.data`` that leaves all of these as they were goes unseen. What was replaced (by ``functional_call``, by surgery
    on a layer) or moved (by ``.to()``) is found out by identity. Of buffers that are not saved,
    such as masks, the identity alone counts.
    """

    def __init__(self) -> None:
        self._modules: list[nn.Module] | None = None
        self._tables: list[ValuesView[object]] = []  # of the parts, parameters and buffers of each part
        self._held: list[object] = []  # what was in the tables
        self._tensors: list[tuple[Tensor, int]] = []
        self._samples: list[Tensor] = []

    def state(self, module: nn.Module) -> State | None:
        """Return what compares equal (by :func:`same`) for an unchanged module, or ``None`` if that cannot be told."""
        if torch.is_inference_mode_enabled() or torch.compiler.is_compiling():
            return None
        try:
            if self._modules is None or not self._is_current():
                self._modules = self._look_through(module)
            modes = tuple([part.training for part in self._modules])
            counters = tuple([(id(p), p._version) for p, _ in self._tensors])
            return (modes, counters), torch.cat(self._samples) if self._samples else None
        except RuntimeError:  # tensors of a functional transform have neither counter nor address
            self._modules = None
            return None

    def _is_current(self) -> bool:
        """Return whether all that was looked through is still in its place, and nothing besides."""
        held = list(chain.from_iterable(self._tables))
        return (
            len(held) == len(self._held)
            and all(map(is_, held, self._held))
            and all(tensor.data_ptr() == address for tensor, address in self._tensors)
        )

    def _look_through(self, module: nn.Module) -> list[nn.Module]:
        modules = list(module.modules())
        self._tables, self._tensors, self._samples = [], [], []
        for part in modules:
            self._tables += [part._modules.values(), part._parameters.values(), part._buffers.values()]
            saved = [v for k, v in part._buffers.items() if k not in part._non_persistent_buffers_set]
            for tensor in (*part._parameters.values(), *saved):
                if tensor is not None:
                    self._tensors.append((tensor, tensor.data_ptr()))
                    if tensor.numel() and tensor.is_floating_point():
                        flat = tensor.detach().view(-1)  # a view, so that it shows later changes
                        self._samples.append(flat[:: -(-flat.numel() // SAMPLED)])
        self._held = list(chain.from_iterable(self._tables))
        return modules

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

    A pair is valid only for the very same tensors, unchanged since, the same state of the module (see :class:`Watch`),
    and the same grad mode. Nothing is remembered of inference tensors, whose changes nobody counts. Copies and pickles
    start empty.
    """

    def __init__(self) -> None:
        self._pair: tuple[Tensor, Tensor, Tensor] | None = None
        self._parameters: State | None = None
        self._tensors: tuple[object, ...] = ()

    def keep(self, x: Tensor, y: Tensor, ladj: Tensor, parameters: State | None, context: Tensor | None) -> None:
        """Remember ``y = f(x)`` with ``ladj = log|det dy/dx|``."""
        if parameters is None or any(t is not None and t.is_inference() for t in (x, y, context)):
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
