"""Purification is greedy, exact, stays in its ball, and undoes small disturbances."""

import importlib

import pytest
import torch

from pyrodgm import autoregressive as ar
from pyrodgm import heads, nn, testing
from pyrodgm.autoregressive.draw import bytes_per_draw

NUM_LEVELS = 7
ORDER = [3, 1, 4, 0, 5, 2]
BATCHES = [((), ()), ((5,), ()), ((2, 1, 3), (4, 1)), ((3,), (2, 3)), ((0,), ())]  # of x, of the context


def model(head=None, context_dim=0, scale=0.8):
    head = head or heads.Categorical(NUM_LEVELS)
    net = nn.MaskedMLP(6, head.num_params, hidden_dims=(16,), context_dim=context_dim, order=ORDER)
    return testing.perturb(ar.Autoregressive(net, head), scale)


def purify_by_passes(made, x, epsilon, context=None, num_levels=NUM_LEVELS):
    """One row at a time, one value at a time, from the probabilities of whole rows of parameters."""
    rows = []
    for row, c in zip(x, [None] * len(x) if context is None else context, strict=True):
        row, given = row.clone(), row.flatten().tolist()
        for i in made.net.order.tolist():
            dist = made.head(made.net(row, c).flatten(0, -2)[i])
            ball = [v for v in range(num_levels) if abs(v - given[i]) <= epsilon]
            row.view(-1)[i] = max(ball, key=lambda v: dist.log_prob(torch.tensor(float(v))).item())
        rows.append(row)
    return torch.stack(rows)


@pytest.mark.parametrize("context_dim", [0, 2])
@pytest.mark.parametrize("epsilon", [0, 1, 2, 6, 100])
def test_equals_full_passes(epsilon, context_dim):
    made = model(context_dim=context_dim)
    x = torch.randint(NUM_LEVELS, (12, 6)).double()
    context = torch.randn(12, 2) if context_dim else None
    expected = purify_by_passes(made, x, epsilon, context)
    for strategy in (None, ar.Incremental(), ar.FixedPoint(), ar.Sequential()):
        assert torch.equal(ar.pixel_defend(made, x, epsilon, context, strategy=strategy), expected)


@pytest.mark.parametrize("head", [None, heads.DiscretizedLogisticMixture(2, NUM_LEVELS)], ids=str)
def test_colour_pictures_channel_by_channel(head):
    made = ar.pixelcnn((3, 3, 4), num_levels=NUM_LEVELS, num_layers=2, num_channels=6, head=head)
    testing.perturb(made, 0.3)
    x = torch.randint(NUM_LEVELS, (2, 3, 3, 4)).double()
    expected = purify_by_passes(made, x, 2)
    for strategy in (None, ar.Incremental(), ar.FixedPoint(), ar.Sequential()):
        assert torch.equal(ar.pixel_defend(made, x, 2, strategy=strategy), expected)


def test_binary_pixels_with_a_bernoulli_head():
    made = model(heads.Bernoulli(), scale=2.0)
    x = torch.randint(2, (20, 6)).double()
    purified = ar.pixel_defend(made, x, epsilon=1)
    assert torch.equal(purified, purify_by_passes(made, x, 1, num_levels=2))
    assert len(purified.unique(dim=0)) == 1  # the ball holds everything, so that it no longer matters what was given


@pytest.mark.parametrize("dtype", [torch.long, torch.float32, torch.uint8])
def test_stays_in_the_ball_and_the_support_and_keeps_the_dtype(dtype):
    made = model()
    x = torch.randint(NUM_LEVELS, (50, 6)).to(dtype)
    for epsilon in (0, 1, 3):
        purified = ar.pixel_defend(made, x, epsilon)
        assert purified.dtype == dtype
        distance = (purified.long() - x.long()).abs()
        assert distance.max() == epsilon  # reached, and not exceeded
        assert purified.min() >= 0
        assert purified.max() < NUM_LEVELS


@pytest.mark.parametrize(("batch", "context_batch"), BATCHES)
def test_batches_broadcast(batch, context_batch):
    made = model(context_dim=2)
    x, context = torch.randint(NUM_LEVELS, (*batch, 6)), torch.randn(*context_batch, 2)
    purified = ar.pixel_defend(made, x, 2, context)
    shape = torch.broadcast_shapes(batch, context_batch)
    assert purified.shape == (*shape, 6)
    flat = ar.pixel_defend(made, x.expand(*shape, 6).reshape(-1, 6), 2, context.expand(*shape, 2).reshape(-1, 2))
    assert torch.equal(purified, flat.reshape(*shape, 6))


def test_nothing_to_purify():
    assert ar.pixel_defend(model(), torch.zeros(2, 0, 6), 2).shape == (2, 0, 6)


def test_each_value_is_as_probable_as_the_given_one_at_least():
    made = model()
    x = torch.randint(NUM_LEVELS, (50, 6))
    purified = ar.pixel_defend(made, x, 2)
    params = made.net(purified)
    assert (made.head.log_prob(params, purified) >= made.head.log_prob(params, x)).all()


def test_wider_balls_are_more_probable_where_variables_are_independent():
    """The greedy choice is then the most probable picture of the ball, so that balls inside each other are ordered."""
    made = model()
    with torch.no_grad():
        made.net.linears[0].weight.zero_()  # nothing is read
    x = torch.randint(NUM_LEVELS, (50, 6))
    log_probs = torch.stack([made().log_prob(ar.pixel_defend(made, x, epsilon)) for epsilon in range(NUM_LEVELS)])
    assert (log_probs.diff(dim=0) >= 0).all()
    assert (log_probs.diff(dim=0) > 0).any(1).sum() >= 4


def test_of_equally_probable_values_the_nearest_is_taken():
    made = ar.Autoregressive(nn.MaskedMLP(6, NUM_LEVELS, hidden_dims=(8,)), heads.Categorical(NUM_LEVELS))
    for weight in made.parameters():
        torch.nn.init.zeros_(weight)  # uniform
    x = torch.randint(NUM_LEVELS, (50, 6))
    assert torch.equal(ar.pixel_defend(made, x, 3), x)


def test_takes_back_noise_on_a_model_that_learned():
    """Rows are 1 1 1 ... or 5 5 5 ...: after a disturbance by 1, each is nearest to its own kind alone."""
    made = model(scale=0.0)
    x = torch.tensor([1.0, 5.0]).repeat_interleave(20)[:, None].expand(-1, 6)
    optimizer = torch.optim.Adam(made.parameters(), lr=0.1)
    for _ in range(40):
        optimizer.zero_grad()
        (-made().log_prob(x).mean()).backward()
        optimizer.step()
    disturbed = x + torch.randint(-1, 2, x.shape)
    assert torch.equal(ar.pixel_defend(made, disturbed, 1), x)


def test_memory_bounds_parts_and_changes_nothing(monkeypatch):
    made = model(context_dim=2)
    x, context = torch.randint(NUM_LEVELS, (10, 6)), torch.randn(10, 2)
    whole = ar.pixel_defend(made, x, 6, context, strategy=ar.Incremental())
    sizes, stepper = [], made.net.stepper
    monkeypatch.setattr(made.net, "stepper", lambda batch, c: sizes.append(batch[0]) or stepper(batch, c))
    per_row = bytes_per_draw(made.net, context) + 13 * 6 * NUM_LEVELS * 8  # 13 values are compared at 6 positions
    module = importlib.import_module("pyrodgm.autoregressive.pixel_defend")  # the function hides it
    monkeypatch.setattr(module, "MAX_BYTES", 4 * per_row)
    assert torch.equal(ar.pixel_defend(made, x, 6, context, strategy=ar.Incremental()), whole)
    assert sizes == [4, 4, 2]


def test_drops_nothing_in_training_mode():
    made = testing.perturb(ar.transformer(NUM_LEVELS, 6, model_dim=16, num_heads=2, num_layers=1, dropout=0.5), 0.3)
    x = torch.randint(NUM_LEVELS, (20, 6))
    expected = ar.pixel_defend(made.eval(), x, 2)
    for strategy in (ar.Incremental(), ar.FixedPoint(), ar.Sequential()):
        assert torch.equal(ar.pixel_defend(made.train(), x, 2, strategy=strategy), expected)
    assert made.net.training


def test_autocast_changes_nothing():
    made = model(context_dim=2).float()
    x, context = torch.randint(NUM_LEVELS, (10, 6)), torch.randn(10, 2, dtype=torch.bfloat16)
    expected = ar.pixel_defend(made, x, 2, context.float())
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(ar.pixel_defend(made, x, 2, context), expected)
