"""Bad input to MintNet, its parts and the picture of layers: a part of the table in tests/test_bad_input.py."""

import torch

from pyrodgm import flows, nn, plots, transforms


def triangular(dim=3, context_dim=0, **kwargs):
    return transforms.Triangular(nn.TriangularMLP(dim, num_units=2, context_dim=context_dim), **kwargs)


def image(shape=(2, 4, 4), context_dim=0, **kwargs):
    return transforms.Triangular(nn.TriangularConvNet(shape, num_units=2, context_dim=context_dim, **kwargs))


def rows_with_nan():
    x = torch.randn(5, 3)
    x[3, 1] = torch.nan
    return x


def one_channel_constant():
    x = torch.randn(5, 2, 4, 4)
    x[:, 1] = 0.5
    return x


CASES = {
    **{
        f"fixed point with alpha={alpha}": (
            lambda alpha=alpha: transforms.DiagonalFixedPoint(alpha=alpha),
            rf"Expected alpha in \(0, 2\), where the iteration converges; got {alpha}\. 1 takes Newton's steps\.",
        )
        for alpha in (0.0, 2.0, -1.0, 3.5)
    },
    "fixed point without steps": (
        lambda: transforms.DiagonalFixedPoint(max_steps=0),
        r"Expected max_steps of at least 1; got 0\. Give the solver steps\.",
    ),
    "fixed point of tolerance zero": (
        lambda: transforms.DiagonalFixedPoint(tolerance=0.0),
        r"Expected tolerance > 0; got 0\.0\. Give the largest step to accept\.",
    ),
    **{
        f"Triangular of other events, {method}": (
            lambda method=method: getattr(triangular(), method)(torch.randn(5, 4)),
            r"Expected events of shape \(\*batch, 3\); got \(5, 4\)\. Build the network for the shape of the events\.",
        )
        for method in ("forward_and_ladj", "inverse_and_ladj")
    },
    "Triangular of another image": (
        lambda: image().inverse_and_ladj(torch.randn(5, 2, 4, 5)),
        r"Expected events of shape \(\*batch, 2, 4, 4\); got \(5, 2, 4, 5\)\.",
    ),
    "Triangular without its context": (
        lambda: triangular(3, 2).inverse_and_ladj(torch.randn(5, 3)),
        r"Expected context of shape \(\*batch, 2\); got None\. Build the network with the width of the context\.",
    ),
    "Triangular with a wider context": (
        lambda: image(context_dim=2).forward_and_ladj(torch.randn(5, 2, 4, 4), torch.randn(5, 3)),
        r"Expected context of shape \(\*batch, 2\); got \(5, 3\)\.",
    ),
    "Triangular with a context that it does not take": (
        lambda: triangular().forward_and_ladj(torch.randn(5, 3), torch.randn(5, 2)),
        r"Expected no context; got \(5, 2\)\.",
    ),
    "Triangular, solved for NaN": (
        lambda: triangular().forward_and_ladj(rows_with_nan()),
        r"Expected finite values for the inverse of Triangular; got nan\.",
    ),
    "Triangular from NaN": (
        lambda: triangular().initialize(rows_with_nan()),
        r"Expected finite rows to initialize Triangular; got NaN or inf in row 3\. Remove such rows\.",
    ),
    "Triangular from one row": (
        lambda: triangular().initialize(torch.randn(1, 3)),
        r"Expected at least 2 rows to initialize Triangular; got 1\.",
    ),
    "Triangular from another width": (
        lambda: triangular().initialize(torch.randn(5, 4)),
        r"Expected y of shape \(num, 3\) to initialize Triangular; got \(5, 4\)\.",
    ),
    "Triangular from a constant channel": (
        lambda: image().initialize(one_channel_constant()),
        r"Expected columns that vary to initialize Triangular; got one value only in column\(s\) \[1\]\.",
    ),
    "triangular net of no order": (
        lambda: nn.TriangularMLP(3, order=[0, 0, 1]),
        r"Expected order to hold each of 0 \.\. 2 once; got \[0, 0, 1\]\.",
    ),
    "triangular net without units": (
        lambda: nn.TriangularMLP(3, num_units=0),
        r"Expected num_units to be an integer of at least 1; got 0\.",
    ),
    "MintNet with an even kernel": (
        lambda: flows.mintnet((1, 4, 4), kernel_size=4),
        r"Expected an odd kernel_size; got 4\. Give 3, say\.",
    ),
    "MintNet without layers": (lambda: flows.mintnet(2, num_layers=0), r"Expected num_layers of at least 1; got 0\."),
    "MintNet without features": (lambda: flows.mintnet(0), r"Expected input_dim of at least 1; got 0\."),
    "MintNet of a flat image": (
        lambda: flows.mintnet((28, 28)),
        r"Expected shape to be \(channels, height, width\); got \(28, 28\)\. Give a grey image one channel\.",
    ),
    "MintNet with scales of a vector": (
        lambda: flows.mintnet(4, num_scales=2),
        r"Expected num_scales=1 of a vector; got 2\. Only images have scales\.",
    ),
    "MintNet with an image that cannot be halved": (
        lambda: flows.mintnet((1, 28, 30), num_scales=3),
        r"Expected height and width to be multiples of 4 for num_scales=3; got \(1, 28, 30\)\. Pad the images to "
        r"\(1, 28, 32\), say, or ask for fewer scales\.",
    ),
    "MintNet of bytes": (
        lambda: flows.mintnet((1, 2, 2), num_layers=1)().log_prob(torch.full((3, 1, 2, 2), 255.0)),
        r"Expected values inside the open interval .* of LogitTransform\(alpha=0\.05\); got 255\. Scale the data",
    ),
    "layers of points in space": (
        lambda: plots.layers(flows.maf(3), torch.randn(5, 3)),
        r"Expected points of shape \(num, 2\), num >= 1; got \(5, 3\)\. Draw flows of two features\.",
    ),
    "layers of no points": (
        lambda: plots.layers(flows.maf(2), torch.randn(0, 2)),
        r"Expected points of shape \(num, 2\), num >= 1; got \(0, 2\)\.",
    ),
}
