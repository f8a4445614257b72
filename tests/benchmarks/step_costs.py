"""Where a training step goes, by torch's profiler: ``python -m tests.benchmarks.step_costs --out FILE``."""

import argparse
import datetime
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from pyrodgm import autoregressive as ar
from pyrodgm import flows, infer, models
from tests.benchmarks.report import cpu_model

STEPS, WARMUPS = 50, 20
KINDS = {  # what an operation is for, by what its name holds; the first that fits
    "products of matrices": ("addmm", "aten::mm", "bmm", "aten::linear", "addmv"),
    "convolutions": ("convolution", "conv2d"),
    "Adam, all parameters in one call": ("_fused_adam_",),
    "Adam's bookkeeping in Python": ("Optimizer.", "Adam"),
    "activations and their gradients": ("relu", "threshold_backward", "clamp_min", "tanh", "sigmoid", "softplus"),
    "sums": ("aten::sum", "aten::mean"),
    "sums of gradients and residuals": ("aten::add",),
    "copies and memory": (
        "copy_",
        "clone",
        "empty",
        "zero_",
        "fill_",
        "contiguous",
        "cat",
        "stack",
        "resize",
        "_to_copy",
    ),
    "elementwise arithmetic": ("mul", "sub", "neg", "exp", "log", "div", "rsub", "pow", "normal_", "square", "where"),
    "the engine of gradients": ("autograd::engine", "Backward"),
}
VIEWS = "views, checks and the rest"


def flow_prior_vae() -> Callable[[], object]:
    """Return a step of the VAE of binarized MNIST with a RealNVP prior."""
    vae = models.vae(784, 40, prior=flows.realnvp(40, num_layers=6, hidden_dims=(256,)))
    return stepper(vae, torch.rand(128, 784).round())


def pixelcnn() -> Callable[[], object]:
    """Return a step of a PixelCNN of 7 layers."""
    return stepper(models.Density(ar.pixelcnn((1, 28, 28))), torch.rand(16, 1, 28, 28).round())


def stepper(model: models.Model, x: Tensor) -> Callable[[], object]:
    """Return a training step by our objective and fused Adam."""
    loss = infer.ReparameterizedELBO()(model.model, model.guide)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        loss(x).div(len(x)).backward()
        optimizer.step()

    return step


def shares(step: Callable[[], object]) -> tuple[dict[str, float], float]:
    """Return each kind's share of the processor's time, largest first, and the milliseconds of a step."""
    for _ in range(WARMUPS):
        step()
    with profile(activities=[ProfilerActivity.CPU]) as record:
        for _ in range(STEPS):
            step()
    events = record.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    times: dict[str, float] = defaultdict(float)
    for event in events:
        kind = next((kind for kind, parts in KINDS.items() if any(part in event.key for part in parts)), VIEWS)
        times[kind] += event.self_cpu_time_total / total
    return dict(sorted(times.items(), key=lambda item: -item[1])), total / STEPS / 1e3


def table(title: str, step: Callable[[], object], text: str) -> str:
    """Return a section of the page."""
    by_kind, milliseconds = shares(step)
    rows = [f"| {kind} | {share:.1%} |" for kind, share in by_kind.items()]
    head = [f"## {title}", "", f"{milliseconds:.1f} ms a step, the profiler's own time included.", "", "| | share |"]
    return "\n".join([*head, "| --- | --- |", *rows, "", text, ""])


def main(argv: list[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args(argv)
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    vae = table("VAE with a flow prior", flow_prior_vae(), VAE_TEXT)
    pixels = table("PixelCNN", pixelcnn(), PIXELCNN_TEXT)
    options.out.write_text(
        f"""# Where a training step goes

Written by `python -m tests.benchmarks.step_costs`; do not edit by hand. torch's profiler over {STEPS} steps, each
operation's own time; {cpu_model()}, {options.threads} threads, torch {torch.__version__}, seed {options.seed},
{datetime.date.today().isoformat()}.

{vae}
{pixels}"""
    )


VAE_TEXT = """Binarized MNIST, 784-500-500-40 with six couplings of 256 units on the latents, batch 128.

What is not arithmetic: views and checks, some hundreds of small operations of eight networks, six couplings and two
Pyro programs, each too short to matter alone; the Python of torch's Adam, which looks through all
parameters at every step, fused or not; and the engine of gradients, a fixed cost for each node. Slices of couplings are
views already, and each network runs once a direction. What would be left to remove is Python itself: under
`torch.compile` a step of such a flow takes two thirds of the time ([speed](speed.md))."""
PIXELCNN_TEXT = """Binary images of 28 × 28, 7 layers of 64 channels, batch 16.

What is not convolution: ReLUs and their gradients, which cannot work in place where a residual sum still needs their
input; copies, and the zeros that gradients of slices are put into; and the residual sums. A masked kernel is cut to the
rows that it sees and applied as it is, so that no product with zeros and no mask is among the costs."""

if __name__ == "__main__":
    main()
