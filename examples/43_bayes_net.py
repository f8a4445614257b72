"""
Queries and learning in a Bayesian network
==========================================

A directed graph says which variables depend on which, and a table for each says how: p(x) is the product of
p(variable | parents). Eight binary variables have 255 free probabilities; along this graph, 18 are left.

The net is "asia" of Lauritzen and Spiegelhalter (1988): a visit to Asia makes tuberculosis likelier, smoking cancer
and bronchitis; an X-ray shows that there is one of tuberculosis and cancer, but not which, and a patient is short of
breath by either of them or by bronchitis. Given evidence, every conditional is computed exactly, by summing variables
out one at a time. Then the tables are learned from records with holes.
"""  # noqa: D205, D212, D415

import argparse
from collections.abc import Sequence
from pathlib import Path

import pyro
import torch

from pyrodgm import infer, plots
from pyrodgm.models import BayesNet, Variable

NO_YES = ("no", "yes")
DISEASES = ("tub", "lung", "bronc")


def asia(*, known: bool) -> BayesNet:
    """Build the net, with its tables or with uniform ones."""
    tables = {
        "asia": ([], [0.99, 0.01]),
        "smoke": ([], [0.5, 0.5]),
        "tub": (["asia"], [[0.99, 0.01], [0.95, 0.05]]),
        "lung": (["smoke"], [[0.99, 0.01], [0.9, 0.1]]),
        "bronc": (["smoke"], [[0.7, 0.3], [0.4, 0.6]]),
        "either": (["tub", "lung"], [[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [0.0, 1.0]]]),
        "xray": (["either"], [[0.95, 0.05], [0.02, 0.98]]),
        "dysp": (["either", "bronc"], [[[0.9, 0.1], [0.2, 0.8]], [[0.3, 0.7], [0.1, 0.9]]]),
    }
    variables = {name: Variable(NO_YES, parents, table if known else None) for name, (parents, table) in tables.items()}
    return BayesNet(variables, prior_counts=0.5)  # of EM: half a record in each cell besides the data


# %%
# Explaining away: shortness of breath makes all three diseases likelier. A bad X-ray then speaks for cancer, and,
# since one cause is enough, against bronchitis. A visit to Asia shifts the suspicion from cancer to tuberculosis,
# although neither says anything about the other before there is a symptom.
EVIDENCE = {
    "nothing known": {},
    "short of breath": {"dysp": "yes"},
    "and a bad X-ray": {"dysp": "yes", "xray": "yes"},
    "and a visit to Asia": {"dysp": "yes", "xray": "yes", "asia": "yes"},
}


def shades(net: BayesNet, evidence: dict[str, str]) -> dict[str, float]:
    """Return the probability of "yes" of every variable."""
    found = net.marginals(evidence)
    return {name: found[name]["yes"] if name in found else 1.0 for name in net.names}


def ask(net: BayesNet, path: Path) -> None:
    """Print and draw the probabilities of all variables as evidence comes in."""
    print(f"{'':24}{''.join(f'{name:>9}' for name in DISEASES)}   p(evidence)")
    for title, evidence in EVIDENCE.items():
        found = [net.query(name, evidence) for name in DISEASES]
        row = "".join(f"{result['yes']:9.4f}" for result in found)
        print(f"{title:24}{row}   {found[0].log_evidence.exp():.6f}")
    plots.bayes_net(net.parents, {title: shades(net, evidence) for title, evidence in EVIDENCE.items()}, path)


# %%
# Learning: counting needs complete records, EM takes all. It fills each hole with its distribution given what else is
# on record, counts, and repeats; the likelihood of what is on record never falls.
def divergence(truth: BayesNet, net: BayesNet) -> float:
    """Return KL(truth || net) over all 256 records, in nats."""
    records = torch.cartesian_prod(*[torch.arange(2)] * len(truth.names))
    log_p, log_q = truth.log_prob(records), net.log_prob(records)
    return torch.where(log_p > -torch.inf, log_p.exp() * (log_p - log_q), 0.0).sum().item()


def main(argv: Sequence[str] | None = None) -> None:
    """Ask, draw records, and learn from them."""
    parser = argparse.ArgumentParser(description="A Bayesian network")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("runs/examples/43_bayes_net"))
    args = parser.parse_args(argv)
    pyro.set_rng_seed(args.seed)

    truth = asia(known=True)
    print(f"{truth.num_parameters()} free probabilities along the graph, {2 ** len(truth.names) - 1} without")
    ask(truth, args.out / "1_evidence.png")

    x = truth.sample(args.records)
    share = x[:, truth.names.index("dysp")].double().mean()
    print(f"\nshort of breath in {share:.4f} of {args.records} draws, exactly {truth.query('dysp')['yes']:.4f}")
    print("holes   complete records   KL by counting them   KL by EM   KL without holes   steps of EM")
    without = divergence(truth, asia(known=False).fit(x, prior_counts=0.5))
    panels = {"the truth": shades(truth, EVIDENCE["and a bad X-ray"])}
    for holes in (0.1, 0.3, 0.5):
        seen = x.double().masked_fill(torch.rand(x.shape) < holes, torch.nan)
        complete = ~seen.isnan().any(1)
        counted, net = asia(known=False), asia(known=False)
        if complete.any():
            counted.fit(seen[complete], prior_counts=0.5)
        steps = infer.em(net, seen, missing="em", num_steps=args.steps).num_steps
        kls = f"{divergence(truth, counted):19.4f}{divergence(truth, net):11.4f}{without:19.4f}"
        print(f"{holes:5.0%}{int(complete.sum()):19,}   {kls}{steps:14}")
        panels[f"learned, {holes:.0%} holes"] = shades(net, EVIDENCE["and a bad X-ray"])
    plots.bayes_net(truth.parents, panels, args.out / "2_learned.png")


# %%
# With half of all values missing, 8 of 2,000 records are complete. Counting those is 0.61 nats from the truth, EM on
# all records 0.009; without holes it would be 0.003. The second picture has the learned nets' answers for a patient
# who is short of breath and has a bad X-ray: 0.55 to 0.59 for cancer, where the truth is 0.62.
if __name__ == "__main__":
    main()
