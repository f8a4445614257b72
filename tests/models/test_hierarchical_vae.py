"""The hierarchical VAE: exact inference three ways, images, stacks, pseudo-inputs."""

import copy
import pickle

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import Adam

from pyrodgm import Fixed, Neural, distributions, heads, infer, models, nn, priors
from pyrodgm.models.hierarchical_vae import normal_product
from pyrodgm.testing import average_loss
from pyrodgm.train import Training, fit

MODES = ("bottom_up", "top_down", "ladder")
UPPER, LOWER, NOISE, PIXEL_NOISE = 0.8, -1.5, 0.6, 0.4  # z_0 = 0.8 z_1 + 0.6 e, x = -1.5 z_0 + 0.4 e, in one dimension


class Linear(torch.nn.Module):
    """Parameters of N(w v, scale^2) in one dimension, as the normal head reads them."""

    def __init__(self, weight, scale):
        super().__init__()
        self.input_shape = (len(weight),)
        self.weight = torch.nn.Parameter(torch.tensor(weight))
        self.raw_scale = torch.nn.Parameter(torch.tensor(scale - 1e-4).expm1().log() - heads.normal.UNIT_SCALE)

    def forward(self, v):
        loc = v @ self.weight
        return torch.stack((loc, self.raw_scale.expand_as(loc)), -1)


def linear(weight, scale):
    return Neural(Linear(weight, scale), heads.Normal(1))


def regression(covariance, target, inputs):
    """Return weights and scale of the exact conditional of one variable given others, all jointly normal."""
    cross = covariance[target, inputs]
    weight = torch.linalg.solve(covariance[inputs][:, inputs], cross)
    return weight.tolist(), (covariance[target, target] - weight @ cross).sqrt().item()


def linear_gaussian(inference, widen=1.0):
    """Return a model whose posteriors are exact up to a factor of their scales, with data and their evidence."""
    below = UPPER**2 + NOISE**2
    covariance = torch.tensor(  # of (z_1, z_0, x)
        [
            [1.0, UPPER, LOWER * UPPER],
            [UPPER, below, LOWER * below],
            [LOWER * UPPER, LOWER * below, LOWER**2 * below + PIXEL_NOISE**2],
        ]
    )
    z_1, z_0, x = 0, 1, 2
    exact = {
        "bottom_up": [regression(covariance, z_0, [x]), regression(covariance, z_1, [z_0])],
        "top_down": [regression(covariance, z_0, [x, z_1]), regression(covariance, z_1, [x])],
        "ladder": [([1 / LOWER], PIXEL_NOISE / abs(LOWER)), regression(covariance, z_1, [x])],
    }[inference]
    posteriors = [linear(weight, widen * scale) for weight, scale in exact]
    model = models.HierarchicalVAE(
        Fixed(dist.Normal(torch.zeros(1), 1.0).to_event(1)),
        [linear([UPPER], NOISE)],
        linear([LOWER], PIXEL_NOISE),
        posteriors,
        inference=inference,
    )
    data = model.sample(6)
    evidence = dist.Normal(0.0, covariance[x, x].sqrt()).log_prob(data).squeeze(-1)
    return model, data, evidence


@pytest.mark.parametrize("inference", MODES)
def test_elbo_at_the_exact_posteriors_is_the_evidence_at_every_draw(inference):
    model, x, evidence = linear_gaussian(inference)
    for _ in range(3):
        torch.testing.assert_close(-infer.ReparameterizedELBO()(model.model, model.guide)(x).detach(), evidence.sum())


@pytest.mark.parametrize("inference", MODES)
def test_importance_weighting_finds_the_evidence_from_inexact_posteriors(inference):
    model, x, evidence = linear_gaussian(inference, widen=1.3)
    many = x.repeat(2000, 1)
    weights = infer.log_evidence(model.model, model.guide, many, num_particles=1, batch_size=12_000).reshape(2000, 6)
    assert (weights - evidence).abs().max() > 0.1
    # The logarithm of a mean of 2000 weights, six of its standard errors: it fails once in about 10^7 runs.
    ratio = (weights - evidence).exp()
    error = ratio.std(0) / 2000**0.5
    assert ((ratio.mean(0) - 1).abs() < 6 * error).all()


def test_the_product_of_two_normals_against_their_densities():
    q = dist.Normal(torch.randn(5, 3), torch.rand(5, 3) + 0.1).to_event(1)
    p = dist.Normal(torch.randn(2, 5, 3), torch.rand(2, 5, 3) + 0.1).to_event(1)
    product = normal_product(q, p)
    z = torch.randn(7, 2, 5, 3)
    difference = product.log_prob(z) - q.log_prob(z) - p.log_prob(z)
    torch.testing.assert_close(difference, difference[:1].expand(7, 2, 5))


@pytest.mark.parametrize("inference", MODES)
def test_every_latent_reaches_what_reads_it(inference):
    """With all widths apart, each site's distribution depends on exactly the latents that the docstring names."""
    likelihood = Neural(nn.MLP(2 + 3 + 4 + 5, 6), heads.Bernoulli(6))
    model = models.hierarchical_vae(6, (2, 3, 4), inference=inference, context_dim=5, likelihood=likelihood)
    x, context = torch.rand(7, 6).round(), torch.randn(7, 5)
    guide = pyro.poutine.trace(model.guide).get_trace(x, context)
    assert [name for name in guide.nodes if name.startswith("z_")] == (
        ["z_0", "z_1", "z_2"] if inference == "bottom_up" else ["z_2", "z_1", "z_0"]
    )
    trace = pyro.poutine.trace(pyro.poutine.replay(model.model, guide)).get_trace(x, context)
    latents = {level: trace.nodes[f"z_{level}"]["value"] for level in range(3)}

    def changed(parts, base):
        return [not torch.equal(part, base) for part in parts]

    base = model.model.observation(latents, context).mean
    moved = [model.model.observation(latents | {level: latents[level] + 1}, context).mean for level in range(3)]
    assert changed([*moved, model.model.observation(latents, context + 1).mean], base) == [True] * 4
    for level in range(3):
        base = model.guide.layer(level, x, latents, context).mean
        parts = [model.guide.layer(level, x, latents | {n: latents[n] + 1}, context).mean for n in range(3)]
        parts += [model.guide.layer(level, 1 - x, latents, context).mean]
        reads = {
            "bottom_up": [n == level - 1 for n in range(3)] + [level == 0],
            "top_down": [n == level + 1 for n in range(3)] + [True],
            "ladder": [n == level + 1 for n in range(3)] + [True],
        }[inference]
        assert changed(parts, base) == reads
        assert changed([model.guide.layer(level, x, latents, context + 1).mean], base) == [True]


def test_a_bottom_up_posterior_that_is_wide_enough_reads_x_too():
    model = models.HierarchicalVAE(
        Fixed(distributions.StandardNormal(2)),
        [Neural(nn.MLP(2, 6), heads.Normal(3))],
        Neural(nn.MLP(3, 6), heads.Bernoulli(6)),
        [Neural(nn.MLP(6, 6), heads.Normal(3)), Neural(nn.MLP(3 + 6, 4), heads.Normal(2))],
    )
    x = torch.rand(5, 6).round()
    z = {0: torch.randn(5, 3)}
    first, second = (model.guide.layer(1, data, z, None).mean for data in (x, 1 - x))
    assert not torch.equal(first, second)
    assert infer.log_evidence(model.model, model.guide, x, num_particles=4).shape == (5,)


@pytest.mark.parametrize("inference", MODES)
def test_images_through_convolutions(inference):
    shape = (1, 8, 8)
    channels = 1 + (3 if inference == "top_down" else 0)
    upper = nn.MLP(4, 6, hidden_dims=(8,)) if inference == "bottom_up" else nn.ConvEncoder(shape, 6, channels=(4,))
    model = models.HierarchicalVAE(
        Fixed(distributions.StandardNormal(3)),
        [Neural(nn.MLP(3, 8, hidden_dims=(8,)), heads.Normal(4))],
        Neural(nn.ConvDecoder(4, shape, channels=(4,)), heads.Bernoulli(shape)),
        [Neural(nn.ConvEncoder((channels, 8, 8), 8, channels=(4,)), heads.Normal(4)), Neural(upper, heads.Normal(3))],
        inference=inference,
    )
    x = torch.rand(6, *shape).round()
    svi = SVI(model.model, model.guide, Adam({"lr": 1e-2}), Trace_ELBO())
    before = average_loss(model, (x,))
    for _ in range(30):
        svi.step(x)
    assert average_loss(model, (x,)) < before
    assert model.sample(3).shape == (3, *shape)
    assert model.reconstruct(x).shape == x.shape
    assert [z.shape for z in model.encode(x)] == [(6, 4), (6, 3)]
    assert infer.log_evidence(model.model, model.guide, x, num_particles=5).shape == (6,)


@pytest.mark.parametrize("inference", MODES)
def test_pseudo_inputs_start_from_what_the_top_posterior_reads(inference):
    model = models.hierarchical_vae(6, (4, 3), inference=inference, hidden_dims=(8,), num_pseudo_inputs=5)
    x = torch.rand(9, 6).round()
    model.initialize(x)
    rows = model.encode(x)[0] if inference == "bottom_up" else x
    distances = torch.cdist(model.prior.pseudo_inputs, rows).detach()
    assert (distances.min(1).values < 1e-6).all()
    assert len(set(distances.argmin(1).tolist())) == 5
    assert model.prior.encoder is model.posteriors[-1]


def test_copies_keep_their_own_encoder_and_count_each_parameter_once():
    model = models.hierarchical_vae(6, (4, 3), inference="ladder", hidden_dims=(8,), num_pseudo_inputs=5)
    count = sum(p.numel() for p in model.parameters())
    assert sum(value.numel() for value in model.state_dict().values()) == count
    loss = infer.ReparameterizedELBO()(model.model, model.guide)
    assert {id(p) for p in loss.parameters()} == {id(p) for p in model.parameters()}
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.prior.encoder is twin.posteriors[-1] is twin.guide.posteriors[-1]
        assert twin.guide.conditionals is twin.conditionals is twin.model.conditionals
        assert twin.posteriors[-1] is not model.posteriors[-1]
    assert model.float().sample(2).dtype == torch.float32


def test_a_stack_is_the_vaes_it_was_made_of():
    lower = models.vae(6, 3, hidden_dims=(8,))
    x = torch.rand(9, 6).round()
    likelihood = Neural(nn.MLP(2, 6, hidden_dims=(8,)), heads.Normal(3))
    upper = models.vae(3, 2, hidden_dims=(8,), likelihood=likelihood, num_pseudo_inputs=4)
    stack = models.HierarchicalVAE.from_stack([lower, upper])
    assert stack.inference == "bottom_up"
    assert stack.prior is upper.prior
    torch.testing.assert_close(stack.encode(x)[0], lower.encode(x))
    torch.testing.assert_close(stack.encode(x)[1], upper.encode(lower.encode(x)))
    # By one draw of z_0: log p(x | z_0) - log q(z_0 | x), and the upper VAE's bound on the evidence of z_0.
    z_0 = lower.posterior(x).sample()
    with pyro.poutine.condition(data={"z_0": z_0}):
        pyro.set_rng_seed(1)
        trace = pyro.poutine.trace(stack.guide).get_trace(x)
    z_1 = trace.nodes["z_1"]["value"]
    replayed = pyro.poutine.trace(pyro.poutine.condition(stack.model, {"z_0": z_0, "z_1": z_1})).get_trace(x)
    pyro.set_rng_seed(1)
    bound = -infer.ReparameterizedELBO()(upper.model, upper.guide)(z_0)
    expected = bound + lower.likelihood(z_0).log_prob(x).sum()
    torch.testing.assert_close(replayed.log_prob_sum() - upper.posterior(z_0).log_prob(z_1).sum(), expected)
    svi = SVI(stack.model, stack.guide, Adam({"lr": 1e-2}), Trace_ELBO())
    before = average_loss(stack, (x,))
    for _ in range(30):
        svi.step(x)
    assert average_loss(stack, (x,)) < before


def test_one_layer_is_the_vae():
    vae = models.vae(6, 2, hidden_dims=(8,))
    model = models.HierarchicalVAE(vae.prior, [], vae.likelihood, [vae.posterior])
    x = torch.rand(5, 6).round()
    losses = []
    for pair in (vae, model):
        pyro.set_rng_seed(0)
        losses.append(infer.ReparameterizedELBO()(pair.model, pair.guide)(x))
    torch.testing.assert_close(*losses)
    torch.testing.assert_close(model.reconstruct(x), vae.reconstruct(x))


def test_an_assigned_component_reaches_the_programs():
    model = models.hierarchical_vae(6, (3, 2), inference="ladder", hidden_dims=(8,))
    model.prior = priors.MixturePrior(2, 3)
    model.conditionals = torch.nn.ModuleList([Neural(nn.MLP(2, 6), heads.Normal(3))])
    loss = infer.ReparameterizedELBO()(model.model, model.guide)
    loss(torch.rand(4, 6).round()).backward()
    assert all(p.grad is not None for p in model.parameters())
    assert {id(p) for p in model.parameters()} == {id(p) for p in loss.parameters()}


def test_the_trainer_fits_it_with_free_bits(tmp_path):
    torch.set_default_dtype(torch.float32)
    model = models.hierarchical_vae(6, (3, 2), inference="top_down", hidden_dims=(8,), num_pseudo_inputs=4)
    x = torch.rand(40, 6).round()
    part = type("Part", (), {"x": x, "context": None})
    splits = type("Splits", (), {"train": part, "valid": part})
    settings = {"batch_size": 20, "free_bits": 0.5, "beta_steps": 3}
    trainer = {"max_steps": 6, "accelerator": "cpu"}
    result = fit(model, splits, tmp_path / "run", training=settings, trainer=trainer)
    assert result["steps"] == 6
    assert Training(model, free_bits=0.5).training_step((x, None), 0).isfinite()
