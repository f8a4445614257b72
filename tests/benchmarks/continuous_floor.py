"""A continuous flow as one would write it by hand around torchdiffeq's adjoint, and its field for other libraries."""

import itertools
import math

import torch
from torch import Tensor, nn
from torchdiffeq import odeint_adjoint


class ConcatSquash(nn.Module):
    """One layer: a linear map, gated and shifted by the time."""

    def __init__(self, num_in: int, num_out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(num_in, num_out)
        self.gate = nn.Linear(1, num_out)
        self.shift = nn.Linear(1, num_out, bias=False)

    def forward(self, t: Tensor, h: Tensor) -> Tensor:
        """Return the layer's output."""
        t = t.reshape(1)
        return self.linear(h) * self.gate(t).sigmoid() + self.shift(t)


class HandWrittenField(nn.Module):
    """The field of all contenders: layers of widths 64 and 64, tanh between them.

    Args:
        input_dim: Number of features.
        scale: Factor on the usual start, so that paths are about as curved as trained ones.
    """

    def __init__(self, input_dim: int, *, hidden_dims: tuple[int, int] = (64, 64), scale: float = 2.0) -> None:
        super().__init__()
        widths = (input_dim, *hidden_dims, input_dim)
        self.layers = nn.ModuleList([ConcatSquash(a, b) for a, b in itertools.pairwise(widths)])
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.mul_(scale)

    def forward(self, t: Tensor, z: Tensor) -> Tensor:
        """Return the velocity."""
        first, second, last = self.layers
        return last(t, second(t, first(t, z).tanh()).tanh())  # type: ignore[no-any-return]


class HandWrittenFFJORD(nn.Module):
    """FFJORD: Hutchinson's estimate by a product with the transposed Jacobian, gradients by the adjoint equation."""

    def __init__(self, field: HandWrittenField, tolerance: float) -> None:
        super().__init__()
        self.field = field
        self.tolerance = tolerance
        self.num_evaluations = 0

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log-densities."""
        probe = torch.randint(0, 2, x.shape, dtype=x.dtype).mul_(2).sub_(1)

        def derivatives(t: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
            self.num_evaluations += 1
            with_graph = torch.is_grad_enabled()
            with torch.enable_grad():
                z = state[0] if with_graph else state[0].detach().requires_grad_()
                velocity = self.field(t, z)
                (product,) = torch.autograd.grad(velocity, z, probe, create_graph=with_graph)
            trace = (product * probe).sum(-1)
            return (velocity, trace) if with_graph else (velocity.detach(), trace.detach())

        times = torch.tensor([1.0, 0.0], dtype=x.dtype)
        z, ladj = odeint_adjoint(
            derivatives,
            (x, x.new_zeros(len(x))),
            times,
            rtol=self.tolerance,
            atol=self.tolerance,
            method="dopri5",
            adjoint_params=tuple(self.field.parameters()),
        )
        u = z[-1]
        return -0.5 * u.square().sum(-1) - 0.5 * u.shape[-1] * math.log(2 * math.pi) + ladj[-1]


def copy_field(source: HandWrittenField, target: nn.Module) -> None:
    """Give our field, whose gates are stacked, the weights of the hand-written one."""
    with torch.no_grad():
        for ours, theirs in zip(target.layers, source.layers, strict=True):  # type: ignore[arg-type]
            ours.weight.copy_(theirs.linear.weight)
            ours.bias.copy_(theirs.linear.bias)
        gates = target.gates
        gates.gate.weight.copy_(torch.cat([layer.gate.weight for layer in source.layers]))  # type: ignore[union-attr]
        gates.gate.bias.copy_(torch.cat([layer.gate.bias for layer in source.layers]))  # type: ignore[union-attr]
        gates.shift.weight.copy_(torch.cat([layer.shift.weight for layer in source.layers]))  # type: ignore[union-attr]
