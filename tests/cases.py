"""One line a public object: named constructors over which the contracts run."""

import importlib
import math
from pathlib import Path

import pyro.distributions as dist
import torch

from pyrodgm import (
    Conditional,
    Embedded,
    Fixed,
    Flow,
    Neural,
    data,
    distributions,
    flows,
    heads,
    infer,
    metrics,
    models,
    nn,
    plots,
    quantizers,
    train,
    transforms,
)
from pyrodgm import autoregressive as ar
from tests.transforms.residual import Residual

FAMILIES = [importlib.import_module(f"tests.{path.stem}") for path in sorted(Path(__file__).parent.glob("*_cases.py"))]


def of_families(table):
    """Return the rows of one table from the files of the families."""
    rows = [row for family in FAMILIES for row in getattr(family, table, {})]
    assert len(set(rows)) == len(rows), f"two rows of one name in {table}"
    return {row: getattr(family, table)[row] for family in FAMILIES for row in getattr(family, table, {})}


HEADS = {
    "Bernoulli, one variable": lambda: heads.Bernoulli(),
    "Bernoulli, image": lambda: heads.Bernoulli((1, 4, 4)),
    "Categorical, one variable": lambda: heads.Categorical(5),
    "Categorical, image": lambda: heads.Categorical(3, (2, 4, 4)),
    "Normal, vector": lambda: heads.Normal(3),
    "Normal, image": lambda: heads.Normal((1, 4, 3)),
    "Normal, one scale": lambda: heads.Normal(3, shared_scale=True),
    "ChannelCategorical": lambda: heads.ChannelCategorical(4, 3),
    "ChannelCategorical, one channel": lambda: heads.ChannelCategorical(2, 1),
    "BiasedCategorical, none": lambda: heads.BiasedCategorical(5),
    "BiasedCategorical": lambda: heads.BiasedCategorical(5, temperature=0.7, top_k=4, top_p=0.8),
    "Delta": lambda: heads.Delta(3),
    "DiscretizedLogisticMixture, one variable": lambda: heads.DiscretizedLogisticMixture(),
    "DiscretizedLogisticMixture, pixel": lambda: heads.DiscretizedLogisticMixture(3, 8, 3),
    "DiscretizedLogisticMixture, two levels": lambda: heads.DiscretizedLogisticMixture(2, 2, (1,)),
    "Pixels": lambda: heads.Pixels(heads.DiscretizedLogisticMixture(2, 5, 3), 2, 4),
    "Pixels, categorical": lambda: heads.Pixels(heads.ChannelCategorical(4, 2), 3, 2),
    "MixtureNormal, one variable": lambda: heads.MixtureNormal(3),
    "MixtureNormal, vector": lambda: heads.MixtureNormal(3, 4),
    "MixtureLaplace, vector": lambda: heads.MixtureLaplace(3, 4),
    "MixtureLaplace, image": lambda: heads.MixtureLaplace(2, (1, 4, 3)),
    **of_families("HEADS"),
}

UNIVARIATES = {
    "Shift": lambda: transforms.Shift(),
    "Affine": lambda: transforms.Affine(),
    "RationalQuadraticSpline": lambda: transforms.RationalQuadraticSpline(num_bins=5, bound=4.0),
    "RationalQuadraticSpline, periodic": lambda: transforms.RationalQuadraticSpline(5, bound=math.pi, periodic=True),
    "MixtureLogisticCDF": lambda: transforms.MixtureLogisticCDF(3),
    "Logit": lambda: transforms.Logit(),
    "Sigmoid": lambda: transforms.Sigmoid(),
    "NormalQuantile": lambda: transforms.NormalQuantile(),
    "Normalized, normal": lambda: transforms.Normalized(transforms.MixtureNormalCDF(3), transforms.NormalQuantile()),
    "Normalized, logistic": lambda: transforms.Normalized(transforms.MixtureLogisticCDF(3), transforms.Logit()),
    "Normalized, one component": lambda: transforms.Normalized(
        transforms.MixtureNormalCDF(1), transforms.NormalQuantile()
    ),
    "InverseUnivariate": lambda: transforms.InverseUnivariate(
        transforms.Normalized(transforms.MixtureNormalCDF(3), transforms.NormalQuantile())
    ),
    "Chain": lambda: transforms.Chain([transforms.Affine(), transforms.RationalQuadraticSpline(4)]),
}


MIXED = transforms.Chain([transforms.MixtureLogisticCDF(3), transforms.Logit(), transforms.Affine()])


def coupling(dim, univariate, context_dim=0, flip=False):
    staying = dim - dim // 2 if flip else dim // 2
    net = nn.MLP(staying, univariate.num_params * (dim - staying), hidden_dims=(16,), context_dim=context_dim)
    return transforms.Coupling(dim, univariate, net, flip=flip, context_dim=context_dim)


def autoregressive(dim, univariate, context_dim=0, order=None):
    net = nn.MaskedMLP(dim, univariate.num_params, hidden_dims=(16, 17), context_dim=context_dim, order=order)
    return transforms.MaskedAutoregressive(univariate, net)


TREE = [[0, 0, 0], [1, 0, 0], [1, 0, 0]]  # 1 <- 0 -> 2


def initialized(bijection, dim):
    bijection.initialize(torch.randn(20, dim, generator=torch.Generator().manual_seed(0)).mul(2).add(1))
    return bijection


BIJECTIONS = {  # name: (constructor, number of features)
    "Permute": (lambda: transforms.Permute([2, 0, 3, 1]), 4),
    "Flip": (lambda: transforms.Flip(), 3),
    "Elementwise Affine": (lambda: transforms.Elementwise(transforms.Affine(), 3), 3),
    "Elementwise spline": (lambda: transforms.Elementwise(transforms.RationalQuadraticSpline(), 3), 3),
    "Coupling Affine": (lambda: coupling(5, transforms.Affine()), 5),
    "Coupling Affine, flipped, context": (lambda: coupling(5, transforms.Affine(), 2, flip=True), 5),
    "Coupling Shift, one feature, context": (lambda: coupling(1, transforms.Shift(), 2), 1),
    "Coupling spline": (lambda: coupling(4, transforms.RationalQuadraticSpline(), 2), 4),
    "MaskedAutoregressive Affine": (lambda: autoregressive(5, transforms.Affine()), 5),
    "MaskedAutoregressive, order, context": (lambda: autoregressive(4, transforms.Affine(), 2, [2, 0, 3, 1]), 4),
    "MaskedAutoregressive, many features": (lambda: autoregressive(20, transforms.Affine()), 20),
    "MaskedAutoregressive, many features, context": (
        lambda: autoregressive(18, transforms.RationalQuadraticSpline(3), 2, list(range(17, -1, -1))),
        18,
    ),
    "MaskedAutoregressive, graph": (lambda: flows.maf(3, num_layers=1, adjacency=TREE).bijection, 3),
    "Elementwise, context": (lambda: transforms.Elementwise(transforms.Affine(), 3, nn.MLP(0, 6, context_dim=2)), 3),
    "MaskedAutoregressive, one feature": (lambda: autoregressive(1, transforms.Affine()), 1),
    "MaskedAutoregressive spline": (lambda: autoregressive(3, transforms.RationalQuadraticSpline()), 3),
    "LULinear": (lambda: transforms.LULinear(5), 5),
    "LULinear, permutation, from data": (
        lambda: initialized(transforms.LULinear(4, permutation=[2, 0, 3, 1]), 4),
        4,
    ),
    "LULinear, one feature": (lambda: transforms.LULinear(1), 1),
    "Orthogonal": (lambda: transforms.Orthogonal(5), 5),
    "Orthogonal, two reflections": (lambda: transforms.Orthogonal(4, 2), 4),
    "Orthogonal, one feature": (lambda: transforms.Orthogonal(1), 1),
    "ActNorm": (lambda: initialized(transforms.ActNorm(3), 3), 3),
    "ActNorm, evaluation": (lambda: transforms.ActNorm(3).eval(), 3),
    "BatchNorm": (lambda: initialized(transforms.BatchNorm(3), 3).eval(), 3),
    "Planar": (lambda: transforms.Planar(4), 4),
    "Planar, one feature": (lambda: transforms.Planar(1), 1),
    "Planar, context": (lambda: transforms.Planar(3, 2), 3),
    "Planar, context, hidden layer": (lambda: transforms.Planar(3, 2, hidden_dims=(16,)), 3),
    "numerical_inverse": (lambda: transforms.numerical_inverse(Residual(3)), 3),
    "numerical_inverse, damped, context": (
        lambda: transforms.numerical_inverse(Residual(3, 2), solver=transforms.FixedPoint(damping=0.9)),
        3,
    ),
    "numerical_inverse, bisection, order, context": (
        lambda: transforms.numerical_inverse(
            transforms.Inverse(autoregressive(4, transforms.Affine(), 2, [2, 0, 3, 1])),
            solver=transforms.Bisection([2, 0, 3, 1]),
        ),
        4,
    ),
    "Coupling Normalized, context": (lambda: coupling(4, UNIVARIATES["Normalized, normal"](), 2), 4),
    "Coupling Chain to the unit interval": (
        lambda: coupling(4, transforms.Chain([transforms.Affine(), transforms.Sigmoid()])),
        4,
    ),
    "Coupling circle": (lambda: coupling(3, UNIVARIATES["RationalQuadraticSpline, periodic"]()), 3),
    "MaskedAutoregressive Normalized": (lambda: autoregressive(3, UNIVARIATES["Normalized, logistic"]()), 3),
    "MaskedAutoregressive InverseUnivariate, context": (
        lambda: autoregressive(3, UNIVARIATES["InverseUnivariate"](), 2),
        3,
    ),
    "MaskedAutoregressive Chain": (lambda: autoregressive(3, MIXED), 3),
    "Elementwise InverseUnivariate": (lambda: transforms.Elementwise(UNIVARIATES["InverseUnivariate"](), 3), 3),
    "Inverse": (lambda: transforms.Inverse(autoregressive(3, transforms.Affine(), 2)), 3),
    "Compose": (lambda: transforms.Compose([coupling(3, transforms.Affine(), 2), transforms.Flip()]), 3),
    "LogitTransform": (lambda: transforms.LogitTransform(), 3),
    "LogitTransform, no margin": (lambda: transforms.LogitTransform(0.0), 3),
    **of_families("BIJECTIONS"),
}

GRAPH = [[0, 1, 0, 0, 0], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0], [1, 0, 1, 0, 0], [0, 0, 0, 0, 0]]  # 4 -> 1 -> 0 -> 2, 3

CAUSAL_NETS = {  # name: (constructor, whether each position sees all earlier ones, number of levels of integers)
    "MaskedMLP": (lambda: nn.MaskedMLP(5, 2, hidden_dims=(32, 33)), True, None),
    "MaskedMLP, order, context": (
        lambda: nn.MaskedMLP(5, 3, hidden_dims=(32,), context_dim=2, order=[3, 1, 4, 0, 2]),
        True,
        None,
    ),
    "MaskedMLP, graph": (lambda: nn.MaskedMLP(5, 2, hidden_dims=(32, 33), adjacency=GRAPH), False, None),
    "MaskedMLP, graph, context": (
        lambda: nn.MaskedMLP(5, 2, hidden_dims=(32,), context_dim=2, adjacency=GRAPH),
        False,
        None,
    ),
    "MaskedMLP, one feature": (lambda: nn.MaskedMLP(1, 2, hidden_dims=(8,), activation=torch.nn.Tanh), True, None),
    **of_families("CAUSAL_NETS"),
}

NETWORKS = {  # name: (constructor, input shape, output width)
    "MLP": (lambda: nn.MLP(3, 4), (3,), 4),
    "MLP, linear": (lambda: nn.MLP(3, 4, hidden_dims=()), (3,), 4),
    "ResidualMLP": (lambda: nn.ResidualMLP(3, 4), (3,), 4),
    "ConvEncoder": (lambda: nn.ConvEncoder((3, 8, 9), 4, channels=(4, 8)), (3, 8, 9), 4),
    "ResNetEncoder": (lambda: nn.ResNetEncoder((3, 8, 9), 4, num_channels=6), (3, 8, 9), 4),
    "ResNetDecoder": (lambda: nn.ResNetDecoder(3, (1, 9, 8), num_params=2, num_channels=6), (3,), 144),
    "ResNetDecoder, feature map": (
        lambda: nn.ResNetDecoder((2, 3, 2), (1, 5, 4), num_params=2, num_channels=6),
        (2, 3, 2),
        40,
    ),
    "ConvDecoder": (lambda: nn.ConvDecoder(3, (1, 5, 7), num_params=2, channels=(8, 4)), (3,), 70),
    **of_families("NETWORKS"),
}

FLOWS = {
    "nice": flows.nice,
    "realnvp": flows.realnvp,
    "maf": flows.maf,
    "iaf": flows.iaf,
    "maf_mog": flows.maf_mog,
    "spline_coupling": flows.spline_coupling,
    "spline_autoregressive": flows.spline_autoregressive,
    "planar": flows.planar,
    "gaussianization": flows.gaussianization,
}


def flow(build, dim, context_dim=0):
    return lambda: build(dim, context_dim, num_layers=2, hidden_dims=(16,))


CONDITIONALS = {  # name: (constructor, whether the integral is checked)
    "Fixed": (lambda: Fixed(dist.Normal(torch.zeros(2), torch.ones(2)).to_event(1)), True),
    "Fixed StandardNormal": (lambda: Fixed(distributions.StandardNormal(2)), True),
    "Neural Normal": (lambda: Neural(nn.MLP(3, 4, hidden_dims=(8,)), heads.Normal(2)), True),
    "Neural Bernoulli": (lambda: Neural(nn.MLP(3, 4, hidden_dims=(8,)), heads.Bernoulli((1, 2, 2))), True),
    "Neural DiscretizedLogisticMixture": (
        lambda: Neural(nn.MLP(3, 6, hidden_dims=(8,)), heads.DiscretizedLogisticMixture(2, 7)),
        True,
    ),
    "Neural DiscretizedLogisticMixture, pixel": (
        lambda: Neural(nn.MLP(3, 20, hidden_dims=(8,)), heads.DiscretizedLogisticMixture(2, 2, 3)),
        True,
    ),
    "Neural MixtureNormal": (lambda: Neural(nn.MLP(3, 12, hidden_dims=(8,)), heads.MixtureNormal(2, 2)), True),
    "Fixed DiscretizedLogisticMixture": (
        lambda: Fixed(distributions.DiscretizedLogisticMixture(*torch.linspace(-2, 2, 12).view(3, 4), num_levels=5)),
        True,
    ),
    "Fixed ChannelCategorical": (
        lambda: Fixed(distributions.ChannelCategorical(torch.linspace(-1, 2, 4).view(2, 2), torch.ones(1, 2))),
        True,
    ),
    "Neural Pixels": (
        lambda: Neural(nn.MLP(3, 6 * 2, hidden_dims=(8,)), heads.Pixels(heads.ChannelCategorical(2, 2), 1, 2)),
        True,
    ),
    "Fixed Pixels": (
        lambda: Fixed(distributions.Pixels(heads.ChannelCategorical(2, 1)(torch.linspace(-1, 1, 8).view(2, 2, 2)))),
        True,
    ),
    "Neural ChannelCategorical": (
        lambda: Neural(nn.MLP(3, 6, hidden_dims=(8,)), heads.ChannelCategorical(2, 2)),
        True,
    ),
    "Neural Categorical": (lambda: Neural(nn.MLP(3, 3, hidden_dims=(8,)), heads.Categorical(3)), True),
    "Neural image": (lambda: Neural(nn.ConvEncoder((1, 8, 8), 4, channels=(4,)), heads.Normal(2)), False),
    "Embedded": (lambda: Embedded(nn.MLP(3, 4, hidden_dims=(8,)), flows.iaf(2, 4, hidden_dims=(16,))), True),
    "Flow": (
        lambda: Flow(transforms.Elementwise(transforms.Affine(), 2), Fixed(distributions.StandardNormal(2))),
        True,
    ),
    **{f"{name}, one feature": (flow(build, 1), True) for name, build in FLOWS.items()},
    **{f"{name}, one feature, context": (flow(build, 1, 3), True) for name, build in FLOWS.items()},
    **{f"{name}, two features, context": (flow(build, 2, 3), True) for name, build in FLOWS.items()},
    "nice, logistic base": (lambda: flows.nice(2, hidden_dims=(8,), base=flows.logistic_base(2)), True),
    "maf, random orders": (lambda: flows.maf(4, num_layers=2, orders=flows.random_orders(4, 2)), False),
    "maf, given orders": (lambda: flows.maf(3, num_layers=2, orders=flows.reversed_orders([1, 2, 0], 2)), False),
    "maf, graph": (lambda: flows.maf(3, num_layers=1, adjacency=TREE), False),
    "extend": (lambda: flows.extend(flows.maf(2), [transforms.Elementwise(transforms.Affine(), 2)]), True),
    **{f"{name}, odd": (flow(build, 5), False) for name, build in FLOWS.items()},
    "in the unit cube": (lambda: flows.extend(flows.maf(2), [transforms.LogitTransform()]), False),
    "UniformDequantization": (lambda: models.UniformDequantization((1, 2, 2)), False),
    "VariationalDequantization": (
        lambda: models.VariationalDequantization(flows.realnvp(2, 2, hidden_dims=(16,)), num_levels=17),
        False,
    ),
    "Autoregressive": (
        lambda: ar.Autoregressive(nn.MaskedMLP(4, 1, hidden_dims=(16,)), heads.Bernoulli()),
        True,
    ),
    "Autoregressive, context, normal": (
        lambda: ar.Autoregressive(nn.MaskedMLP(2, 2, hidden_dims=(16,), context_dim=3), heads.Normal()),
        True,
    ),
    "VariationalDequantization, net": (
        lambda: models.VariationalDequantization(flows.iaf(2, 4), num_levels=17, net=nn.MLP(2, 4)),
        False,
    ),
    **of_families("CONDITIONALS"),
}

MODELS = {  # name: (constructor, data, width of the context)
    "VAE": (lambda: models.vae(6, 2, hidden_dims=(16,)), "binary", 0),
    "VAE, flow prior": (
        lambda: models.vae(6, 2, prior=flows.realnvp(2, hidden_dims=(8,)), hidden_dims=(16,)),
        "binary",
        0,
    ),
    "VAE, context": (lambda: models.vae(6, 2, context_dim=3, prior=flows.maf(2, 3), hidden_dims=(16,)), "binary", 3),
    "VAE, IAF posterior": (
        lambda: models.vae(6, 2, posterior=Embedded(nn.MLP(6, 8), flows.iaf(2, 8, num_layers=2)), hidden_dims=(16,)),
        "binary",
        0,
    ),
    "VAE, autoregressive prior and decoder": (
        lambda: models.vae(
            6,
            2,
            prior=ar.Autoregressive(nn.MaskedMLP(2, 2, hidden_dims=(8,)), heads.Normal()),
            likelihood=ar.Autoregressive(nn.MaskedMLP(6, 1, hidden_dims=(16,), context_dim=2), heads.Bernoulli()),
            hidden_dims=(16,),
        ),
        "binary",
        0,
    ),
    "Density, autoregressive": (
        lambda: models.Density(ar.Autoregressive(nn.MaskedMLP(6, 1, hidden_dims=(16,)), heads.Bernoulli())),
        "binary",
        0,
    ),
    "Density": (lambda: models.Density(flows.maf(6, hidden_dims=(16,))), "real", 0),
    "Density, context": (lambda: models.Density(flows.spline_coupling(6, 3, hidden_dims=(16,))), "real", 3),
    "Dequantized": (lambda: models.Dequantized(flows.maf(6, hidden_dims=(16,)), num_levels=2), "binary", 0),
    "Dequantized, variational": (
        lambda: models.Dequantized(
            flows.extend(flows.maf(6, hidden_dims=(16,)), [transforms.LogitTransform()]),
            num_levels=2,
            guide=models.VariationalDequantization(flows.realnvp(6, 6, hidden_dims=(16,)), num_levels=2),
        ),
        "binary",
        0,
    ),
    "Dequantized, variational, context": (
        lambda: models.Dequantized(
            flows.maf(6, 3, hidden_dims=(16,)),
            num_levels=2,
            guide=models.VariationalDequantization(
                flows.iaf(6, 5, num_layers=2), num_levels=2, net=nn.MLP(9, 5, hidden_dims=(8,))
            ),
        ),
        "binary",
        3,
    ),
    **of_families("MODELS"),
}

# Public names whose contract is their kind's, tested above through concrete cases.
CONTRACTS = (
    *(Conditional, heads.Head, transforms.Bijection, transforms.Univariate, models.Model, models.Program),
    *(transforms.MixtureCDF, transforms.Quantile, nn.CausalNet, ar.Strategy),
)

# Public names with a test file of their own in the mirror of the package.
OWN_TESTS = (
    *(nn.masked_sweep, models.VAE, flows.Flow, flows.FlowDistribution, infer.log_evidence, infer.ReparameterizedELBO),
    *(transforms.MixtureNormalCDF, distributions.DiagonalNormalMixture),
    *(quantizers.Quantized, quantizers.VectorQuantizer, quantizers.RelaxedCategorical),
    *(quantizers.FiniteScalarQuantizer,),
    *(name for family in FAMILIES for name in getattr(family, "OWN_TESTS", ())),
    *(models.HierarchicalVAE, infer.impute, plots.aggregated_posterior),
    *(ar.AutoregressiveDistribution, ar.Ensemble, ar.EnsembleDistribution, ar.pixel_defend, ar.sample_biased),
    *(ar.FixedPoint, ar.Incremental, ar.Sequential),
    *(infer.ForwardKL, infer.ReverseKL, infer.fit_density, infer.importance_diagnostics, infer.ImportanceDiagnostics),
    *(infer.ImportanceWeightedELBO, infer.ScoreFunctionELBO, infer.SemiAmortized, infer.annealed_log_evidence),
    *(infer.naive_monte_carlo, infer.NaiveMonteCarlo, infer.elbo_surgery, infer.ElboSurgery),
    *(infer.gradient_variance, infer.GradientVariance, infer.GradientMoments, infer.inference_gap, infer.InferenceGap),
    *(data.Dataset, data.Splits, data.digits, data.mnist, data.binarized_mnist, data.caltech101_silhouettes),
    *(data.omniglot, data.freyfaces, data.bsds300, data.debd, data.uci_tabular, data.uci_regression),
    *(data.toy.banana, data.toy.checkerboard, data.toy.eight_gaussians, data.toy.pinwheel, data.toy.rings),
    *(data.toy.two_gaussians, data.toy.two_moons, data.toy.two_spirals),
    *(data.tinyshakespeare, data.Characters, data.fsdd, data.cifar10_first4000, data.with_label_context),
    *(data.mu_law, data.inverse_mu_law, data.read_wav, data.write_wav),
    *(metrics.typicality, metrics.likelihood_ratio, metrics.auroc),
    *(plots.samples_grid, plots.density_2d, plots.training_curves, plots.latent_space, plots.reconstructions),
    *(plots.histograms, plots.spectrograms),
    *(train.Training, train.Batches, train.IndexBatches, train.fit, train.build, train.export, train.load),
    *(train.evaluate, train.compare),
)
