"""Drawing from a masked autoregressive layer: the inverse that others compute in D passes."""

import itertools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm import nn, transforms
from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import Contender, Timing, interleave

GROUPS = (("pyrodgm", "Pyro", "nflows"), ("zuko",))
ROUNDS = 10
INPUT_DIM, HIDDEN_DIMS, BATCH = 784, (1024, 1024), 64
SLOW = 5  # contenders of seconds a call take part in every fifth round
FLOOR_PASS = "one forward pass, hand-written torch"
MASKED_PASS = "one forward pass, hand-written torch, weights masked beforehand"
OUR_PASS = "pyrodgm: one forward pass (log_prob's direction)"
OURS = "pyrodgm: inverse"
EQUALITY = "largest difference to the D-pass loop over the same net in float32, relative to the largest value"
MAX_DIFFERENCE = 1e-6


class HandWrittenPass:
    """A MADE's forward pass in three products, with the weights of Linear's usual start."""

    def __init__(self) -> None:
        degrees = [torch.arange(1, INPUT_DIM + 1)]
        degrees += [torch.linspace(1, INPUT_DIM - 1, width).round().long() for width in HIDDEN_DIMS]
        masks = [after[:, None] >= before for before, after in itertools.pairwise(degrees)]
        masks.append((degrees[0][:, None] > degrees[-1]).repeat(2, 1))
        self.masks = [mask.float() for mask in masks]
        layers = [torch.nn.Linear(mask.shape[1], mask.shape[0]) for mask in masks]
        self.weights = [layer.weight.detach() for layer in layers]
        self.biases = [layer.bias.detach() for layer in layers]
        self.masked = [weight * mask for weight, mask in zip(self.weights, self.masks, strict=True)]

    def run(self, y: Tensor, *, masking: bool) -> tuple[Tensor, Tensor]:
        """Return base value and log-determinant of ``y``, (batch, D) and (batch,)."""
        h = y
        for i, bias in enumerate(self.biases):
            weight = self.weights[i] * self.masks[i] if masking else self.masked[i]
            h = F.linear(h if i == 0 else F.relu_(h), weight, bias)
        shift, raw = h.chunk(2, -1)
        log_scale = 3.0 * torch.tanh(raw / 3.0)
        return (y - shift) * torch.exp(-log_scale), -log_scale.sum(-1)


def pyrodgm_inverse() -> tuple[transforms.MaskedAutoregressive, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]:
    """Our layer, with its last linear layer away from the near-zero start, so that the inverse has work to do."""
    bijection = transforms.MaskedAutoregressive(
        transforms.Affine(), nn.MaskedMLP(INPUT_DIM, 2, hidden_dims=HIDDEN_DIMS, zero_init=False)
    )
    return bijection, lambda u: bijection.forward_and_ladj(u)[0], lambda y: bijection.inverse_and_ladj(y)[0]


def pyro_inverse() -> Callable[[Tensor], Tensor]:
    """``AffineAutoregressive``, whose inverse loops over the features."""
    from pyro.distributions.transforms import affine_autoregressive

    transform = affine_autoregressive(INPUT_DIM, hidden_dims=list(HIDDEN_DIMS))
    return lambda u: transform.inv(u.detach())


def nflows_inverse() -> Callable[[Tensor], Tensor]:
    """``MaskedAffineAutoregressiveTransform`` with two hidden layers."""
    from nflows.transforms.autoregressive import MaskedAffineAutoregressiveTransform

    transform = MaskedAffineAutoregressiveTransform(
        INPUT_DIM, HIDDEN_DIMS[0], num_blocks=len(HIDDEN_DIMS) - 1, use_residual_blocks=False
    )
    return lambda u: transform.inverse(u)[0]


def zuko_inverse() -> Callable[[Tensor], Tensor]:
    """``MaskedAutoregressiveTransform``'s inverse."""
    from zuko.flows.autoregressive import MaskedAutoregressiveTransform

    transform = MaskedAutoregressiveTransform(INPUT_DIM, hidden_features=HIDDEN_DIMS)
    return lambda u: transform().inv(u)


PEERS = {"Pyro": pyro_inverse, "nflows": nflows_inverse, "zuko": zuko_inverse}


@torch.no_grad()
def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time passes and inverses; peers only a few times, they take seconds."""
    floor = HandWrittenPass()
    u = torch.randn(BATCH, INPUT_DIM)
    contenders = [Contender(FLOOR_PASS, lambda: floor.run(u, masking=True))]
    bijection = None
    if "pyrodgm" in group:
        bijection, inverse, forward = pyrodgm_inverse()
        contenders += [
            Contender(MASKED_PASS, lambda: floor.run(u, masking=False)),
            Contender(OUR_PASS, lambda: forward(u)),
            Contender(OURS, lambda: inverse(u)),
        ]
    for name in group:
        if name in PEERS:
            draw = torch.no_grad()(PEERS[name]())
            contenders.append(Contender(f"{name}: inverse", lambda draw=draw: draw(u), every=SLOW))  # type: ignore[misc]
    timings = interleave(contenders, rounds=rounds, block_seconds=0.02 if quick else 0.2)
    if bijection is not None:
        ours = next(timing for timing in timings if timing.name == OURS)
        drawn, loop = inverse(u), loop_inverse(bijection, u)
        ours.values[EQUALITY] = float((drawn - loop).abs().max() / loop.abs().max())
    return {"inverse": timings}


def loop_inverse(bijection: transforms.MaskedAutoregressive, u: Tensor) -> Tensor:
    """Invert by D full passes of the same net, the textbook's loop."""
    y = torch.zeros_like(u)
    for i in bijection.net.order.tolist():
        params = bijection.net(y)
        y[:, i] = bijection.univariate.forward(u[:, i], params[:, i])
    return y


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table."""
    rows = timings["inverse"]
    values = next(timing for timing in rows if timing.name == OURS).values
    return [
        Table(
            f"Masked autoregressive inverse, D={INPUT_DIM}",
            f"One affine layer, hidden {HIDDEN_DIMS}, batch {BATCH}, float32, without gradients; a forward pass is the "
            "direction from data to base, masks multiplied in as in training; × floor counts such passes.",
            rows,
            {OURS: Target(5.0, least_speedup_over=("Pyro: inverse", 150.0))},
            checks=[(f"{EQUALITY}: {values[EQUALITY]:.1e} (target ≤ 1e-6)", values[EQUALITY] <= MAX_DIFFERENCE)],
        )
    ]
