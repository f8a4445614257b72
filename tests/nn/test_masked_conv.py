"""Masked convolutions against square kernels with masks written out, and skewed maps against plain indexing."""

import copy
import itertools

import pytest
import torch
import torch.nn.functional as F

from pyrodgm.nn.front_maps import FrontMaps, front_pixels, fronts
from pyrodgm.nn.front_windows import FrontWindows
from pyrodgm.nn.masked_conv import MaskedConv2d, share, share_channels


def square(conv, kernel):
    """The same weights in a square kernel with zeros below and to the right."""
    full = torch.zeros(*conv.weight.shape[:2], 2 * conv.radius + 1, 2 * conv.radius + 1)
    above = full[:, :, conv.radius - conv.num_above : conv.radius + 1, : kernel.shape[3]]
    above.copy_(kernel)
    return full


@pytest.mark.parametrize(("radius", "num_above"), [(0, 0), (1, 1), (2, 2), (2, 0), (3, 1)])
@pytest.mark.parametrize("strict", [True, False])
def test_equals_a_square_convolution(radius, num_above, strict):
    inputs, outputs = share_channels(5, 3), share_channels(7, 3)
    conv = MaskedConv2d(inputs, outputs, radius, num_above=num_above, strict=strict)
    assert inputs.tolist() == [0, 0, 1, 1, 2]
    kernel = conv.weight.detach().clone()
    kernel[:, :, -1, radius + 1 :] = 0
    for i, into in enumerate(outputs.tolist()):
        for j, of in enumerate(inputs.tolist()):
            if of > into or (strict and of == into):
                kernel[i, j, -1, radius] = 0
    x = torch.randn(3, 5, 6, 4)
    expected = F.conv2d(x, square(conv, kernel), conv.bias, padding=radius)
    torch.testing.assert_close(conv(x), expected)
    assert not torch.equal(conv.weight, kernel) or (radius == 0 and not conv.is_masked)


def test_a_product_with_a_window_is_the_convolution():
    conv = MaskedConv2d(share_channels(4, 2), share_channels(6, 2), 2)
    x = torch.randn(1, 4, 5, 5)
    padded = F.pad(x, (2, 2, 2, 0))
    window = padded[0, :, :3].permute(1, 2, 0)[:, :5].flatten()  # what the pixel at row 0 and column 0 sees, and more
    for part in (0, 1):
        matrix = conv.matrix(part)
        expected = conv(x)[0, share(6, 2, part), 0, 0] - conv.bias[share(6, 2, part)]
        torch.testing.assert_close(window[: len(matrix)] @ matrix, expected)
        torch.testing.assert_close(conv.biased_matrix(part)[0], conv.bias[share(6, 2, part)].detach())


@pytest.mark.parametrize(("num", "channels"), [(7, 3), (3, 3), (4, 1), (8, 2)])
def test_shares_are_equal_and_complete(num, channels):
    shares = [share(num, channels, part) for part in range(channels)]
    owners = share_channels(num, channels)
    assert [owners[own].unique().tolist() for own in shares] == [[part] for part in range(channels)]
    sizes = [own.stop - own.start for own in shares]
    assert sum(sizes) == num
    assert max(sizes) - min(sizes) <= 1


def test_copies_keep_the_layout():
    conv = MaskedConv2d(share_channels(4, 1), share_channels(6, 1), 1)
    twin = copy.deepcopy(conv)
    twin.load_state_dict(conv.state_dict())
    for one in (conv, twin, twin.float()):
        assert one.weight.is_contiguous(memory_format=torch.channels_last)
        assert one.masked_weight().is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("height", "width", "slope"), [(4, 6, 2), (5, 3, 3), (1, 4, 2), (3, 1, 1), (4, 9, 4)])
def test_fronts_pass_over_each_pixel_once(height, width, slope):
    found = fronts(height, width, slope)
    pixels = [pixel for front in found for pixel in front_pixels(front, width, slope)]
    assert sorted(pixels) == list(range(height * width))
    assert all(a.time < b.time for a, b in itertools.pairwise(found))
    if slope == width:
        assert pixels == sorted(pixels)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize(("radius", "slope"), [(1, 2), (2, 3), (2, 5), (3, 4)])
def test_windows_are_what_is_above_and_to_the_left(batch, radius, slope):
    layers, maps, height, width = 2, 3, 4, 5
    x = torch.randn(layers, height, batch, width, maps)
    padded = F.pad(x, (0, 0, radius, radius, 0, 0, radius, 0))
    all_fronts = fronts(height, width, slope)
    most = max(front.num_rows for front in all_fronts)
    skewed = FrontMaps(
        layers, maps, shape=(height, width), batch=batch, radius=radius, slope=slope, like=torch.zeros(())
    )
    windows = FrontWindows(skewed, most)
    for front in all_fronts:
        windows.load(front)
        pixels = front_pixels(front, width, slope)
        for index, pixel in enumerate(pixels):
            row, column = divmod(pixel, width)
            rows = padded[:, row : row + radius + 1, :, column : column + 2 * radius + 1].transpose(1, 2)
            seen = rows.flatten(2)[..., : radius * (2 * radius + 1) * maps + radius * maps]
            window = windows.windows[:, index * batch : (index + 1) * batch]
            torch.testing.assert_close(window[..., : windows.num_before], seen)
            window[..., windows.num_before :] = x[:, row, :, column]
        windows.store(front)
    torch.testing.assert_close(skewed.images(), x)
