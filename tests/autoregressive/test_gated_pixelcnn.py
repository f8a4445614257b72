"""Gated PixelCNN: equal draws, probabilities that sum to one, and a field of view without a blind spot."""

import pytest
import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn, testing
from pyrodgm.nn.causal import UnsettledError
from pyrodgm.testing.networks import dependencies
from tests.autoregressive import pixel_rnn_checks as checks


@pytest.mark.parametrize("name", checks.MODELS)
@pytest.mark.parametrize("num", [1, 5])
def test_strategies_draw_alike(name, num):
    checks.check_model(ar.gated_pixelcnn, name, num)


def test_strategies_draw_alike_after_training():
    model = ar.gated_pixelcnn((1, 4, 6), num_layers=3, num_channels=8, kernel_sizes=(3, 3))
    assert checks.train(model) < 0.5 * 24 * 0.69  # it has learned something: chance is 24 log 2
    checks.check_draws_agree(model, (20,))


@pytest.mark.parametrize(
    ("shape", "settings"),
    [((1, 2, 4), {}), ((3, 2, 2), {}), ((3, 2, 2), {"head": heads.DiscretizedLogisticMixture(2, 2, 3)})],
)
def test_probabilities_of_all_images_sum_to_one(shape, settings):
    checks.check_sum(ar.gated_pixelcnn(shape, 2, num_layers=2, num_channels=4, **settings), torch.randn(2))


def test_stepping_in_float32_equals_the_full_pass():
    net = ar.gated_pixelcnn((3, 5, 7), 2, num_levels=256, num_layers=3, num_channels=9).net
    checks.check_float32_steps(net, 256, torch.randn(6, 2))


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


def test_the_lower_half_is_completed():
    model = testing.perturb(ar.gated_pixelcnn((1, 4, 5), 2, num_layers=2, num_channels=6), 0.2)
    x, context = torch.rand(1, 4, 5).round(), torch.randn(7, 2)
    known = torch.arange(4).view(4, 1).expand(1, 4, 5) < 2
    draws = []
    for strategy in (ar.Incremental(), ar.FixedPoint(), ar.Sequential()):
        torch.manual_seed(1)
        draws.append(model.sample((), context, condition_on=x, mask=known, strategy=strategy))
    assert (draws[0][:, :, :2] == x[:, :2]).all()
    assert (draws[0][:, :, 2:] != x[:, 2:]).any()
    assert torch.equal(draws[0], draws[1])
    assert torch.equal(draws[0], draws[2])


def test_a_row_that_does_not_settle_is_refused():
    net = nn.GatedPixelCNN((1, 2, 3), 1, num_layers=1, num_channels=2)
    with pytest.raises(UnsettledError, match="Expected a row that settles in 3 passes"):
        net.sweep(lambda params, noise: params[..., 0] + torch.nan, [torch.zeros(5, 1, 2, 3)])
