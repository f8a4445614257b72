"""A RealNVP as one would write it by hand for one purpose: no distributions, no checks, no context."""

import itertools
import math

import torch
from torch import Tensor, nn

MAX_LOG_SCALE = 3.0


class HandWrittenRealNVP(nn.Module):
    """Affine coupling layers on alternating halves, with the log-scale bounded by tanh as in ours.

    Args:
        input_dim: Number of features, even.
        num_layers: Number of coupling layers.
        hidden_dims: Widths of each conditioner.
    """

    def __init__(self, input_dim: int, *, num_layers: int, hidden_dims: tuple[int, ...]) -> None:
        super().__init__()
        half = input_dim // 2
        self.input_dim = input_dim
        self.conditioners = nn.ModuleList(mlp((half, *hidden_dims, 2 * half)) for _ in range(num_layers))
        self.constant = 0.5 * input_dim * math.log(2 * math.pi)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log-densities in nats, (batch,)."""
        a, b = x.chunk(2, -1)
        ladj: Tensor | float = 0.0
        for conditioner in reversed(self.conditioners):
            shift, raw = conditioner(a).chunk(2, -1)
            log_scale = MAX_LOG_SCALE * torch.tanh(raw / MAX_LOG_SCALE)
            a, b = (b - shift) * torch.exp(-log_scale), a
            ladj = ladj - log_scale.sum(-1)
        z = torch.cat((a, b), -1)
        return ladj - 0.5 * z.square().sum(-1) - self.constant

    def sample(self, num: int) -> Tensor:
        """Draw (num, input_dim)."""
        a, b = torch.randn(num, self.input_dim).chunk(2, -1)
        for conditioner in self.conditioners:
            shift, raw = conditioner(b).chunk(2, -1)
            a, b = b, a * torch.exp(MAX_LOG_SCALE * torch.tanh(raw / MAX_LOG_SCALE)) + shift
        return torch.cat((a, b), -1)


def mlp(widths: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for num_in, num_out in itertools.pairwise(widths):
        layers += [nn.Linear(num_in, num_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
