"""Pyro programs: model/guide pairs made of components."""

from pyrodgm.models.builders import vae
from pyrodgm.models.density import Density
from pyrodgm.models.dequantization import UniformDequantization, VariationalDequantization
from pyrodgm.models.dequantized import Dequantized
from pyrodgm.models.model import Model
from pyrodgm.models.program import Program
from pyrodgm.models.vae import VAE

__all__ = [
    "VAE",
    "Density",
    "Dequantized",
    "Model",
    "Program",
    "UniformDequantization",
    "VariationalDequantization",
    "vae",
]
