"""Networks from images to maps: the conditioners of flows over images."""

import copy
import pickle

import pytest
import torch
from torch.nn.utils import parametrizations

from pyrodgm import nn
from pyrodgm.testing import perturb

NETS = {
    "ResidualConv": lambda **kwargs: nn.ResidualConv(3, 4, hidden_channels=5, **kwargs),
    "ResidualConv, no block": lambda **kwargs: nn.ResidualConv(3, 4, hidden_channels=5, num_blocks=0, **kwargs),
    "ConvNet": lambda **kwargs: nn.ConvNet(3, 4, hidden_channels=5, **kwargs),
}


@pytest.mark.parametrize("batch", [(), (5,), (2, 1, 3), (0,)])
@pytest.mark.parametrize("name", NETS)
def test_batches_and_gradients(name, batch):
    net = perturb(NETS[name]())
    y = net(torch.randn(*batch, 3, 4, 5))
    assert y.shape == (*batch, 4, 4, 5)
    y.square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert not batch or 0 in batch or all(p.grad.any() for p in net.parameters())


@pytest.mark.parametrize("name", NETS)
def test_a_context_reaches_every_pixel_and_is_broadcast(name):
    net = perturb(NETS[name](context_dim=2))
    x, context = torch.randn(7, 5, 3, 4, 6), torch.randn(5, 2)
    y = net(x, context)
    assert y.shape == (7, 5, 4, 4, 6)
    torch.testing.assert_close(y[2, 3], net(x[2, 3], context[3]))
    torch.testing.assert_close(net(x[0, 0], context), net(x[:1, :1].expand(1, 5, 3, 4, 6), context)[0])
    assert ((net(x, context + 1) - y).abs().amax((0, 1, 2)) > 1e-6).all()
    y.square().sum().backward()
    assert net.context_layer.weight.grad.any()


@pytest.mark.parametrize("name", NETS)
def test_it_starts_at_zero_and_learns(name):
    net = NETS[name](context_dim=2)
    x, context = torch.randn(5, 3, 4, 6), torch.randn(5, 2)
    assert not net(x, context).any()
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-2)
    before = copy.deepcopy(net.state_dict())
    for _ in range(3):
        optimiser.zero_grad()
        (net(x, context) - 1).square().sum().backward()
        optimiser.step()
    assert all(not torch.equal(value, before[key]) for key, value in net.state_dict().items())


@pytest.mark.parametrize("name", NETS)
def test_copies_are_equal_and_independent(name):
    net = perturb(NETS[name]())
    x = torch.randn(5, 3, 4, 6)
    twin = NETS[name]()
    twin.load_state_dict(net.state_dict())
    for other in (twin, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        assert torch.equal(other(x), net(x))
        perturb(other)
        assert not torch.equal(other(x), net(x))


def test_weight_normalization_is_that_of_torch():
    ours, theirs = nn.WeightNormConv2d(3, 4, 3, padding=1), torch.nn.Conv2d(3, 4, 3, padding=1)
    theirs.load_state_dict({key: value for key, value in ours.state_dict().items() if key != "gain"})
    x = torch.randn(5, 3, 4, 6)
    torch.testing.assert_close(ours(x), theirs(x))  # starts as the plain one
    parametrizations.weight_norm(theirs)
    perturb(ours, 0.5)
    with torch.no_grad():
        theirs.parametrizations.weight.original0.copy_(ours.gain)
        theirs.parametrizations.weight.original1.copy_(ours.weight)
        theirs.bias.copy_(ours.bias)
    torch.testing.assert_close(ours(x), theirs(x))
    with torch.no_grad():
        ours.weight.mul_(3)  # a length does not count
    torch.testing.assert_close(ours(x), theirs(x))
