"""Toy densities in two dimensions, each a Pyro distribution with an exact ``log_prob``.

>>> density = two_moons()
>>> density.log_prob(density.sample((5,))).shape
torch.Size([5])
"""

from pyrodgm.data.toy.arc import rings, two_moons
from pyrodgm.data.toy.banana import banana
from pyrodgm.data.toy.checkerboard import checkerboard
from pyrodgm.data.toy.gaussians import eight_gaussians, gaussian_grid, gaussian_ring, two_gaussians
from pyrodgm.data.toy.pinwheel import pinwheel
from pyrodgm.data.toy.spiral import two_spirals

__all__ = [
    "banana",
    "checkerboard",
    "eight_gaussians",
    "gaussian_grid",
    "gaussian_ring",
    "pinwheel",
    "rings",
    "two_gaussians",
    "two_moons",
    "two_spirals",
]
