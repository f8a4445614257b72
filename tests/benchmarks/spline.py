"""Rational-quadratic splines alone: both directions, with and without gradients."""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from tests.benchmarks.grid import Grid, Row
from tests.benchmarks.report import Table
from tests.benchmarks.timing import FLOOR, Contender, Timing, interleave
from tests.benchmarks.vector_flow_floor import BOUND, MIN_BIN, MIN_SLOPE, NUM_BINS
from tests.benchmarks.vector_flow_floor import spline as hand_written
from tests.benchmarks.vector_flow_floor import spline_inverse as hand_written_inverse

GROUPS = (("pyrodgm", "Pyro", "nflows"), ("zuko",))
RIVALS = ("Pyro", "nflows", "zuko")
ROUNDS = 15
SIZES = {"256 × 3": (256, 3), "256 × 32": (256, 32), "64 × 784": (64, 784)}  # values: batch × features
WORKS = ("forward", "inverse", "forward, gradients", "inverse, gradients")
LIMIT_TO_ZUKO = 0.8
Evaluate = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # values and flat parameters to values and ladj


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Time every size and direction; parameters lie as each library's own networks lay them out."""
    timings = {}
    for size, shape in SIZES.items():
        x = 2.0 * torch.randn(shape)
        params = torch.randn(shape[0], (3 * NUM_BINS - 1) * shape[1])
        for work in WORKS:
            pick = 1 if work.startswith("inverse") else 0
            evaluates: dict[str, Evaluate] = {FLOOR: (hand_written, hand_written_inverse)[pick]}
            evaluates |= {name: LIBRARIES[name]()[pick] for name in group}
            run = _with_gradients if "gradients" in work else torch.no_grad()(_plain)
            contenders = [Contender(name, partial(run, function, x, params)) for name, function in evaluates.items()]
            timings[f"{size}|{work}"] = interleave(contenders, rounds=rounds, block_seconds=0.01 if quick else 0.03)
    return timings


def _plain(evaluate: Evaluate, x: Tensor, params: Tensor) -> None:
    evaluate(x, params)


def _with_gradients(evaluate: Evaluate, x: Tensor, params: Tensor) -> None:
    x, params = x.detach().requires_grad_(), params.detach().requires_grad_()
    value, ladj = evaluate(x, params * 1.0)  # no leaf, as a network's output is none: some libraries write into it
    (value.sum() + ladj.sum()).backward()


def pyrodgm_spline() -> tuple[Evaluate, Evaluate]:
    """Ours; networks lay parameters out kind by kind."""
    from pyrodgm import transforms

    spline = transforms.RationalQuadraticSpline(NUM_BINS, bound=BOUND, min_bin=MIN_BIN, min_slope=MIN_SLOPE)
    return (
        lambda x, params: spline.forward_and_ladj(x, params.view(len(x), -1, x.shape[-1]).mT),
        lambda y, params: spline.inverse_and_ladj(y, params.view(len(y), -1, y.shape[-1]).mT),
    )


def pyro_spline() -> tuple[Evaluate, Evaluate]:
    """``ConditionedSpline`` of order two, from softmaxed widths and heights as ``ConditionalSpline`` makes them."""
    from pyro.distributions.transforms.spline import ConditionedSpline

    def conditioned(x: Tensor, params: Tensor) -> ConditionedSpline:
        w, h, d = params.view(*x.shape, -1).split([NUM_BINS, NUM_BINS, NUM_BINS - 1], -1)
        parts = w.softmax(-1), h.softmax(-1), torch.nn.functional.softplus(d), None
        return ConditionedSpline(parts, bound=BOUND, order="quadratic")

    return (
        lambda x, params: conditioned(x, params).spline_op(x),
        lambda y, params: conditioned(y, params).spline_op(y, inverse=True),
    )


def nflows_spline() -> tuple[Evaluate, Evaluate]:
    """``unconstrained_rational_quadratic_spline``."""
    from nflows.transforms.splines.rational_quadratic import unconstrained_rational_quadratic_spline

    def evaluate(x: Tensor, params: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
        w, h, d = params.view(*x.shape, -1).split([NUM_BINS, NUM_BINS, NUM_BINS - 1], -1)
        return unconstrained_rational_quadratic_spline(x, w, h, d, inverse=inverse, tail_bound=BOUND)  # type: ignore[no-any-return]

    return partial(evaluate, inverse=False), partial(evaluate, inverse=True)


def zuko_spline() -> tuple[Evaluate, Evaluate]:
    """``MonotonicRQSTransform``."""
    from zuko.transforms import MonotonicRQSTransform

    def transform(x: Tensor, params: Tensor) -> MonotonicRQSTransform:
        w, h, d = params.view(*x.shape, -1).split([NUM_BINS, NUM_BINS, NUM_BINS - 1], -1)
        return MonotonicRQSTransform(w, h, d, bound=BOUND)

    return (
        lambda x, params: transform(x, params).call_and_ladj(x),
        lambda y, params: transform(y, params).inv.call_and_ladj(y),
    )


LIBRARIES = {"pyrodgm": pyrodgm_spline, "Pyro": pyro_spline, "nflows": nflows_spline, "zuko": zuko_spline}


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table."""
    rows, checks = [], []
    for key, (floor, *others) in timings.items():
        size, work = key.split("|")
        by_name = {timing.name: timing for timing in others}
        rows.append(Row((size, work), floor, by_name))
        if "zuko" in by_name:
            ratio = by_name["pyrodgm"].ratio / by_name["zuko"].ratio
            checks.append(
                (f"{size}, {work}: {ratio:.2f} of zuko's time (target ≤ {LIMIT_TO_ZUKO})", ratio <= LIMIT_TO_ZUKO)
            )
    return [
        Grid(
            "Spline evaluation",
            f"Rational-quadratic splines of {NUM_BINS} bins on [-{BOUND:g}, {BOUND:g}] from given parameters, values "
            "and log-derivatives; with gradients, also the way back to values and parameters. Ratios to the floor.",
            [],
            {},
            checks,
            heads=("values", "work"),
            columns=("pyrodgm", *RIVALS),
            rivals=RIVALS,
            rows=rows,
        )
    ]
