"""Cases of causal flows, Parallel WaveNet and distillation: a part of the tables in tests/cases.py."""

import torch

from pyrodgm import Fixed, Neural, distributions, flows, heads, infer, nn, transforms
from pyrodgm import autoregressive as ar

HEADS = {
    "RelaxedLogisticMixture": lambda: heads.RelaxedLogisticMixture(3, 17),
    "RelaxedLogisticMixture, one component, two levels": lambda: heads.RelaxedLogisticMixture(1, 2),
}


def wave_layer(length, context_dim=0, **kwargs):
    settings = {"num_layers": 2, "num_channels": 6, "skip_channels": 7} | kwargs
    net = nn.WaveNet(length, 2, num_levels=None, context_dim=context_dim, **settings)
    return transforms.MaskedAutoregressive(transforms.Affine(), net)


def masked_layer(dim, context_dim=0, order=None):
    net = nn.MaskedMLP(dim, 2, hidden_dims=(16,), context_dim=context_dim, order=order, zero_init=True)
    return transforms.MaskedAutoregressive(transforms.Affine(), net)


BIJECTIONS = {  # name: (constructor, number of features)
    "MaskedAutoregressive WaveNet": (lambda: wave_layer(6), 6),
    "MaskedAutoregressive WaveNet, one sample": (lambda: wave_layer(1), 1),
    "MaskedAutoregressive WaveNet, context": (lambda: wave_layer(5, 2, num_cycles=2), 5),
    "parallel_wavenet": (lambda: student(7).bijection, 7),
    "parallel_wavenet, context": (lambda: student(5, 3).bijection, 5),
}


def student(length, context_dim=0, **kwargs):
    settings = {"num_flows": 2, "num_layers": 2, "num_channels": 4, "initial_scale": 0.5} | kwargs  # scaled to a grid
    return flows.parallel_wavenet(length, context_dim, **settings)


def relaxed(length, context_dim=0):
    head = heads.DiscretizedLogisticMixture(2, 17)
    model = ar.wavenet(length, context_dim, num_levels=17, num_layers=2, num_channels=6, skip_channels=7, head=head)
    return ar.relaxed(model)


CAUSAL_NETS = {  # name: (constructor, whether each position sees all earlier ones, number of levels of integers)
    "relaxed wavenet": (lambda: relaxed(4).net, True, None),
    "relaxed wavenet, context": (lambda: relaxed(4, 3).net, True, None),
}

CONDITIONALS = {  # name: (constructor, whether the integral is checked)
    "parallel_wavenet, one sample": (lambda: student(1), True),
    "parallel_wavenet, two samples": (lambda: student(2), True),
    "parallel_wavenet, two samples, context": (lambda: student(2, 3), True),
    "parallel_wavenet, series as context": (lambda: student(5, (2, 5), num_flows=3, num_cycles=(1, 1, 2)), False),
    "parallel_wavenet, small scale": (lambda: student(6, initial_scale=0.05), False),
    "parallel_wavenet, normal base": (
        lambda: student(2, base=Fixed(distributions.StandardNormal(2))),
        True,
    ),
    "CausalFlow": (
        lambda: flows.CausalFlow([masked_layer(2), masked_layer(2)], Fixed(distributions.StandardNormal(2))),
        True,
    ),
    "CausalFlow, order, context": (
        lambda: flows.CausalFlow([masked_layer(3, 2, [2, 0, 1]) for _ in range(2)], flows.logistic_base(3)),
        False,
    ),
    "relaxed": (lambda: relaxed(2), True),
    "relaxed, context": (lambda: relaxed(2, 3), True),
    "Fixed StandardLogistic": (lambda: Fixed(distributions.StandardLogistic(2)), True),
    "Fixed BlurredLogistic": (
        lambda: Fixed(distributions.BlurredLogistic(torch.tensor(0.3), torch.tensor(-0.5), 0.25)),
        True,
    ),
    "Neural RelaxedLogisticMixture": (
        lambda: Neural(nn.MLP(3, 6, hidden_dims=(8,)), heads.RelaxedLogisticMixture(2, 17)),
        True,
    ),
}


# Public names with a test file of their own in the mirror of the package.
OWN_TESTS = (flows.CausalSteps, infer.distill, infer.Distillation, infer.spectral_power_loss)
