"""Chains that walk along a path of densities by Hamiltonian Monte Carlo."""

import math
from itertools import pairwise

import pyro
import torch
from torch import Tensor

from pyrodgm.infer.annealed_path import Path, Values

PILOTS = 4  # chains that set the step sizes, and do not count
ACCEPTANCE = 0.65  # share of accepted transitions that step sizes aim at
RATE = 0.2  # by which a step size follows what was accepted
JITTER = 0.2  # share by which step sizes vary at random, lest a trajectory return to where it began


class Chains:
    """Chains along a path, all data and all chains at once.

    The first few are pilots: what is accepted of them sets the step size of each datum for all. The others take it as
    given, and so have weights without bias.

    Args:
        path: The densities.
        num: Number of chains a datum, beside the pilots.
        num_leapfrog: Number of gradient steps of a transition.
        step_size: Length of these at first.
    """

    def __init__(self, path: Path, num: int, num_leapfrog: int, step_size: float) -> None:
        self.path = path
        self.num_leapfrog = num_leapfrog
        self.values = path.draw(PILOTS + num)
        with torch.no_grad():
            self.start, self.slope = path.score(self.values)
        self.log_step = torch.full_like(self.start[0], math.log(step_size))

    def walk(self, betas: list[float]) -> Tensor:
        """Walk from the first of ``betas`` to the last, and return the log-weights, ``(num, num_rows)``."""
        log_weights = torch.zeros_like(self.slope)
        for before, beta in pairwise(betas):
            log_weights = log_weights + (beta - before) * self.slope
            if beta < betas[-1]:
                self.transition(beta)
        return log_weights[PILOTS:]

    def transition(self, beta: float) -> Tensor:
        """Move by Hamiltonian Monte Carlo, and return the probabilities of acceptance, ``(num, num_rows)``.

        Args:
            beta: Where on the path.
        """
        step = self.log_step.exp() * (1 + JITTER * (2 * torch.rand_like(self.start) - 1))
        values = self.values
        momenta = {name: torch.randn_like(value) for name, value in values.items()}
        energy = kinetic(momenta) - (self.start + beta * self.slope)
        with pyro.validation_enabled(False):  # too long a step may end at infinity, and is refused
            start, slope, gradients = self.path.gradient(values, beta)
            for _ in range(self.num_leapfrog):
                momenta = moved(momenta, gradients, 0.5 * step)
                values = moved(values, momenta, step)
                start, slope, gradients = self.path.gradient(values, beta)
                momenta = moved(momenta, gradients, 0.5 * step)
        log_ratio = energy - kinetic(momenta) + (start + beta * slope)
        probability = log_ratio.nan_to_num(nan=-math.inf).clamp(max=0.0).exp()
        accept = torch.rand_like(probability) < probability
        self.values = {
            name: torch.where(match(accept, value), value, self.values[name]) for name, value in values.items()
        }
        self.start, self.slope = torch.where(accept, start, self.start), torch.where(accept, slope, self.slope)
        self.log_step = self.log_step + RATE * (probability[:PILOTS].mean(0) - ACCEPTANCE)
        return probability[PILOTS:]


def kinetic(momenta: Values) -> Tensor:
    """Return the kinetic energy, ``(num_chains, num_rows)``."""
    parts = [0.5 * momentum.square().reshape(*momentum.shape[:2], -1).sum(2) for momentum in momenta.values()]
    return torch.stack(parts).sum(0)


def moved(values: Values, directions: Values, step: Tensor) -> Values:
    """Return values moved along directions by ``(num_chains, num_rows)`` step sizes."""
    return {name: value + match(step, value) * directions[name] for name, value in values.items()}


def match(numbers: Tensor, value: Tensor) -> Tensor:
    """Give ``(num_chains, num_rows)`` as many dimensions at the end as a value has."""
    return numbers.reshape(*numbers.shape, *[1] * (value.dim() - numbers.dim()))
