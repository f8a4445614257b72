"""Gated PixelCNN: a field of view without a blind spot, rows that do not settle. More in test_image_models.py."""

import pytest
import torch

from pyrodgm import nn, testing
from pyrodgm.nn.causal import UnsettledError
from pyrodgm.testing.networks import dependencies


@pytest.mark.parametrize(("num_layers", "kernel_sizes"), [(1, (5, 3)), (3, (3, 3)), (2, (5, 5))])
def test_field_of_view_has_no_blind_spot(num_layers, kernel_sizes):
    height, width = 6, 15
    net = nn.GatedPixelCNN((1, height, width), 1, num_layers=num_layers, num_channels=16, kernel_sizes=kernel_sizes)
    sees = dependencies(testing.perturb(net), 2, num_tries=4).view(height, width, height, width)
    row, column, reach = height - 1, width // 2, kernel_sizes[0] // 2 + (num_layers - 1) * (kernel_sizes[1] // 2)
    for above in range(height):
        right = reach if above else -1
        expected = [above <= reach and -reach <= place - column <= right for place in range(width)]
        assert sees[row, column, row - above].tolist() == expected, f"{above} rows above"


def test_a_row_that_does_not_settle_is_refused():
    net = nn.GatedPixelCNN((1, 2, 3), 1, num_layers=1, num_channels=2)
    with pytest.raises(UnsettledError, match="Expected a row that settles in 3 passes"):
        net.sweep(lambda params, noise: params[..., 0] + torch.nan, [torch.zeros(5, 1, 2, 3)])
