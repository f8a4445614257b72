"""Remembering which codes a tensor was made of, so that scoring it costs no second search."""

import torch
from torch import Tensor


class Remembered:
    """The last quantized tensor, its indices, and the codebook as it stood when the quantizer returned.

    The indices hold for that tensor or a view with its shape (as a point mass returns as its draw), unchanged since,
    and for an equal codebook: it is compared in full, since fused optimisers change parameters without counting.
    Copies and pickles start empty.
    """

    def __init__(self) -> None:
        self._kept: tuple[Tensor, int, Tensor, Tensor] | None = None

    def keep(self, codes: Tensor, indices: Tensor, codebook: Tensor) -> None:
        """Remember ``codes``; not while tracing, nor of inference tensors, whose changes nobody counts."""
        if torch.compiler.is_compiling() or codes.is_inference() or codebook.is_inference():
            self._kept = None
            return
        alias = codes.detach()  # holds the memory, so that no other tensor gets its address, but not the graph
        self._kept = alias, alias._version, indices, codebook.detach().clone()

    def recall(self, codes: Tensor, codebook: Tensor) -> Tensor | None:
        """Return the indices of ``codes``, if these are what was remembered."""
        if self._kept is None or torch.compiler.is_compiling():
            return None
        alias, version, indices, before = self._kept
        try:
            if codes._version != version or codes.data_ptr() != alias.data_ptr():
                return None
        except RuntimeError:  # tensors of functional transforms and of inference have neither counter nor address
            return None
        if (codes.shape, codes.stride()) != (alias.shape, alias.stride()) or not alike(codes, alias):
            return None
        unchanged = alike(codebook, before) and torch.equal(codebook, before)
        return indices if unchanged else None

    def __reduce__(self) -> tuple[type["Remembered"], tuple[()]]:
        return Remembered, ()


def alike(first: Tensor, second: Tensor) -> bool:
    """Return whether two tensors have one dtype and lie on one device."""
    return (first.dtype, first.device) == (second.dtype, second.device)
