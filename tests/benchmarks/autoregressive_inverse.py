"""One masked autoregressive layer's direction from base to data, which others compute in D passes."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from tests.benchmarks.grid import Grid, Row
from tests.benchmarks.report import Table
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave
from tests.benchmarks.vector_flow_floor import HandWrittenMasked

GROUPS = (("pyrodgm", "Pyro", "nflows"), ("zuko",))
RIVALS = ("Pyro", "nflows", "zuko")
PASS, LOOP = "pyrodgm: a pass", "hand-written loop"
ROUNDS = 10
SIZES = {  # family and input_dim: hidden_dims and batch; Pyro's nets must be at least as wide as the input
    ("affine", 6): ((128, 128), 256),
    ("spline", 6): ((128, 128), 256),
    ("affine", 784): ((1024, 1024), 64),
    ("spline", 784): ((256, 256), 64),
}
EQUALITY = "largest difference to the D-pass loop over the same net, relative to the largest value"
MAX_DIFFERENCE = 1e-6
MAX_PASSES, LEAST_SPEEDUP, LEAST_SPEEDUP_OVER_PYRO = 5.0, 100.0, 150.0
Draw = Callable[[Tensor], Tensor]


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time draws; with gradients at the small size only, where the loops can afford them."""
    results = {}
    for (univariate, dim), (hidden_dims, batch) in SIZES.items():
        u = torch.randn(batch, dim)
        floor = HandWrittenMasked(dim, 0, num_layers=1, hidden_dims=hidden_dims, univariate=univariate)
        draws: dict[str, Draw] = {}
        if "pyrodgm" in group:
            draws |= {PASS: lambda y: y, "pyrodgm": lambda y: y, LOOP: floor.loop}
            draws[PASS], draws["pyrodgm"], difference = pyrodgm_layer(floor, univariate, u)
        peers = [name for name in group if name in LIBRARIES and (name != "Pyro" or min(hidden_dims) >= dim)]
        draws |= {name: LIBRARIES[name](dim, hidden_dims, univariate) for name in peers}
        for with_gradients in (False, True)[: 2 if dim < 100 else 1]:
            run = _with_gradients if with_gradients else torch.no_grad()(_plain)
            contenders = [Contender(FLOOR, partial(run, lambda x, floor=floor: floor.to_base(x, None)[0], u))]
            for name, draw in draws.items():
                is_loop = name in RIVALS or name == LOOP
                if quick and dim > 100 and is_loop:
                    continue  # seconds a call
                turns = rounds if is_loop and dim > 100 else 1
                contenders.append(Contender(name, partial(run, draw, u), every=turns))
            timings = interleave(contenders, rounds=rounds, block_seconds=0.01 if quick else 0.03)
            for timing in timings:
                if timing.name == "pyrodgm":
                    timing.values[EQUALITY] = difference
            work = "draw and gradients" if with_gradients else "draw"
            results[f"{univariate}|{dim}|{work}"] = timings
    return results


def _plain(draw: Draw, u: Tensor) -> None:
    draw(u.detach())


def _with_gradients(draw: Draw, u: Tensor) -> None:
    draw(u.detach().requires_grad_()).square().sum().backward()


def pyrodgm_layer(floor: HandWrittenMasked, univariate: str, u: Tensor) -> tuple[Draw, Draw, float]:
    """Our layer with the floor's weights: its pass, its draw, and how far that is from the floor's loop."""
    from pyrodgm import nn, transforms

    family = transforms.Affine() if univariate == "affine" else transforms.RationalQuadraticSpline()
    hidden_dims = [linear.out_features for linear in floor.layers[0].linears[:-1]]  # type: ignore[index, union-attr]
    layer = transforms.MaskedAutoregressive(
        family, nn.MaskedMLP(floor.input_dim, family.num_params, hidden_dims=hidden_dims)
    )
    with torch.no_grad():
        for ours, theirs in zip(layer.net.parameters(), floor.parameters(), strict=True):
            ours.copy_(theirs)
        drawn, loop = layer.forward_and_ladj(u)[0], floor.loop(u)
    difference = float((drawn - loop).abs().max() / loop.abs().max())
    return lambda y: layer.inverse_and_ladj(y)[0], lambda x: layer.forward_and_ladj(x)[0], difference


def pyro_draw(dim: int, hidden_dims: tuple[int, ...], univariate: str) -> Draw:
    """The inverse of ``AffineAutoregressive`` or ``SplineAutoregressive``, which loops over the features."""
    from pyro.distributions import transforms as T
    from pyro.nn import AutoRegressiveNN

    order = torch.arange(dim)
    if univariate == "affine":
        transform = T.AffineAutoregressive(AutoRegressiveNN(dim, list(hidden_dims), permutation=order))
    else:
        net = AutoRegressiveNN(dim, list(hidden_dims), param_dims=[8, 8, 7], permutation=order)
        transform = T.SplineAutoregressive(dim, net, count_bins=8, bound=5.0, order="quadratic")
    return lambda u: transform.inv(u.clone())


def nflows_draw(dim: int, hidden_dims: tuple[int, ...], univariate: str) -> Draw:
    """The inverse of the masked transforms with as many hidden layers."""
    from nflows.transforms import autoregressive as A

    settings = {"num_blocks": len(hidden_dims) - 1, "use_residual_blocks": False}
    if univariate == "affine":
        transform = A.MaskedAffineAutoregressiveTransform(dim, hidden_dims[0], **settings)
    else:
        transform = A.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
            dim, hidden_dims[0], num_bins=8, tails="linear", tail_bound=5.0, **settings
        )
    return lambda u: transform.inverse(u)[0]


def zuko_draw(dim: int, hidden_dims: tuple[int, ...], univariate: str) -> Draw:
    """``MaskedAutoregressiveTransform``'s inverse."""
    from zuko.flows.autoregressive import MaskedAutoregressiveTransform
    from zuko.transforms import MonotonicRQSTransform

    spline = {"univariate": MonotonicRQSTransform, "shapes": [(8,), (8,), (7,)]} if univariate == "spline" else {}
    transform = MaskedAutoregressiveTransform(dim, hidden_features=hidden_dims, **spline)
    return lambda u: transform().inv(u)


LIBRARIES = {"Pyro": pyro_draw, "nflows": nflows_draw, "zuko": zuko_draw}


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table."""
    rows, checks = [], []
    for key, (floor, *others) in timings.items():
        by_name = {timing.name: timing for timing in others}
        rows.append(Row(tuple(key.split("|")), floor, by_name))
        ours, where = by_name["pyrodgm"], ", ".join(key.split("|"))
        difference = ours.values[EQUALITY]
        checks.append(
            (f"{where}: {EQUALITY}: {difference:.1e} (target ≤ {MAX_DIFFERENCE:g})", difference <= MAX_DIFFERENCE)
        )
        loops = [by_name[name].ratio for name in (*RIVALS, LOOP) if name in by_name]
        if "|784|" in key and loops:
            speedup = min(loops) / ours.ratio
            checks.append(
                (
                    f"{where}: {speedup:,.0f}× faster than the fastest loop (target ≥ {LEAST_SPEEDUP:g})",
                    speedup >= LEAST_SPEEDUP,
                )
            )
            if "Pyro" in by_name:
                speedup = by_name["Pyro"].ratio / ours.ratio
                text = f"{where}: {speedup:,.0f}× faster than Pyro's (target ≥ {LEAST_SPEEDUP_OVER_PYRO:g})"
                checks.append((text, speedup >= LEAST_SPEEDUP_OVER_PYRO))
            checks.append((f"{where}: {ours.ratio:.2f} passes (target ≤ {MAX_PASSES:g})", ours.ratio <= MAX_PASSES))
    sizes = "; ".join(
        f"{kind}, D={dim}: hidden {hidden}, batch {batch}" for (kind, dim), (hidden, batch) in SIZES.items()
    )
    return [
        Grid(
            "Masked autoregressive inverse",
            f"One layer, from base to data, in float32. {sizes}. The floor is one hand-written pass in the other "
            f'direction, masks multiplied in as in training; "{LOOP}" takes D of them with the masks multiplied once. '
            "Ratios to the floor count passes.",
            [],
            {},
            checks,
            heads=("family", "D", "work"),
            columns=("pyrodgm", PASS, *RIVALS, LOOP),
            rivals=(*RIVALS, LOOP),
            rows=rows,
        )
    ]
