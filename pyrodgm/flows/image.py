"""Flows over images: NICE, Real NVP, Glow."""

from collections.abc import Sequence

from pyrodgm.conditional import Conditional, Fixed
from pyrodgm.distributions.standard_logistic import StandardLogistic
from pyrodgm.flows.flow import Flow
from pyrodgm.flows.image_scales import (
    channel_couplings,
    checkerboards,
    glow_step,
    image_flow,
    scale_shapes,
    squeezed,
)
from pyrodgm.flows.scales import affine_of_depth
from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.transforms import Affine, Compose, Elementwise, Flattened, Multiscale, Shift, Squeeze
from pyrodgm.transforms.bijection import Bijection, check_input_dim


def nice_image(
    shape: Sequence[int],
    context_dim: int = 0,
    *,
    num_layers: int = 4,
    hidden_channels: int = 32,
    num_blocks: int = 2,
    logit: float | None = 0.05,
    base: Conditional | None = None,
) -> Flow:
    r"""NICE over images: additive coupling of a checkerboard's squares, then one scaling of each variable.

    Args:
        shape: Shape (channels, height, width) of one image; any size of at least two pixels.
        context_dim: Number of context features, a one-hot label say; 0 makes the flow unconditional.
        num_layers: Number of coupling layers, alternating colours.
        hidden_channels: Channels inside the conditioners, residual convolutional networks.
        num_blocks: Number of their residual blocks.
        logit: The margin of a last :class:`~pyrodgm.transforms.LogitTransform`, for pixels in [0, 1]; ``None`` for
            images of real numbers.
        base: The base; standard logistic, as in the paper, if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == shape``.

    Raises:
        ValueError: If a size is not positive, or the base is over something else; from the density, if pixels are
            outside of the unit interval and its margin.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flow = flows.nice_image((1, 6, 5), context_dim=10, hidden_channels=8)
        >>> flow(torch.eye(10)).sample().shape
        torch.Size([10, 1, 6, 5])

    References:
        Dinh, Krueger, Bengio (2015), NICE, section 3, https://arxiv.org/abs/1410.8516
    """
    sizes = check_image_shape(shape)
    check_input_dim(num_layers, what="num_layers")
    couplings = checkerboards(
        sizes, num_layers, Shift(), context_dim=context_dim, hidden_channels=hidden_channels, num_blocks=num_blocks
    )
    scaling = Flattened(Elementwise(Affine(), sizes[0] * sizes[1] * sizes[2]), sizes)
    return image_flow([*couplings, scaling], sizes, logit=logit, base=base or Fixed(StandardLogistic(sizes)))


def realnvp_image(
    shape: Sequence[int],
    context_dim: int = 0,
    *,
    num_scales: int = 3,
    hidden_channels: int = 32,
    num_blocks: int = 2,
    logit: float | None = 0.05,
    base: Conditional | None = None,
) -> Flow:
    r"""Real NVP over images: affine couplings at several scales, half of the channels leaving after each.

    From the data, each scale couples the squares of a checkerboard three times, squeezes, and couples channels three
    times; the last scale couples the squares of a checkerboard four times. Log-scales are bounded, at most 20 through
    all layers, so that deep flows stay finite.

    Args:
        shape: Shape (channels, height, width) of one image; height and width must be multiples of
            :math:`2^{\text{scales} - 1}`.
        context_dim: Number of context features, a one-hot label say; 0 makes the flow unconditional.
        num_scales: Number of scales.
        hidden_channels: Channels inside the conditioners, residual convolutional networks.
        num_blocks: Number of their residual blocks.
        logit: The margin of a last :class:`~pyrodgm.transforms.LogitTransform`, for pixels in [0, 1]; ``None`` for
            images of real numbers.
        base: The base, over images of the same shape; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == shape``.

    Raises:
        ValueError: If a size is not positive, height or width cannot be halved (the scale is named), the last scale has
            one pixel only, or the base is over something else; from the density, if pixels are outside of the unit
            interval and its margin.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flow = flows.realnvp_image((1, 8, 12), context_dim=10, num_scales=2, hidden_channels=8)
        >>> flow(torch.eye(10)).sample().shape
        torch.Size([10, 1, 8, 12])

    References:
        Dinh, Sohl-Dickstein, Bengio (2017), Density estimation using Real NVP, sections 3.4-3.6,
        https://arxiv.org/abs/1605.08803
    """
    check_input_dim(num_scales, what="num_scales")
    *shapes, last = scale_shapes(shape, num_scales - 1)
    if last[1] * last[2] < 2:
        raise ValueError(
            f"Expected at least two pixels at scale {num_scales}, the last; got images of shape {tuple(shape)}, which "
            f"are 1 x 1 there. Build at most {num_scales - 1} scales."
        )
    family = affine_of_depth(6 * len(shapes) + 4)
    sizes = {"context_dim": context_dim, "hidden_channels": hidden_channels, "num_blocks": num_blocks}
    scales: list[Bijection] = [
        Compose(
            [
                *channel_couplings(squeezed(data), 3, family, **sizes),
                Squeeze(data),
                *checkerboards(data, 3, family, **sizes),
            ]
        )
        for data in shapes
    ]
    scales.append(Compose(checkerboards(last, 4, family, **sizes)))
    return image_flow([Multiscale(shape, scales)], shape, logit=logit, base=base)


def glow(
    shape: Sequence[int],
    context_dim: int = 0,
    *,
    num_scales: int = 3,
    num_steps: int = 8,
    hidden_channels: int = 64,
    logit: float | None = 0.05,
    base: Conditional | None = None,
) -> Flow:
    r"""Glow: at several scales, steps of scaling, mixing and coupling channels, half of which leave after each scale.

    From the data, each scale squeezes and takes its steps: a scale and a shift of each channel that start from data,
    an invertible 1 x 1 convolution, and an affine coupling of channels. Log-scales of couplings are bounded, at most
    20 through all of them.

    Args:
        shape: Shape (channels, height, width) of one image; height and width must be multiples of
            :math:`2^{\text{scales}}`.
        context_dim: Number of context features, a one-hot label say; 0 makes the flow unconditional.
        num_scales: Number of scales.
        num_steps: Number of steps of each.
        hidden_channels: Channels inside the conditioners, networks of three convolutions.
        logit: The margin of a last :class:`~pyrodgm.transforms.LogitTransform`, for pixels in [0, 1]; ``None`` for
            images of real numbers.
        base: The base, over images of the same shape; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == shape``.

    Raises:
        ValueError: If a size is not positive, height or width cannot be halved (the scale is named), or the base is
            over something else; from the density, if pixels are outside of the unit interval and its margin.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flow = flows.glow((3, 8, 8), num_scales=2, num_steps=2, hidden_channels=8)
        >>> flow.initialize(torch.rand(20, 3, 8, 8))
        >>> flow().log_prob(torch.rand(5, 3, 8, 8)).shape, flow.at_temperature(0.7)().sample((4,)).shape
        (torch.Size([5]), torch.Size([4, 3, 8, 8]))

    References:
        Kingma, Dhariwal (2018), Glow, section 3, https://arxiv.org/abs/1807.03039
    """
    check_input_dim(num_scales, what="num_scales")
    check_input_dim(num_steps, what="num_steps")
    family = affine_of_depth(num_scales * num_steps)
    scales: list[Bijection] = []
    for data in scale_shapes(shape, num_scales)[:-1]:
        steps = [
            glow_step(squeezed(data), family, context_dim=context_dim, hidden_channels=hidden_channels)
            for _ in range(num_steps)
        ]
        scales.append(Compose([*steps, Squeeze(data)]))
    return image_flow([Multiscale(shape, scales)], shape, logit=logit, base=base)
