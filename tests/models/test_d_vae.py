"""The discrete VAE: both divergences, the bound by enumeration, the second stage, prompts."""

import itertools
import math

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro import poutine
from pyro.infer import Trace_ELBO, TraceEnum_ELBO, config_enumerate

from pyrodgm import Neural, data, heads, infer, models, nn, quantizers, train
from pyrodgm import autoregressive as ar
from pyrodgm.models.relaxed_codes import RelaxedCodes
from tests.code_cases import TINY, FreeIndices, d_vae

SMALL = TINY | {"model_dim": 16}


@pytest.fixture
def x():
    return torch.rand(5, 6).round()


def traces(model, x):
    guide = poutine.trace(model.guide).get_trace(x)
    trace = poutine.trace(poutine.replay(model.model, guide)).get_trace(x)
    guide.compute_log_prob()
    trace.compute_log_prob()
    return guide.nodes, trace.nodes


def enumerated(model, x):
    """Return log q(k | x) and log p(x, k), ``(num_rows, num_codes ** num_positions)``, one grid after the other."""
    positions, num_codes = model.grid_shape.numel(), model.num_codes
    grids = torch.tensor(list(itertools.product(range(num_codes), repeat=positions)))
    logits = model.encoder(x).movedim(1, -1).reshape(len(x), 1, positions, num_codes).log_softmax(-1)
    log_q = logits.expand(-1, len(grids), -1, -1).gather(-1, grids.expand(len(x), -1, -1).unsqueeze(-1)).sum((-1, -2))
    log_p = model.prior().log_prob(grids.reshape(-1, *model.prior.event_shape).double())
    corners = torch.nn.functional.one_hot(grids, num_codes).double().reshape(-1, *model.grid_shape, num_codes)
    likelihood = model.likelihood(corners.movedim(-1, 1))
    return log_q, log_p + torch.stack([likelihood.log_prob(row) for row in x])


def exact_bound(model, x):
    log_q, log_joint = enumerated(model, x)
    return (log_q.exp() * (log_joint - log_q)).sum(1)


@pytest.mark.parametrize("grid", [(), (3,), (2, 3)])
@pytest.mark.parametrize("straight_through", [False, True])
def test_the_categorical_divergence_is_minus_entropy_plus_log_k(grid, straight_through, x):
    model = d_vae(grid, num_codes=5, straight_through=straight_through)
    guide, trace = traces(model, x)
    log_probs = model.encoder(x).movedim(1, -1).log_softmax(-1).reshape(5, -1, 5)
    entropy = -(log_probs.exp() * log_probs).sum((-1, -2))
    expected = -entropy + torch.Size(grid).numel() * math.log(5)
    torch.testing.assert_close(guide["codes"]["log_prob"] - trace["codes"]["log_prob"], expected)


def test_relaxed_densities_are_those_of_the_concrete_distribution(x):
    model = d_vae((2, 2), kl="relaxed", temperature=0.6)
    guide, trace = traces(model, x)
    points = guide["codes"]["value"].movedim(1, -1)
    torch.testing.assert_close(points.sum(-1), torch.ones(5, 2, 2))
    temperature = torch.tensor(0.6)
    q = dist.RelaxedOneHotCategorical(temperature, logits=model.encoder(x).movedim(1, -1)).to_event(2)
    p = dist.RelaxedOneHotCategorical(temperature, logits=torch.zeros(2, 2, 4)).to_event(2)
    torch.testing.assert_close(guide["codes"]["log_prob"], q.log_prob(points))
    torch.testing.assert_close(trace["codes"]["log_prob"], p.log_prob(points))


def test_rounded_draws_have_the_bound_of_the_discrete_model_in_training_too(x):
    model = d_vae((2,), num_codes=3, straight_through=True)
    log_q, log_joint = enumerated(model, x)
    likelihood = log_joint + 2 * math.log(3)
    variance = (log_q.exp() * (likelihood - (log_q.exp() * likelihood).sum(1, keepdim=True)).square()).sum()
    many = Trace_ELBO(num_particles=500, vectorize_particles=True, max_plate_nesting=1)(model.model, model.guide)
    difference = -many(x) - exact_bound(model, x).sum()
    assert abs(difference) < 5.5 * (variance / 500).sqrt()  # fails with probability 4e-8


def test_relaxed_codes_have_finite_densities_at_a_low_temperature(x):
    model = d_vae((2, 2), num_codes=64, kl="relaxed", temperature=0.05).float()
    loss = Trace_ELBO()(model.model, model.guide)(x.float())
    loss.backward()
    assert loss.isfinite()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_relaxed_densities_bound_the_evidence_of_the_relaxed_model(x):
    """Weighted by importance, the guide's draws find what quadrature over the 1-simplex finds."""
    model = d_vae((), num_codes=2, kl="relaxed", temperature=0.8)
    found = infer.log_evidence(model.model, model.guide, x, num_particles=20_000, chunk_size=1000)
    points = torch.linspace(0, 1, 20_001)[1:-1]
    simplex = torch.stack((points, 1 - points), -1)
    prior = dist.RelaxedOneHotCategorical(torch.tensor(0.8), logits=torch.zeros(2))
    with torch.no_grad():
        likelihood = model.likelihood(simplex)
        log_joint = prior.log_prob(simplex) + torch.stack([likelihood.log_prob(row) for row in x])
    exact = log_joint.logsumexp(1) + math.log(points[1] - points[0])
    # weights vary by a factor of two at most, so that the error of 20,000 is below 0.005: this is six times as much
    torch.testing.assert_close(found, exact, rtol=0, atol=0.03)


@pytest.mark.parametrize("grid", [(), (2,), (1, 3)])
@pytest.mark.parametrize("learned", [False, True])
def test_in_evaluation_mode_the_bound_is_that_of_the_discrete_model(grid, learned, x):
    model = d_vae(grid, FreeIndices(3, (torch.Size(grid).numel(),)) if learned else None, num_codes=3).eval()
    exact = exact_bound(model, x)
    enumerate_all = TraceEnum_ELBO(max_plate_nesting=1)(model.model, config_enumerate(model.guide))
    torch.testing.assert_close(-enumerate_all(x), exact.sum())

    log_q, log_joint = enumerated(model, x)
    variance = (log_q.exp() * (log_joint - log_q - exact[:, None]).square()).sum()
    many = Trace_ELBO(num_particles=500, vectorize_particles=True, max_plate_nesting=1)(model.model, model.guide)
    with torch.no_grad():
        assert abs(-many(x) - exact.sum()) < 5.5 * (variance / 500).sqrt()  # fails with probability 4e-8


def test_enumeration_has_the_exact_gradient(x):
    model = d_vae((2,), num_codes=3).eval()
    enumerate_all = TraceEnum_ELBO(max_plate_nesting=1)(model.model, config_enumerate(model.guide))
    found = torch.autograd.grad(enumerate_all(x), list(model.parameters()))
    torch.testing.assert_close(found, torch.autograd.grad(-exact_bound(model, x).sum(), list(model.parameters())))


def test_importance_weighting_finds_the_evidence_of_the_discrete_model(x):
    model = d_vae((2,), num_codes=3).eval()
    _, log_joint = enumerated(model, x)
    found = infer.log_evidence(model.model, model.guide, x, num_particles=20_000, chunk_size=1000)
    # nine grids of similar probability: an error of 0.005, six of which are allowed
    torch.testing.assert_close(found, log_joint.logsumexp(1), rtol=0, atol=0.03)


def test_objectives_with_gradients_of_draws_validate_but_do_not_train_in_evaluation_mode(x):
    model = d_vae().eval()
    loss = infer.ReparameterizedELBO()(model.model, model.guide)
    with torch.no_grad():
        pyro.set_rng_seed(1)
        first = loss(x)
        pyro.set_rng_seed(1)
        torch.testing.assert_close(first, Trace_ELBO()(model.model, model.guide)(x))
    with pytest.raises(ValueError, match="Expected reparameterized draws at site 'codes'; got Coded without rsample"):
        loss(x)


def test_draws_are_relaxed_in_training_and_corners_in_evaluation(x):
    model = d_vae((2, 2), temperature=0.5)
    relaxed = model.guide(x)
    assert ((relaxed > 0) & (relaxed < 1)).any()
    corners = model.eval().guide(x)
    assert corners.shape == relaxed.shape == (5, 4, 2, 2)
    assert set(corners.unique().tolist()) == {0.0, 1.0}


def test_each_pass_in_training_mode_moves_the_temperature_on(x):
    model = d_vae(final_temperature=0.5, anneal_steps=2)
    loss = Trace_ELBO()(model.model, model.guide)
    temperatures = [model.quantizer.temperature.item()]
    for _ in range(3):
        loss(x)
        temperatures.append(model.quantizer.temperature.item())
    assert temperatures == pytest.approx([1.0, 0.5**0.5, 0.5, 0.5])
    model.eval()
    before = int(model.quantizer.steps)
    loss(x), model.sample(3), model.reconstruct(x)
    assert int(model.quantizer.steps) == before


def test_particles_are_drawn_each_for_itself(x):
    for model in (d_vae((2,)), d_vae((2,)).eval()):
        with pyro.plate("particles", 7, dim=-2), torch.no_grad():
            codes = model.guide(x)
        assert codes.shape == (7, 5, 4, 2)
        assert len(codes.flatten(1).unique(dim=0)) > 1


def test_relaxed_codes_are_drawn_in_any_number(x):
    model = d_vae((2, 3), num_codes=5)
    codes = RelaxedCodes(model.encoder(x).movedim(1, -1), model.quantizer, 2, kl="categorical")
    drawn = codes.expand((3, 5)).rsample((7,))
    assert drawn.shape == (7, 3, 5, 5, 2, 3)
    assert codes.log_prob(drawn).shape == (7, 3, 5)
    torch.testing.assert_close(drawn.sum(-3), torch.ones(7, 3, 5, 2, 3))


def test_codes_are_the_likeliest_and_decode_to_means(x):
    model = d_vae((2, 3))
    indices = model.encode(x)
    assert torch.equal(indices, model.encoder(x).argmax(1))
    assert torch.equal(model.reconstruct(x), model.decode(indices))
    assert ((model.reconstruct(x) > 0) & (model.reconstruct(x) < 1)).all()


def test_the_second_stage_learns_from_draws_of_the_guide(x):
    """With an encoder that ignores x, the codes are draws of one distribution: the loss reaches its entropy."""
    model = d_vae((1,), num_codes=3)
    with torch.no_grad():
        model.encoder[0].layers[-1].weight.zero_()
        model.encoder[0].layers[-1].bias.copy_(torch.tensor([0.5, 0.3, 0.2]).log())
    prior = FreeIndices(3, (1,))
    losses = model.fit_prior(prior, x, num_steps=300, batch_size=500, lr=5e-2)
    entropy = -sum(p * math.log(p) for p in (0.5, 0.3, 0.2))  # 1.03 nats; the likeliest codes alone would have 0
    # 20 batches of 500: a standard error of 0.004
    assert abs(sum(losses[-20:]) / 20 - entropy) < 0.03
    torch.testing.assert_close(prior.logits.softmax(-1)[0].detach(), torch.tensor([0.5, 0.3, 0.2]), rtol=0, atol=0.03)
    assert model.prior is prior


def test_a_text_prompts_the_codes():
    """Codes that are the words: after the second stage, a prompt draws the picture that it names."""
    text = torch.randint(1, 4, (300, 2))
    x = torch.nn.functional.one_hot(text - 1, 3).double().flatten(1)
    model = d_vae((2,), num_codes=3)
    with torch.no_grad():  # an encoder and a decoder that need not be learned
        for net, sign in ((model.encoder[0], 8.0), (model.likelihood.net[1], 16.0)):
            for layer in net.layers:
                layer.weight.zero_(), layer.bias.zero_()
            first, last = net.layers
            first.weight[:6] = torch.eye(6)
            last.weight[:, :6] = sign * torch.eye(6)
        # the encoder's grid is (codes, positions), x is (positions, codes)
        order = torch.arange(6).reshape(2, 3).t().flatten()
        model.encoder[0].layers[1].weight[:] = model.encoder[0].layers[1].weight[order]
        model.likelihood.net[1].layers[1].weight[order] = model.likelihood.net[1].layers[1].weight.clone()
        model.likelihood.net[1].layers[1].bias.fill_(-8.0)
    torch.testing.assert_close(model.encode(x) + 1, text)
    losses = model.fit_prior(ar.prompted(4, 2, 3, 2, **SMALL), x, text, num_steps=300, batch_size=100, lr=1e-2)
    assert losses[-1] < 0.2 < math.log(3) < losses[0]
    prompt = torch.tensor([[1, 3], [3, 2]]).repeat(100, 1)
    drawn = model.sample(200, context=prompt).reshape(-1, 2, 3).argmax(-1) + 1
    assert (drawn == prompt).double().mean() > 0.95
    model.eval()
    bound = infer.log_evidence(model.model, model.guide, x[:20], text[:20], num_particles=5)
    assert bound.mean() > -0.5


def test_the_trainer_fits_it_with_a_prompted_prior_and_validates_the_discrete_bound(tmp_path):
    torch.set_default_dtype(torch.float32)
    splits = data.captioned_digits(data.digits(), num_train=100, num_held_aside=20)
    encoder = torch.nn.Sequential(nn.MLP(128, 40, hidden_dims=(64,)), torch.nn.Unflatten(-1, (10, 4)))
    decoder = torch.nn.Sequential(torch.nn.Flatten(-2), nn.MLP(40, 128, hidden_dims=(64,)))
    likelihood = Neural(decoder, heads.Bernoulli(128), context_shape=(10, 4))
    prior = ar.prompted(len(splits.words), splits.words.length, 10, 4, **SMALL)
    model = models.DVAE(encoder, quantizers.RelaxedCategorical(10), likelihood, prior)
    result = train.fit(model, splits, tmp_path, trainer={"max_epochs": 3, "accelerator": "cpu"})
    assert (tmp_path / "samples.png").is_file()
    model.eval()
    valid = splits.valid
    with torch.no_grad():
        each = torch.stack([Trace_ELBO()(model.model, model.guide)(valid.x, valid.context) / 20 for _ in range(50)])
    # one draw against the mean of 50; beyond seven standard deviations, themselves estimated, with probability 1e-8
    assert abs(result["valid_nll"] - each.mean()) < 7 * each.std()
