"""A decoder-only transformer over a sequence, with a stepper that keeps keys and values."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.nn.causal import CausalNet, flatten_batches
from pyrodgm.nn.mlp import check_dim, check_dropout, check_inputs
from pyrodgm.nn.sequence_input import SequenceInput
from pyrodgm.nn.transformer_stepper import TransformerStepper

INIT_STD = 0.02


class Transformer(CausalNet):
    r"""Blocks of attention and an MLP, :math:`h \leftarrow h + f(\mathrm{norm}(h))` for :math:`f` of each.

    Each position attends to itself and to earlier ones, and reads the symbol before it. Rotary positions turn queries
    and keys by angles that grow with the position, so that attention depends on distances; learned ones are added to
    the inputs.

    Args:
        max_length: Number of positions of one event.
        num_params: Number of outputs a position.
        vocabulary_size: Number of symbols; ``None`` for sequences of real numbers, such as the features of a vector.
        context_dim: Number of context features, added to the input of every position.
        num_layers: Number of blocks.
        num_heads: Number of heads of attention.
        model_dim: Width, a multiple of ``num_heads``; rotary positions pair features, and need an even width a head.
        dropout: Probability that a number added by a block is dropped, in training mode; steppers drop nothing.
        rotary: Whether positions are rotary; learned otherwise.

    Raises:
        ValueError: If a size is not positive, widths do not fit, or ``dropout`` is outside [0, 1).

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.Transformer(6, 5, vocabulary_size=5, context_dim=4, num_layers=2, model_dim=32)
        >>> net(torch.randint(5, (7, 3, 6)), torch.randn(3, 4)).shape
        torch.Size([7, 3, 6, 5])
        >>> nn.Transformer(6, 2, num_layers=1, model_dim=32)(torch.randn(7, 6)).shape
        torch.Size([7, 6, 2])

    References:
        Vaswani et al. (2017), Attention Is All You Need, section 3, https://arxiv.org/abs/1706.03762;
        Radford et al. (2019), Language Models are Unsupervised Multitask Learners, section 2.3 (normalization first,
        the start of the weights);
        Su et al. (2021), RoFormer, section 3.2, https://arxiv.org/abs/2104.09864
    """

    turns: Tensor | None

    def __init__(
        self,
        max_length: int,
        num_params: int,
        *,
        vocabulary_size: int | None = None,
        context_dim: int = 0,
        num_layers: int = 4,
        num_heads: int = 4,
        model_dim: int = 128,
        dropout: float = 0.0,
        rotary: bool = True,
    ) -> None:
        super().__init__()
        sizes = {"max_length": max_length, "num_params": num_params, "num_layers": num_layers, "num_heads": num_heads}
        for name, value in {**sizes, "model_dim": model_dim}.items():
            check_dim(name, value)
        step = 2 * num_heads if rotary else num_heads
        if model_dim % step:
            raise ValueError(
                f"Expected model_dim to be a multiple of {step}; got {model_dim} for {num_heads} heads"
                f"{' with rotary positions' if rotary else ''}. Give each head the same{' even' * rotary} width."
            )
        self.max_length, self.num_params, self.context_dim = max_length, num_params, context_dim
        self.grid_shape = (max_length,)
        self.context_shape = (context_dim,) if context_dim else ()
        self.dropout = check_dropout(dropout)
        self.register_buffer("order", torch.arange(max_length), persistent=False)
        self.input = SequenceInput(model_dim, vocabulary_size, context_dim)
        self.blocks = nn.ModuleList(TransformerBlock(model_dim, num_heads, dropout) for _ in range(num_layers))
        self.norm = nn.LayerNorm(model_dim)
        self.output = nn.Linear(model_dim, num_params)
        self.positions = None if rotary else nn.Parameter(torch.empty(max_length, model_dim))
        turns = rotations(max_length, model_dim // num_heads, torch.get_default_dtype()) if rotary else None
        self.register_buffer("turns", turns, persistent=False)
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Start small, and smaller the more blocks add up."""
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2 or name == "input.start":
                adds_up = name.endswith(("merge.weight", "down.weight"))
                nn.init.normal_(parameter, std=INIT_STD / (math.sqrt(2 * len(self.blocks)) if adds_up else 1.0))
            elif name.endswith("bias"):
                nn.init.zeros_(parameter)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``(*batch, max_length, num_params)`` of ``x``, ``(*batch, max_length)``, in one pass."""
        check_inputs(self.max_length, self.context_dim, x, context)
        x, context, batch = flatten_batches(x, 1, context, 1)
        h = self.input(x, context)
        if self.positions is not None:
            h = h + self.positions
        h = F.dropout(h, self.dropout, self.training)
        for block in self.blocks:
            h = block(h, self.turns)
        params: Tensor = self.output(self.norm(h))
        return params.reshape(*batch, self.max_length, self.num_params)

    def flat_stepper(self, batch: int, context: Tensor | None) -> TransformerStepper:
        """Return what computes the same outputs position by position, keeping the keys and values of earlier ones."""
        return TransformerStepper(self, batch, context)


class TransformerBlock(nn.Module):
    """Causal attention and a network with one hidden layer at each position, both added to their input.

    Args:
        model_dim: Width.
        num_heads: Number of heads.
        dropout: Probability that a number added is dropped, in training.
    """

    def __init__(self, model_dim: int, num_heads: int, dropout: float) -> None:
        super().__init__()
        self.num_heads, self.dropout = num_heads, dropout
        self.attention_norm = nn.LayerNorm(model_dim)
        self.query_key_value = nn.Linear(model_dim, 3 * model_dim, bias=False)
        self.merge = nn.Linear(model_dim, model_dim, bias=False)
        self.mlp_norm = nn.LayerNorm(model_dim)
        self.up = nn.Linear(model_dim, 4 * model_dim, bias=False)
        self.down = nn.Linear(4 * model_dim, model_dim, bias=False)

    def forward(self, h: Tensor, turns: Tensor | None) -> Tensor:
        """Return ``(num, length, model_dim)`` of the same.

        Args:
            h: ``(num, length, model_dim)``.
            turns: ``(2, length, head_dim)``, what rotary positions multiply by, or ``None``.
        """
        projected = self.query_key_value(self.attention_norm(h))
        heads = projected.unflatten(-1, (3, self.num_heads, -1)).transpose(1, 3)  # (num, heads, 3, length, head_dim)
        query, key, value = heads.unbind(2)
        if turns is not None:
            query, key = turn(query, turns), turn(key, turns)
        attended = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        h = h + self._drop(self.merge(attended.transpose(1, 2).flatten(2)))
        return h + self._drop(self.down(F.gelu(self.up(self.mlp_norm(h)))))

    def _drop(self, h: Tensor) -> Tensor:
        return F.dropout(h, self.dropout, self.training)


def rotations(length: int, head_dim: int, dtype: torch.dtype) -> Tensor:
    """Return cosines and signed sines of each position's angles, ``(2, length, head_dim)``.

    Feature ``i`` is paired with ``i + head_dim / 2``; the angle of a pair is the position times its frequency, and
    frequencies fall from 1 towards 1 / 10000.
    """
    frequencies = 10000.0 ** (-torch.arange(0, head_dim, 2, dtype=torch.float64) / head_dim)
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies
    sine = angles.sin()
    return torch.stack((angles.cos().repeat(1, 2), torch.cat((-sine, sine), 1))).to(dtype)


def turn(h: Tensor, turns: Tensor) -> Tensor:
    """Rotate each pair of features, ``(..., length, head_dim)``."""
    return h * turns[0] + h.roll(h.shape[-1] // 2, -1) * turns[1]
