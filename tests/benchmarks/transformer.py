"""Text: drawing from a transformer with kept keys and values against a pass a symbol, and the training step."""

import math
from collections.abc import Callable, Iterator
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave

GROUPS = (("pyrodgm",),)
ROUNDS = 10
VOCABULARY, LENGTH, DIM, NUM_LAYERS, NUM_HEADS = 65, 512, 128, 4, 4
TRAIN_LENGTH, TRAIN_BATCH = 128, 16
BLOCK = 64  # steps timed at each end of a sequence
PASS, LOOP, DRAW = f"{FLOOR}: one pass", f"{FLOOR}: a pass over what is there, for each symbol", "pyrodgm: a draw"
DRAW_16 = "pyrodgm: a draw of 16"
EARLY, LATE = f"steps 1 to {BLOCK}", f"steps {LENGTH - BLOCK + 1} to {LENGTH}"
BY_HAND, OURS, OBJECTIVE = f"{FLOOR}: cross-entropy", "pyrodgm: log_prob", "pyrodgm: Density, ReparameterizedELBO"
DIFFERENT = "symbols drawn otherwise than by the loop"


class HandWrittenTransformer(nn.Module):
    """The same architecture in plain torch, over prefixes of any length; takes the weights of ours."""

    def __init__(self, length: int) -> None:
        super().__init__()
        self.symbols, self.start = nn.Embedding(VOCABULARY, DIM), nn.Parameter(torch.zeros(DIM))
        self.blocks = nn.ModuleList(
            nn.ModuleList(
                [nn.LayerNorm(DIM), nn.LayerNorm(DIM)]
                + [nn.Linear(a * DIM, b * DIM, bias=False) for a, b in ((1, 3), (1, 1), (1, 4), (4, 1))]
            )
            for _ in range(NUM_LAYERS)
        )
        self.norm, self.output = nn.LayerNorm(DIM), nn.Linear(DIM, VOCABULARY)
        width = DIM // NUM_HEADS
        angles = torch.arange(length)[:, None] * 10000.0 ** (-torch.arange(0, width, 2) / width)
        self.cosine, self.sine = angles.cos(), angles.sin()

    def turn(self, h: Tensor) -> Tensor:
        """Rotate pairs of features by the position's angles."""
        first, second = h.chunk(2, -1)
        cosine, sine = self.cosine[: h.shape[-2]], self.sine[: h.shape[-2]]
        return torch.cat((first * cosine - second * sine, second * cosine + first * sine), -1)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits of the symbols 0 to n, ``(batch, n + 1, VOCABULARY)``, of ``x``, ``(batch, n)``."""
        h = torch.cat((self.start.expand(len(x), 1, DIM), self.symbols(x)), 1)
        for norm, mlp_norm, query_key_value, merge, up, down in self.blocks:  # type: ignore[misc]
            parts = query_key_value(norm(h)).view(*h.shape[:2], 3, NUM_HEADS, -1)
            query, key, value = parts.permute(2, 0, 3, 1, 4)
            attended = F.scaled_dot_product_attention(self.turn(query), self.turn(key), value, is_causal=True)
            h = h + merge(attended.transpose(1, 2).reshape(h.shape))
            h = h + down(F.gelu(up(mlp_norm(h))))
        logits: Tensor = self.output(self.norm(h))
        return logits

    @torch.no_grad()
    def take(self, net: nn.Module) -> "HandWrittenTransformer":
        """Copy the weights of our network."""
        theirs = dict(net.named_parameters())
        self.symbols.weight.copy_(theirs["input.embedding.weight"])
        self.start.copy_(theirs["input.start"])
        names = ("attention_norm", "mlp_norm", "query_key_value", "merge", "up", "down")
        for index, block in enumerate(self.blocks):
            for layer, name in zip(block, names, strict=True):  # type: ignore[arg-type]
                for part, parameter in layer.named_parameters():
                    parameter.copy_(theirs[f"blocks.{index}.{name}.{part}"])
        for layer, name in ((self.norm, "norm"), (self.output, "output")):
            for part, parameter in layer.named_parameters():
                parameter.copy_(theirs[f"{name}.{part}"])
        return self

    @torch.no_grad()
    def loop(self, uniforms: Tensor) -> Tensor:
        """Draw symbol by symbol, each by a pass over all before it; by inversion, so that draws can be compared."""
        x = torch.zeros(len(uniforms), 0, dtype=torch.long)
        for uniform in uniforms.unbind(1):
            cumulative = self(x)[:, -1].softmax(-1).cumsum(-1)
            x = torch.cat((x, (uniform[:, None] >= cumulative[:, :-1]).sum(-1, keepdim=True)), 1)
        return x


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time a draw, steps early and late, and training steps."""
    return {**measure_draws(rounds, quick=quick), **measure_steps(rounds), **measure_training(rounds, quick=quick)}


def measure_draws(rounds: int, *, quick: bool) -> dict[str, list[Timing]]:
    """Time draws; the loop once, since it takes seconds."""
    from pyrodgm import autoregressive as ar

    model = ar.transformer(VOCABULARY, LENGTH, num_layers=NUM_LAYERS, num_heads=NUM_HEADS, model_dim=DIM)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)  # so that symbols depend on earlier ones
    by_hand = HandWrittenTransformer(LENGTH).take(model.net)
    x = torch.zeros(1, LENGTH - 1, dtype=torch.long)
    contenders = [
        Contender(PASS, torch.no_grad()(partial(by_hand, x)), num_params=count(by_hand)),
        Contender(DRAW, partial(model.sample, (1,), progress=False), num_params=count(model)),
        Contender(DRAW_16, partial(model.sample, (16,), progress=False), num_params=count(model)),
        Contender(LOOP, partial(by_hand.loop, torch.rand(1, LENGTH)), num_params=count(by_hand), every=rounds),
    ]
    timings = interleave(contenders, rounds=rounds, block_seconds=0.02 if quick else 0.1)
    length = 64  # enough to tell a mistake, and short
    torch.manual_seed(1)
    ours = model.sample((4,), progress=False)[:, :length]
    torch.manual_seed(1)
    theirs = by_hand.loop(torch.rand(4, LENGTH)[:, :length])
    timings[1].values[DIFFERENT] = float((ours != theirs).sum())
    return {"draw": timings}


def measure_steps(rounds: int) -> dict[str, list[Timing]]:
    """Time steps at the two ends of a sequence."""
    from pyrodgm import nn as pyrodgm_nn

    net = pyrodgm_nn.Transformer(
        LENGTH, VOCABULARY, vocabulary_size=VOCABULARY, num_layers=NUM_LAYERS, num_heads=NUM_HEADS, model_dim=DIM
    )
    stepper, symbol = net.stepper((1,)), torch.zeros(1, dtype=torch.long)
    for _ in range(LENGTH):
        stepper(symbol)

    def steps(begin: int) -> None:
        stepper.position = begin
        for _ in range(BLOCK):
            stepper(symbol)

    contenders = [Contender(EARLY, partial(steps, 0)), Contender(LATE, partial(steps, LENGTH - BLOCK))]
    return {"steps": interleave(contenders, rounds=rounds)}


def measure_training(rounds: int, *, quick: bool) -> dict[str, list[Timing]]:
    """Time training steps of the same network under a loss by hand and ours."""
    from pyrodgm import autoregressive as ar
    from pyrodgm import infer, models

    settings = {"num_layers": NUM_LAYERS, "num_heads": NUM_HEADS, "model_dim": DIM}
    builders: dict[str, Callable[[], ar.Autoregressive]] = {
        "transformer": partial(ar.transformer, VOCABULARY, TRAIN_LENGTH, **settings),  # type: ignore[arg-type]
        "char_rnn": partial(ar.char_rnn, VOCABULARY, TRAIN_LENGTH),
    }
    results = {}
    for name, build in builders.items():
        contenders = []
        for way in (BY_HAND, OURS, OBJECTIVE):
            model = build()
            density = models.Density(model)
            losses: dict[str, Callable[[Tensor], Tensor]] = {
                BY_HAND: lambda x, net=model.net: F.cross_entropy(  # type: ignore[misc]
                    net(x).flatten(0, 1), x.flatten(), reduction="sum"
                ),
                OURS: lambda x, model=model: -model().log_prob(x).sum(),  # type: ignore[misc]
                OBJECTIVE: infer.ReparameterizedELBO()(density.model, density.guide),
            }
            optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
            contenders.append(Contender(way, partial(step, losses[way], optimizer, batches()), count(model)))
        results[name] = interleave(contenders, rounds=rounds, block_seconds=0.05 if quick else 0.3)
    return results


def batches() -> Iterator[Tensor]:
    """Yield random symbols."""
    while True:
        yield torch.randint(VOCABULARY, (TRAIN_BATCH, TRAIN_LENGTH))


def step(loss: Callable[[Tensor], Tensor], optimizer: torch.optim.Optimizer, source: Iterator[Tensor]) -> None:
    """Take one step."""
    optimizer.zero_grad()
    loss(next(source)).div(TRAIN_BATCH).backward()
    optimizer.step()


def count(module: nn.Module) -> int:
    """Return the number of parameters."""
    return sum(math.prod(parameter.shape) for parameter in module.parameters())


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table of draws, one of steps, one a builder of training steps."""
    size = f"{NUM_LAYERS} layers, {NUM_HEADS} heads, width {DIM}, {VOCABULARY} symbols"
    different = timings["draw"][1].values[DIFFERENT]
    return [
        Table(
            "Drawing from a transformer",
            f"{LENGTH} symbols; {size}; float32. The loop passes over the growing prefix, and is timed once.",
            timings["draw"],
            {DRAW: Target(least_speedup_over=(LOOP, 10.0))},
            [(f"{DIFFERENT}, of four times 64: {different:.0f} (target 0)", different == 0)],
        ),
        Table(
            "Steps of a transformer",
            f"Batch 1; {size}. Attention to earlier symbols is all that grows.",
            timings["steps"],
            {LATE: Target(limit=1.5)},
        ),
        *(
            Table(
                f"Training step of `{name}`",
                f"The same network under three losses; batch {TRAIN_BATCH}, {TRAIN_LENGTH} symbols, fused Adam.",
                timings[name],
                {OURS: Target(limit=1.05), OBJECTIVE: Target(limit=1.05)},
            )
            for name in ("transformer", "char_rnn")
        ),
    ]
