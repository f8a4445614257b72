"""What holds of every image model: equal draws, also after training, probabilities that sum to one, completion."""

import pytest
import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, testing
from tests.autoregressive import image_checks as checks

BUILDERS = (ar.pixelcnn, ar.gated_pixelcnn, ar.row_lstm, ar.diagonal_bilstm)  # pixelcnn_pp has other settings


@pytest.fixture(params=BUILDERS, ids=lambda build: build.__name__)
def build(request):
    return request.param


@pytest.mark.parametrize("name", checks.MODELS)
@pytest.mark.parametrize("num", [1, 5])
def test_strategies_draw_alike(build, name, num):
    checks.check_model(build, name, num)


def test_strategies_draw_alike_after_training(build):
    model = build((1, 4, 6), num_layers=2, num_channels=8)
    assert checks.train(model) < 0.5 * 24 * 0.69  # it has learned something: chance is 24 log 2
    checks.check_draws_agree(model, (20,))


@pytest.mark.parametrize(
    ("shape", "settings"),
    [((1, 2, 4), {}), ((3, 2, 2), {}), ((3, 2, 2), {"head": heads.DiscretizedLogisticMixture(2, 2, 3)})],
)
def test_probabilities_of_all_images_sum_to_one(build, shape, settings):
    checks.check_sum(build(shape, 2, num_layers=2, num_channels=4, **settings), torch.randn(2))


def test_stepping_in_float32_equals_the_full_pass(build):
    net = build((3, 5, 7), 2, num_levels=256, num_layers=3, num_channels=9).net
    checks.check_float32_steps(net, 256, torch.randn(6, 2))


@pytest.mark.parametrize(("shape", "num_levels"), [((1, 4, 5), 2), ((3, 4, 5), 4)])
def test_the_lower_half_is_completed(build, shape, num_levels):
    model = testing.perturb(build(shape, 2, num_levels=num_levels, num_layers=2, num_channels=6), 0.2)
    x, context = torch.randint(num_levels, shape), torch.randn(7, 2)
    known = torch.arange(4).view(4, 1).expand(shape) < 2
    draws = []
    for strategy in checks.STRATEGIES:
        torch.manual_seed(1)
        draws.append(model.sample((), context, condition_on=x, mask=known, strategy=strategy))
    assert (draws[0][:, :, :2] == x[:, :2]).all()
    assert (draws[0][:, :, 2:] != x[:, 2:]).any()
    assert all(torch.equal(draw, draws[0]) for draw in draws)
