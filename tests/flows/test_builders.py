"""What each builder builds, against the formula of its paper written out by hand."""

import pyro.distributions as dist
import pytest
import torch
from sklearn.decomposition import PCA

from pyrodgm import data, flows, testing, transforms


def test_maf_mog_without_layers_is_a_product_of_mixtures():
    flow = testing.perturb(flows.maf_mog(4, 2, num_layers=0, num_components=3, hidden_dims=(16,)), 0.3)
    x, context = torch.randn(7, 4), torch.randn(7, 2)
    logits, locations, raw = flow.bijection.parts[0].net(x, context).unflatten(-1, (3, 3)).unbind(-2)
    components = dist.Normal(locations, (7 * (raw / 7).tanh()).exp())
    factors = dist.MixtureSameFamily(dist.Categorical(logits=logits), components)
    torch.testing.assert_close(flow(context).log_prob(x), factors.log_prob(x).sum(-1))


def test_maf_mog_starts_near_its_layers_with_unequal_components():
    flow = flows.maf_mog(3, num_layers=2, num_components=5)
    x = torch.randn(500, 3)
    gap = flow().log_prob(x) - dist.Normal(0, 1).expand((3,)).to_event(1).log_prob(x)
    assert gap.abs().mean() < 0.3
    locations = flow.bijection.parts[0].net(x).detach()[..., 5:10]
    assert (locations.diff(dim=-1) > 0.1).all()


def test_nice_with_the_logistic_base_is_the_papers_formula():
    flow = testing.perturb(flows.nice(4, num_layers=1, base=flows.logistic_base(4)), 0.3)
    x = torch.randn(6, 4)
    coupling, scaling = flow.bijection.parts
    shift, raw = scaling.params.unbind(-1)
    log_scale = 3 * (raw / 3).tanh()
    h = (x - shift) / log_scale.exp()
    u = torch.cat([h[:, :2], h[:, 2:] - coupling.conditioner(h[:, :2])], -1)
    log_prob = -torch.nn.functional.softplus(u) - torch.nn.functional.softplus(-u) - log_scale
    torch.testing.assert_close(flow().log_prob(x), log_prob.sum(-1))


def test_mixing_puts_a_linear_layer_after_each_coupling():
    for build in (flows.realnvp, flows.spline_coupling):
        flow = build(3, num_layers=2, mixing=transforms.LULinear)
        kinds = [type(part) for part in flow.bijection.parts]
        assert kinds == [transforms.Coupling, transforms.LULinear] * 2


def test_a_whitened_flow_starts_as_the_gaussian():
    x = torch.randn(2000, 3) @ torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.1, 3.0], [0.5, 0.0, 1.0]]) + 4
    flow = flows.extend(flows.realnvp(3, num_layers=2), [transforms.LULinear(3)])
    flow.initialize(x)
    gaussian = dist.MultivariateNormal(x.mean(0), x.T.cov())
    torch.testing.assert_close(flow().log_prob(x), gaussian.log_prob(x), atol=0.05, rtol=0)


def test_gaussianization_is_started_by_components_and_quantiles():
    torch.manual_seed(0)
    exact = data.toy.pinwheel()
    x, new = exact.sample((4000,)), exact.sample((4000,))
    flow = flows.gaussianization(2, num_layers=12)
    flow.initialize(x)
    u = flow.bijection.inverse_and_ladj(new)[0].detach()
    assert u.mean(0).abs().max() < 0.1
    assert (u.T.cov() - torch.eye(2)).abs().max() < 0.1
    gaussian = dist.MultivariateNormal(x.mean(0), x.T.cov())
    truth = exact.log_prob(new).mean()
    assert truth - flow().log_prob(new).mean() < 0.5 * (truth - gaussian.log_prob(new).mean())


def test_the_first_rotation_is_that_of_the_principal_components():
    x = torch.randn(1000, 3) @ torch.tensor([[3.0, 1.0, 0.0], [0.0, 1.0, 0.5], [0.2, 0.0, 0.3]])
    flow = flows.gaussianization(3, num_layers=1)
    flow.initialize(x)
    rotation = flow.bijection.parts[-1]
    z = rotation.inverse_and_ladj(x)[0].detach()
    variances = z.var(0).sort(descending=True).values
    expected = torch.as_tensor(PCA().fit(x.numpy()).explained_variance_)
    torch.testing.assert_close(variances, expected.to(variances), rtol=1e-8, atol=0)
    assert (z.T.corrcoef() - torch.eye(3)).abs().max() < 1e-8


@pytest.mark.parametrize("name", ["planar", "gaussianization", "maf_mog", "spline_autoregressive"])
def test_draws_carry_gradients_and_have_their_density(name):
    flow = testing.perturb(getattr(flows, name)(3, 2, num_layers=2), 0.2)
    context = torch.randn(5, 2, requires_grad=True)
    x, log_prob = flow(context).rsample_and_log_prob((4,))
    torch.testing.assert_close(flow(context).log_prob(x.detach()), log_prob)
    (gradient,) = torch.autograd.grad(x.sum() + log_prob.sum(), context)
    assert torch.isfinite(gradient).all()
    assert gradient.abs().sum() > 0
