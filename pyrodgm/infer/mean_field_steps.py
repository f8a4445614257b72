"""The negative ELBO of independent normals over weights, with its gradient written out."""

import math

import torch
from torch import Tensor

from pyrodgm.infer.energy import Energy
from pyrodgm.infer.flat_weights import LOG_TWO_PI

MANY = 2**16  # weights from which on noise is reused
RENEWED = 8  # a share of one in so many of the noise is drawn anew
EVERY = 10  # steps between divergences of many weights


class Noise:
    """Standard normals for a vector of weights; each call gives what is exactly normal by itself.

    Many normals cost as much to draw as a network's pass. So of many weights a pool of twice as many is kept. Each call
    draws a part of it anew, and takes a stretch that begins anywhere: a weight gets other noise each time, which some
    other weight may have had a few calls before.

    Args:
        like: The vector.
    """

    def __init__(self, like: Tensor) -> None:
        self.num = len(like)
        self._pool = torch.empty_like(like) if self.num < MANY else like.new_empty(2 * self.num).normal_()
        self._renewed = 0

    def __call__(self) -> Tensor:
        """Return ``(num,)``, until the next call."""
        pool, num = self._pool, self.num
        if len(pool) == num:
            return pool.normal_()
        share = num // RENEWED
        pool[self._renewed : self._renewed + share].normal_()
        self._renewed = (self._renewed + share) % len(pool)
        begin = int(torch.randint(num + 1, ()))
        return pool[begin : begin + num]


class MeanFieldSteps:
    r"""Estimates :math:`E_q[-\log p(x \mid \theta)] + \mathrm{KL}(q \,\|\, p)` of :math:`q(u) = N(\mu, \sigma^2)`.

    Noise is drawn for every second draw, and mirrored for the one after: two in a row cancel the error that is odd in
    it, and what costs most is done half as often. A gaussian prior is integrated in closed form.

    Args:
        energy: The negative log-likelihood.
        initial_scale: Standard deviations at the start.
        num_particles: Draws a step.

    Attributes:
        loc: Means ``(num_weights,)``.
        log_scale: Logarithms of the standard deviations ``(num_weights,)``.
    """

    def __init__(self, energy: Energy, initial_scale: float, num_particles: int) -> None:
        self.energy, self.flat, self.num_particles = energy, energy.flat, num_particles
        self.loc = energy.u.clone()
        self.log_scale = torch.full_like(self.loc, math.log(initial_scale))
        self.loc.grad = self._by_loc = torch.zeros_like(self.loc)
        self.log_scale.grad = self._by_scale = torch.zeros_like(self.loc)
        self._scale = torch.empty_like(self.loc)
        self._noise, self._now, self._sign = Noise(self.loc), torch.empty(0), -1.0
        self._divergence: Tensor | None = None
        self._num_steps = 0

    def __call__(self) -> Tensor:
        """Return the negative ELBO in nats, and set the gradients of ``loc`` and ``log_scale``."""
        scale, by_loc, by_scale = self._scale, self._by_loc, self._by_scale
        torch.exp(self.log_scale, out=scale)
        loss = self._particle(first=True)
        for _ in range(self.num_particles - 1):
            loss = loss + self._particle(first=False)
        if self.num_particles > 1:
            loss = loss / self.num_particles
            by_loc.div_(self.num_particles)
            by_scale.div_(self.num_particles)
        gaussian = self.flat.gaussian
        if gaussian is not None and isinstance(gaussian.precision, float) and isinstance(gaussian.loc, float):
            by_loc.add_(self.loc, alpha=gaussian.precision)
            by_scale.add_(scale, alpha=gaussian.precision)
            if gaussian.loc:
                by_loc.sub_(gaussian.precision * gaussian.loc)
        elif gaussian is not None:
            by_loc.add_(gaussian.precision * (self.loc - gaussian.loc))
            by_scale.add_(gaussian.precision * scale)
        by_scale.mul_(scale).sub_(1.0)
        if self._divergence is None or len(scale) < MANY or self._num_steps % EVERY == 0:
            self._divergence = self._find_divergence()
        self._num_steps += 1
        return loss + self._divergence

    def _find_divergence(self) -> Tensor:
        """Return what is to be added to the mean energy."""
        entropy = self.log_scale.sum() + 0.5 * (1.0 + LOG_TWO_PI) * self.loc.numel()
        gaussian = self.flat.gaussian
        if gaussian is None:
            return -entropy
        if isinstance(gaussian.precision, float) and gaussian.loc == 0.0:
            squares = torch.dot(self.loc, self.loc) + torch.dot(self._scale, self._scale)
            return 0.5 * gaussian.precision * squares - gaussian.log_normalizer - entropy
        return -entropy - gaussian.expected(self.loc, self._scale.square())

    def _particle(self, *, first: bool) -> Tensor:
        """Return one draw's energy, and set or add its gradients by the location and by the scale."""
        energy, by_loc, by_scale = self.energy, self._by_loc, self._by_scale
        self._sign = -self._sign
        if self._sign > 0:
            self._now = self._noise()
        torch.addcmul(self.loc, self._scale, self._now, value=self._sign, out=energy.u)
        gradient = by_loc if first else energy.gradient
        loss = energy(gradient)
        if self.flat.gaussian is None:
            loss = loss + self.flat.add_prior(energy.u, gradient)
        if first:
            torch.mul(gradient, self._now, out=by_scale)
            if self._sign < 0:
                by_scale.neg_()
        else:
            by_loc.add_(gradient)
            by_scale.addcmul_(gradient, self._now, value=self._sign)
        return loss
