"""Learning without a likelihood: GANs, the games they play, and what keeps them from collapsing."""

from pyrodgm.likelihood_free.adversarial_autoencoder import AdversarialAutoencoder
from pyrodgm.likelihood_free.adversary import Adversary
from pyrodgm.likelihood_free.f_divergence import FDivergence
from pyrodgm.likelihood_free.game import Game
from pyrodgm.likelihood_free.games import Hinge, LeastSquares, Minimax, NonSaturating, Wasserstein
from pyrodgm.likelihood_free.gan import GAN
from pyrodgm.likelihood_free.gradient_penalty import R1, GradientPenalty
from pyrodgm.likelihood_free.instance_noise import InstanceNoise
from pyrodgm.likelihood_free.kernel_objectives import EnergyObjective, MMDObjective
from pyrodgm.likelihood_free.optimal_discriminator import optimal_discriminator
from pyrodgm.likelihood_free.packed import Packed
from pyrodgm.likelihood_free.pure_optimizers import pure_adam, pure_sgd
from pyrodgm.likelihood_free.regularizer import Penalty, Regularizer
from pyrodgm.likelihood_free.spectral_norm import SpectralNorm
from pyrodgm.likelihood_free.train import train
from pyrodgm.likelihood_free.unrolled import Unrolled
from pyrodgm.likelihood_free.value import Value, value
from pyrodgm.likelihood_free.weight_clip import WeightClip

__all__ = [
    "GAN",
    "R1",
    "AdversarialAutoencoder",
    "Adversary",
    "EnergyObjective",
    "FDivergence",
    "Game",
    "GradientPenalty",
    "Hinge",
    "InstanceNoise",
    "LeastSquares",
    "MMDObjective",
    "Minimax",
    "NonSaturating",
    "Packed",
    "Penalty",
    "Regularizer",
    "SpectralNorm",
    "Unrolled",
    "Value",
    "Wasserstein",
    "WeightClip",
    "optimal_discriminator",
    "pure_adam",
    "pure_sgd",
    "train",
    "value",
]
