"""What causal networks on images share: the order of pixels and channels, and the shapes around the network."""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pyrodgm.nn.causal import CausalNet, flatten_batches
from pyrodgm.nn.convolutional import check_image_shape
from pyrodgm.nn.mlp import check_dim


class PixelNet(CausalNet):
    r"""A causal network on images: pixels row by row, and within a pixel channel by channel or all channels together.

    Args:
        shape: Shape (channels, height, width) of one image.
        num_params: Number of parameters of one position.
        context_dim: Number of context features; ``(k, height, width)`` for a feature map; 0 for none.
        num_levels: Number of values of a variable, scaled from 0 .. num_levels - 1 to [-1, 1].
        symbol_shape: ``()`` makes each channel of a pixel a position, ``(channels,)`` each whole pixel.

    Attributes:
        num_parts: Number of parts of a pixel that are drawn one after the other: its channels, or 1.

    Raises:
        ValueError: If a size is not positive, or ``symbol_shape`` or a feature map does not fit the image.
    """

    order: Tensor

    def __init__(
        self,
        shape: Sequence[int],
        num_params: int,
        *,
        context_dim: int | Sequence[int] = 0,
        num_levels: int = 2,
        symbol_shape: Sequence[int] = (),
    ) -> None:
        super().__init__()
        self.shape = channels, height, width = check_image_shape(shape)
        self.num_params = check_dim("num_params", num_params)
        self.num_levels = check_dim("num_levels", num_levels, 2)
        self.symbol_shape = tuple(symbol_shape)
        if self.symbol_shape not in ((), (channels,)):
            raise ValueError(
                f"Expected symbol_shape () or ({channels},) for images of shape {self.shape}; got {self.symbol_shape}. "
                "Draw one channel of a pixel at a time, or all of them together."
            )
        self.context_shape = context_shape(context_dim, self.shape)
        self.num_parts = 1 if self.symbol_shape else channels
        self.grid_shape = self.shape[1:] if self.symbol_shape else self.shape
        places = torch.arange(self.num_parts * height * width).view(self.num_parts, -1)
        self.register_buffer("order", places.t().reshape(-1).contiguous(), persistent=False)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``(*batch, *grid_shape, num_params)`` of images ``(*batch, channels, height, width)`` in one pass.

        Raises:
            ValueError: If the image is of another shape, or the context is missing, superfluous or of another shape.
        """
        if tuple(x.shape[-3:]) != self.shape:
            raise ValueError(
                f"Expected x of shape (*batch, {', '.join(map(str, self.shape))}); got {tuple(x.shape)}. "
                "Build the network with the shape of one image."
            )
        self.check_context(context)
        x, context, batch = flatten_batches(x, 3, context, len(self.context_shape))
        params = self.maps(self.scaled(x), context)  # (num, num_parts * num_params, height, width)
        params = params.unflatten(1, (self.num_parts, self.num_params)).movedim(2, -1)
        return params.reshape(*batch, *self.grid_shape, self.num_params)

    @abstractmethod
    def maps(self, x: Tensor, context: Tensor | None) -> Tensor:
        """Return ``(num, num_parts * num_params, height, width)``, part by part, of scaled images.

        Args:
            x: ``(num, channels, height, width)`` in [-1, 1].
            context: ``(num, *context_shape)`` or ``None``.
        """

    def scaled(self, x: Tensor) -> Tensor:
        """Return values 0 .. num_levels - 1 on the interval [-1, 1], in the parameters' dtype."""
        return x.to(next(self.parameters()).dtype) * (2 / (self.num_levels - 1)) - 1


class ContextLayer(nn.Module):
    """Projects a context to biases of several layers at once: one for the whole image, or one for each pixel.

    Args:
        context_shape: ``(k,)`` or ``(k, height, width)``.
        sizes: Number of feature maps of each layer.
    """

    def __init__(self, context_shape: Sequence[int], sizes: Sequence[int]) -> None:
        super().__init__()
        self.sizes = list(sizes)
        self.layer = nn.Conv2d(context_shape[0], sum(sizes), 1, bias=False)

    def forward(self, context: Tensor) -> list[Tensor]:
        """Return ``(num, size, height, width)``, or ``(num, size, 1, 1)`` of a vector, for each size."""
        maps = context if context.dim() == 4 else context[:, :, None, None]
        return list(self.layer(maps.to(self.layer.weight.dtype)).split(self.sizes, 1))


class CoordinateLayer(nn.Module):
    """Biases from where a pixel is, linear in its row and its column, each from -1 to 1 over the image.

    A convolution sees edges above, to the left and to the right by the zeros around the image. How far the lower edge
    is, nothing tells it, nor how far any edge is beyond its field of view.

    Args:
        shape: Shape (channels, height, width) of one image.
        size: Number of feature maps.
    """

    grid: Tensor

    def __init__(self, shape: Sequence[int], size: int) -> None:
        super().__init__()
        rows, columns = (torch.linspace(-1, 1, length) for length in shape[1:])
        self.register_buffer("grid", torch.stack(torch.meshgrid(rows, columns, indexing="ij"))[None], persistent=False)
        self.layer = nn.Conv2d(2, size, 1, bias=False)

    def forward(self) -> Tensor:
        """Return ``(1, size, height, width)``."""
        return self.layer(self.grid)  # type: ignore[no-any-return]


def add_bias(maps: Tensor, bias: Tensor | None) -> Tensor:
    """Return maps plus a bias that broadcasts against them, if there is one."""
    return maps if bias is None else maps + bias


def check_kernel_sizes(kernel_sizes: Sequence[int], least: int = 1) -> tuple[int, int]:
    """Return the radii of two kernels.

    Raises:
        ValueError: If there are not two, one is even, or the first is too small.
    """
    sizes = tuple(kernel_sizes)
    if len(sizes) != 2 or any(size % 2 == 0 or size < 1 for size in sizes) or sizes[0] < least:
        raise ValueError(
            "Expected kernel_sizes to be two odd widths, of the first layer and of the others, the first at least "
            f"{least}; got {sizes}. Give (7, 3), say."
        )
    return sizes[0] // 2, sizes[1] // 2


def context_shape(context_dim: int | Sequence[int], shape: tuple[int, int, int]) -> tuple[int, ...]:
    """Return the shape of one context of images: ``()``, ``(k,)``, or ``(k, height, width)``.

    Raises:
        ValueError: If it is neither a size nor the shape of a feature map over such images.
    """
    if isinstance(context_dim, int):
        return (context_dim,) if check_dim("context_dim", context_dim, 0) else ()
    sizes = tuple(context_dim)
    if len(sizes) != 3 or sizes[1:] != shape[1:]:
        raise ValueError(
            f"Expected context_dim as a number of features or (k, {shape[1]}, {shape[2]}); got {sizes}. "
            "A feature map is as high and wide as the image."
        )
    check_dim("context_dim", sizes[0])
    return sizes
