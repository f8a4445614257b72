"""All weights of a component as one vector of unconstrained numbers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor
from torch.distributions import Transform, biject_to

from pyrodgm.infer.bayesian import Bayesian
from pyrodgm.infer.weight_priors import is_real

LOG_TWO_PI = math.log(2.0 * math.pi)


@dataclass(frozen=True)
class Part:
    """Where a weight lies in the vector.

    Attributes:
        name: The parameter's name.
        shape: The parameter's shape.
        flat_shape: Shape of its unconstrained numbers.
        begin: First place.
        end: One past the last.
        transform: From unconstrained numbers to the weight; ``None`` where a weight may be any real number.
    """

    name: str
    shape: torch.Size
    flat_shape: torch.Size
    begin: int
    end: int
    transform: Transform | None


@dataclass(frozen=True)
class GaussianPrior:
    """Independent normals; what is equal for all weights is one number. A flat prior has a precision of 0.

    Attributes:
        loc: Means.
        precision: Reciprocal variances.
        log_normalizer: Log-density at the mean, of all weights.
    """

    loc: float | Tensor
    precision: float | Tensor
    log_normalizer: float

    def log_prob(self, u: Tensor) -> Tensor:
        """Return the log-density of ``(*batch, num_weights)`` in nats."""
        return self.log_normalizer - 0.5 * (self.precision * (u - self.loc).square()).sum(-1)

    def expected(self, loc: Tensor, variance: Tensor) -> Tensor:
        """Return the mean of the log-density under any distribution with these means and variances."""
        return self.log_normalizer - 0.5 * (self.precision * ((loc - self.loc).square() + variance)).sum()


class FlatWeights:
    """The layout: dicts of weights to vectors and back, and the prior of vectors.

    Args:
        bayesian: The component and its prior.

    Attributes:
        num_weights: Length of the vector.
        parts: Where each weight lies.
        gaussian: The prior, if all weights have independent normal or flat ones; else ``None``.
        is_proper: Whether the prior can be normalised.
    """

    def __init__(self, bayesian: Bayesian) -> None:
        self.priors = bayesian.weights.priors()
        self.parts: list[Part] = []
        place = 0
        for name, prior in self.priors.items():
            transform = None if is_real(prior) else biject_to(prior.support)
            flat_shape = prior.event_shape if transform is None else transform.inverse_shape(prior.event_shape)
            end = place + flat_shape.numel()
            self.parts.append(Part(name, prior.event_shape, torch.Size(flat_shape), place, end, transform))
            place = end
        self.num_weights = place
        self.is_real = all(part.transform is None for part in self.parts)
        self.is_proper = not any(isinstance(innermost(prior), dist.ImproperUniform) for prior in self.priors.values())
        self.gaussian = gaussian_prior(list(self.priors.values()))

    def vector(self, weights: Mapping[str, Tensor]) -> Tensor:
        """Return unconstrained numbers ``(*batch, num_weights)`` of weights ``(*batch, *shape)``."""
        flat = []
        for part in self.parts:
            value = weights[part.name]
            u = value if part.transform is None else part.transform.inv(value)
            flat.append(u.reshape(*value.shape[: value.dim() - len(part.shape)], part.end - part.begin))
        return torch.cat(flat, -1)

    def weights(self, u: Tensor) -> dict[str, Tensor]:
        """Return weights ``(*batch, *shape)`` of unconstrained numbers ``(*batch, num_weights)``."""
        return {
            part.name: value if part.transform is None else part.transform(value) for part, value in self._unpacked(u)
        }

    def log_jacobian(self, u: Tensor) -> Tensor:
        """Return the log-determinant of weights to unconstrained numbers, ``batch``."""
        total = u.new_zeros(u.shape[:-1])
        for part, value in self._unpacked(u):
            if part.transform is not None:
                ladj = part.transform.log_abs_det_jacobian(value, part.transform(value))
                total = total + ladj.reshape(*u.shape[:-1], -1).sum(-1)
        return total

    def log_prior(self, u: Tensor, *, jacobian: bool = True) -> Tensor:
        """Return the prior's log-density in nats, ``batch``: of the unconstrained numbers or of the weights.

        Args:
            u: ``(*batch, num_weights)``.
            jacobian: Whether it is a density of the unconstrained numbers.
        """
        if self.gaussian is not None:
            return self.gaussian.log_prob(u)
        weights = self.weights(u)
        total = torch.stack([prior.log_prob(weights[name]) for name, prior in self.priors.items()]).sum(0)
        return total + self.log_jacobian(u) if jacobian else total

    def add_prior(self, u: Tensor, gradient: Tensor, *, jacobian: bool = True) -> Tensor:
        """Return ``-log p(u)``, and add its gradient to ``gradient`` in place."""
        gaussian = self.gaussian
        if gaussian is None:
            with torch.enable_grad():
                leaf = u.detach().requires_grad_()
                value = -self.log_prior(leaf, jacobian=jacobian)
                gradient += torch.autograd.grad(value, leaf)[0]
            return value.detach()
        if isinstance(gaussian.precision, float) and gaussian.loc == 0.0:
            gradient.add_(u, alpha=gaussian.precision)
            return 0.5 * gaussian.precision * torch.dot(u, u) - gaussian.log_normalizer
        gradient += gaussian.precision * (u - gaussian.loc)
        return -gaussian.log_prob(u)

    def _unpacked(self, u: Tensor) -> list[tuple[Part, Tensor]]:
        batch = u.shape[:-1]
        return [(part, u[..., part.begin : part.end].reshape(batch + part.flat_shape)) for part in self.parts]


def gaussian_prior(priors: list[TorchDistribution]) -> GaussianPrior | None:
    """Return all priors as one, if they are independent normals or flat."""
    locs, precisions, log_normalizer = [], [], 0.0
    for prior in priors:
        one = innermost(prior)
        if isinstance(one, dist.Normal):
            loc, scale = (value.expand(prior.event_shape).reshape(-1) for value in (one.loc, one.scale))
            locs.append(loc)
            precisions.append(scale**-2)
            log_normalizer -= (scale.log() + 0.5 * LOG_TWO_PI).sum().item()
        elif isinstance(one, dist.ImproperUniform) and is_real(prior):
            zero = torch.zeros(())
            locs.append(zero.expand(prior.event_shape.numel()))
            precisions.append(zero.expand(prior.event_shape.numel()))
        else:
            return None
    device = max((loc.device for loc in locs), key=lambda device: device.type != "cpu")
    loc, precision = (torch.cat([value.to(device) for value in values]) for values in (locs, precisions))
    if bool((loc == loc[0]).all()) and bool((precision == precision[0]).all()):
        return GaussianPrior(loc[0].item(), precision[0].item(), log_normalizer)
    return GaussianPrior(loc, precision, log_normalizer)


def innermost(distribution: TorchDistribution) -> TorchDistribution:
    """Return what lies inside dimensions declared part of the event."""
    while isinstance(distribution, dist.Independent):
        distribution = distribution.base_dist
    return distribution
