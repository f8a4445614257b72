"""Bad input to causal flows, Parallel WaveNet and distillation: a part of the table in tests/test_bad_input.py."""

import math

import pyro.distributions as dist
import torch

from pyrodgm import Fixed, Neural, distributions, flows, heads, infer, nn, transforms
from pyrodgm import autoregressive as ar


def student(length=6, context_dim=0, **kwargs):
    settings = {"num_flows": 2, "num_layers": 2, "num_channels": 4} | kwargs
    return flows.parallel_wavenet(length, context_dim, **settings)


def teacher(length=6, context_dim=0):
    net = nn.WaveNet(length, 2, num_levels=None, context_dim=context_dim, num_layers=2, num_channels=4)
    return ar.Autoregressive(net, heads.Normal())


def distill(own=None, other=None, **kwargs):
    settings = {"num_steps": 1, "batch_size": 2} | kwargs
    return infer.distill(own or student(), other or teacher(), **settings)


def layer(univariate=None, order=None, context_dim=0):
    univariate = univariate or transforms.Affine()
    net = nn.MaskedMLP(3, univariate.num_params, hidden_dims=(8,), context_dim=context_dim, order=order)
    return transforms.MaskedAutoregressive(univariate, net)


def with_the_teacher_s_weights():
    own, other = student(), teacher()
    own.layers[0].net.waves = other.net.waves
    return own, other


def unscored():
    flow = flows.CausalFlow([layer()], flows.logistic_base(3))
    return flow.requires_grad_(False)


CASES = {
    "student and teacher of other lengths": (
        lambda: distill(student(6), teacher(7)),
        r"Expected student and teacher of one event_shape; got \(6,\) and \(7,\)\. Build both for the same data\.",
    ),
    "student and teacher of other contexts": (
        lambda: distill(student(6, 3), teacher(6)),
        r"Expected student and teacher of one context_shape; got \(3,\) and \(\)\. Build both for the same context\.",
    ),
    "a teacher of levels": (
        lambda: distill(other=ar.wavenet(6, num_layers=2, num_channels=4)),
        r"Expected a teacher with a density over real numbers; got Categorical\(.*\), with one over levels\. Pass auto",
    ),
    "a relaxation of probabilities of levels": (
        lambda: ar.relaxed(ar.wavenet(6, num_layers=2, num_channels=4)),
        r"Expected a model with heads\.DiscretizedLogisticMixture over one variable; got Categorical\(.*\)\. Build it",
    ),
    "a relaxation of levels that are looked up": (
        lambda: ar.relaxed(
            ar.Autoregressive(
                nn.Transformer(6, 6, vocabulary_size=17, num_layers=1, model_dim=8, num_heads=2),
                heads.DiscretizedLogisticMixture(2, 17),
            )
        ),
        r"Expected a network that reads levels as numbers; got Transformer, which looks them up\. Take nn\.WaveNet",
    ),
    "a relaxation of what ends": (
        lambda: ar.relaxed(
            ar.Autoregressive(
                nn.WaveNet(6, 6, num_levels=17, num_layers=1), heads.DiscretizedLogisticMixture(2, 17), end=0
            )
        ),
        r"Expected a model without end; got end=0\. Numbers do not end; build it without\.",
    ),
    "a student whose draws have no gradients": (
        lambda: distill(teacher(), teacher()),
        r"Expected a student with reparameterized draws; got AutoregressiveDistribution without rsample\. Use a contin",
    ),
    "a student of levels": (
        lambda: distill(
            Neural(nn.MLP(3, 3), heads.Categorical(3)), Neural(nn.MLP(3, 2), heads.Normal()), context=torch.ones(5, 3)
        ),
        r"Expected a student with reparameterized draws; got Categorical without rsample\.",
    ),
    "a student with the teacher's weights": (
        lambda: distill(*with_the_teacher_s_weights()),
        r"Expected a student with parameters of its own; got some of the teacher's, which would be trained too\. Copy",
    ),
    "nothing to distill into": (
        lambda: distill(unscored(), Fixed(dist.Normal(torch.zeros(3), torch.ones(3)).to_event(1))),
        r"Expected parameters to train; CausalFlow has none\. Pass a flow\.",
    ),
    "an objective of no student": (
        lambda: infer.Distillation(teacher())(torch.nn.Linear(6, 6)),
        r"Expected a student, or the programs of models\.Density\(student\); got Linear\. Pass a flow\.",
    ),
    "no steps of distillation": (lambda: distill(num_steps=0), r"Expected num_steps of at least 1; got 0\."),
    "no draws to distill": (lambda: distill(batch_size=0), r"Expected batch_size of at least 1; got 0\."),
    "no rate of distillation": (lambda: distill(lr=0.0), r"Expected lr > 0; got 0\.0\. Give Adam's step size"),
    "fewer than no draws of a step": (
        lambda: distill(num_draws=-1),
        r"Expected num_draws of at least 0; got -1\. 0 takes the plain estimator\.",
    ),
    "a negative spectral weight": (
        lambda: distill(spectral_weight=-0.5),
        r"Expected spectral_weight of at least 0; got -0\.5\. 0 leaves the loss out\.",
    ),
    "a spectral loss of nothing": (
        lambda: distill(spectral_weight=1.0),
        r"Expected real sounds beside spectral_weight > 0; got None\. Pass reference=\.",
    ),
    "references of another length": (
        lambda: distill(spectral_weight=1.0, reference=torch.zeros(4, 5)),
        r"Expected reference of shape \(num, 6\), num > 0; got \(4, 5\)\. Give one a row\.",
    ),
    "no references at all": (
        lambda: distill(reference=torch.zeros(0, 6)),
        r"Expected reference of shape \(num, 6\), num > 0; got \(0, 6\)\.",
    ),
    "references of other contexts": (
        lambda: distill(student(6, 3), teacher(6, 3), context=torch.zeros(4, 3), reference=torch.zeros(5, 6)),
        r"Expected one reference for each context; got 5 and 4\. Pass as many\.",
    ),
    "one context for all draws": (
        lambda: distill(student(6, 3), teacher(6, 3), context=torch.zeros(3)),
        r"Expected context of shape \(num, 3\), num > 0; got \(3,\)\. Give one a row\.",
    ),
    "distillation without the context": (
        lambda: distill(student(6, 3), teacher(6, 3)),
        r"Expected context of shape \(\*batch, 3\); got None\. Pass the context\.",
    ),
    "distillation with a context for none": (
        lambda: distill(context=torch.zeros(4, 3)),
        r"Expected no context; got one of shape \(4, 3\)\.",
    ),
    "sounds of other lengths": (
        lambda: infer.spectral_power_loss(torch.zeros(3, 50), torch.zeros(3, 60)),
        r"Expected x of shape \(num, length\) and as many references of the same length; got \(3, 50\) and \(3, 60\)\.",
    ),
    "sounds of other numbers": (
        lambda: infer.spectral_power_loss(torch.zeros(3, 50), torch.zeros(4, 50)),
        r"got \(3, 50\) and \(4, 50\)\. Cut sounds to one length, one a row, or compare them with paired=False\.",
    ),
    "one sound without a row": (
        lambda: infer.spectral_power_loss(torch.zeros(50), torch.zeros(50), paired=False),
        r"and any number of references of the same length; got \(50,\) and \(50,\)\.",
    ),
    "a window of one sample": (
        lambda: infer.spectral_power_loss(torch.zeros(3, 50), torch.zeros(3, 50), window_length=1),
        r"Expected window_length of at least 2 and hop_length of at least 1; got 1 and None\.",
    ),
    "student of length 0": (lambda: student(0), r"Expected length to be an integer of at least 1; got 0\."),
    "student without flows": (lambda: student(num_flows=0), r"Expected num_flows to be .* at least 1; got 0\."),
    "student without layers": (lambda: student(num_layers=0), r"Expected num_layers to be .* at least 1; got 0\."),
    "cycles of other flows": (
        lambda: student(num_cycles=(1, 1, 3)),
        r"Expected num_cycles to be a number, or one for each of 2 flows; got 3\. Give as many as num_flows\.",
    ),
    "a student of no scale": (
        lambda: student(initial_scale=0.0),
        r"Expected initial_scale from .* to .* with num_flows=2; got 0\.0\. Take more flows, or scale the sound\.",
    ),
    "a student of NaN": (lambda: student(initial_scale=math.nan), r"Expected initial_scale from .*; got nan\."),
    "a scale beyond the flows": (
        lambda: student(initial_scale=1e-3),
        r"Expected initial_scale from 0\.0045 to 2\.2e\+02 with num_flows=2; got 0\.001\. Take more flows",
    ),
    "a student's series shorter than the sound": (
        lambda: student(6, (2, 5)),
        r"Expected context_dim to be a size, or \(k, 6\), a series as long as x; got \(2, 5\)\.",
    ),
    "noise of another length": (
        lambda: student(6).steps(torch.zeros(3, 7)),
        r"Expected noise of shape \(\*batch, 6\); got \(3, 7\)\. Draw it from the base\.",
    ),
    "steps without the context": (
        lambda: student(6, 3).steps(torch.zeros(3, 6)),
        r"Expected context of shape \(\*batch, 3\); got None\.",
    ),
    "a causal flow of nothing": (
        lambda: flows.CausalFlow([], flows.logistic_base(3)),
        r"Expected at least one layer; got none\. A flow has layers\.",
    ),
    "a causal flow of splines": (
        lambda: flows.CausalFlow([layer(transforms.RationalQuadraticSpline(3))], flows.logistic_base(3)),
        r"Expected layers of Affine or Shift; got RationalQuadraticSpline, which has no location and scale\. Compose",
    ),
    "a causal flow of two orders": (
        lambda: flows.CausalFlow([layer(), layer(order=[2, 1, 0])], flows.logistic_base(3)),
        r"Expected layers in one order; got several\. Build all networks with the same, or take flows\.iaf\.",
    ),
    "a causal flow of two contexts": (
        lambda: flows.CausalFlow([layer(context_dim=2), layer(context_dim=4)], flows.logistic_base(3)),
        r"Expected layers that share one context; got \(2,\) and \(4,\)\. Build them with one\.",
    ),
    "a causal flow of a context in the base": (
        lambda: flows.CausalFlow([layer(context_dim=2)], Neural(nn.MLP(2, 6), heads.Normal(3))),
        r"Expected a base without a context; got \(2,\)\. Give it to the layers\.",
    ),
    "a causal flow over another base": (
        lambda: flows.CausalFlow([layer()], flows.logistic_base(4)),
        r"Expected a base of events \(3,\); got \(4,\)\. Build it as wide as the networks\.",
    ),
    "a flow through a network on pictures": (
        lambda: transforms.MaskedAutoregressive(
            transforms.Affine(), nn.PixelCNN((1, 4, 4), 2, num_layers=1, num_channels=4)
        ),
        r"Expected a causal net on a row of features; got PixelCNN on events of shape \(1, 4, 4\)\. Take nn\.MaskedMLP",
    ),
    "a blur of no width": (
        lambda: distributions.BlurredLogistic(torch.zeros(3), torch.zeros(3), 0.0),
        r"Expected half_width > 0; got 0\.0\. Without noise it is a logistic variable\.",
    ),
    "relaxed mixtures of one level": (
        lambda: heads.RelaxedLogisticMixture(2, 1),
        r"Expected num_levels of at least 2; got 1\. One level needs no distribution\.",
    ),
    "relaxed mixtures of nothing": (
        lambda: heads.RelaxedLogisticMixture(0),
        r"Expected num_components of at least 1; got 0\. A mixture has components\.",
    ),
    "logistic noise of other events": (
        lambda: distributions.StandardLogistic(3).log_prob(torch.zeros(5, 4)),
        r"Expected value of shape \(\*batch, 3\); got \(5, 4\)\. The last dimensions are one event\.",
    ),
}
