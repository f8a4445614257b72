"""What the builders of sequence models share: draws that agree, probabilities that sum to one, steps in float32."""

import itertools

import torch

from pyrodgm import autoregressive as ar
from pyrodgm import testing

STRATEGIES = (ar.Incremental(), ar.FixedPoint(), ar.Sequential())


def check_draws_agree(model, sample_shape, context=None):
    """All strategies draw the same, bit for bit, of the same seed; return what they draw."""
    draws = []
    for strategy in (*STRATEGIES, None):
        torch.manual_seed(1)
        draws.append(model.sample(sample_shape, context, strategy=strategy))
    for draw in draws:
        assert draw.dtype == draws[0].dtype
        assert torch.equal(draw, draws[0])
    assert draws[0].unique().numel() > 1
    return draws[0]


def train(model, num_steps=30, batch_size=64):
    """Train on rows that count upwards from a random start, modulo the vocabulary; return the last loss in nats."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    (length,), num_symbols = model.event_shape, model.head.num_classes
    for _ in range(num_steps):
        x = (torch.randint(num_symbols, (batch_size, 1)) + torch.arange(length)) % num_symbols
        loss = -model().log_prob(x).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def all_sequences(num_symbols, length):
    """Every sequence, ``(num_symbols ** length, length)``."""
    return torch.tensor(list(itertools.product(range(num_symbols), repeat=length)))


def check_float32_steps(net, num_symbols, context=None):
    """Stepping equals the full pass in single precision."""
    net = testing.perturb(net, 0.1).float().eval()
    x = torch.randint(num_symbols, (6, net.max_length))
    context = None if context is None else context.float()
    params = net(x, context).detach()
    stepper, value = net.stepper((6,), context), None
    for i in range(net.max_length):
        torch.testing.assert_close(stepper(value), params[:, i], rtol=1e-5, atol=1e-5)
        value = x[:, i]
