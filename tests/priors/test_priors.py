"""Priors that are mixtures: densities by hand, an encoder that belongs to the model, what training makes of them."""

import copy
import pickle

import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import Adam

from pyrodgm import Neural, heads, infer, models, nn, priors
from pyrodgm.testing import average_loss
from pyrodgm.train import fit


def vae(**kwargs):
    return models.vae(6, 2, hidden_dims=(16,), **kwargs)


def mixture_by_hand(posterior, inputs, z):
    """Return the logarithm of the average density, summed in a loop."""
    total = torch.zeros(len(z))
    for row in inputs:
        loc, raw = posterior.net(row).split(2)
        scale = torch.log1p((raw + torch.tensor(1.0).expm1().log()).exp()) + 1e-4
        density = torch.ones(len(z))
        for feature in range(2):
            standard = (z[:, feature] - loc[feature]) / scale[feature]
            density = density * (-0.5 * standard.square()).exp() / (scale[feature] * (2 * torch.pi) ** 0.5)
        total = total + density / len(inputs)
    return total.log()


def test_vamp_prior_is_the_mixture_by_hand():
    posterior = vae().posterior
    z = torch.randn(9, 2)
    prior = priors.VampPrior(posterior, 4)
    torch.testing.assert_close(prior().log_prob(z), mixture_by_hand(posterior, prior.pseudo_inputs, z))
    data = torch.rand(7, 6)
    aggregated = priors.AggregatedPosterior(posterior, data)
    torch.testing.assert_close(aggregated().log_prob(z), mixture_by_hand(posterior, data, z))


def test_draws_have_the_moments_of_the_mixture():
    posterior, data = vae().posterior, 3 * torch.randn(7, 6)
    p, num = priors.AggregatedPosterior(posterior, data)(), 100_000
    q = posterior(data)
    mean = q.mean.mean(0)
    variance = (q.variance + q.mean.square()).mean(0) - mean.square()
    z = p.sample((num,))
    # Six standard errors of two means and two variances: a true sampler fails once in about 10^8 runs.
    assert ((z.mean(0) - mean).abs() < 6 * (variance / num).sqrt()).all()
    squares = (z - mean).square()
    assert ((squares.mean(0) - variance).abs() < 6 * squares.std(0) / num**0.5).all()


def test_pseudo_inputs_come_from_data_once():
    data = torch.rand(9, 6)
    prior = priors.VampPrior(vae().posterior, 4, data=data)
    before = prior.pseudo_inputs.detach().clone()
    distances = torch.cdist(before, data)
    assert (distances.min(1).values == 0).all()
    assert len(set(distances.argmin(1).tolist())) == 4
    prior.start_from(torch.rand(9, 6))
    assert torch.equal(prior.pseudo_inputs, before)
    assert not priors.VampPrior(vae().posterior, 4, data=data, learned=False).pseudo_inputs.requires_grad
    data.zero_()  # what was taken is a copy
    assert torch.equal(prior.pseudo_inputs, before)


def test_integer_data_become_numbers():
    prior = priors.VampPrior(vae().posterior, 2, data=torch.ones(3, 6, dtype=torch.long))
    assert prior.pseudo_inputs.dtype == torch.get_default_dtype()


def test_a_model_starts_pseudo_inputs_from_its_data_and_context():
    model = vae(num_pseudo_inputs=4, context_dim=3)
    x, context = torch.rand(9, 6).round(), torch.randn(9, 3)
    model.initialize(x, context)
    rows = torch.cat((x, context), 1)
    assert (torch.cdist(model.prior.pseudo_inputs, rows).min(1).values < 1e-6).all()


@pytest.mark.parametrize("kind", ["vamp", "aggregated"])
def test_the_encoder_stays_the_models(kind):
    posterior = vae().posterior
    prior = {
        "vamp": lambda: priors.VampPrior(posterior, 4),
        "aggregated": lambda: priors.AggregatedPosterior(posterior, torch.rand(9, 6), 4),
    }[kind]()
    model = vae(posterior=posterior, prior=prior)
    without = vae()
    extra = 4 * 6
    assert (
        sum(v.numel() for v in model.state_dict().values())
        == sum(v.numel() for v in without.state_dict().values()) + extra
    )
    assert sum(p.numel() for p in model.parameters()) == sum(p.numel() for p in without.parameters()) + (
        extra if kind == "vamp" else 0
    )
    z = torch.randn(5, 2)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin.prior.encoder is twin.posterior is twin.guide.posterior
        assert twin.prior is twin.model.prior
        assert twin.posterior is not posterior
        torch.testing.assert_close(twin.prior().log_prob(z), model.prior().log_prob(z))
        with torch.no_grad():
            next(twin.posterior.parameters()).add_(1.0)
        assert not torch.equal(twin.prior().log_prob(z), model.prior().log_prob(z))
    other = vae(posterior=(q := vae().posterior), prior=priors.VampPrior(q, 4))
    if kind == "vamp":
        other.load_state_dict(model.state_dict())
        torch.testing.assert_close(other.prior().log_prob(z), model.prior().log_prob(z))


def test_moves_with_the_model():
    model = vae(num_pseudo_inputs=4).float()
    assert model.prior.encoder is model.posterior
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model.sample(3).dtype == torch.float32
    single = priors.AggregatedPosterior(vae().posterior, torch.rand(5, 6)).float()
    assert single().sample().dtype == torch.float32
    assert single().log_prob(torch.zeros(2, dtype=torch.float32)).dtype == torch.float32
    assert model.double().prior().log_prob(torch.zeros(2)).dtype == torch.float64


def test_gradients_reach_pseudo_inputs_and_the_encoder_from_both_sides():
    model = vae(num_pseudo_inputs=4)
    x = torch.rand(5, 6).round()
    loss = infer.ReparameterizedELBO()(model.model, model.guide)
    assert {id(p) for p in loss.parameters()} == {id(p) for p in model.parameters()}
    torch.manual_seed(0)
    joint = torch.autograd.grad(loss(x), list(model.parameters()))
    assert all(gradient.abs().sum() > 0 for gradient in joint)
    torch.manual_seed(0)
    z = model.posterior(x).rsample()
    own = model.posterior(x).log_prob(z) - model.likelihood(z).log_prob(x) - model.prior().log_prob(z)
    for gradient, expected in zip(joint, torch.autograd.grad(own.sum(), list(model.parameters())), strict=True):
        torch.testing.assert_close(gradient, expected)


def test_the_aggregated_posterior_has_no_marginal_divergence():
    """It is the mixture to which elbo_surgery compares: the divergence is zero, and no prior does better."""
    model = vae()
    x = torch.rand(30, 6).round()
    with torch.no_grad():
        model.posterior.net.layers[-1].bias.add_(1.0)
    torch.manual_seed(0)
    before = infer.elbo_surgery(model.model, model.guide, x, num_particles=20)
    model.prior = priors.AggregatedPosterior(model.posterior, x)
    torch.manual_seed(0)
    after = infer.elbo_surgery(model.model, model.guide, x, num_particles=20)
    assert before.marginal_kl > 0.5
    assert abs(after.marginal_kl) < 1e-9
    assert after.elbo - before.elbo == pytest.approx(before.marginal_kl, abs=1e-6)


def test_images_of_a_convolutional_encoder():
    shape = (1, 8, 8)
    posterior = Neural(nn.ConvEncoder(shape, 4, channels=(4,)), heads.Normal(2))
    likelihood = Neural(nn.ConvDecoder(2, shape, channels=(4,)), heads.Bernoulli(shape))
    model = models.VAE(priors.VampPrior(posterior, 3), likelihood, posterior)
    assert model.prior.pseudo_inputs.shape == (3, *shape)
    x = torch.rand(6, *shape).round()
    model.initialize(x)
    svi = SVI(model.model, model.guide, Adam({"lr": 1e-2}), Trace_ELBO())
    before, inputs = average_loss(model, (x,)), model.prior.pseudo_inputs.detach().clone()
    for _ in range(30):
        svi.step(x)
    assert average_loss(model, (x,)) < before
    assert not torch.equal(model.prior.pseudo_inputs, inputs)


def test_the_trainer_starts_them_from_the_training_data(tmp_path):
    torch.set_default_dtype(torch.float32)
    model = vae(num_pseudo_inputs=4)
    x = torch.rand(20, 6).round()
    part = type("Part", (), {"x": x, "context": None})
    splits = type("Splits", (), {"train": part, "valid": part})
    fit(model, splits, tmp_path / "run", training={"lr": 1e-6}, trainer={"max_steps": 1, "accelerator": "cpu"})
    assert (torch.cdist(model.prior.pseudo_inputs, x).min(1).values < 1e-3).all()


def test_components_of_a_mixture_prior_find_clusters():
    z = torch.cat((torch.randn(200, 2) * 0.3 + 3, torch.randn(200, 2) * 0.3 - 3))
    prior = priors.MixturePrior(2, 5)
    optimizer = torch.optim.Adam(prior.parameters(), lr=0.05)
    for _ in range(300):
        optimizer.zero_grad()
        (-prior().log_prob(z).mean()).backward()
        optimizer.step()
    truth = priors.MixturePrior(2, 2)
    with torch.no_grad():
        truth.loc.copy_(torch.tensor([[3.0, 3.0], [-3.0, -3.0]]))
        truth.raw_scale.fill_(torch.tensor(0.29).expm1().log() - heads.normal.UNIT_SCALE)
        assert prior().log_prob(z).mean() > truth().log_prob(z).mean() - 0.02
        scale = torch.nn.functional.softplus(truth.raw_scale + heads.normal.UNIT_SCALE) + 1e-2
    torch.testing.assert_close(scale, torch.full((2, 2), 0.3))
