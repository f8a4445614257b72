"""zuko's Gaussianization flow with our mixtures and rotations, as ``python -m tests.peers.zuko_gf``.

Copied: the components' shifts and scales (zuko's weights are equal) and the rotations, written as reflections.
Compared: the mixture's distribution function, the normal quantile, rotations, log-determinants, composition and base;
once with the factor by which zuko keeps probabilities from 0 and 1, between our two halves, and once, with zuko's
factor taken out, as the one map that we make of the two halves. zuko's bisection is taken to 1e-10.
"""

import functools
import math

import torch
from torch import Tensor
from torch.distributions import constraints

from pyrodgm.transforms import (
    Chain,
    Elementwise,
    InverseUnivariate,
    MixtureNormalCDF,
    Normalized,
    NormalQuantile,
    Orthogonal,
    Univariate,
)
from tests.peers.compare import begin, compare, over_standard_normal, scatter

DIM, NUM_COMPONENTS = 4, 6
FACTOR = 1 - 1e-6


class Shrink(Univariate):
    """Probabilities drawn towards a half, as zuko does it."""

    domain = codomain = constraints.unit_interval
    num_params = 0

    def forward_and_ladj(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        return 0.5 + FACTOR * (x - 0.5), torch.full_like(x, math.log(FACTOR))

    def inverse_and_ladj(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        return 0.5 + (y - 0.5) / FACTOR, torch.full_like(y, -math.log(FACTOR))


def components(shift: Tensor, scale: Tensor) -> Tensor:
    r"""Write :math:`\Phi(e^a x + b)` as ours: location :math:`-b e^{-a}`, log-scale :math:`-a`, equal weights."""
    raw = 7 * torch.atanh(-scale / 7)
    return torch.cat((torch.zeros_like(shift), -shift * torch.exp(-scale), raw), -1)


def reflections(rotation: Tensor) -> Tensor:
    """Return Householder vectors, ``(D, D)``, whose product is the rotation; an even D needs all of them."""
    rest, vectors = rotation.clone(), torch.zeros_like(rotation)
    for k in range(len(rotation)):
        v = vectors[:, k]
        v[k:] = rest[k:, k]
        v[k] -= 1
        rest = rest - 2 * torch.outer(v, v @ rest) / v.square().sum()
    return vectors


@torch.no_grad()
def main() -> None:
    """Compare, and leave with a message where they disagree."""
    import zuko

    class Exact(zuko.transforms.GaussianizationTransform):
        def f(self, x: Tensor) -> Tensor:
            return torch.special.ndtri(torch.special.ndtr(x[..., None] * self.scale + self.shift).mean(-1))

    begin()
    mixture = MixtureNormalCDF(NUM_COMPONENTS)
    cases = {
        "halves": (zuko.transforms.GaussianizationTransform, Chain([mixture, Shrink(), NormalQuantile()])),
        "in one": (Exact, Normalized(mixture, NormalQuantile())),
    }
    for name, (family, univariate) in cases.items():
        peer = zuko.flows.GF(DIM, transforms=3, components=NUM_COMPONENTS)
        scatter(peer)
        layers = []
        for part in reversed(peer.transform.transforms):
            if isinstance(part, zuko.flows.gaussianization.ElementWiseTransform):
                part.univariate = functools.partial(family, eps=1e-10)
                layers.append(Elementwise(InverseUnivariate(univariate), DIM))
                layers[-1].params.copy_(components(*part.phi))
            else:
                layers.append(Orthogonal(DIM))
                layers[-1].vectors.copy_(reflections(part().R.mT))  # theirs goes to the base, ours to the data
        flow = over_standard_normal(layers, DIM)
        with torch.enable_grad():
            compare(
                f"zuko GF, {name}",
                flow,
                torch.randn(200, DIM),
                spread=0.5,  # zuko's factor lets no variable pass 4.9
                log_prob=lambda x, peer=peer: peer().log_prob(x),
                to_base=lambda x, peer=peer: peer().transform(x),
                to_data=lambda u, peer=peer: peer().transform.inv(u),
            )


if __name__ == "__main__":
    main()
