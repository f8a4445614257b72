import copy
import math
import pickle

import pytest
import torch
import torch.nn.functional as F

from pyrodgm.nn import ResNetDecoder, ResNetEncoder
from pyrodgm.nn.res_net import ResidualBlock

SHAPES = [(1, 8, 8), (1, 28, 28), (3, 32, 24), (2, 5, 7), (1, 1, 1)]
BATCHES = [(), (5,), (2, 5), (0,)]


def check_gradients(net, y):
    y.square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def sides(shape, num_halvings):
    return [math.ceil(side / 2**num_halvings) for side in shape[1:]]


@pytest.mark.parametrize("num_halvings", [0, 1, 3])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("shape", SHAPES)
def test_maps_there_and_back(shape, batch, num_halvings):
    inner = (6, *sides(shape, num_halvings))
    encoder = ResNetEncoder(shape, inner, num_channels=5, num_halvings=num_halvings)
    x = torch.randn(*batch, *shape)
    h = encoder(x)
    assert h.shape == (*batch, *inner)
    assert torch.equal(encoder(x.reshape(*batch, math.prod(shape))), h)
    decoder = ResNetDecoder(inner, shape, num_params=2, num_channels=5)
    y = decoder(h.detach())
    assert y.shape == (*batch, 2 * math.prod(shape))
    assert torch.equal(decoder(h.detach().flatten(len(batch))), y)
    assert (encoder.input_shape, decoder.input_shape) == (shape, inner)
    assert (encoder.output_dim, decoder.output_dim) == (math.prod(inner), 2 * math.prod(shape))
    check_gradients(encoder, h)
    check_gradients(decoder, y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("shape", SHAPES)
def test_vectors_there_and_back(shape, batch, dtype):
    encoder = ResNetEncoder(shape, 4, num_channels=5, num_blocks=1).to(dtype)
    z = encoder(torch.randn(*batch, *shape, dtype=dtype))
    assert z.shape == (*batch, 4)
    decoder = ResNetDecoder(4, shape, num_channels=5, num_blocks=1).to(dtype)
    y = decoder(z.detach())
    assert y.shape == (*batch, math.prod(shape))
    assert y.dtype == dtype
    assert decoder.input_shape == (4,)
    check_gradients(encoder, z)
    check_gradients(decoder, y)


def test_the_shapes_tell_the_number_of_doublings():
    def num_doublings(net):
        return sum(isinstance(layer, torch.nn.ConvTranspose2d) for layer in net.layers)

    for n, side in enumerate((28, 14, 7, 4, 2, 1)):
        assert num_doublings(ResNetDecoder((2, side, side), (1, 28, 28), num_channels=2)) == n
    for side, n in ((7, 0), (8, 1), (28, 2), (32, 3), (64, 4)):
        assert num_doublings(ResNetDecoder(3, (1, side, side), num_channels=2)) == n


def test_a_block_equals_the_formula():
    block, h = ResidualBlock(4), torch.randn(2, 4, 5, 6)
    before = h.clone()
    inner = F.conv2d(h.clamp_min(0), block.wide.weight, block.wide.bias, padding=1)
    expected = h + F.conv2d(inner.clamp_min(0), block.narrow.weight, block.narrow.bias)
    torch.testing.assert_close(block(h), expected)
    assert torch.equal(h, before)  # the activation before the sum leaves its input alone


def test_networks_equal_their_formulas():
    encoder = ResNetEncoder((2, 6, 5), (3, 2, 2), num_channels=4, num_blocks=1)
    first, _, second, block, _, last = encoder.layers
    x = torch.randn(7, 2, 6, 5)
    h = F.conv2d(x, first.weight, first.bias, stride=2, padding=1).relu()
    h = block(F.conv2d(h, second.weight, second.bias, stride=2, padding=1)).relu()
    torch.testing.assert_close(encoder(x), F.conv2d(h, last.weight, last.bias))

    decoder = ResNetDecoder((3, 2, 2), (2, 6, 5), num_channels=4, num_blocks=1)
    first, block, _, second, _, last = decoder.layers
    z = torch.randn(7, 3, 2, 2)
    h = block(F.conv2d(z, first.weight, first.bias, padding=1)).relu()
    h = F.conv_transpose2d(h, second.weight, second.bias, stride=2, padding=1)[..., :3, :3].relu()  # 2 -> 3 -> 6
    y = F.conv_transpose2d(h, last.weight, last.bias, stride=2, padding=1, output_padding=(1, 0))
    torch.testing.assert_close(decoder(z), y.flatten(1))


@pytest.mark.parametrize("num_blocks", [0, 2])
def test_gradients_against_finite_differences(num_blocks):
    encoder = ResNetEncoder((1, 5, 4), 2, num_channels=3, num_blocks=num_blocks)
    decoder = ResNetDecoder(2, (1, 9, 8), num_channels=3, num_blocks=num_blocks)
    assert torch.autograd.gradcheck(encoder, torch.randn(2, 1, 5, 4, requires_grad=True))
    assert torch.autograd.gradcheck(decoder, torch.randn(2, 2, requires_grad=True))


def test_the_decoder_puts_one_parameter_after_the_other():
    shape = (2, 8, 7)
    net = ResNetDecoder((3, 4, 4), shape, num_params=3, num_channels=4)
    with torch.no_grad():
        net.layers[-1].weight.zero_()
        net.layers[-1].bias.copy_(torch.arange(6.0))
    y = net(torch.randn(5, 3, 4, 4)).reshape(5, 3, *shape)
    assert torch.equal(y, torch.arange(6.0).reshape(1, 3, 2, 1, 1).expand_as(y))


def test_every_pixel_counts_on_both_sides():
    shape = (1, 9, 10)
    x = torch.randn(20, *shape, requires_grad=True)
    (gradient,) = torch.autograd.grad(ResNetEncoder(shape, (2, 3, 3), num_channels=8)(x).square().sum(), x)
    assert (gradient != 0).any(0).all()
    jacobian = torch.autograd.functional.jacobian(ResNetDecoder(4, shape, num_channels=8), torch.randn(4))
    assert (jacobian.abs().sum(-1) > 0).all()


def test_copies_and_state_round_trip():
    net, other = (ResNetEncoder((1, 8, 8), 4, num_channels=5) for _ in range(2))
    x = torch.randn(2, 64)
    other.load_state_dict(net.state_dict())
    for twin in (other, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(twin(x), net(x))


def test_levels_are_scaled():
    plain = ResNetEncoder((1, 8, 8), 4, num_channels=4)
    scaled = ResNetEncoder((1, 8, 8), 4, num_channels=4, num_levels=256)
    scaled.load_state_dict(plain.state_dict())
    x = torch.randint(256, (3, 1, 8, 8))
    torch.testing.assert_close(scaled(x), plain(x / 127.5 - 1))
