"""
What a pixel sees
=================

A PixelCNN models an image pixel by pixel, each given the pixels before it, row by row. Masks keep it from seeing what
comes later: a kernel has weights above its centre and to the left of it only. Within the pixel itself the channels come
one after the other, red, green, blue. The first layer reads the image and must leave the channel itself out (mask A);
later layers read maps that know no more than they may, and leave it in (mask B).

Such layers, stacked, miss a part of what came before: above a pixel the field opens to the right by one kernel's
radius a row, and pixels beyond are never seen, however many layers there are. The gated PixelCNN has two stacks, one
over whole rows above and one along the row, and no such *blind spot*.

All panels are read off networks: the masks from their layers, the fields from the derivatives of one pixel's parameters
with respect to the image.
"""  # noqa: D205, D212, D415

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.patches import Patch

from pyrodgm import nn
from pyrodgm.plots.figure import new_figure, save

HEIGHT, WIDTH = 9, 17
KERNEL_SIZES = (5, 3)
SEEN, SELF, UNSEEN, LATER = range(4)
COLORS = {SEEN: "#4c78a8", SELF: "#e45756", UNSEEN: "#f2cf5b", LATER: "#f2f2f2"}
NAMES = {SEEN: "seen", SELF: "the pixel", UNSEEN: "earlier, but not seen", LATER: "later"}


# %%
# One pixel's field of view, by derivatives. Several images, since a ReLU may be off in one.
def field_of_view(net: nn.PixelCNN | nn.GatedPixelCNN, row: int, column: int) -> torch.Tensor:
    """Return codes (height, width): what the pixel's parameters depend on."""
    x = torch.rand(16, 1, HEIGHT, WIDTH, requires_grad=True)
    net(x)[:, 0, row, column].sum().backward()
    codes = torch.full((HEIGHT * WIDTH,), LATER)
    codes[: row * WIDTH + column] = UNSEEN
    codes[x.grad.abs().amax((0, 1)).flatten() > 0] = SEEN
    codes[row * WIDTH + column] = SELF
    return codes.view(HEIGHT, WIDTH)


# %%
# The masks: a square kernel's rows below the pixel are not even stored.
def show_kernel(axes: Axes, mask: torch.Tensor, title: str) -> None:
    """Show which weights of one map to another are used, as a square of zeros and ones."""
    size = mask.shape[1]
    square = torch.cat([mask, torch.zeros(size - len(mask), size)])
    draw_cells(axes, torch.where(square > 0, SEEN, LATER), title)
    for row in range(size):
        for column in range(size):
            axes.text(column, row, int(square[row, column]), ha="center", va="center", fontsize=8)


def show_channels(axes: Axes, mask: torch.Tensor, title: str) -> None:
    """Show which channels of the pixel itself each channel sees."""
    draw_cells(axes, torch.where(mask > 0, SEEN, LATER), title)
    for axis, text in ((axes.xaxis, "of the layer below"), (axes.yaxis, "of the layer")):
        axis.set_ticks(range(3), "RGB")
        axis.set_label_text(text, fontsize=8)


def draw_cells(axes: Axes, codes: torch.Tensor, title: str) -> None:
    """Draw a grid of coloured cells."""
    axes.imshow(codes.numpy(), cmap=ListedColormap(list(COLORS.values())), vmin=0, vmax=len(COLORS) - 1)
    axes.set_xticks(torch.arange(-0.5, codes.shape[1]).tolist(), minor=True)
    axes.set_yticks(torch.arange(-0.5, codes.shape[0]).tolist(), minor=True)
    axes.grid(which="minor", color="white", linewidth=1)
    axes.tick_params(which="both", length=0)
    axes.set(xticks=[], yticks=[])
    axes.set_title(title, fontsize=9)


# %%
# Everything in one picture.
def main(argv: Sequence[str] | None = None) -> None:
    """Build the networks and draw what they see."""
    parser = argparse.ArgumentParser(description="Masks and fields of view of PixelCNN and Gated PixelCNN.")
    parser.add_argument("--layers", type=int, default=7, help="of the deeper networks")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/receptive_fields"))
    args = parser.parse_args(argv)
    torch.manual_seed(args.seed)

    colours = nn.PixelCNN((3, 5, 5), 1, num_layers=2, num_channels=3, kernel_sizes=(5, 5))
    first, other = colours.first.mask, colours.residual_blocks[0].above.mask
    figure = new_figure(9.0, 4.6)
    upper, lower = figure.subfigures(2, 1, height_ratios=(1, 1.1))
    panels = upper.subplots(1, 4)
    show_kernel(panels[0], first[0, 0], "mask A: a channel to itself")
    show_kernel(panels[1], other[0, 0], "mask B: a channel to itself")
    show_channels(panels[2], first[::2, :, -1, 2], "mask A at the pixel")
    show_channels(panels[3], other[:, :, -1, 2], "mask B at the pixel")

    panels = lower.subplots(1, 3)
    settings = {"num_channels": 16, "kernel_sizes": KERNEL_SIZES}
    for axes, kind, num_layers in zip(
        panels, (nn.PixelCNN, nn.PixelCNN, nn.GatedPixelCNN), (2, args.layers, args.layers), strict=True
    ):
        codes = field_of_view(kind((1, HEIGHT, WIDTH), 1, num_layers=num_layers, **settings), HEIGHT - 2, WIDTH // 2)
        draw_cells(axes, codes, f"{kind.__name__}, {num_layers} layers")
        print(f"{kind.__name__}, {num_layers} layers: sees {int((codes == SEEN).sum())} pixels")
    handles = [Patch(color=COLORS[code], label=NAMES[code]) for code in COLORS]
    lower.legend(handles=handles, loc="lower center", ncols=4, fontsize=8, frameon=False)
    save(figure, args.out / "receptive_fields.png")


if __name__ == "__main__":
    main()
