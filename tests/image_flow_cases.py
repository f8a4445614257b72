"""Flows over images: a part of the tables in tests/cases.py."""

import torch

from pyrodgm import flows, nn, plots, transforms


class Flat(transforms.Bijection):
    """A bijection of images as one of vectors, over which the contract runs."""

    def __init__(self, bijection, shape):
        super().__init__(context_dim=bijection.context_dim)
        self.bijection, self.shape = bijection, tuple(shape)
        self.base_shape = tuple(bijection.inverse_shape(torch.Size(shape)))

    def forward_and_ladj(self, x, context=None):
        y, ladj = self.bijection.forward_and_ladj(x.unflatten(-1, self.base_shape), context)
        return y.flatten(-3), ladj

    def inverse_and_ladj(self, y, context=None):
        x, ladj = self.bijection.inverse_and_ladj(y.unflatten(-1, self.shape), context)
        return x.flatten(-3), ladj


def checkerboard(shape, univariate, context_dim=0, **kwargs):
    net = nn.ResidualConv(
        shape[0] + 1, univariate.num_params * shape[0], hidden_channels=4, num_blocks=1, context_dim=context_dim
    )
    return transforms.CheckerboardCoupling(shape, univariate, net, context_dim=context_dim, **kwargs)


def channels(shape, univariate, context_dim=0, flip=False):
    staying = shape[0] - shape[0] // 2 if flip else shape[0] // 2
    moving = univariate.num_params * (shape[0] - staying)
    net = nn.ConvNet(staying, moving, hidden_channels=4, context_dim=context_dim)
    return transforms.ChannelCoupling(shape, univariate, net, flip=flip, context_dim=context_dim)


def multiscale(context_dim=0):
    """Two scales: one that squeezes and is conditional, and one that does neither, so that batches must broadcast."""
    coupling = channels((4, 2, 2), transforms.Affine(), context_dim)
    fine = transforms.Compose([coupling, transforms.Squeeze((1, 4, 4))])
    return transforms.Multiscale((1, 4, 4), [fine, transforms.InvertibleConvolution(2)])


def coarse_context():
    """The scale nearest to the data knows nothing of the context that the next one takes."""
    coupling = checkerboard((2, 2, 2), transforms.Shift(), 2)
    return transforms.Multiscale((1, 4, 4), [transforms.Squeeze((1, 4, 4)), coupling])


def flat(make, shape):
    return lambda: Flat(make(), shape), shape[0] * shape[1] * shape[2]


def act_norm():
    bijection = transforms.ActNorm(3, event_dim=3)
    bijection.initialize(torch.randn(5, 3, 2, 2, generator=torch.Generator().manual_seed(0)).mul(2).add(1))
    return bijection


AFFINE, SPLINE = transforms.Affine(), transforms.RationalQuadraticSpline(3)
LU = transforms.LULinear

BIJECTIONS = {  # name: (constructor, number of features)
    "Squeeze": flat(lambda: transforms.Squeeze((3, 2, 4)), (3, 2, 4)),
    "Squeeze, turned": flat(lambda: transforms.Inverse(transforms.Squeeze((1, 4, 2))), (4, 2, 1)),
    "CheckerboardCoupling Affine": flat(lambda: checkerboard((2, 2, 4), AFFINE), (2, 2, 4)),
    "CheckerboardCoupling, odd width, context": flat(lambda: checkerboard((1, 3, 5), AFFINE, 2), (1, 3, 5)),
    "CheckerboardCoupling, odd width, flipped": flat(lambda: checkerboard((2, 2, 3), AFFINE, flip=True), (2, 2, 3)),
    "CheckerboardCoupling Shift, odd height, flipped, context": flat(
        lambda: checkerboard((1, 3, 4), transforms.Shift(), 2, flip=True), (1, 3, 4)
    ),
    "CheckerboardCoupling spline": flat(lambda: checkerboard((1, 2, 4), SPLINE), (1, 2, 4)),
    "CheckerboardCoupling, one pixel, context": flat(lambda: checkerboard((2, 1, 1), AFFINE, 2, flip=True), (2, 1, 1)),
    "ChannelCoupling Affine, context": flat(lambda: channels((4, 2, 2), AFFINE, 2), (4, 2, 2)),
    "ChannelCoupling spline, odd, flipped": flat(lambda: channels((3, 2, 1), SPLINE, flip=True), (3, 2, 1)),
    "InvertibleConvolution": flat(lambda: transforms.InvertibleConvolution(4, permutation=[2, 0, 3, 1]), (4, 2, 3)),
    "InvertibleConvolution, one channel": flat(lambda: transforms.InvertibleConvolution(1), (1, 2, 3)),
    "ActNorm, images": flat(act_norm, (3, 2, 2)),
    "Flattened": flat(lambda: transforms.Flattened(LU(12), (3, 2, 2)), (3, 2, 2)),
    "Multiscale": flat(multiscale, (1, 4, 4)),
    "Multiscale, context": flat(lambda: multiscale(2), (1, 4, 4)),
    "Multiscale, context of the coarse scale": flat(coarse_context, (1, 4, 4)),
}

SMALL = {"hidden_channels": 4}


def initialized(flow):
    """Set what is set from data, so that no batch of a check does."""
    num, generator = 20, torch.Generator().manual_seed(0)
    context = torch.randn(num, flow.context_dim, generator=generator) if flow.context_dim else None
    flow.initialize(torch.rand(num, *flow.event_shape, generator=generator), context)
    return flow


CONDITIONALS = {  # name: (constructor, whether the integral is checked)
    "nice_image, two pixels": (
        lambda: flows.nice_image((1, 1, 2), num_layers=2, num_blocks=0, logit=None, **SMALL),
        True,
    ),
    "nice_image, context": (lambda: flows.nice_image((2, 3, 3), 3, num_layers=2, **SMALL), False),
    "realnvp_image, two pixels, context": (
        lambda: flows.realnvp_image((1, 2, 1), 3, num_scales=1, logit=None, **SMALL),
        False,
    ),
    "realnvp_image": (lambda: flows.realnvp_image((3, 4, 4), num_scales=2, num_blocks=1, **SMALL), False),
    "realnvp_image, odd at the last scale, context": (
        lambda: flows.realnvp_image((1, 6, 2), 3, num_scales=2, num_blocks=1, **SMALL),
        False,
    ),
    "glow": (lambda: initialized(flows.glow((3, 4, 4), num_scales=2, num_steps=2, **SMALL)), False),
    "glow, on the line, context": (
        lambda: initialized(flows.glow((1, 4, 2), 3, num_scales=1, num_steps=2, logit=None, **SMALL)),
        False,
    ),
    "at_temperature": (lambda: flows.realnvp(2, hidden_dims=(8,)).at_temperature(0.7), True),
    "at_temperature, glow": (
        lambda: initialized(flows.glow((1, 2, 2), num_scales=1, num_steps=1, **SMALL)).at_temperature(0.7),
        False,
    ),
}

# Public names with a test file of their own in the mirror of the package.
OWN_TESTS = (nn.WeightNormConv2d, plots.scales)
