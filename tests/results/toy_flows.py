"""Flows on densities of the plane: ``python -m tests.results.toy_flows --out docs/results/toy_flows.md``.

Pictures are written beside the page, into a folder of its name.
"""

import copy
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.distributions import Distribution

from pyrodgm import Flow, data, flows, plots, transforms
from tests.results import cells

PROGRAM = "tests.results.toy_flows"
TOYS: dict[str, tuple[Callable[[], Distribution], float]] = {  # name: (density, half the width of its picture)
    "eight_gaussians": (data.toy.eight_gaussians, 3.2),
    "checkerboard": (data.toy.checkerboard, 4.8),
    "two_spirals": (data.toy.two_spirals, 4.2),
    "pinwheel": (data.toy.pinwheel, 4.4),
}
BUDGET = 120.0  # seconds of processor time for the training of one row
BATCH = 512
NUM_INITIAL = 10_000  # points that flows are initialized from
NUM_TEST = 100_000
CHUNK = 5_000
MAX_NORM = 5.0  # of a gradient


def whitened(flow: Flow) -> Flow:
    """Put a linear map between a flow and the data, for ``initialize`` to whiten them."""
    return flows.extend(flow, [transforms.LULinear(2)])


def realnvp() -> Flow:
    """Twelve couplings of two layers of 64 units, SiLU, whitened; rate 2e-3."""
    return whitened(flows.realnvp(2, num_layers=12, hidden_dims=(64, 64), activation=torch.nn.SiLU))


def spline() -> Flow:
    """Six couplings of splines of 16 bins, two layers of 64 units, whitened; rate 2e-3."""
    family = transforms.RationalQuadraticSpline(num_bins=16)
    return whitened(flows.spline_coupling(2, num_layers=6, hidden_dims=(64, 64), spline=family))


def cnf() -> Flow:
    """A field of two layers of 64 units, exact trace, trained by rk4 in 4 steps, judged by dopri5; rate 1e-2."""
    solvers = {"solver": "rk4", "step_size": 0.25, "eval_solver": "dopri5"}
    return whitened(flows.cnf(2, hidden_dims=(64, 64), adjoint="checkpoint", **solvers))


def gaussianization() -> Flow:
    """Twelve rotations and mixtures of 32 components, set from data; rate 5e-3."""
    return flows.gaussianization(2, num_layers=12, num_components=32)


FLOWS: dict[str, tuple[Callable[[], Flow], float]] = {  # name: (builder, rate at which Adam starts)
    "RealNVP": (realnvp, 2e-3),
    "spline coupling": (spline, 2e-3),
    "CNF": (cnf, 1e-2),
    "Gaussianization": (gaussianization, 5e-3),
}


def fit(flow: Flow, exact: Distribution, rate: float) -> dict[str, Any]:
    """Minimise the forward divergence on fresh points for as long as the budget lasts; a cosine of it sets the rate."""
    flow.initialize(exact.sample((NUM_INITIAL,)))
    optimizer = torch.optim.Adam(flow.parameters(), lr=rate, fused=True)
    start = time.process_time()
    steps = skipped = 0
    while (share := (time.process_time() - start) / BUDGET) < 1:
        for group in optimizer.param_groups:
            group["lr"] = rate * 0.5 * (1 + math.cos(math.pi * share))
        optimizer.zero_grad()
        (-flow().log_prob(exact.sample((BATCH,))).mean()).backward()
        if torch.nn.utils.clip_grad_norm_(flow.parameters(), MAX_NORM).isfinite():
            optimizer.step()
        else:
            skipped += 1
        steps += 1
    return {"steps": steps, "skipped": skipped}


def divergence(flow: Flow, build: Callable[[], Distribution]) -> dict[str, float]:
    """Estimate KL(exact || flow) in nats from fresh points, with its standard error, in double precision.

    In single precision a point on the edge of a checkerboard may round to the wrong side of it.
    """
    flow = copy.deepcopy(flow).double()
    torch.set_default_dtype(torch.float64)
    try:
        exact = build()
        points = exact.sample((NUM_TEST,))
        with torch.no_grad():
            gap = torch.cat([exact.log_prob(x) - flow().log_prob(x) for x in points.split(CHUNK)])
    finally:
        torch.set_default_dtype(torch.float32)
    return {"kl": gap.mean().item(), "error": (gap.std() / NUM_TEST**0.5).item()}


def weights_of(cell: cells.Cell, options: Any) -> Path:
    """Return where the weights of a fitted flow lie."""
    name = f"{cell[0]}_{cell[2].replace(' ', '_').lower()}_{options.seed}.pt"
    return Path(options.cells).with_suffix("") / name


def compute(cell: cells.Cell, options: Any) -> dict[str, Any]:
    """Fit one flow to one toy, and keep its weights for the pictures."""
    toy, _, model = cell
    torch.manual_seed(options.seed)
    density, (build, rate) = TOYS[toy][0], FLOWS[model]
    flow = build()
    result = fit(flow, density(), rate)
    flow.eval()
    result |= divergence(flow, density) | {"parameters": sum(p.numel() for p in flow.parameters())}
    path = weights_of(cell, options)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(flow.state_dict(), path)
    return result


def settings(cell: cells.Cell) -> str:
    """Return what a result depends on besides the cell and the seed."""
    return f"{FLOWS[cell[2]][0].__doc__} {BUDGET} {BATCH} {NUM_INITIAL} {NUM_TEST} {MAX_NORM}"


def draw(toy: str, done: dict[cells.Cell, dict[str, Any]], options: Any) -> str:
    """Draw the exact density beside those of the flows, and return the line that shows it on the page."""
    build, half = TOYS[toy]
    panels: dict[str, Distribution] = {"exact": build()}
    for cell in done:
        path = weights_of(cell, options)
        if cell[0] == toy and path.is_file():
            flow = FLOWS[cell[2]][0]().eval()
            flow.load_state_dict(torch.load(path, weights_only=True))
            panels[cell[2]] = flow()
    target = options.out.with_suffix("") / f"{toy}.png"
    figure = plots.density_2d(panels, (-half, half, -half, half))
    target.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(target, dpi=60)
    return f"![{toy}]({target.parent.name}/{target.name})"


def entry(result: dict[str, Any] | None) -> str:
    """Return "divergence ± standard error", or a dash where nothing was computed."""
    return "-" if result is None else f"{result['kl']:.4f} ± {result['error']:.4f}"


def effort(result: dict[str, Any] | None) -> str:
    """Return how far the training came."""
    if result is None:
        return "-"
    skipped = f", {result['skipped']} skipped" if result["skipped"] else ""
    return f"{result['steps']:,}{skipped}"


def page(done: dict[cells.Cell, dict[str, Any]], options: Any) -> str:
    """Write the whole page, and the pictures if it goes to a file."""
    toys = [toy for toy in TOYS if any(cell[0] == toy for cell in done)]
    found = {toy: [done.get((toy, 0, model)) for model in FLOWS] for toy in toys}
    levels = [[toy, *map(entry, results)] for toy, results in found.items()]
    efforts = [[toy, *map(effort, results)] for toy, results in found.items()]
    sizes = {cell[2]: result["parameters"] for cell, result in done.items()}
    kinds = [[name, build.__doc__ or "", f"{sizes[name]:,}"] for name, (build, _) in FLOWS.items() if name in sizes]
    pictures = "" if options.out is None else "\n\n".join(f"**{toy}**\n\n{draw(toy, done, options)}" for toy in toys)
    return f"""# Flows on toy densities

Written by `python -m {PROGRAM}`; do not edit by hand.

KL(p || q) in nats from the exact density p to the flow q, lower is better, 0 is the same density: the mean of
log p(x) - log q(x) over {NUM_TEST:,} fresh points of p, ± its standard error. The densities (`data.toy`) have a closed
form, so that nothing but the points is random; a checkerboard's edges cannot be met by a smooth density.

{cells.table(["toy", *FLOWS], levels)}

Budget of each figure: {BUDGET:.0f} seconds of processor time for training, one thread, seed {options.seed}; Adam on
{BATCH} fresh points a step, the rate falling to zero by a cosine over the budget, gradients cut at a norm of
{MAX_NORM:g}. A run that is cut by time is not repeatable to the bit. The CNF's solver and rate were chosen on the
checkerboard, by the divergence itself, after `dopri5` in training had reached 0.33 there; nothing else was chosen
again. Steps taken:

{cells.table(["toy", *FLOWS], efforts)}

{cells.table(["flow", "what it is", "parameters"], kinds)}

## Pictures

The exact density, and those of the flows, on one scale of brightness.

{pictures}

## Run

{cells.facts(PROGRAM, options, done)}
"""


def main() -> None:
    """Compute what is missing, and write the page and its pictures."""
    options = cells.read_options(PROGRAM, __doc__ or "", tuple(TOYS), 1)
    wanted = [(toy, 0, model) for toy in options.only or TOYS for model in FLOWS]
    done = cells.run(wanted, lambda cell: compute(cell, options), options, settings)
    cells.write(page(done, options), options.out)


if __name__ == "__main__":
    main()
