"""PixelCNN++: equal draws, probabilities that sum to one, its field of view, dropout, and the work of a draw."""

import pytest
import torch
from torch.nn.utils import parametrizations
from torch.utils.flop_counter import FlopCounterMode

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn, testing
from pyrodgm.nn.shifted_conv import ShiftedConv2d
from pyrodgm.testing.networks import dependencies
from tests.autoregressive.image_checks import check_draws_agree, check_float32_steps, check_sum, train
from tests.benchmarks.plain_pixel_cnn_pp import plain_pixel_cnn_pp

TINY = {"num_channels": 4, "num_blocks": 1}
MODELS = {  # name: (settings, shape of a context)
    "binary": ({"shape": (1, 4, 7), "num_levels": 2}, ()),
    "binary, one scale, context": ({"shape": (1, 5, 6), "num_levels": 2, "num_scales": 1, "context_dim": 3}, (3,)),
    "binary, feature map": ({"shape": (1, 3, 7), "num_levels": 2, "context_dim": (2, 3, 7)}, (2, 3, 7)),
    "levels, categorical": ({"shape": (1, 5, 3), "num_levels": 4, "head": heads.Categorical(4), "num_scales": 2}, ()),
    "levels, mixture, context": ({"shape": (1, 3, 6), "context_dim": 2}, (2,)),
    "RGB": ({"shape": (3, 3, 5), "head": heads.DiscretizedLogisticMixture(2, 256, 3)}, ()),
    "RGB, categorical": ({"shape": (3, 2, 4), "num_levels": 5, "head": heads.ChannelCategorical(5, 3)}, ()),
    "RGB, feature map": ({"shape": (3, 3, 4), "num_levels": 8, "context_dim": (2, 3, 4)}, (2, 3, 4)),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("num", [1, 5])
def test_strategies_draw_alike(name, num):
    settings, context_shape = MODELS[name]
    model = testing.perturb(ar.pixelcnn_pp(**TINY | settings), 0.2)
    context = torch.randn(num, *context_shape) if context_shape else None
    draw = check_draws_agree(model, (1,) if context_shape else (num,), context)
    assert draw.shape[-3:] == settings["shape"]


@pytest.mark.parametrize("settings", [{"shape": (1, 4, 6), "num_levels": 2}, {"shape": (3, 2, 5), "num_levels": 4}])
def test_strategies_draw_alike_after_training(settings):
    model = ar.pixelcnn_pp(num_scales=2, **TINY | settings)
    chance = model.event_shape.numel() * torch.tensor(settings["num_levels"]).log()
    assert train(model) < 0.9 * chance  # it has learned something: bars are far from uniform
    check_draws_agree(model, (20,))


@pytest.mark.parametrize(
    ("shape", "settings"),
    [
        ((1, 2, 4), {}),
        ((1, 4, 2), {"head": heads.Categorical(2)}),
        ((1, 2, 4), {"head": heads.DiscretizedLogisticMixture(3, 2)}),
        ((3, 2, 2), {"head": heads.ChannelCategorical(2, 3)}),
        ((3, 2, 2), {}),  # 12 variables through a mixture of whole pixels
    ],
)
def test_probabilities_of_all_images_sum_to_one(shape, settings):
    check_sum(ar.pixelcnn_pp(shape, 2, num_levels=2, **TINY | settings), torch.randn(2))


@pytest.mark.parametrize("shape", [(1, 9, 10), (3, 5, 7)])
def test_stepping_in_float32_equals_the_full_pass(shape):
    net = ar.pixelcnn_pp(shape, 2, num_channels=8, num_blocks=2).net
    check_float32_steps(net, 256, torch.randn(6, 2))


@pytest.mark.parametrize("num_scales", [1, 3])
def test_the_network_is_that_of_the_paper(num_scales):
    net = testing.perturb(nn.PixelCNNPlusPlus((1, 7, 6), 2, num_scales=num_scales, **TINY))
    x = torch.rand(3, 1, 7, 6).round()
    torch.testing.assert_close(net(x), plain_pixel_cnn_pp(net, x))


def test_field_of_view_of_one_scale():
    # Two blocks of two convolutions. In rows above, the upper stream and its entrance see 1 + 4 columns on either side,
    # and the left stream, entered inside of a block, one more to the left; in its own row it sees 1 + 4.
    net = nn.PixelCNNPlusPlus((1, 3, 15), 1, num_scales=1, **TINY)
    sees = dependencies(testing.perturb(net), 2, num_tries=4).view(3, 15, 3, 15)[2, 7]
    for row, columns in ((0, range(1, 13)), (1, range(1, 13)), (2, range(2, 7))):
        assert sees[row].nonzero().flatten().tolist() == list(columns)


def test_field_of_view_of_three_scales():
    # What coarser units make of two rows is there for the second alone, when the first is complete. So an odd row sees
    # the right of the row above it, and its own left, through the finest resolution: an entrance, the way down and the
    # way up of 4 * num_blocks + 2 columns. All else is seen.
    height, width = 5, 10
    net = nn.PixelCNNPlusPlus((1, height, width), 1, num_scales=3, **TINY)
    sees = dependencies(testing.perturb(net), 2, num_tries=4)
    expected = torch.ones_like(sees).tril(-1).view(height, width, height, width)
    for row in (1, 3):
        for column in range(width):
            expected[row, column, row, : max(column - 6, 0)] = False
            expected[row, column, row - 1, column + 7 :] = False
    assert torch.equal(sees, expected.view_as(sees))


def test_coarser_scales_see_the_averages_of_a_feature_map():
    net = nn.PixelCNNPlusPlus((1, 3, 5), 1, context_dim=(2, 3, 5), num_scales=3, **TINY)
    maps = torch.randn(4, 2, 3, 5)
    fine, coarse, coarsest = net.contexts(maps)
    assert torch.equal(fine, maps)
    torch.testing.assert_close(coarse[:, :, 0, 1], maps[:, :, :2, 2:4].mean((2, 3)))
    torch.testing.assert_close(coarse[:, :, 1, 2], maps[:, :, 2, 4])  # the corner, of which there is a quarter
    assert coarsest.shape == (4, 2, 1, 2)


def test_dropout_is_for_training_alone():
    model = testing.perturb(ar.pixelcnn_pp((1, 4, 5), num_levels=2, dropout=0.5, **TINY), 0.2)
    x = torch.ones(1, 1, 4, 5)
    assert not torch.equal(model().log_prob(x), model().log_prob(x))
    for strategy in (ar.Incremental(), ar.FixedPoint(), ar.Sequential()):
        draws = []
        for mode in (True, False):
            model.train(mode)
            torch.manual_seed(1)
            draws.append(model.sample((20,), strategy=strategy))
        assert torch.equal(*draws)
    assert torch.equal(model().log_prob(x), model().log_prob(x))
    check_draws_agree(model, (20,))


def test_weight_normalization_may_be_registered():
    model = ar.pixelcnn_pp((1, 4, 5), num_levels=2, **TINY)
    for module in model.modules():
        if isinstance(module, ShiftedConv2d):
            parametrizations.weight_norm(module)
    testing.perturb(model, 0.2)
    check_draws_agree(model, (5,))


def test_stepping_does_each_piece_of_work_once():
    net = nn.PixelCNNPlusPlus((1, 12, 12), 3, num_channels=8, num_blocks=1, num_scales=2)
    x = torch.zeros(4, 1, 12, 12)
    with FlopCounterMode(display=False) as one_pass:
        net(x)
    stepper = net.stepper((4,))
    with FlopCounterMode(display=False) as steps:
        stepper()
        for _ in range(143):
            stepper(x[:, 0, 0, 0])
    # The same products, but that two kernels which enter from the row above are made one.
    assert 0.99 < steps.get_total_flops() / one_pass.get_total_flops() <= 1.0


def test_completion_keeps_what_is_known():
    model = testing.perturb(ar.pixelcnn_pp((3, 4, 5), num_levels=16, **TINY))
    known = torch.randint(16, (6, 3, 4, 5)).double()
    mask = torch.zeros(4, 5, dtype=torch.bool)
    mask[:2] = True
    for strategy in (ar.Incremental(), ar.FixedPoint(), ar.Sequential()):
        drawn = model.sample((6,), condition_on=known, mask=mask, strategy=strategy)
        assert torch.equal(drawn[:, :, :2], known[:, :, :2])
        assert not torch.equal(drawn, known)


def test_values_that_are_not_finite_fall_back_to_steps():
    model = ar.pixelcnn_pp((1, 2, 3), head=heads.Normal(), **TINY)
    torch.nn.init.constant_(model.net.output_layer.bias, float("nan"))
    with pytest.warns(RuntimeWarning, match="Expected a row that settles in 3 passes"):
        assert model.sample((2,), strategy=ar.FixedPoint()).isnan().all()


def test_sweep_of_no_images():
    net = nn.PixelCNNPlusPlus((1, 4, 5), 1, **TINY)
    assert net.sweep(lambda params, noise: noise, [torch.zeros(0, 1, 4, 5)]).shape == (0, 1, 4, 5)
