"""Autoregressive models of 784 binary variables: draws against a pass for each variable, and training steps."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from tests.benchmarks.grid import Grid, Row
from tests.benchmarks.report import Table
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave, speedup

GROUPS = (("pyrodgm",),)
ROUNDS = 10
SIDE, DIM, HIDDEN, BATCH = 28, 784, 500, 100
WARMUP_STEPS = 200  # of training before anything is drawn: draws from untrained weights settle sooner
DRAWS = (1, 16, 64)
INCREMENTAL, FIXED_POINT = "Incremental", "FixedPoint"
LOOP, MASKED_LOOP = "a pass for each variable", "the same, masked once"
STEPS = "hand-written steps"
STEP = "pyrodgm"
EQUAL = "draws that differ from those of a hand-written loop"
LEAST_SPEEDUP, MAX_STEP = 100.0, 1.05
Loss = Callable[[Tensor], Tensor]  # of rows: a loss, or logits


def models() -> dict[str, Any]:
    """Return the models by name."""
    from pyrodgm import autoregressive as ar

    return {
        "FVSBN": ar.fvsbn(DIM),
        f"NADE, {HIDDEN}": ar.nade(DIM, hidden_dim=HIDDEN),
        f"MADE, {HIDDEN}": ar.made(DIM, hidden_dims=(HIDDEN,)),
        f"MADE, {HIDDEN}-{HIDDEN}": ar.made(DIM, hidden_dims=(HIDDEN, HIDDEN)),
        f"MADE, {HIDDEN}, direct": ar.made(DIM, hidden_dims=(HIDDEN,), direct=True),
        f"MADE, {HIDDEN}, 32 masks": ar.made(DIM, hidden_dims=(HIDDEN,), num_masks=32),
    }


def blobs(num: int) -> Tensor:
    """Return smooth random pictures of zeros and ones, of which about one in eight is a one, as rows."""
    coarse = torch.randn(num, 1, 7, 7)
    return F.interpolate(coarse, size=SIDE, mode="bilinear").flatten(1).gt(0.7).float()


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time training steps, and draws from the weights that they have left."""
    from pyrodgm import autoregressive as ar

    results = {}
    for name, model in models().items():
        x = blobs(BATCH)
        step = partial(train_step, lambda x, model=model: -model().log_prob(x).mean(), adam(model))
        by_hand = partial(train_step, partial(hand_written_loss, model), adam(model))
        for _ in range(WARMUP_STEPS // (10 if quick else 1)):
            step(blobs(BATCH))
        contenders = [Contender(FLOOR, lambda by_hand=by_hand, x=x: by_hand(x), num_params=count(model))]
        contenders.append(Contender(STEP, lambda step=step, x=x: step(x)))
        results[f"{name}|step"] = interleave(contenders, rounds=rounds, block_seconds=0.02 if quick else 0.1)
        if isinstance(model, ar.Ensemble):
            continue
        net = model.net
        for num in DRAWS:
            contenders = [Contender(FLOOR, partial(full_pass, net, blobs(num)))]
            for label, strategy in (("pyrodgm", None), (INCREMENTAL, ar.Incremental()), (FIXED_POINT, ar.FixedPoint())):
                if name.startswith("NADE") and label == FIXED_POINT:
                    continue  # a pass for each of some twenty rounds: not what anyone would draw NADE by
                contenders.append(Contender(label, partial(model.sample, (num,), strategy=strategy, progress=False)))
            if name.startswith("NADE"):
                contenders.append(Contender(STEPS, partial(hand_written_steps, net, num)))
            if not quick and (num == 1 or not name.startswith("NADE")):
                contenders.append(Contender(LOOP, partial(hand_written_loop, logits_of(net), num), every=rounds))
            if not quick and hasattr(net, "masked_weights"):
                contenders.append(
                    Contender(MASKED_LOOP, partial(hand_written_loop, masked_pass(net), num), every=rounds)
                )
            timings = interleave(contenders, rounds=rounds, block_seconds=0.005)
            if not quick:
                for timing in timings:
                    if timing.name == "pyrodgm":
                        timing.values[EQUAL] = differing(model, num)
            results[f"{name}|draw|{num}"] = timings
    return results


def train_step(loss: Loss, optimizer: torch.optim.Optimizer, x: Tensor) -> None:
    """Take one step."""
    optimizer.zero_grad()
    loss(x).backward()
    optimizer.step()


def hand_written_loss(model: Any, x: Tensor) -> Tensor:
    """Return the cross-entropy of the model's own network; of an ensemble, of a member drawn for it."""
    net = model.nets.draw() if hasattr(model, "nets") else model.net
    return F.binary_cross_entropy_with_logits(net(x).squeeze(-1), x, reduction="sum") / len(x)


@torch.no_grad()
def full_pass(net: torch.nn.Module, x: Tensor) -> Tensor:
    """Return the logits of one pass."""
    return net(x)  # type: ignore[no-any-return]


@torch.no_grad()
def hand_written_loop(logits: Loss, num: int) -> Tensor:
    """Draw by a pass for each variable."""
    noise, x = torch.rand(num, DIM), torch.zeros(num, DIM)
    for i in range(DIM):
        x[:, i] = (noise[:, i] < logits(x)[:, i].sigmoid()).float()
    return x


def logits_of(net: Any) -> Loss:
    """Return a network as it is: the masks of a masked one are multiplied in at each pass."""
    return lambda x: net(x).squeeze(-1)  # type: ignore[no-any-return]


@torch.no_grad()
def masked_pass(net: Any) -> Loss:
    """Return a masked network as layers with weights that are masked once for all."""
    weights, biases = net.masked_weights(), [layer.bias for layer in net.linears]
    direct = None if net.direct_layer is None else net.direct_layer.weight * net.direct_mask

    def logits(x: Tensor) -> Tensor:
        h = F.linear(x, weights[0], biases[0])
        for weight, bias in zip(weights[1:], biases[1:], strict=True):
            h = F.linear(torch.relu_(h), weight, bias)
        return h if direct is None else h + F.linear(x, direct)

    return logits


@torch.no_grad()
def hand_written_steps(net: Any, num: int) -> Tensor:
    """Draw NADE as its paper does, one column of weights a step."""
    noise, x = torch.rand(num, DIM), torch.zeros(num, DIM)
    activation = net.in_bias.expand(num, -1).clone()
    for i in range(DIM):
        logit = activation.sigmoid() @ net.out_weight[i, 0] + net.out_bias[i]
        x[:, i] = (noise[:, i] < logit.sigmoid()).float()
        activation += x[:, i : i + 1] * net.in_weight[i]
    return x


def differing(model: Any, num: int) -> float:
    """Return how many of the draws are not those of a hand-written loop from the same seed."""
    torch.manual_seed(1)
    masked = hasattr(model.net, "masked_weights")
    expected = hand_written_loop(logits_of(model.net), num) if masked else hand_written_steps(model.net, num)
    torch.manual_seed(1)
    return float((model.sample((num,)) != expected).any(-1).sum())


def adam(model: torch.nn.Module) -> torch.optim.Optimizer:
    """Return the optimiser of both contenders."""
    return torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)


def count(model: torch.nn.Module) -> int:
    """Return the number of parameters."""
    return sum(parameter.numel() for parameter in model.parameters())


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table of steps and one of draws."""
    steps, draws, checks, drawn = [], [], [], []
    for key, (floor, *others) in timings.items():
        name, work, *num = key.split("|")
        by_name = {timing.name: timing for timing in others}
        if work == "step":
            steps.append(Row((name,), floor, by_name))
            ratio = by_name[STEP].ratio
            checks.append(
                (f"{name}: {ratio:.2f} of the hand-written loss's step (target ≤ {MAX_STEP})", ratio <= MAX_STEP)
            )
            continue
        draws.append(Row((name, *num), floor, by_name))
        ours, where = by_name["pyrodgm"], f"{name}, {num[0]} at once"
        if EQUAL in ours.values:
            drawn.append((f"{where}: {ours.values[EQUAL]:.0f} {EQUAL} (target 0)", ours.values[EQUAL] == 0))
        if LOOP in by_name and name.startswith("MADE"):
            times = speedup(by_name[LOOP], ours)
            text = f"{where}: {times:,.0f}× faster than {LOOP} (target ≥ {LEAST_SPEEDUP:g})"
            drawn.append((text, times >= LEAST_SPEEDUP))
    return [
        Grid(
            "Autoregressive models of vectors: training step",
            f"{DIM} binary variables, batch {BATCH}, fused Adam, float32. The floor is a step with the same network "
            "and `binary_cross_entropy_with_logits`; ours is `-model().log_prob(x).mean()`, validation included. The "
            f"data are pictures of which {100 * blobs(1000).mean():.0f} % of the pixels are ones.",
            [],
            {},
            checks,
            heads=("model",),
            columns=(STEP,),
            rows=steps,
        ),
        Grid(
            "Autoregressive models of vectors: draws",
            f"From weights after {WARMUP_STEPS} steps of training on smooth pictures of {SIDE} × {SIDE}; the floor is "
            f'one pass of the network without gradients. "{LOOP}" is the naive sampler; "{MASKED_LOOP}" multiplies the '
            "masks in before its first pass. NADE's hand-written steps are those of its paper.",
            [],
            {},
            drawn,
            heads=("model", "at once"),
            columns=("pyrodgm", INCREMENTAL, FIXED_POINT, STEPS, MASKED_LOOP, LOOP),
            rivals=(MASKED_LOOP, LOOP),
            rows=draws,
        ),
    ]
