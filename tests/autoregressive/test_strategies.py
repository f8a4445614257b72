"""Strategies draw alike, whatever the head, the chunks and the order; what ends a sequence ends it."""

import copy

import pytest
import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn, testing
from pyrodgm.autoregressive import draw
from pyrodgm.autoregressive.draw import bytes_per_draw, draw_events
from pyrodgm.nn.causal import CausalNet

STRATEGIES = (ar.Incremental(), ar.FixedPoint(), ar.Sequential())


def model(head=None, input_dim=7, context_dim=0, end=None):
    head = head or heads.Bernoulli()
    order = torch.randperm(input_dim) if end is None else None
    net = nn.MaskedMLP(input_dim, head.num_params, hidden_dims=(32,), context_dim=context_dim, order=order)
    return testing.perturb(ar.Autoregressive(net, head, end=end), 0.5)


def draws(made, *args, **kwargs):
    torch.manual_seed(1)
    return made.sample(*args, **kwargs)


@pytest.mark.parametrize("context_dim", [0, 3])
@pytest.mark.parametrize("head", [heads.Bernoulli(), heads.Categorical(5)], ids=repr)
def test_discrete_draws_are_bit_equal(head, context_dim):
    made = model(head, context_dim=context_dim)
    context = torch.randn(4, 3) if context_dim else None
    expected = draws(made, (50,), context)
    assert expected.shape == (50, *((4,) if context_dim else ()), 7)
    for strategy in STRATEGIES:
        assert torch.equal(draws(made, (50,), context, strategy=strategy), expected)


def test_continuous_draws_are_equal_to_rounding():
    made = model(heads.Normal())
    expected = draws(made, (50,), strategy=ar.Sequential())
    for strategy in STRATEGIES:
        torch.testing.assert_close(draws(made, (50,), strategy=strategy), expected, rtol=1e-9, atol=1e-9)


def test_draws_have_the_models_probabilities():
    made = model(input_dim=3)
    values = torch.cartesian_prod(*[torch.arange(2.0)] * 3)
    probs = made().log_prob(values).exp()
    counts = (made.sample((20000,)) @ torch.tensor([4.0, 2.0, 1.0])).long().bincount(minlength=8)
    chi_square = ((counts - 20000 * probs) ** 2 / (20000 * probs)).sum()
    assert chi_square < 40.5  # seven degrees of freedom: a true sampler fails once in 10^6 seeds


def test_memory_bounds_chunks_and_changes_no_draw():
    made = model()
    per_draw = bytes_per_draw(made.net, torch.zeros(1))
    assert 2 * 4 * (7 + 32) <= per_draw <= 8 * 7 * 40  # a few numbers for each of 7 features and 32 units, twice

    class Counting(ar.Incremental):
        sizes = ()

        def __call__(self, net, draw, sources, context=None, **kwargs):
            self.sizes += (len(sources[0]),)
            return super().__call__(net, draw, sources, context, **kwargs)

    counting = Counting()
    whole = draws(made, (10,))
    assert torch.equal(draws(made, (10,), strategy=counting, max_bytes=3 * per_draw), whole)
    assert counting.sizes == (3, 3, 3, 1)


def test_memory_is_measured_alike_whatever_records_graphs():
    kinds = [nn.MaskedMLP(7, 1, hidden_dims=(32,)), nn.Recurrent(7, 1, hidden_dim=8), nn.PerConditionalMLP(7, 1)]
    for net in kinds:
        per_draw = bytes_per_draw(net, torch.zeros(1))
        assert per_draw > 2 * 8 * 7  # more than the parameters of the positions
        frozen = copy.deepcopy(net).requires_grad_(False)
        state = torch.get_rng_state()
        assert bytes_per_draw(frozen, torch.zeros(1)) == per_draw
        with torch.inference_mode():
            assert bytes_per_draw(copy.deepcopy(net), torch.zeros(1)) == per_draw
        assert torch.equal(torch.get_rng_state(), state)
        assert not any(weight.requires_grad for weight in frozen.parameters())
        assert bytes_per_draw(net.float(), torch.zeros(1).float()) != per_draw  # measured anew


def test_memory_of_an_ensemble_is_measured_once(monkeypatch):
    made, measured = ar.made(5, hidden_dims=(16,), num_orders=4), []
    original = draw.kept_bytes
    monkeypatch.setattr(draw, "kept_bytes", lambda *args: measured.append(args) or original(*args))
    for _ in range(2):
        made.sample((20,))
    assert len(measured) == 2  # one event, and two


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
@pytest.mark.parametrize("name", ["made", "transformer", "gated_pixelcnn"])
def test_autocast_changes_no_draw(name, strategy):
    made = {
        "made": lambda: ar.made(5, 2, hidden_dims=(16,)),
        "transformer": lambda: ar.transformer(5, 4, 2, model_dim=16, num_heads=2, num_layers=1),
        "gated_pixelcnn": lambda: ar.gated_pixelcnn((1, 3, 4), 2, num_layers=2, num_channels=4),
    }[name]()
    made = testing.perturb(made, 0.3).float()
    context = torch.randn(3, 2, dtype=torch.bfloat16)
    expected = draws(made, (), context.float(), strategy=strategy)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(draws(made, (), context, strategy=strategy), expected)


def test_no_draws():
    assert model().sample((0,)).shape == (0, 7)
    assert model(context_dim=3).sample((2,), torch.zeros(0, 3)).shape == (2, 0, 7)


class Oscillating(nn.MaskedMLP):
    """Gives parameters that never settle in a pass."""

    calls = 0

    def sweep(self, *args, **kwargs):
        return CausalNet.sweep(self, *args, **kwargs)

    def forward(self, x, context=None):
        self.calls += 1
        return super().forward(x, context) + self.calls % 2


def test_what_does_not_settle_is_drawn_step_by_step_and_says_so():
    net = Oscillating(4, 1, hidden_dims=(8,))
    made = ar.Autoregressive(net, heads.Delta())
    with pytest.warns(RuntimeWarning, match=r"settle in 4 passes; got values that still change\. Drawing step by step"):
        x = made.sample((3,), strategy=ar.FixedPoint())
    assert torch.equal(x, draws(made, (3,), strategy=ar.Incremental()))


class Ends(CausalNet):
    """Draws symbol 0, 1, 2, 3 ... at its positions."""

    grid_shape = (6,)
    num_params = 9

    def __init__(self):
        super().__init__()
        self.logits = torch.nn.Parameter(100.0 * torch.eye(9)[:6])
        self.register_buffer("order", torch.arange(6))
        self.num_steps = 0

    def forward(self, x, context=None):
        return self.logits.expand(*x.shape[:-1], 6, 9)

    def flat_stepper(self, batch, context=None):
        def step(value):
            self.num_steps += 1
            return self.logits[self.num_steps - 1].expand(batch, 9)

        return step


@pytest.mark.parametrize("strategy", STRATEGIES, ids=repr)
def test_everything_after_the_end_is_the_end(strategy):
    made = ar.Autoregressive(Ends(), heads.Categorical(9), end=2)
    assert made.sample((3,), strategy=strategy).tolist() == [[0, 1, 2, 2, 2, 2]] * 3
    if isinstance(strategy, ar.Incremental):
        assert made.net.num_steps == 3  # and no step is taken for it


def test_what_follows_the_end_costs_nothing_and_must_be_the_end():
    made = model(heads.Categorical(3), input_dim=3, end=0)
    values = torch.cartesian_prod(*[torch.arange(3)] * 3)
    torch.testing.assert_close(made().log_prob(values).exp().sum(), torch.tensor(1.0))
    assert made().log_prob(torch.tensor([1, 0, 2])) == -torch.inf
    torch.testing.assert_close(
        made().log_prob(torch.tensor([0, 0, 0])), made().position_log_prob(torch.tensor([0, 0, 0]))[0]
    )


def test_a_bar_appears_only_after_a_while(capsys, monkeypatch):
    made = model()
    made.sample((3,))
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("pyrodgm.autoregressive.draw.PATIENCE", 0.0)
    made.sample((3,))
    assert "drawing 1 to 3 of 3" in capsys.readouterr().err
    made.sample((3,), progress=False)
    assert capsys.readouterr().err == ""


def test_draw_events_takes_any_causal_net():
    assert draw_events(Ends(), heads.Categorical(9), (2, 3)).shape == (2, 3, 6)


def test_a_network_needs_no_stepper_of_its_own():
    class Forward(nn.MaskedMLP):
        flat_stepper = CausalNet.flat_stepper

    testing.check_causal_net(Forward(4, 3, hidden_dims=(8,), context_dim=2, order=torch.tensor([2, 0, 3, 1])))
