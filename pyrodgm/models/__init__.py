"""Pyro programs: model/guide pairs made of components."""

from pyrodgm.models.builders import vae
from pyrodgm.models.d_vae import DVAE
from pyrodgm.models.density import Density
from pyrodgm.models.dequantization import UniformDequantization, VariationalDequantization
from pyrodgm.models.dequantized import Dequantized
from pyrodgm.models.hierarchical_builder import hierarchical_vae
from pyrodgm.models.hierarchical_vae import HierarchicalVAE
from pyrodgm.models.model import Model
from pyrodgm.models.program import Program
from pyrodgm.models.vae import VAE
from pyrodgm.models.vq_vae import VQVAE

__all__ = [
    "DVAE",
    "VAE",
    "VQVAE",
    "Density",
    "Dequantized",
    "HierarchicalVAE",
    "Model",
    "Program",
    "UniformDequantization",
    "VariationalDequantization",
    "hierarchical_vae",
    "vae",
]
