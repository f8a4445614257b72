"""
Flows inside your own Pyro model
================================

You have a Pyro model; you want a flow where you wrote ``Normal``. Nothing of this library's programs is needed for it:
a flow is a torch module that makes a Pyro distribution, so it goes into ``pyro.sample``.

The model below locates objects from noisy distances to three beacons. No position is ever observed. The distribution of
the positions is the prior, a flow, learned from the distances of all objects together; the guide, a conditional flow,
gives the position of one object from its distances. Both are trained by Pyro's plain ``SVI``. At the end the prior
stays fixed and NUTS samples the position of one object, as a check of the guide.
"""  # noqa: D205, D212, D415

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyro
import pyro.distributions as dist
import torch
from pyro.infer import MCMC, NUTS, SVI, Trace_ELBO
from torch import Tensor

from pyrodgm import data, flows, plots

BEACONS = torch.tensor([[-2.0, 2.0], [3.0, 2.0], [0.5, -3.0]])
NOISE = 0.15
LIMITS = (-1.8, 2.8, -1.6, 2.1)


def distances(z: Tensor) -> Tensor:
    """Return the distances ``(*batch, 3)`` of positions ``(*batch, 2)`` to the beacons."""
    return (z.unsqueeze(-2) - BEACONS.to(z)).norm(dim=-1)


# %%
# The model and the guide are ordinary Pyro programs. ``pyro.module`` hands the parameters of a flow to the parameter
# store, where ``SVI`` finds them. ``prior()`` is a distribution over positions; ``posterior(x)`` is one per row of x.
class Positions:
    """An unknown population of positions, seen through noisy distances."""

    def __init__(self) -> None:
        self.prior = flows.realnvp(2, num_layers=8)
        self.posterior = flows.realnvp(2, context_dim=3, num_layers=4)

    def model(self, x: Tensor) -> None:
        """Draw positions from the flow, and distances from the positions."""
        pyro.module("prior", self.prior)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", self.prior())
            pyro.sample("x", dist.Normal(distances(z), NOISE).to_event(1), obs=x)

    def guide(self, x: Tensor) -> None:
        """Draw positions given distances."""
        pyro.module("posterior", self.posterior)
        with pyro.plate("data", len(x)):
            pyro.sample("z", self.posterior(x))


def main(argv: Sequence[str] | None = None) -> None:
    """Train by SVI, check one posterior by NUTS, and draw."""
    parser = argparse.ArgumentParser(
        description="A flow as prior and a conditional flow as guide of a plain Pyro model"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--nuts", type=int, default=100, help="number of NUTS draws, after half as many for warm-up")
    parser.add_argument("--out", type=Path, default=Path("runs/examples/30_your_own_pyro_model"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)
    pyro.clear_param_store()

    population = data.toy.two_moons()
    truth = population.sample((5000,))
    x = dist.Normal(distances(truth), NOISE).sample()

    positions = Positions()
    schedule = {"lr": 3e-3, "lrd": 0.1 ** (1 / args.steps)}
    svi = SVI(positions.model, positions.guide, pyro.optim.ClippedAdam(schedule), Trace_ELBO())
    losses = [svi.step(x[torch.randint(len(x), (256,))]) / 256 for _ in range(args.steps)]
    print(f"negative ELBO: {sum(losses[-100:]) / len(losses[-100:]):.2f} nats per object")

    with torch.no_grad():
        located = positions.posterior(x).sample()
        errors = (located - truth).norm(dim=-1)
    print(f"median error of a posterior draw: {errors.median():.2f}; the noise of one distance: {NOISE}")
    panels = {"population, never seen": population, "flow prior": positions.prior(), "one posterior draw each": located}
    plots.density_2d(panels, LIMITS, args.out / "1_prior.png")

    # NUTS needs only the model's density, which a flow prior has. Its parameters are not sampled: they stay fixed.
    one = x[:1]
    positions.prior.eval().requires_grad_(False)
    nuts = MCMC(NUTS(positions.model), num_samples=args.nuts, warmup_steps=args.nuts // 2, disable_progbar=True)
    nuts.run(one)
    draws = nuts.get_samples()["z"].reshape(-1, 2)
    with torch.no_grad():
        guide = positions.posterior(one).sample((2000,)).reshape(-1, 2)
    print(f"true position {truth[0].numpy().round(2)}")
    print(f"NUTS  mean {draws.mean(0).numpy().round(2)}, standard deviation {draws.std(0).numpy().round(2)}")
    print(f"guide mean {guide.mean(0).numpy().round(2)}, standard deviation {guide.std(0).numpy().round(2)}")
    x_mean, y_mean = guide.mean(0).tolist()
    panels = {f"{len(draws)} draws by NUTS": draws, "guide": lambda z: positions.posterior(one).log_prob(z)}
    near = (x_mean - 0.8, x_mean + 0.8, y_mean - 0.8, y_mean + 0.8)
    plots.density_2d(panels, near, args.out / "2_posterior.png")
    plots.training_curves({"negative ELBO": losses}, args.out / "3_curve.png", y_label="nats per object")


if __name__ == "__main__":
    main()
