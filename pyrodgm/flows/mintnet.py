"""MintNet: masked convolutions with a triangular Jacobian."""

from collections.abc import Sequence

from pyrodgm.conditional import Conditional, Fixed
from pyrodgm.distributions.standard_normal import StandardNormal
from pyrodgm.flows.flow import Flow
from pyrodgm.flows.orders import reversed_orders
from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.nn.triangular_conv_net import TriangularConvNet
from pyrodgm.nn.triangular_mlp import TriangularMLP
from pyrodgm.transforms import Compose, DiagonalFixedPoint, Inverse, LogitTransform, Triangular
from pyrodgm.transforms.bijection import Bijection, check_input_dim
from pyrodgm.transforms.image import Squeeze


def mintnet(
    shape_or_dim: int | Sequence[int],
    context_dim: int = 0,
    *,
    num_layers: int = 4,
    num_units: int = 8,
    kernel_size: int = 3,
    num_scales: int = 1,
    logit: float | None = 0.05,
    solver: DiagonalFixedPoint | None = None,
    base: Conditional | None = None,
) -> Flow:
    r"""MintNet: from the data, layers :math:`v + g(v; c)`, :math:`v = t \odot y + b`, of triangular Jacobian.

    The density takes one pass, its log-determinant is read off the diagonal. A draw solves for each layer's input by a
    fixed point over all variables at once, in tens of passes. Orders of variables go up and down in turn.

    Args:
        shape_or_dim: Shape (channels, height, width) of an image, or the number of features of a vector.
        context_dim: Number of context features; 0 makes the flow unconditional.
        num_layers: Number of layers at each scale, even if either order is to come as often.
        num_units: Number of hidden units, or feature maps, that each variable has in either hidden layer of a layer.
        kernel_size: Of images: width of the convolutions, odd.
        num_scales: Of images: number of resolutions. At each after the first a block of 2 x 2 pixels becomes one pixel
            of four times the channels, so that layers see twice as far.
        logit: Of images: the margin of :class:`~pyrodgm.transforms.LogitTransform` at the data's end, for data in
            [0, 1]; ``None`` for data on the whole line.
        solver: Inverts the layers; ``transforms.DiagonalFixedPoint()`` if ``None``.
        base: The base; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and the event shape of the data.

    Raises:
        ValueError: If a size is not positive, the kernel is even, an image cannot be halved as often as asked, or a
            vector is to have scales.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flow = flows.mintnet((1, 4, 6), context_dim=10, num_layers=2, num_scales=2)
        >>> flow(torch.eye(10)).log_prob(torch.rand(10, 1, 4, 6)).shape
        torch.Size([10])
        >>> flows.mintnet(2)().sample((7,)).shape
        torch.Size([7, 2])

    References:
        Song, Meng, Ermon (2019), MintNet: Building Invertible Neural Networks with Masked Convolutions,
        https://arxiv.org/abs/1907.07945
    """
    check_input_dim(num_layers, what="num_layers")
    check_input_dim(num_scales, what="num_scales")
    if isinstance(shape_or_dim, int):
        check_input_dim(shape_or_dim)
        if num_scales > 1:
            raise ValueError(f"Expected num_scales=1 of a vector; got {num_scales}. Only images have scales.")
        orders = reversed_orders(range(shape_or_dim), num_layers)
        nets = [TriangularMLP(shape_or_dim, num_units=num_units, context_dim=context_dim, order=o) for o in orders]
        layers: list[Bijection] = [Triangular(net, solver=solver) for net in nets]
        return Flow(Compose(layers), base or Fixed(StandardNormal(shape_or_dim)))
    shape = check_image_shape(shape_or_dim)
    settings = {"num_units": num_units, "kernel_size": kernel_size, "context_dim": context_dim}
    parts: list[Bijection] = []
    for scale_shape in reversed(scale_shapes(shape, num_scales)):
        if parts:
            parts.append(Squeeze(scale_shape))
        for index in range(num_layers):
            net = TriangularConvNet(scale_shape, reverse=index % 2 == 1, **settings)
            parts.append(Triangular(net, solver=solver))
    # The base has the shape of the data: it is squeezed first.
    squeezes: list[Bijection] = [Inverse(Squeeze(one)) for one in scale_shapes(shape, num_scales)[:-1]]
    margin = [] if logit is None else [LogitTransform(logit, event_dim=3)]
    return Flow(Compose([*squeezes, *parts, *margin]), base or Fixed(StandardNormal(shape)))


def scale_shapes(shape: tuple[int, int, int], num_scales: int) -> list[tuple[int, int, int]]:
    """Return the shape of an image at each scale, the data's own first.

    Raises:
        ValueError: If height or width cannot be halved as often.

    Example:
        >>> scale_shapes((1, 28, 28), 3)
        [(1, 28, 28), (4, 14, 14), (16, 7, 7)]
    """
    channels, height, width = shape
    factor = 2 ** (num_scales - 1)
    if height % factor or width % factor:
        nearest = tuple(-(-size // factor) * factor for size in (height, width))
        raise ValueError(
            f"Expected height and width to be multiples of {factor} for num_scales={num_scales}; got {shape}. Pad the "
            f"images to {(channels, *nearest)}, say, or ask for fewer scales."
        )
    return [(channels * 4**k, height // 2**k, width // 2**k) for k in range(num_scales)]
