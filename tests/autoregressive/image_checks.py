"""What the tests of image models share: draws that agree, sums over all images, an LSTM's plain formulas."""

import itertools

import torch
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

from pyrodgm import autoregressive as ar
from pyrodgm import heads, testing

IN_PLACE = {  # which torch's counter leaves out
    torch.ops.aten.addmm_: lambda total, left, right, **shapes: 2 * left[0] * left[1] * right[1]
}
STRATEGIES = (ar.Incremental(), ar.FixedPoint(), ar.Sequential(), None)
SIZES = {"num_layers": 2, "num_channels": 5}

MODELS = {  # name: (settings, shape of a context)
    "binary": ({"shape": (1, 4, 9)}, ()),
    "binary, context": ({"shape": (1, 5, 6), "context_dim": 3}, (3,)),
    "binary, feature map": ({"shape": (1, 3, 7), "context_dim": (2, 3, 7)}, (2, 3, 7)),
    "levels, RGB, context": ({"shape": (3, 3, 5), "num_levels": 4, "context_dim": 2}, (2,)),
    "mixture, one channel": (
        {"shape": (1, 3, 6), "num_levels": 9, "head": heads.DiscretizedLogisticMixture(2, 9)},
        (),
    ),
    "mixture, whole pixels, feature map": (
        {
            "shape": (3, 3, 5),
            "num_levels": 7,
            "head": heads.DiscretizedLogisticMixture(2, 7, 3),
            "context_dim": (2, 3, 5),
        },
        (2, 3, 5),
    ),
}


def check_draws_agree(model, sample_shape, context=None):
    """All strategies draw the same, bit for bit, of the same seed; return what they draw."""
    draws = []
    for strategy in STRATEGIES:
        torch.manual_seed(1)
        draws.append(model.sample(sample_shape, context, strategy=strategy))
    for draw in draws:
        assert draw.dtype == draws[0].dtype
        assert torch.equal(draw, draws[0])
    assert draws[0].unique().numel() > 1
    return draws[0]


def check_model(build, name, num):
    """Draws agree, of a batch of contexts or of ``num`` images."""
    settings, context_shape = MODELS[name]
    model = testing.perturb(build(**settings, **SIZES), 0.2)
    context = torch.randn(num, *context_shape) if context_shape else None
    draw = check_draws_agree(model, (1,) if context_shape else (num,), context)
    assert draw.shape[-3:] == settings["shape"]


def train(model, num_steps=25):
    """Train on images of horizontal bars; return the last loss in nats."""
    channels, height, width = model.event_shape
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    for _ in range(num_steps):
        bars = torch.randint(model.net.num_levels, (32, channels, height, 1)).expand(-1, -1, -1, width)
        loss = -model().log_prob(bars.to(torch.get_default_dtype())).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss.item()


def all_images(shape):
    """Every binary image, ``(2 ** num_variables, *shape)``."""
    num = torch.Size(shape).numel()
    return torch.tensor(list(itertools.product((0.0, 1.0), repeat=num))).view(-1, *shape)


def check_sum(model, context=None):
    """The probabilities of all binary images sum to one; to rounding, which is below 1e-10 in double precision."""
    distribution = testing.perturb(model, 0.3)(context)
    total = distribution.log_prob(all_images(model.event_shape)).logsumexp(0).exp()
    torch.testing.assert_close(total, torch.ones(()), rtol=0, atol=1e-10)


def check_float32_steps(net, num_levels, context=None):
    """Stepping equals the full pass in single precision."""
    net = testing.perturb(net, 0.1).float()
    x = torch.randint(num_levels, (6, *net.event_shape))
    context = None if context is None else context.float()
    params = net(x, context).detach().flatten(1, -2)
    values = (x.movedim(1, -1) if net.symbol_shape else x).flatten(1, len(net.grid_shape))
    stepper, value = net.stepper((6,), context), None
    for i in net.order.tolist():
        torch.testing.assert_close(stepper(value), params[:, i], rtol=1e-5, atol=1e-5)
        value = values[:, i]


def work_of_a_draw(model, strategy):
    """Return how many passes' worth of multiplications a draw takes."""

    def flops(call):
        with FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counter, torch.no_grad():
            call()
        return counter.get_total_flops()

    model.sample((4,))  # the first draw also measures what a draw keeps in memory
    one_pass = flops(lambda: model.net(torch.zeros(4, *model.event_shape)))
    return flops(lambda: model.sample((4,), strategy=strategy)) / one_pass


def reference_cell(gates, cells):
    """Equation 3 of the paper, on gates ``(4 * num_states, ...)`` before their nonlinearities."""
    o, f, i, g = gates.chunk(4)
    cells = f.sigmoid() * cells + i.sigmoid() * g.tanh()
    return o.sigmoid() * cells.tanh(), cells


def padded(states, width):
    """Put zeros beside the pixels of a row ``(num, width, batch)``."""
    return F.pad(states, (0, 0, width, width))
