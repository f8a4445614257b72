"""DCGAN's networks: shapes of the papers' pictures, norms, where weights start."""

import pytest
import torch

from pyrodgm import nn
from pyrodgm.nn.dc_gan import halvings


@pytest.mark.parametrize(
    ("shape", "inner", "widths"), [((1, 28, 28), 7, (128, 64)), ((3, 32, 32), 4, (256, 128, 64)), ((1, 8, 8), 4, (64,))]
)
def test_maps_of_known_pictures(shape: tuple[int, ...], inner: int, widths: tuple[int, ...]) -> None:
    generator, discriminator = nn.DCGANGenerator(10, shape), nn.DCGANDiscriminator(shape)
    up = [layer for layer in generator.modules() if isinstance(layer, torch.nn.ConvTranspose2d)]
    down = [layer for layer in discriminator.modules() if isinstance(layer, torch.nn.Conv2d)]
    assert [layer.in_channels for layer in up] == list(widths)
    assert [layer.out_channels for layer in down] == list(widths[::-1])
    assert generator.layers[0].out_features == widths[0] * inner**2
    assert discriminator.feature_dim == widths[0] * inner**2


@pytest.mark.parametrize("shape", [(1, 28, 28), (3, 32, 32)])
def test_pictures_lie_between_minus_one_and_one(shape: tuple[int, ...]) -> None:
    generator = nn.DCGANGenerator(5, shape, num_channels=8)
    x = generator(30 * torch.randn(7, 5))
    assert x.shape == (7, generator.output_dim)
    assert x.abs().max() <= 1
    assert nn.DCGANDiscriminator(shape, num_channels=8)(x).shape == (7, 1)


@pytest.mark.parametrize(
    ("norm", "layer"), [("batch", torch.nn.BatchNorm2d), ("layer", torch.nn.GroupNorm), ("none", None)]
)
def test_norms(norm: str, layer: type | None) -> None:
    kinds = (torch.nn.BatchNorm2d, torch.nn.GroupNorm)
    generator = nn.DCGANGenerator(5, (1, 16, 16), num_channels=4, norm=norm)
    discriminator = nn.DCGANDiscriminator((1, 16, 16), num_channels=4, norm=norm)
    expected = [] if layer is None else [layer]
    assert [type(m) for m in generator.modules() if isinstance(m, kinds)] == 2 * expected
    assert [type(m) for m in discriminator.modules() if isinstance(m, kinds)] == expected


def test_without_batch_norm_a_score_is_of_its_own_picture() -> None:
    x = torch.randn(4, 1, 16, 16)
    for norm, alone in (("batch", False), ("layer", True), ("none", True)):
        net = nn.DCGANDiscriminator((1, 16, 16), num_channels=4, norm=norm)
        assert torch.allclose(net(x)[:2], net(x[:2])) == alone


def test_gradients_reach_every_parameter_with_batch_norm() -> None:
    generator, discriminator = nn.DCGANGenerator(5, (1, 16, 16)), nn.DCGANDiscriminator((1, 16, 16))
    discriminator(generator(torch.randn(6, 5))).square().sum().backward()
    for parameter in [*generator.parameters(), *discriminator.parameters()]:
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


def test_scores_are_of_the_features() -> None:
    net = nn.DCGANDiscriminator((1, 8, 8), 3, num_channels=4, norm="none")
    x = torch.randn(2, 5, 1, 8, 8)
    assert net.features(x).shape == (2, 5, net.feature_dim)
    assert torch.equal(net.output_layer(net.features(x)), net(x))


def test_weights_start_narrow() -> None:
    weight = nn.DCGANGenerator(100, (3, 32, 32)).layers[0].weight
    # 100 * 4096 draws: the standard error of their deviation is 0.02 / sqrt(2 * 409600) = 2.2e-5.
    assert weight.std().item() == pytest.approx(0.02, abs=5 * 2.2e-5)


def test_halvings() -> None:
    assert halvings((1, 12, 20)) == [(12, 20), (6, 10)]
    assert halvings((1, 64, 64)) == [(64, 64), (32, 32), (16, 16), (8, 8), (4, 4)]
