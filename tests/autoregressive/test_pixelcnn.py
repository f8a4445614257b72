"""PixelCNN: its field of view with the blind spot, and little work. More in test_image_models.py."""

import copy

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from pyrodgm import autoregressive as ar
from pyrodgm import nn, testing
from pyrodgm.testing.networks import dependencies


@pytest.mark.parametrize(("num_layers", "kernel_sizes"), [(1, (5, 3)), (3, (3, 3)), (3, (5, 3)), (2, (5, 5))])
def test_field_of_view_has_a_blind_spot(num_layers, kernel_sizes):
    height, width = 6, 15
    net = nn.PixelCNN((1, height, width), 1, num_layers=num_layers, num_channels=16, kernel_sizes=kernel_sizes)
    sees = dependencies(testing.perturb(net), 2, num_tries=4).view(height, width, height, width)
    first, other = kernel_sizes[0] // 2, kernel_sizes[1] // 2
    row, column, reach = height - 1, width // 2, first + (num_layers - 1) * other
    for above in range(height):
        # A layer that looks to the right looks up by at least a row: d rows above, at most d layers did.
        right = first + other * min(num_layers - 1, above - 1) if above else -1
        expected = [above <= reach and -reach <= place - column <= right for place in range(width)]
        assert sees[row, column, row - above].tolist() == expected, f"{above} rows above"


def test_what_a_pixel_sees_is_drawn_in_fronts_before_it():
    net = testing.perturb(nn.PixelCNN((2, 5, 11), 1, num_layers=3, num_channels=8, kernel_sizes=(5, 3)))
    sees = dependencies(net, 2, num_tries=2).view(2, 55, 2, 55).any(2).any(0)  # pixels, of whichever channel
    pixel = torch.arange(55)
    time = pixel % 11 + net.slope * (pixel // 11)
    assert net.slope == 3
    assert (time[:, None] > time)[sees & ~torch.eye(55, dtype=torch.bool)].all()


def test_a_draw_is_as_much_work_as_a_pass():
    model = ar.pixelcnn((1, 12, 12), num_layers=3, num_channels=8)

    def flops(call):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            call()
        return counter.get_total_flops()

    model.sample((4,))  # the first draw also measures what a draw keeps in memory
    one_pass = flops(lambda: model.net(torch.zeros(4, 1, 12, 12)))
    for strategy in (ar.FixedPoint(), ar.Incremental()):
        assert flops(lambda strategy=strategy: model.sample((4,), strategy=strategy)) <= one_pass
    assert model.net.prefers_sweep(1)


def test_masks_are_never_written_into_the_weights():
    net = nn.PixelCNN((3, 4, 4), 2, num_layers=2, num_channels=6)
    before = copy.deepcopy(net.state_dict())
    for _ in range(3):
        net(torch.zeros(2, 3, 4, 4)).sum().backward()
        net.stepper((2,))()
    for name, value in net.state_dict().items():
        assert torch.equal(value, before[name])
        assert (value != 0).all()
    assert not any("mask" in name for name in before)
