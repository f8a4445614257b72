"""The same VAE as a Pyro program, in the way of Pyro's tutorials."""

import itertools

import pyro
import pyro.distributions as dist
import torch
from pyro.nn import PyroModule
from torch import Tensor

from tests.benchmarks.vae_floor import LATENT_DIM, decoder, encoder, loc_scale

_numbers = itertools.count()  # two PyroModules of one name share parameters in the store


class PyroModel(PyroModule):
    """``z ~ N(0, I); x ~ Bernoulli(decoder(z))``."""

    def __init__(self) -> None:
        super().__init__(f"benchmark_model_{next(_numbers)}")
        self.decoder = decoder()

    def forward(self, x: Tensor) -> None:
        """Score ``x``."""
        with pyro.plate("data", len(x)):
            zeros = x.new_zeros(len(x), LATENT_DIM)
            z = pyro.sample("z", dist.Normal(zeros, torch.ones_like(zeros)).to_event(1))
            pyro.sample("x", dist.Bernoulli(logits=self.decoder(z)).to_event(1), obs=x)


class PyroGuide(PyroModule):
    """``z ~ N(encoder(x))``."""

    def __init__(self) -> None:
        super().__init__(f"benchmark_guide_{next(_numbers)}")
        self.encoder = encoder()

    def forward(self, x: Tensor) -> None:
        """Sample ``z``."""
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(*loc_scale(self.encoder(x))).to_event(1))
