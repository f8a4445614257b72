"""VQ-VAE: the bound of the lecture, its gradient, the commitment, codes, and the second stage."""

import copy
import math

import pytest
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO

from pyrodgm import Embedded, Neural, data, heads, infer, models, nn, quantizers, train
from pyrodgm import autoregressive as ar
from tests import code_cases
from tests.code_cases import TINY, FreeIndices, vq_vae

SMALL = TINY | {"model_dim": 16}
PRIORS = {  # over a grid (2, 2) of four codes
    "grid": lambda: FreeIndices(4, (2, 2)),
    "grid, one channel": lambda: ar.pixelcnn((1, 2, 2), num_levels=4, num_layers=2, num_channels=4),
    "flat": lambda: ar.transformer(4, 4, **SMALL),
}


def elbo(model, x, objective=Trace_ELBO, context=None):
    args = (x,) if context is None else (x, context)
    return -objective()(model.model, model.guide)(*args)


def score(model, x):
    """Return log p(x | z_q) by hand, from the networks alone."""
    with torch.no_grad():
        z = model.encoder(x).movedim(1, -1)
        distances = torch.cdist(z.flatten(0, -2), model.quantizer.codebook)
        codes = model.quantizer.codebook[distances.argmin(1)].reshape(z.shape).movedim(-1, 1)
        logits = model.likelihood.net(codes)
    return -torch.nn.functional.binary_cross_entropy_with_logits(logits, x, reduction="none").sum(-1)


@pytest.fixture
def x():
    return torch.rand(9, 6).round()


@pytest.mark.parametrize("grid", [(), (3,), (2, 3), (2, 1, 2)])
@pytest.mark.parametrize("objective", [Trace_ELBO, infer.ReparameterizedELBO])
def test_the_bound_is_the_likelihood_of_the_codes_minus_log_k_a_position(grid, objective, x):
    model = vq_vae(grid, num_codes=5).eval()
    expected = score(model, x).sum() - len(x) * torch.Size(grid).numel() * math.log(5)
    torch.testing.assert_close(elbo(model, x, objective), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("num_particles", [1, 7])
def test_importance_weighting_adds_nothing_to_a_point_mass(num_particles, x):
    model = vq_vae((2, 2)).eval()
    expected = score(model, x) - 4 * math.log(4)
    found = infer.log_evidence(model.model, model.guide, x, num_particles=num_particles, chunk_size=3)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("objective", [Trace_ELBO, infer.ReparameterizedELBO])
@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_training_adds_the_commitment_of_every_position_to_the_loss(objective, update, x):
    model = vq_vae((2, 3), update=update, commitment_weight=0.3, restart=False)
    bound = score(model, x).sum() - len(x) * 6 * math.log(4)
    state = copy.deepcopy(model.state_dict())
    loss = -elbo(model, x, objective)
    model.load_state_dict(state)
    with torch.no_grad():
        z = model.encoder(x).movedim(1, -1)
        distance = (z - model.quantizer.lookup(model.encode(x))).square().sum()
    weight = 0.3 if update == "ema" else 1.3
    torch.testing.assert_close(loss, -bound + weight * distance)
    scaled = objective()(model.model, model.guide)(x, size=10 * len(x))
    torch.testing.assert_close(scaled, 10 * loss)


@pytest.mark.parametrize("objective", [Trace_ELBO, infer.ReparameterizedELBO])
def test_the_gradient_passes_straight_through(objective, x):
    """d log p(x | z_q) / d z_q stands for d / d z_e, besides the commitment's own 2 beta (z_e - e)."""
    model = vq_vae((3,), commitment_weight=0.25, restart=False)
    codes = model.vectors(model.encode(x)).detach().requires_grad_()
    log_likelihood = model.likelihood(codes).log_prob(x).sum()
    (of_codes,) = torch.autograd.grad(log_likelihood, codes)
    encoded = model.encoder(x)
    surrogate = -(of_codes * encoded).sum() + 0.25 * (encoded - codes.detach()).square().sum()
    expected = torch.autograd.grad(surrogate, list(model.encoder.parameters()))
    found = torch.autograd.grad(-elbo(model, x, objective), list(model.encoder.parameters()))
    torch.testing.assert_close(found, expected)


def test_evaluation_and_coding_leave_the_codebook_where_it_is(x):
    model = vq_vae()
    state = copy.deepcopy(model.state_dict())
    model.encode(x), model.reconstruct(x), model.sample(3)
    model.eval()
    elbo(model, x)
    for name, value in model.state_dict().items():
        assert torch.equal(value, state[name]), name
    model.train()
    elbo(model, x)
    assert any(not torch.equal(value, state[name]) for name, value in model.state_dict().items())


def test_coding_puts_modes_back(x):
    model = vq_vae()
    model.encoder[0].eval()
    model.reconstruct(x)
    assert model.quantizer.training
    assert not model.encoder[0].training


def test_encode_decode_reconstruct_and_sample_have_their_shapes(x):
    model = vq_vae((2, 3))
    indices = model.encode(x)
    assert indices.shape == (9, 2, 3)
    assert torch.equal(model.decode(indices.double()), model.reconstruct(x))
    assert model.reconstruct(x).shape == model.sample(9).shape == (9, 6)
    assert ((model.reconstruct(x) > 0) & (model.reconstruct(x) < 1)).all()  # means, not draws
    assert set(model.sample(9).unique().tolist()) <= {0.0, 1.0}


def test_decoders_without_a_mean_draw(x):
    likelihood = Embedded(torch.nn.Flatten(-2), ar.made(6, 6, hidden_dims=(16,)), context_shape=(2, 3))
    model = models.VQVAE(vq_vae().encoder, quantizers.VectorQuantizer(4, 2), likelihood)
    assert set(model.reconstruct(x).unique().tolist()) <= {0.0, 1.0}


@pytest.mark.parametrize("name", PRIORS)
@pytest.mark.parametrize("given", [False, True])
def test_with_a_learned_prior_the_bound_scores_the_codes(name, given, x):
    prior = PRIORS[name]()
    model = vq_vae((2, 2), prior if given else None)
    if not given:
        losses = model.fit_prior(prior, x, num_steps=3, batch_size=4)
        assert len(losses) == 3
        assert model.prior is model.model.prior is prior
    model.eval()
    indices = model.encode(x).reshape(9, *prior.event_shape)
    with torch.no_grad():
        expected = score(model, x).sum() + prior().log_prob(indices.double()).sum()
    for objective in (Trace_ELBO, infer.ReparameterizedELBO):
        torch.testing.assert_close(elbo(model, x, objective), expected)
    assert model.sample(3).shape == (3, 6)


def test_codes_are_scored_as_they_were_drawn_though_the_codebook_has_moved(x):
    """With a decay of zero a step moves codes far from near the origin; a search afterwards finds others."""
    model = vq_vae((2, 2), ar.transformer(4, 4, **SMALL), decay=0.0, restart=False)
    model.quantizer.codebook.mul_(0.01)
    before = model.encode(x)
    with torch.no_grad():
        expected = model.prior().log_prob(before.reshape(9, 4).double())
    guide = poutine.trace(model.guide).get_trace(x)
    trace = poutine.trace(poutine.replay(model.model, guide)).get_trace(x)
    trace.compute_log_prob()
    torch.testing.assert_close(trace.nodes["codes"]["log_prob"], expected)
    codes = trace.nodes["codes"]["value"].movedim(1, -1)
    assert not torch.equal(copy.deepcopy(model.quantizer).indices_of(codes), before)


def two_pictures(num):
    """One picture in a quarter of the data, another in three quarters."""
    rare = torch.arange(num) % 4 == 0
    return torch.where(rare[:, None], torch.tensor([1.0, 1, 1, 0, 0, 0]), torch.tensor([0.0, 0, 1, 0, 1, 1]))


def test_the_second_stage_reaches_the_entropy_of_the_codes_and_draws_like_the_data():
    x = two_pictures(400)
    model = vq_vae((2, 2), num_codes=4)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    loss_fn = Trace_ELBO()(model.model, model.guide)
    model.initialize(x[:8] + 0.01 * torch.randn(8, 6))
    for _ in range(80):
        optimizer.zero_grad()
        loss_fn(x[:40]).div(40).backward()
        optimizer.step()
    assert len(model.encode(x).flatten(1).unique(dim=0)) == 2
    fixed = {name: value.clone() for name, value in model.state_dict().items() if not name.startswith("prior")}
    losses = model.fit_prior(PRIORS["flat"](), x, num_steps=150, batch_size=50, lr=1e-2)
    assert losses[0] > 4
    entropy = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))  # 0.56 nats
    # the mean of 20 batches of 50 has a standard error of 0.015 about the cross-entropy: six of them below
    assert entropy - 0.09 < sum(losses[-20:]) / 20 < entropy + 0.1
    for name, value in fixed.items():
        assert torch.equal(value, model.state_dict()[name]), name
    model.eval()
    assert -elbo(model, x) / 400 < entropy + 0.6
    drawn = model.sample(400)
    closest = torch.cdist(drawn, two_pictures(2)).argmin(1)
    # three quarters, plus the error of the fit; 5.5 standard errors of 400 draws are 0.12
    assert abs(closest.double().mean() - 0.75) < 0.15


def test_the_context_reaches_the_prior(x):
    context = (torch.arange(9) % 2).double()[:, None]
    model = vq_vae((3,), ar.transformer(4, 3, 1, **SMALL)).eval()
    assert model.sample(1, context).shape == (9, 6)
    with torch.no_grad():
        expected = score(model, x).sum() + model.prior(context).log_prob(model.encode(x).double()).sum()
    torch.testing.assert_close(elbo(model, x, context=context), expected)
    model.check_data(x, context)


def test_finite_scalars_take_the_place_of_a_codebook(x):
    made = code_cases.MODELS["VQVAE, finite scalars"][0]()
    made.initialize(x)  # there is nothing to start
    made.eval()
    indices = made.encode(x)
    codes = made.quantizer.lookup(indices).movedim(-1, 1)
    expected = made.likelihood(codes).log_prob(x).sum() - len(x) * 3 * math.log(12)
    torch.testing.assert_close(elbo(made, x), expected)


def test_initialize_starts_the_codebook_from_the_encoded_data(x):
    model = vq_vae((2, 2), num_codes=3)
    rows = torch.cat([x] * 5)
    model.initialize(rows)
    z = model.encoded(rows).flatten(0, -2)
    distance = torch.cdist(z, model.quantizer.codebook).amin(1).square().mean()
    assert distance < (z - z.mean(0)).square().sum(1).mean()  # one centre would leave all of that


def test_the_trainer_fits_it_and_validates_the_bound(tmp_path):
    torch.set_default_dtype(torch.float32)
    splits = data.digits()
    encoder = torch.nn.Sequential(nn.MLP(64, 32, hidden_dims=(64,)), torch.nn.Unflatten(-1, (8, 4)))
    decoder = torch.nn.Sequential(torch.nn.Flatten(-2), nn.MLP(32, 64, hidden_dims=(64,)))
    likelihood = Neural(decoder, heads.Bernoulli(64), context_shape=(8, 4))
    model = models.VQVAE(encoder, quantizers.VectorQuantizer(16, 8), likelihood)
    before = -elbo(model.eval(), splits.valid.x).item() / 300
    result = train.fit(model, splits, tmp_path, trainer={"max_epochs": 4, "accelerator": "cpu"})
    found = -elbo(model.eval(), splits.valid.x).item() / 300
    assert result["valid_nll"] == pytest.approx(found, rel=1e-5)
    assert found < before - 5
