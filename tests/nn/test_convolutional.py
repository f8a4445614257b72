import copy
import math
import pickle

import pytest
import torch

from pyrodgm.nn.convolutional import ConvDecoder, ConvEncoder

SHAPES = [(1, 8, 8), (1, 28, 28), (1, 28, 20), (3, 32, 32), (2, 5, 7), (1, 1, 1)]
BATCHES = [(), (5,), (2, 5), (0,)]


def check_gradients(net: torch.nn.Module, y: torch.Tensor) -> None:
    y.square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("shape", SHAPES)
def test_encoder_shapes_flat_and_whole(shape, batch, dtype):
    net = ConvEncoder(shape, 6, channels=(4, 5)).to(dtype)
    x = torch.randn(*batch, *shape, dtype=dtype)
    y = net(x)
    assert y.shape == (*batch, 6)
    assert y.dtype == dtype
    assert net.input_shape == shape
    assert torch.equal(net(x.reshape(*batch, math.prod(shape))), y)
    check_gradients(net, y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("batch", BATCHES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("num_params", [1, 3])
def test_decoder_shapes(shape, batch, dtype, num_params):
    net = ConvDecoder(6, shape, num_params=num_params, channels=(5, 4)).to(dtype)
    y = net(torch.randn(*batch, 6, dtype=dtype))
    assert y.shape == (*batch, num_params * math.prod(shape))
    assert y.dtype == dtype
    assert net.input_shape == (6,)
    check_gradients(net, y)


@pytest.mark.parametrize("channels", [(4,), (6, 5, 4)])
def test_any_depth(channels):
    shape = (3, 11, 6)
    assert ConvDecoder(2, shape, channels=channels)(torch.randn(4, 2)).shape == (4, 198)
    assert ConvEncoder(shape, 2, channels=channels)(torch.randn(4, 198)).shape == (4, 2)


def test_the_decoder_puts_one_parameter_after_the_other():
    shape = (2, 5, 7)
    net = ConvDecoder(6, shape, num_params=3, channels=(5, 4))
    with torch.no_grad():
        net.convolutions[-1].weight.zero_()
        net.convolutions[-1].bias.copy_(torch.arange(6.0))
    y = net(torch.randn(4, 6)).reshape(4, 3, *shape)
    assert torch.equal(y, torch.arange(6.0).reshape(1, 3, 2, 1, 1).expand_as(y))


def test_every_pixel_counts_on_both_sides():
    shape = (1, 7, 10)
    x = torch.randn(3, *shape, requires_grad=True)
    (gradient,) = torch.autograd.grad(ConvEncoder(shape, 4)(x).square().sum(), x)
    assert (gradient != 0).all()
    z = torch.randn(4)
    assert ConvDecoder(4, shape)(z).std() > 0
    jacobian = torch.autograd.functional.jacobian(ConvDecoder(4, shape), z)
    assert (jacobian.abs().sum(-1) > 0).all()


def test_the_encoder_takes_a_context():
    net = ConvEncoder((1, 8, 8), 4, context_dim=2)
    x, context = torch.randn(7, 1, 64), torch.randn(5, 2)
    y = net(x, context)
    assert y.shape == (7, 5, 4)
    torch.testing.assert_close(y[3, 2], net(x[3, 0], context[2]))
    check_gradients(net, y)


def test_copies_and_state_round_trip():
    net, other, x = ConvEncoder((1, 8, 8), 4), ConvEncoder((1, 8, 8), 4), torch.randn(2, 64)
    other.load_state_dict(net.state_dict())
    for twin in (other, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(twin(x), net(x))


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ConvEncoder((8, 8), 4), r"Expected shape to be \(channels, height, width\); got \(8, 8\)"),
        (lambda: ConvEncoder((1, 0, 8), 4), "Expected shape to be an integer of at least 1; got 0"),
        (lambda: ConvEncoder((1, 8, 8), 0), "Expected output_dim to be an integer of at least 1; got 0"),
        (lambda: ConvDecoder(0, (1, 8, 8)), "Expected input_dim to be an integer of at least 1; got 0"),
        (lambda: ConvDecoder(4, (1, 8, 8), num_params=0), "Expected num_params to be an integer of at least 1; got 0"),
        (lambda: ConvDecoder(4, (1, 8, 8), channels=()), r"Expected channels to name at least one width; got \(\)"),
        (lambda: ConvEncoder((1, 8, 8), 4)(torch.randn(5, 63)), r"or \(\*batch, 64\); got \(5, 63\)"),
        (lambda: ConvEncoder((1, 8, 8), 4)(torch.randn(5, 1, 8, 7)), r"or \(\*batch, 64\); got \(5, 1, 8, 7\)"),
        (lambda: ConvEncoder((1, 8, 8), 4)(torch.randn(5, 64), torch.randn(5, 2)), "Expected no context; got one"),
        (lambda: ConvEncoder((1, 8, 8), 4, context_dim=2)(torch.randn(5, 64)), "Expected context of shape .* got None"),
        (lambda: ConvDecoder(4, (1, 8, 8))(torch.randn(5, 3)), r"Expected x of shape \(\*batch, 4\); got \(5, 3\)"),
    ],
)
def test_mistakes_are_named(build, message):
    with pytest.raises(ValueError, match=message):
        build()
