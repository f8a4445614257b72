"""What image flows are made of, scale by scale."""

from collections.abc import Iterable, Sequence

from pyrodgm.conditional import Conditional, Fixed
from pyrodgm.distributions.standard_normal import StandardNormal
from pyrodgm.flows.flow import Flow
from pyrodgm.nn.conv_net import ConvNet
from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.nn.residual_conv import ResidualConv
from pyrodgm.transforms import (
    ActNorm,
    ChannelCoupling,
    CheckerboardCoupling,
    Compose,
    InvertibleConvolution,
    LogitTransform,
    Univariate,
)
from pyrodgm.transforms.bijection import Bijection

Shape = tuple[int, int, int]


def scale_shapes(shape: Sequence[int], num_halvings: int) -> list[Shape]:
    """Return the shape that each scale takes from the data's side, the one nearest to the data first, one more at last.

    Each squeezes height and width to their halves, and leaves half of its channels behind.

    Raises:
        ValueError: If a height or width is odd before the last halving; it names the scale, and a size that would do.
    """
    shapes = [check_image_shape(shape)]
    for scale in range(1, num_halvings + 1):
        channels, height, width = shapes[-1]
        if height % 2 or width % 2:
            unit = 2**num_halvings
            fitting = " x ".join(str(-(-size // unit) * unit) for size in shape[1:])
            raise ValueError(
                f"Expected images whose height and width can be halved {num_halvings} times; got shape {tuple(shape)}, "
                f"which is {height} x {width} at scale {scale}. Pad them to {fitting}, or build fewer scales."
            )
        shapes.append((2 * channels, height // 2, width // 2))
    return shapes


def squeezed(shape: Shape) -> Shape:
    """Return the shape of the base's side of a squeeze."""
    channels, height, width = shape
    return 4 * channels, height // 2, width // 2


def checkerboards(
    shape: Shape, num: int, univariate: Univariate, *, context_dim: int, hidden_channels: int, num_blocks: int
) -> list[Bijection]:
    """Return couplings of the squares of a checkerboard, that move either colour in turn."""
    channels = shape[0]
    layers: list[Bijection] = []
    for index in range(num):
        net = ResidualConv(
            channels + 1,
            univariate.num_params * channels,
            hidden_channels=hidden_channels,
            num_blocks=num_blocks,
            context_dim=context_dim,
        )
        flip = index % 2 == 1
        layers.append(CheckerboardCoupling(shape, univariate, net, flip=flip, context_dim=context_dim))
    return layers


def channel_couplings(
    shape: Shape, num: int, univariate: Univariate, *, context_dim: int, hidden_channels: int, num_blocks: int
) -> list[Bijection]:
    """Return couplings of channels, that move either half in turn."""
    layers: list[Bijection] = []
    for index in range(num):
        flip = index % 2 == 1
        last = shape[0] - shape[0] // 2
        staying = last if flip else shape[0] - last
        net = ResidualConv(
            staying,
            univariate.num_params * (shape[0] - staying),
            hidden_channels=hidden_channels,
            num_blocks=num_blocks,
            context_dim=context_dim,
        )
        layers.append(ChannelCoupling(shape, univariate, net, flip=flip, context_dim=context_dim))
    return layers


def glow_step(shape: Shape, univariate: Univariate, *, context_dim: int, hidden_channels: int) -> Bijection:
    """Return one step of Glow: from the data, scale and shift of each channel, their mixing, and a coupling."""
    staying = shape[0] // 2
    net = ConvNet(
        staying,
        univariate.num_params * (shape[0] - staying),
        hidden_channels=hidden_channels,
        context_dim=context_dim,
    )
    coupling = ChannelCoupling(shape, univariate, net, context_dim=context_dim)
    return Compose([coupling, InvertibleConvolution(shape[0]), ActNorm(shape[0], event_dim=3)])


def image_flow(
    bijections: Iterable[Bijection], shape: Sequence[int], *, logit: float | None, base: Conditional | None
) -> Flow:
    """Return the flow of bijections, the one nearest to the base first, into the unit cube if ``logit`` is given.

    Raises:
        ValueError: If the base is over something else than images of the shape.
    """
    parts = list(bijections)
    if logit is not None:
        parts.append(LogitTransform(logit, event_dim=3))
    own = Fixed(StandardNormal(tuple(shape))) if base is None else base
    if tuple(own.event_shape) != tuple(shape):
        raise ValueError(
            f"Expected a base over images of shape {tuple(shape)}; got one over {tuple(own.event_shape)}. "
            "Build it with the shape of the images."
        )
    return Flow(Compose(parts), own)
