"""Cases of MintNet, and of pictures of a flow's layers: a part of the tables in tests/cases.py."""

from pyrodgm import flows, nn, plots, transforms
from tests.image_flow_cases import Flat


def triangular(dim, context_dim=0, order=None, **kwargs):
    net = nn.TriangularMLP(dim, num_units=3, context_dim=context_dim, order=order)
    return transforms.Triangular(net, **kwargs)


def triangular_image(shape, context_dim=0, **kwargs):
    net = nn.TriangularConvNet(shape, num_units=2, context_dim=context_dim, **kwargs)
    return Flat(transforms.Triangular(net), shape)


BIJECTIONS = {  # name: (constructor, number of features)
    "Triangular": (lambda: triangular(5), 5),
    "Triangular, order, context": (lambda: triangular(4, 2, [2, 0, 3, 1]), 4),
    "Triangular, one feature": (lambda: triangular(1), 1),
    "Triangular, one feature, context": (lambda: triangular(1, 2), 1),
    "Triangular, damped": (lambda: triangular(3, solver=transforms.DiagonalFixedPoint(alpha=0.7)), 3),
    "Triangular, in order": (lambda: triangular(3, 2, solver=transforms.DiagonalFixedPoint(max_steps=1)), 3),
    "Triangular, image": (lambda: triangular_image((2, 2, 3)), 12),
    "Triangular, image, reversed, context": (lambda: triangular_image((3, 2, 1), 2, reverse=True), 6),
    "Triangular, image, wide kernel": (lambda: triangular_image((1, 3, 2), kernel_size=5), 6),
}


def mintnet(shape_or_dim, context_dim=0, **kwargs):
    return lambda: flows.mintnet(shape_or_dim, context_dim, num_layers=2, num_units=3, **kwargs)


CONDITIONALS = {  # name: (constructor, whether the integral is checked)
    "mintnet, one feature": (mintnet(1), True),
    "mintnet, one feature, context": (mintnet(1, 3), True),
    "mintnet, two features, context": (mintnet(2, 3), True),
    "mintnet, odd": (mintnet(5), False),
    "mintnet, image": (mintnet((1, 2, 3)), False),
    "mintnet, image, on the line, context": (mintnet((2, 2, 2), 3, logit=None), False),
    "mintnet, image, two scales": (mintnet((1, 2, 4), num_scales=2), False),
}

# Public names with a test file of their own in the mirror of the package.
OWN_TESTS = (nn.TriangularNet, plots.layers)
