"""Images of independent pixels against their pixels, one by one."""

import pytest
import torch

from pyrodgm import Neural, distributions, heads, models, nn


def test_density_is_the_sum_over_pixels():
    pixel = heads.DiscretizedLogisticMixture(3, 8, 3)
    head = heads.Pixels(pixel, 2, 4)
    params, x = torch.randn(5, head.num_params), torch.randint(8, (5, 3, 2, 4)).double()
    maps = params.view(5, pixel.num_params, 2, 4)
    expected = sum(pixel(maps[:, :, i, j]).log_prob(x[:, :, i, j]) for i in range(2) for j in range(4))
    torch.testing.assert_close(head(params).log_prob(x), expected)
    torch.testing.assert_close(head.log_prob(params, x), expected)


def test_mean_of_grey_pixels():
    head = heads.Pixels(heads.ChannelCategorical(4, 1), 2, 3)
    assert head(torch.zeros(head.num_params)).event_shape == (1, 2, 3)
    normal = heads.Pixels(heads.Normal(1), 2, 3)
    params = torch.randn(5, normal.num_params)
    distribution = normal(params)
    torch.testing.assert_close(distribution.mean, params[:, :6].view(5, 1, 2, 3))
    assert distribution.rsample((2,)).shape == (2, 5, 1, 2, 3)


def test_a_colour_decoder_of_a_vae():
    head = heads.Pixels(heads.DiscretizedLogisticMixture(2, 256, 3), 8, 8)
    decoder = nn.ConvDecoder(2, (1, 8, 8), num_params=head.head.num_params, channels=(4,))
    encoder = nn.ConvEncoder((3, 8, 8), 4, channels=(4,))
    vae = models.VAE(models.vae(4, 2).prior, Neural(decoder, head), Neural(encoder, heads.Normal(2)))
    x = vae.sample(3)
    assert x.shape == (3, 3, 8, 8)
    vae.check_data(x)
    with pytest.raises(ValueError, match=r"Expected x in the support"):
        vae.check_data(x + 0.5)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"Expected the head of one pixel"):
        heads.Pixels(heads.Bernoulli((1, 2, 2)), 2, 2)
    with pytest.raises(ValueError, match=r"Expected height to be an integer of at least 1"):
        heads.Pixels(heads.Normal(1), 0, 2)
    with pytest.raises(ValueError, match=r"Expected pixels of batch_shape"):
        distributions.Pixels(heads.Normal(1)(torch.zeros(3, 2)))
    with pytest.raises(ValueError, match=r"Expected value of shape \(\*batch, 1, 2, 3\)"):
        heads.Pixels(heads.Normal(1), 2, 3)(torch.zeros(12)).log_prob(torch.zeros(6))
