"""Shifted convolutions: what an output sees, and a gated block by hand."""

import pytest
import torch
import torch.nn.functional as F

from pyrodgm.nn.shifted_conv import ShiftedConv2d, ShiftedConvTranspose2d, concat_elu
from pyrodgm.nn.shifted_streams import GatedBlock, signal

HEIGHT, WIDTH = 5, 7


def seen(layer, row, column):
    """Return the pixels of a ``HEIGHT x WIDTH`` image that an output depends on."""
    x = torch.randn(1, 1, HEIGHT, WIDTH, requires_grad=True)
    (gradient,) = torch.autograd.grad(layer(x)[0, 0, row, column], x)
    return {tuple(place) for place in gradient[0, 0].nonzero().tolist()}


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (((2, 3), True, (0, 0), 1), {(2, 3), (2, 4), (2, 5), (3, 3), (3, 4), (3, 5)}),
        (((2, 2), False, (0, 0), 1), {(2, 3), (2, 4), (3, 3), (3, 4)}),
        (((2, 3), True, (1, 0), 1), {(1, 3), (1, 4), (1, 5), (2, 3), (2, 4), (2, 5)}),
        (((1, 3), True, (1, 0), 1), {(2, 3), (2, 4), (2, 5)}),
        (((2, 1), False, (0, 1), 1), {(2, 3), (3, 3)}),
    ],
)
def test_an_output_sees_above_and_left(settings, expected):
    kernel, both_sides, offset, stride = settings
    layer = ShiftedConv2d(1, 1, kernel, both_sides=both_sides, offset=offset, stride=stride)
    assert layer(torch.zeros(2, 1, HEIGHT, WIDTH)).shape == (2, 1, HEIGHT, WIDTH)
    assert seen(layer, 3, 4) == expected


@pytest.mark.parametrize("both_sides", [True, False])
def test_strided_outputs_belong_to_every_other_pixel_and_lead_back(both_sides):
    kernel = (2, 3 if both_sides else 2)
    shrink = ShiftedConv2d(1, 1, kernel, both_sides=both_sides, stride=2)
    assert shrink(torch.zeros(1, 1, HEIGHT, WIDTH)).shape == (1, 1, 3, 4)  # both halved, rounded up
    columns = (3, 4, 5) if both_sides else (3, 4)
    assert seen(shrink, 1, 2) == {(row, column) for row in (1, 2) for column in columns}

    grow = ShiftedConvTranspose2d(1, both_sides=both_sides)
    x = torch.randn(1, 1, 3, 4)
    before, after = (
        grow.enlarge(image, (HEIGHT, WIDTH)) for image in (x, x + F.one_hot(torch.tensor(6), 12).view(3, 4))
    )
    assert before.shape == (1, 1, HEIGHT, WIDTH)
    columns = (3, 4, 5) if both_sides else (4, 5)
    changed = {tuple(place) for place in (after - before)[0, 0].nonzero().tolist()}
    assert changed == {(row, column) for row in (2, 3) for column in columns}


def test_concat_elu_keeps_both_signs():
    x = torch.tensor([[2.0, -1.0]])
    expected = torch.tensor([[2.0, -1.0, -2.0, 1.0]])
    torch.testing.assert_close(concat_elu(x), torch.where(expected > 0, expected, expected.expm1()))


def test_a_gated_block_by_hand():
    num_channels = 2
    block = GatedBlock(num_channels, 1, context_dim=3, both_sides=False, dropout=0.0)
    x, other, context = torch.randn(1, num_channels, 3, 3), torch.randn(1, num_channels, 3, 3), torch.randn(1, 3, 1, 1)
    made = block(signal(x), [concat_elu(other)], context)

    def convolved(layer, active, row, column):
        total = layer.bias.clone()
        for i in (0, 1):
            for j in (0, 1):
                if row - 1 + i >= 0 and column - 1 + j >= 0:
                    total += layer.weight[:, :, i, j] @ active[0, :, row - 1 + i, column - 1 + j]
        return total

    hidden = torch.zeros_like(x)
    for row in range(3):
        for column in range(3):
            hidden[0, :, row, column] = convolved(block.first, concat_elu(x), row, column)
            hidden[0, :, row, column] += block.others_layer.weight[:, :, 0, 0] @ concat_elu(other)[0, :, row, column]
    for row in range(3):
        for column in range(3):
            h = convolved(block.second, concat_elu(hidden), row, column)
            h = h + block.context_layer.weight[:, :, 0, 0] @ context[0, :, 0, 0]
            expected = x[0, :, row, column] + h[:num_channels] * h[num_channels:].sigmoid()
            torch.testing.assert_close(made.raw[0, :, row, column], expected)
    torch.testing.assert_close(made.active, concat_elu(made.raw))
