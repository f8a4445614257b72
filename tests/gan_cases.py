"""Cases of likelihood-free learning and of its layers: a part of the tables in tests/cases.py."""

from pyrodgm import Embedded, Neural, heads, likelihood_free, nn

CONDITIONALS = {  # name: (constructor, whether the integral is checked)
    "Neural, embedded labels": (
        lambda: Embedded(nn.LabelEmbedding(2, 3, 2), Neural(nn.MLP(4, 4, hidden_dims=(8,)), heads.Normal(2))),
        True,
    ),
}

NETWORKS = {  # name: (constructor, input shape, output width)
    "LabelEmbedding": (lambda: nn.LabelEmbedding(3, 4, 2), (7,), 5),
}

GAMES = (
    *(likelihood_free.Minimax, likelihood_free.NonSaturating, likelihood_free.LeastSquares, likelihood_free.Hinge),
    *(likelihood_free.Wasserstein, likelihood_free.FDivergence, likelihood_free.Unrolled, likelihood_free.Packed),
)

# Public names with a test file of their own in the mirror of the package.
OWN_TESTS = (
    *(likelihood_free.GAN, likelihood_free.Adversary, likelihood_free.train, likelihood_free.Game),
    *(likelihood_free.GradientPenalty, likelihood_free.R1, likelihood_free.SpectralNorm, likelihood_free.WeightClip),
    *(likelihood_free.InstanceNoise, likelihood_free.Penalty, likelihood_free.Regularizer),
    *(likelihood_free.pure_adam, likelihood_free.pure_sgd, likelihood_free.optimal_discriminator),
    *(likelihood_free.value, likelihood_free.Value, likelihood_free.MMDObjective, likelihood_free.EnergyObjective),
    *(likelihood_free.AdversarialAutoencoder, nn.MinibatchStandardDeviation, nn.ProjectionDiscriminator),
)
