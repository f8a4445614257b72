"""Bijections of images: what moves, what goes where; their Jacobians are the contract's."""

import itertools

import pyro.distributions as dist
import pytest
import torch

from pyrodgm import distributions, nn, transforms
from pyrodgm.testing import perturb
from tests.image_flow_cases import channels


class Given(torch.nn.Module):
    """A conditioner that answers with maps of its own, and notes what it saw."""

    def __init__(self, *shape):
        super().__init__()
        self.maps = torch.randn(shape)

    def forward(self, x, context=None):
        self.seen = x
        return self.maps.expand(*x.shape[:-3], *self.maps.shape)


def log_scale(raw):
    return 3 * (raw / 3).tanh()


def squeezes():
    """Two squeezes and a scale without one: latent variables of 32, 16 and 16 numbers."""
    return [transforms.Squeeze((1, 8, 8)), transforms.Squeeze((2, 4, 4)), transforms.InvertibleConvolution(4)]


def test_a_squeeze_lays_channels_out_as_blocks():
    squeeze = transforms.Squeeze((3, 4, 6))
    x = torch.randn(5, 12, 2, 3)
    y = squeeze(x)
    for c, i, j in itertools.product(range(3), range(2), range(2)):
        assert torch.equal(y[:, c, i::2, j::2], x[:, 4 * c + 2 * i + j])
    assert torch.equal(squeeze.inv(y), x)
    assert squeeze.forward_shape(x.shape) == y.shape
    assert squeeze.inverse_shape(y.shape) == x.shape


def test_shapes_are_reported_to_pyro():
    base = distributions.StandardNormal((4, 2, 3))
    distribution = dist.TransformedDistribution(base, [transforms.Squeeze((1, 4, 6))])
    assert distribution.event_shape == (1, 4, 6)
    x = distribution.rsample((7,))
    assert x.shape == (7, 1, 4, 6)
    torch.testing.assert_close(distribution.log_prob(x), base.log_prob(x.reshape(7, 4, 2, 3)))
    compose = transforms.Compose([channels((4, 2, 3), transforms.Affine(), 2), transforms.Squeeze((1, 4, 6))])
    bound = compose.condition(torch.randn(5, 2))
    for part in (compose, bound):
        assert part.forward_shape(torch.Size((5, 4, 2, 3))) == (5, 1, 4, 6)
        assert part.inverse_shape(torch.Size((5, 1, 4, 6))) == (5, 4, 2, 3)
    assert bound(torch.randn(5, 4, 2, 3)).shape == (5, 1, 4, 6)


@pytest.mark.parametrize("flip", [False, True])
@pytest.mark.parametrize("size", [(4, 6), (4, 5), (5, 4), (5, 5), (1, 2), (2, 1), (1, 3)])
def test_one_colour_of_the_board_moves(size, flip):
    net = Given(4, *size)
    coupling = transforms.CheckerboardCoupling((2, *size), transforms.Affine(), net, flip=flip)
    rows, columns = torch.arange(size[0])[:, None], torch.arange(size[1])
    moves = (rows + columns) % 2 == (0 if flip else 1)
    x = torch.randn(3, 2, *size)
    y, ladj = coupling.forward_and_ladj(x)
    shift, scale = net.maps[:2], log_scale(net.maps[2:])
    torch.testing.assert_close(y, torch.where(moves, x * scale.exp() + shift, x))
    torch.testing.assert_close(ladj, scale[:, moves].sum().expand(3))
    assert torch.equal(net.seen[:, :2], torch.where(moves, 0.0, x))
    assert torch.equal(net.seen[:, 2:], (~moves).to(x).expand(3, 1, *size))
    torch.testing.assert_close(coupling.inverse_and_ladj(y)[0], x)


@pytest.mark.parametrize("flip", [False, True])
def test_half_of_the_channels_move(flip):
    moving = 2 if flip else 3
    net = Given(2 * moving, 2, 3)
    coupling = transforms.ChannelCoupling((5, 2, 3), transforms.Affine(), net, flip=flip)
    x = torch.randn(3, 5, 2, 3)
    y, ladj = coupling.forward_and_ladj(x)
    moved, stays = (slice(0, 2), slice(2, 5)) if flip else (slice(2, 5), slice(0, 2))
    scale = log_scale(net.maps[moving:])
    torch.testing.assert_close(y[:, moved], x[:, moved] * scale.exp() + net.maps[:moving])
    assert torch.equal(y[:, stays], x[:, stays])
    assert torch.equal(net.seen, x[:, stays])
    torch.testing.assert_close(ladj, scale.sum().expand(3))


def test_draws_and_densities_see_the_same_network_input():
    """What stays is the same to the bit in both directions, so that parameters are."""
    net = nn.ResidualConv(3, 4, hidden_channels=4)
    coupling = perturb(transforms.CheckerboardCoupling((2, 4, 5), transforms.Affine(), net), 1.0)
    inputs = []
    net.register_forward_pre_hook(lambda module, args: inputs.append(args[0]))
    coupling.inverse_and_ladj(coupling.forward_and_ladj(torch.randn(3, 2, 4, 5))[0])
    assert torch.equal(*inputs)


def test_a_convolution_mixes_the_channels_of_each_pixel():
    convolution = perturb(transforms.InvertibleConvolution(4), 0.5)
    matrix, ladj = convolution.linear.matrix_and_ladj()
    torch.testing.assert_close(ladj, torch.linalg.slogdet(matrix)[1])
    rows = torch.randn(7, 4)
    torch.testing.assert_close(rows @ matrix.mT + convolution.linear.bias, convolution.linear(rows))
    y = torch.randn(5, 4, 2, 3)
    x, total = convolution.inverse_and_ladj(y)
    expected = torch.einsum("ij,njhw->nihw", matrix, y) + convolution.linear.bias[:, None, None]
    torch.testing.assert_close(x, expected)
    torch.testing.assert_close(total, (6 * ladj).expand(5))


def test_a_convolution_starts_at_a_permutation_that_checkpoints_keep():
    convolution = transforms.InvertibleConvolution(50)
    y = torch.randn(5, 50, 2, 3)
    x = convolution.inverse_and_ladj(y)[0]
    order = convolution.linear.permute.permutation
    assert torch.equal(x, y[:, order])
    assert not torch.equal(order, torch.arange(50))
    twin = transforms.InvertibleConvolution(50)
    assert not torch.equal(twin.inverse_and_ladj(y)[0], x)
    twin.load_state_dict(convolution.state_dict())
    assert torch.equal(twin.inverse_and_ladj(y)[0], x)


def test_a_trained_convolution_still_inverts():
    torch.set_default_dtype(torch.float32)
    convolution = transforms.InvertibleConvolution(12)
    y = torch.einsum("ij,njhw->nihw", torch.randn(12, 12), torch.randn(64, 12, 4, 4))
    optimiser = torch.optim.Adam(convolution.parameters(), lr=1e-2)
    losses = []
    for _ in range(100):
        x, ladj = convolution.inverse_and_ladj(y)
        loss = (0.5 * x.square().sum((1, 2, 3)) - ladj).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] - 10
    with torch.no_grad():
        back, ladj = convolution.forward_and_ladj(convolution.inverse_and_ladj(y)[0])
        torch.testing.assert_close(ladj, -convolution.inverse_and_ladj(y)[1])
    assert (back - y).abs().max() < 1e-5 * y.abs().max()


@pytest.mark.parametrize("explicit", [True, False])
def test_act_norm_standardizes_channels(explicit):
    act_norm = transforms.ActNorm(3, event_dim=3)
    y = torch.tensor([1e-3, 1.0, 1e3])[:, None, None] * (2 * torch.randn(8, 3, 4, 5) + 3)
    if explicit:
        act_norm.initialize(y)
    x, ladj = act_norm.inverse_and_ladj(y)
    assert act_norm.initialized
    torch.testing.assert_close(x.mean((0, 2, 3)), torch.zeros(3), atol=1e-9, rtol=0)
    torch.testing.assert_close(x.std((0, 2, 3)), torch.ones(3), atol=1e-9, rtol=0)
    torch.testing.assert_close(ladj, -20 * y.std((0, 2, 3)).log().sum().expand(8))


def test_act_norm_of_one_pixel_is_that_of_vectors():
    image, vector = transforms.ActNorm(3, event_dim=3), transforms.ActNorm(3)
    y = 2 * torch.randn(10, 3) + 1
    x, ladj = vector.inverse_and_ladj(y)
    x_image, ladj_image = image.inverse_and_ladj(y[..., None, None])
    torch.testing.assert_close(x_image[..., 0, 0], x)
    torch.testing.assert_close(ladj_image, ladj)
    waiting = transforms.ActNorm(3, event_dim=3)
    waiting.inverse_and_ladj(y[:1, :, None, None])
    assert not waiting.initialized  # one pixel has no spread


@pytest.mark.parametrize("batch", [(), (5,), (2, 5)])
def test_latent_variables_are_packed_and_unpacked(batch):
    multiscale = transforms.Multiscale((1, 8, 8), squeezes())
    assert multiscale.latent_shapes == [(2, 4, 4), (4, 2, 2), (4, 2, 2)]
    x = torch.randn(*batch, 1, 8, 8)
    latents = multiscale.unpack(x)
    assert [tuple(latent.shape) for latent in latents] == [(*batch, *shape) for shape in multiscale.latent_shapes]
    assert torch.equal(multiscale.pack(latents), x)
    other = multiscale.pack([latents[0] + 1, *latents[1:]])
    assert ((other - x).abs() > 0.5).sum() == 32 * torch.Size(batch).numel()
    assert torch.equal(multiscale.unpack(other)[1], latents[1])


def test_squeezes_alone_leave_every_pixel_in_its_place():
    """Latent variables lie where the pixels are that they describe."""
    multiscale = transforms.Multiscale((1, 8, 8), squeezes()[:2])
    y = torch.randn(5, 1, 8, 8)
    x, ladj = multiscale.inverse_and_ladj(y)
    assert torch.equal(x, y)
    assert torch.equal(multiscale.forward_and_ladj(x)[0], y)
    assert not ladj.any()


def test_half_of_the_channels_leave_after_each_scale():
    fine = perturb(transforms.Compose([channels((4, 4, 4), transforms.Affine()), transforms.Squeeze((1, 8, 8))]))
    coarse = perturb(transforms.InvertibleConvolution(2), 0.5)
    multiscale = transforms.Multiscale((1, 8, 8), [fine, coarse])
    y = torch.randn(5, 1, 8, 8)
    h, ladj = fine.inverse_and_ladj(y)
    last, last_ladj = coarse.inverse_and_ladj(h[:, :2])
    x, total = multiscale.inverse_and_ladj(y)
    for latent, expected in zip(multiscale.unpack(x), (h[:, 2:], last), strict=True):
        torch.testing.assert_close(latent, expected)
    torch.testing.assert_close(total, ladj + last_ladj)


def test_initialize_goes_through_the_scales():
    first = transforms.Compose([transforms.ActNorm(4, event_dim=3), transforms.Squeeze((1, 8, 8))])
    second = transforms.Compose([transforms.ActNorm(8, event_dim=3), transforms.Squeeze((2, 4, 4))])
    multiscale = transforms.Multiscale((1, 8, 8), [first, second])
    y = 5 + 3 * torch.randn(50, 1, 8, 8).exp()
    multiscale.initialize(y)
    for latent in multiscale.unpack(multiscale.inverse_and_ladj(y)[0]):
        torch.testing.assert_close(latent.mean((0, 2, 3)), torch.zeros(latent.shape[1]), atol=1e-9, rtol=0)
        torch.testing.assert_close(latent.std((0, 2, 3)), torch.ones(latent.shape[1]), atol=1e-9, rtol=0)


def test_flattened_is_the_bijection_of_vectors():
    inner = transforms.Elementwise(transforms.Affine(), 12)
    flattened = transforms.Flattened(inner, (3, 2, 2))
    y = 2 * torch.randn(20, 3, 2, 2) + 1
    flattened.initialize(y)
    x, ladj = flattened.inverse_and_ladj(y)
    expected, expected_ladj = inner.inverse_and_ladj(y.flatten(1))
    assert torch.equal(x.flatten(1), expected)
    assert torch.equal(ladj, expected_ladj)
    torch.testing.assert_close(x.std(0), torch.ones(3, 2, 2))


def test_no_images_at_all_have_their_shape():
    squeeze = transforms.Squeeze((1, 4, 6))
    none = torch.zeros(2, 0, 1, 4, 6)
    squeezed = squeeze.inverse_and_ladj(none)[0]
    assert squeezed.shape == (2, 0, 4, 2, 3)
    assert squeeze.forward_and_ladj(squeezed)[0].shape == none.shape
