"""What each position of a sequence reads: the symbol before it, or a learned start."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pyrodgm.nn.mlp import check_dim


class SequenceInput(nn.Module):
    r"""Inputs :math:`h_0 = s + V c,\; h_i = e(x_{i-1}) + V c` of a causal network over a sequence.

    Symbols are integers with an embedding each, or real numbers times a vector plus another. The context is added at
    every position, so that no position has to remember it.

    Args:
        dim: Width of the inputs.
        vocabulary_size: Number of symbols; ``None`` for real numbers.
        context_dim: Number of context features; 0 means no context.

    Raises:
        ValueError: If a size is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm.nn.sequence_input import SequenceInput
        >>> SequenceInput(16, vocabulary_size=5)(torch.tensor([[0, 4, 2]])).shape
        torch.Size([1, 3, 16])
    """

    def __init__(self, dim: int, vocabulary_size: int | None = None, context_dim: int = 0) -> None:
        super().__init__()
        check_dim("context_dim", context_dim, 0)
        self.embedding: nn.Embedding | nn.Linear
        if vocabulary_size is None:
            self.embedding = nn.Linear(1, dim)
        else:
            self.embedding = nn.Embedding(check_dim("vocabulary_size", vocabulary_size), dim)
        self.start = nn.Parameter(torch.randn(dim))
        self.context_layer = nn.Linear(context_dim, dim, bias=False) if context_dim else None

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``(num, length, dim)`` of ``x``, ``(num, length)``, and ``context``, ``(num, context_dim)``."""
        symbols = self.embed(x[:, :-1])
        h = torch.cat((self.start.expand(len(x), 1, -1), symbols), 1)
        if self.context_layer is not None and context is not None:
            h = h + self.context_layer(context).unsqueeze(1)
        return h

    def embed(self, x: Tensor) -> Tensor:
        """Return ``(*batch, dim)`` of symbols ``(*batch)``."""
        if isinstance(self.embedding, nn.Embedding):
            return self.embedding(x.long())  # type: ignore[no-any-return]
        return self.embedding(x.unsqueeze(-1).to(self.start.dtype))  # type: ignore[no-any-return]

    @torch.no_grad()
    def stepper(self, num: int, context: Tensor | None = None) -> Callable[[Tensor | None], Tensor]:
        """Return what maps ``None``, then each symbol ``(num,)``, to the next input ``(num, dim)``, a new tensor.

        Args:
            num: Number of sequences.
            context: ``(num, context_dim)`` or ``None``.
        """
        shift = None
        if self.context_layer is not None and context is not None:
            shift = self.context_layer(context)
        weight, start = self.embedding.weight.detach(), self.start.detach().expand(num, -1)
        bias = self.embedding.bias.detach() if isinstance(self.embedding, nn.Linear) else None

        def step(symbol: Tensor | None) -> Tensor:
            if symbol is None:
                h = start.clone()
            elif bias is None:
                h = weight.index_select(0, symbol.long())
            else:
                h = torch.addcmul(bias, symbol.detach().to(bias.dtype).unsqueeze(-1), weight.t())
            return h if shift is None else h.add_(shift)

        return step
