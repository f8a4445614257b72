"""One walk through a transformer, a symbol at a time."""

from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

if TYPE_CHECKING:
    from pyrodgm.nn.transformer import Transformer, TransformerBlock


class TransformerStepper:
    """Maps ``None``, then each symbol just drawn, to the parameters of the next position. No graph is recorded.

    A step takes one row through every block; what earlier positions left are their keys and values, in memory that is
    set aside once. Only the attention's two thin products grow with the position.
    """

    @torch.no_grad()
    def __init__(self, net: "Transformer", batch: int, context: Tensor | None) -> None:
        self.input = net.input.stepper(batch, context)
        self.positions = None if net.positions is None else net.positions.detach().unbind(0)
        self.norm = scale_and_shift(net.norm)
        self.output = net.output.weight.detach().t().contiguous(), net.output.bias.detach()
        self.blocks = [
            BlockStepper(cast("TransformerBlock", block), net.turns, batch, net.max_length) for block in net.blocks
        ]
        self.position = 0

    def __call__(self, value: Tensor | None = None) -> Tensor:
        """Take the symbol just drawn, ``(batch,)``, and return the next position's ``(batch, num_params)``."""
        h = self.input(value)
        if self.positions is not None:
            h += self.positions[self.position]
        for block in self.blocks:
            block(h, self.position)
        self.position += 1
        weight, bias = self.output
        return torch.addmm(bias, torch.layer_norm(h, h.shape[1:], *self.norm), weight)


class BlockStepper:
    """One block's weights, cut once, and its keys and values so far."""

    def __init__(self, block: "TransformerBlock", turns: Tensor | None, num: int, length: int) -> None:
        heads, weight = block.num_heads, block.query_key_value.weight.detach()
        dim = weight.shape[1]
        head_dim = dim // heads
        self.attention_norm = scale_and_shift(block.attention_norm)
        self.mlp_norm = scale_and_shift(block.mlp_norm)
        projections = weight.view(3, dim, dim).mT.contiguous()
        projections[0] /= head_dim**0.5  # the scale of the scores
        self.projections = projections
        self.merge, self.up, self.down = (
            layer.weight.detach().t().contiguous() for layer in (block.merge, block.up, block.down)
        )
        # Buffers of one step, and the views of them that it works on: a view costs as much as a small product.
        projected = weight.new_empty(3, num, dim)
        self.projected = projected
        self.query = projected[0].view(num * heads, 1, head_dim)
        self.key_value = projected[1:].view(2, num, heads, head_dim)
        self.hidden = weight.new_empty(num, 4 * dim)
        cache = weight.new_empty(2, num, heads, length, head_dim)
        self.slots = cache.unbind(3)
        self.keys, self.values = cache.view(2, num * heads, length, head_dim).unbind(0)
        self.turned = projected[:2].view(2, num, heads, 2, head_dim // 2) if turns is not None else None
        if turns is not None:
            self.cosines, self.sines = (part.view(length, 2, head_dim // 2).unbind(0) for part in turns)

    def __call__(self, h: Tensor, position: int) -> None:
        """Add the block's work to ``h``, ``(num, model_dim)``."""
        normed = torch.layer_norm(h, h.shape[1:], *self.attention_norm)
        torch.bmm(normed.expand(3, *h.shape), self.projections, out=self.projected)
        if self.turned is not None:
            swapped = self.turned.flip(3)
            self.turned.mul_(self.cosines[position]).addcmul_(swapped, self.sines[position])
        self.slots[position].copy_(self.key_value)
        seen = position + 1
        scores = torch.bmm(self.query, self.keys.narrow(1, 0, seen).mT).softmax(-1)
        attended = torch.bmm(scores, self.values.narrow(1, 0, seen))
        h.addmm_(attended.view(h.shape), self.merge)
        torch.mm(torch.layer_norm(h, h.shape[1:], *self.mlp_norm), self.up, out=self.hidden)
        h.addmm_(F.gelu(self.hidden), self.down)


def scale_and_shift(norm: nn.LayerNorm) -> tuple[Tensor, Tensor]:
    """Return a normalization's parameters, without a graph."""
    return norm.weight.detach(), norm.bias.detach()
