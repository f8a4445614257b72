"""Models with discrete codes, and transformers over text and codes: a part of tests/cases.py."""

import pyro.distributions as dist
import torch

from pyrodgm import Conditional, Embedded, Neural, data, distributions, heads, models, nn, quantizers
from pyrodgm import autoregressive as ar

TINY = {"num_layers": 1, "num_heads": 1, "model_dim": 8}
HELD = {"commitment_weight": 4.0}  # eight random rows pull hard: without it their codes lag behind


def encoder(code_dim, *grid):
    """Six numbers to a grid."""
    net = nn.MLP(6, code_dim * torch.Size(grid).numel(), hidden_dims=(16,))
    return torch.nn.Sequential(net, torch.nn.Unflatten(-1, (code_dim, *grid)))


def likelihood(code_dim, *grid):
    """A grid to six binary variables."""
    shape = (code_dim, *grid)
    net = torch.nn.Sequential(torch.nn.Flatten(-len(shape)), nn.MLP(torch.Size(shape).numel(), 6, hidden_dims=(16,)))
    return Neural(net, heads.Bernoulli(6), context_shape=shape)


def vq_vae(grid=(3,), prior=None, num_codes=4, code_dim=2, **options):
    quantizer = quantizers.VectorQuantizer(num_codes, code_dim, **options)
    return models.VQVAE(encoder(code_dim, *grid), quantizer, likelihood(code_dim, *grid), prior)


def d_vae(grid=(3,), prior=None, num_codes=4, kl="categorical", **options):
    quantizer = quantizers.RelaxedCategorical(num_codes, **options)
    return models.DVAE(encoder(num_codes, *grid), quantizer, likelihood(num_codes, *grid), prior, kl=kl)


class FreeIndices(Conditional):
    """Independent indices, each with probabilities of its own."""

    def __init__(self, num_codes, shape):
        super().__init__()
        self.event_shape = torch.Size(shape)
        self.logits = torch.nn.Parameter(torch.randn(*shape, num_codes))

    def distribution(self, context):
        """Make the distribution."""
        return dist.Categorical(logits=self.logits).to_event(len(self.event_shape))


class Signs(torch.nn.Module):
    """Real contexts to two words, for contracts that draw contexts at random."""

    def forward(self, context):
        """Return which numbers are positive."""
        return (context > 0).long()


class PromptedBySigns(nn.PromptedTransformer):
    """A net that takes real contexts."""

    def words(self, context):
        """Return which numbers are positive, as words."""
        self.check_context(context)
        return super().words((context > 0).long())


CAUSAL_NETS = {  # name: (constructor, whether each position sees all earlier ones, number of levels of integers)
    "PromptedTransformer": (
        lambda: PromptedBySigns(5, 3, num_words=2, text_length=4, num_codes=3, **(TINY | {"num_layers": 2})),
        True,
        3,
    ),
    "PromptedTransformer, one word, one code": (
        lambda: PromptedBySigns(1, 2, num_words=2, text_length=1, num_codes=2, **TINY),
        True,
        2,
    ),
}

CONDITIONALS = {  # name: (constructor, whether the sum over all values is checked)
    "prompted": (lambda: Embedded(Signs(), ar.prompted(2, 3, 2, 6, **TINY), context_shape=(3,)), True),
    "prompted, more codes": (
        lambda: Embedded(Signs(), ar.prompted(2, 1, 5, 4, num_layers=2, num_heads=2, model_dim=6), context_shape=(1,)),
        False,
    ),
}

MODELS = {  # name: (constructor, data, width of the context)
    "VQVAE": (lambda: vq_vae(**HELD), "binary", 0),
    "VQVAE, one position": (lambda: vq_vae((), update="gradient", **HELD), "binary", 0),
    "VQVAE, gradient, transformer prior": (
        lambda: vq_vae((2, 2), ar.transformer(4, 4, **(TINY | {"model_dim": 16})), update="gradient", **HELD),
        "binary",
        0,
    ),
    "VQVAE, PixelCNN prior, context": (
        lambda: vq_vae((2, 2), ar.pixelcnn((1, 2, 2), 3, num_levels=4, num_layers=1, num_channels=8), **HELD),
        "binary",
        3,
    ),
    "VQVAE, finite scalars": (
        lambda: models.VQVAE(encoder(2, 3), quantizers.FiniteScalarQuantizer((3, 4)), likelihood(2, 3)),
        "binary",
        0,
    ),
    "DVAE": (d_vae, "binary", 0),
    "DVAE, relaxed": (lambda: d_vae((), kl="relaxed", temperature=0.7), "binary", 0),
    "DVAE, straight through, annealed, MADE prior": (
        lambda: d_vae(
            (2, 2),
            ar.made(4, hidden_dims=(8,)),
            num_codes=2,
            straight_through=True,
            final_temperature=0.3,
            anneal_steps=10,
        ),
        "binary",
        0,
    ),
}

# Public names with a test file of their own in the mirror of the package.
OWN_TESTS = (distributions.Coded, data.CaptionedSplits, data.Words, data.captioned_digits, data.captioned_mnist)
