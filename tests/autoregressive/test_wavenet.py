"""WaveNet: what a sample sees, equal draws by all strategies, steps that cost the same, series as context."""

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn, testing
from tests.autoregressive.sequence_checks import all_sequences, check_draws_agree, train

IN_PLACE = {  # which torch's counter leaves out
    torch.ops.aten.addmm_: lambda total, left, right, **shapes: 2 * left[0] * left[1] * right[1]
}
CONTEXTS = [0, 3, (2, 12)]


def wavenet(num_levels=5, length=12, context_dim=0, **kwargs):
    return ar.wavenet(
        length, context_dim, num_levels=num_levels, num_layers=3, num_channels=8, skip_channels=16, **kwargs
    )


def random_context(context_dim, num):
    if not context_dim:
        return None
    return torch.randn(num, context_dim) if isinstance(context_dim, int) else torch.randn(num, *context_dim)


@pytest.mark.parametrize("context_dim", CONTEXTS)
@pytest.mark.parametrize("num", [1, 7])
def test_strategies_draw_alike(context_dim, num):
    model = testing.perturb(wavenet(context_dim=context_dim, num_cycles=2), 0.3)
    draw = check_draws_agree(model, (4,), random_context(context_dim, num))
    assert draw.shape == (4, *((num,) if context_dim else ()), 12)


def test_strategies_draw_alike_after_training():
    model = wavenet(4, 8)
    assert train(model) < 0.5 * 8 * math.log(4)  # it has learned something: chance is 8 log 4
    check_draws_agree(model, (20,))


def test_strategies_draw_alike_in_16_bits():
    head = heads.DiscretizedLogisticMixture(3, 65536)
    assert check_draws_agree(testing.perturb(wavenet(65536, head=head)), (5,)).max() > 255


def test_strategies_draw_alike_to_rounding_over_real_numbers():
    net = testing.perturb(nn.WaveNet(12, 2, num_levels=None, num_layers=3, num_channels=8))
    model, draws = ar.Autoregressive(net, heads.Normal()), []
    for strategy in (ar.Incremental(), ar.FixedPoint(), ar.Sequential()):
        torch.manual_seed(1)
        draws.append(model.sample((5,), strategy=strategy))
    for draw in draws[1:]:
        torch.testing.assert_close(draw, draws[0])


@pytest.mark.parametrize("context_dim", [0, 3, (2, 8)])
def test_probabilities_of_all_sequences_sum_to_one(context_dim):
    model = testing.perturb(wavenet(2, 8, context_dim), 0.5)
    context = random_context(context_dim, 1)
    log_prob = model(context).log_prob(all_sequences(2, 8))
    torch.testing.assert_close(log_prob.exp().sum(), torch.tensor(1.0))


@pytest.mark.parametrize(("num_layers", "num_cycles"), [(1, 1), (3, 1), (2, 3)])
def test_a_sample_sees_exactly_the_receptive_field(num_layers, num_cycles):
    size = {"num_layers": num_layers, "num_cycles": num_cycles, "num_channels": 8}
    net = testing.perturb(nn.WaveNet(14, 2, num_levels=4, **size))
    field = 1 + num_cycles * (2**num_layers - 1)
    assert net.receptive_field == field
    distance = torch.arange(14)[:, None] - torch.arange(14)
    assert torch.equal(testing.networks.dependencies(net, 4), (distance >= 1) & (distance <= field))


def test_the_paper_s_block_sees_1024_samples():
    assert nn.WaveNet(1, 1, num_layers=10).receptive_field == 1024  # section 2.1


def test_a_series_is_seen_at_its_own_time_and_not_before():
    net = testing.perturb(nn.WaveNet(12, 2, context_dim=(2, 12), num_layers=4, num_channels=8))
    x, context = torch.randint(256, (3, 12)), torch.randn(3, 2, 12)
    before = net(x, context)
    for t in (0, 5, 11):
        changed = context.clone()
        changed[:, 1, t] += 1
        differs = (net(x, changed) != before).any(-1)
        assert differs[:, t].all()
        assert not differs[:, :t].any()
        assert differs[:, t:].sum() > 3 or t == 11  # later ones see it too, though not all


def test_one_context_stands_for_a_constant_series():
    vector, series = wavenet(5, 9, 2), wavenet(5, 9, (2, 9))
    series.load_state_dict(vector.state_dict())
    context, x = torch.randn(3, 2), torch.randint(5, (3, 9))
    repeated = context.unsqueeze(-1).expand(-1, -1, 9)
    torch.testing.assert_close(series(repeated).log_prob(x), vector(context).log_prob(x))


def test_the_weights_fit_every_length():
    short, long = testing.perturb(wavenet(length=9)), wavenet(length=30)
    long.load_state_dict(short.state_dict())
    x = torch.randint(5, (3, 30))
    positions = long().position_log_prob(x)
    torch.testing.assert_close(positions[:, :9], short().position_log_prob(x[:, :9]))


@pytest.mark.parametrize("context_dim", [0, 3, (2, 200)])
def test_stepping_in_float32_equals_the_full_pass(context_dim):
    net = wavenet(256, 200, context_dim, num_cycles=2).net
    net = testing.perturb(net, 0.1).float()
    x, context = torch.randint(256, (4, 200)), random_context(context_dim, 4)
    context = None if context is None else context.float()
    params = net(x, context).detach()
    stepper, value = net.stepper((4,), context), None
    for i in range(200):
        torch.testing.assert_close(stepper(value), params[:, i], rtol=1e-5, atol=1e-5)
        value = x[:, i]


class Operations(TorchDispatchMode):
    """Notes each operation and how many numbers it makes."""

    def __init__(self):
        super().__init__()
        self.made = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **(kwargs or {}))
        self.made.append((str(func), made.numel()))
        return made


@pytest.mark.parametrize("context_dim", [0, (2, 100)])
def test_all_steps_cost_the_same(context_dim):
    stepper = wavenet(length=100, context_dim=context_dim).net.stepper((3,), random_context(context_dim, 3))
    value = torch.zeros(3)
    stepper(None)
    work = []
    for _ in range(99):
        with Operations() as operations:
            stepper(value)
        work.append(operations.made)
    assert all(step == work[0] for step in work)
    num_layers, num_others = 3, 25  # four operations a layer; the rest, views included, does not grow with the layers
    assert len(work[0]) <= 4 * num_layers + num_others


def test_a_step_multiplies_with_every_weight_once():
    net = wavenet(256, 10, num_cycles=2).net
    stepper = net.stepper((3,))
    with FlopCounterMode(display=False, custom_mapping=IN_PLACE) as counter:
        stepper(None)
        stepper(torch.zeros(3))
    weights = [p.numel() for name, p in net.named_parameters() if name.endswith("weight")]
    once = 2 * 3 * sum(weights)
    assert counter.get_total_flops() == 2 * once - 2 * 3 * net.waves.weight.numel()  # no sample comes before the first


def test_rings_hold_as_many_samples_as_the_dilations():
    assert wavenet(length=100, num_cycles=2).net.stepper((3,)).rings.shape == (2 * (1 + 2 + 4), 3, 8)
    assert wavenet(length=3).net.stepper((3,)).rings.shape == (1 + 2 + 3, 3, 8)


def test_a_prefix_goes_on_as_the_density_says():
    """Exact probabilities of the last sample given the others, against 5,000 draws."""
    model = testing.perturb(wavenet(3, 6), 0.5)
    prefix = torch.tensor([0, 2, 1, 1, 0, math.nan])
    x = torch.cat((prefix[:5].expand(3, 5), torch.arange(3.0)[:, None]), 1)
    probs = model().log_prob(x).softmax(0).detach()
    drawn = model.sample((5_000,), condition_on=prefix)
    assert (drawn[:, :5] == prefix[:5]).all()
    counts = (drawn[:, 5:] == torch.arange(3)).sum(0)
    chi_square = ((counts - 5_000 * probs) ** 2 / (5_000 * probs)).sum()
    assert chi_square < 27.6  # two degrees of freedom: a true sampler fails once in 10^6 seeds
