"""The residual networks of SN-GAN: blocks against their definition, shapes, gradients."""

import pytest
import torch
import torch.nn.functional as F

from pyrodgm import nn
from pyrodgm.nn.res_net_gan import Doubling, FirstHalving, Halving


@pytest.mark.parametrize(("shape", "doublings"), [((1, 28, 28), 2), ((3, 32, 32), 3)])
def test_pictures_and_scores(shape: tuple[int, ...], doublings: int) -> None:
    generator = nn.ResNetGenerator(5, shape, num_channels=8)
    x = generator(10 * torch.randn(7, 5))
    assert x.shape == (7, generator.output_dim)
    assert x.abs().max() <= 1
    assert sum(isinstance(module, Doubling) for module in generator.modules()) == doublings
    discriminator = nn.ResNetDiscriminator(shape, num_channels=8)
    assert discriminator(x).shape == (7, 1)
    discriminator(x).square().sum().backward()
    for parameter in [*generator.parameters(), *discriminator.parameters()]:
        assert parameter.grad is not None
        assert parameter.grad.isfinite().all()


def test_a_doubling_mixes_the_doubled_input() -> None:
    block, h = Doubling(3, "none"), torch.randn(2, 3, 4, 4)
    doubled = F.interpolate(h, scale_factor=2)
    main = block.second(block.first(doubled.relu()).relu())
    torch.testing.assert_close(block(h), main + block.shortcut(doubled))


def test_a_halving_averages_the_mixed_input() -> None:
    for block in (Halving(3), FirstHalving(3, 3)):
        h = torch.randn(2, 3, 4, 4)
        main = block.second(block.first(h if isinstance(block, FirstHalving) else h.relu()).relu())
        torch.testing.assert_close(block(h), F.avg_pool2d(main + block.shortcut(h), 2))


def test_there_is_no_norm_in_the_discriminator() -> None:
    x = torch.randn(4, 1, 8, 8)
    net = nn.ResNetDiscriminator((1, 8, 8), num_channels=4)
    torch.testing.assert_close(net(x)[:2], net(x[:2]))


def test_features_are_sums_over_pixels() -> None:
    net = nn.ResNetDiscriminator((1, 8, 8), 3, num_channels=4, num_blocks=0)
    x = torch.randn(2, 5, 64)
    assert net.features(x).shape == (2, 5, 4)
    assert torch.equal(net.output_layer(net.features(x)), net(x))
