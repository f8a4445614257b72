"""Bad input to divergences: a part of the table in tests/test_bad_input.py."""

import pyro.distributions as dist
import torch

from pyrodgm import flows, infer, nn

NORMAL = dist.Normal(torch.zeros((), dtype=torch.float64), 1.0)

CASES = {
    "divergence of two event shapes": (
        lambda: infer.forward_kl(flows.realnvp(2), flows.realnvp(3)),
        r"Expected two distributions of one event_shape; got \(2,\) and \(3,\)\. Use to_event",
    ),
    "divergence of a batch and a vector": (
        lambda: infer.jensen_shannon(NORMAL.expand([3]), NORMAL.expand([3]).to_event(1)),
        r"Expected two distributions of one event_shape; got \(\) and \(3,\)\.",
    ),
    "divergence of batches that do not broadcast": (
        lambda: infer.forward_kl(NORMAL.expand([3]), NORMAL.expand([4])),
        r"Expected batch shapes that broadcast; got \(3,\) and \(4,\)\. Expand one to the other\.",
    ),
    "divergence of a density and probabilities": (
        lambda: infer.reverse_kl(NORMAL, dist.Bernoulli(0.5)),
        r"Expected two discrete or two continuous distributions; got Bernoulli and Normal\. A density and a prob",
    ),
    "divergence of a module": (
        lambda: infer.forward_kl(NORMAL, nn.MLP(1, 1)),
        r"Expected a distribution or a Conditional; got MLP\. Call the module first\.",
    ),
    "divergence without the context": (
        lambda: infer.forward_kl(flows.maf(2, 3), flows.maf(2)),
        r"Expected a conditional without a context; got one with context_shape \(3,\)\. Call it with a context",
    ),
    "divergence by an unknown method": (
        lambda: infer.forward_kl(NORMAL, NORMAL, method="exact"),
        r"Expected method None or among \('closed form', .*\); got 'exact'\. Choose one\.",
    ),
    "divergence of one draw": (
        lambda: infer.jensen_shannon(NORMAL, NORMAL, num_samples=1),
        r"Expected num_samples of at least 2; got 1\. An error needs two draws\.",
    ),
    "closed form that nobody knows": (
        lambda: infer.forward_kl(flows.realnvp(2), flows.realnvp(2), method="closed form"),
        r"Expected distributions for which closed form works; got FlowDistribution and FlowDistribution with event_sh",
    ),
    "closed form of Jensen and Shannon": (
        lambda: infer.jensen_shannon(NORMAL, NORMAL, method="closed form"),
        r"Expected distributions for which closed form works; got Normal and Normal with event_shape \(\)\. Leave",
    ),
    "sum over a density": (
        lambda: infer.forward_kl(NORMAL, NORMAL, method="enumeration"),
        r"Expected distributions for which enumeration works; got Normal and Normal",
    ),
    "integral over three features": (
        lambda: infer.forward_kl(flows.realnvp(3), flows.realnvp(3), method="quadrature"),
        r"Expected distributions for which quadrature works; got .* with event_shape \(3,\)\.",
    ),
}
