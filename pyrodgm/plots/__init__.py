"""Pictures of samples, densities, training and latent spaces; each function returns a matplotlib figure."""

from pyrodgm.plots.aggregated_posterior import aggregated_posterior
from pyrodgm.plots.animation import animation
from pyrodgm.plots.bayes_net import bayes_net
from pyrodgm.plots.curves import training_curves
from pyrodgm.plots.density import density_2d
from pyrodgm.plots.grid import reconstructions, samples_grid
from pyrodgm.plots.histograms import histograms
from pyrodgm.plots.latent import latent_space
from pyrodgm.plots.layers import layers
from pyrodgm.plots.reliability import reliability
from pyrodgm.plots.samples_2d import samples_2d
from pyrodgm.plots.scales import scales
from pyrodgm.plots.spectrograms import spectrograms
from pyrodgm.plots.trajectories import trajectories

__all__ = [
    "aggregated_posterior",
    "animation",
    "bayes_net",
    "density_2d",
    "histograms",
    "latent_space",
    "layers",
    "reconstructions",
    "reliability",
    "samples_2d",
    "samples_grid",
    "scales",
    "spectrograms",
    "training_curves",
    "trajectories",
]
