"""Draws of the exact posterior, by Hamiltonian Monte Carlo."""

import time

import torch
from pyro.infer import MCMC, NUTS
from pyro.ops.stats import effective_sample_size, split_gelman_rubin
from torch import Tensor

from pyrodgm.infer.bayesian import Bayesian
from pyrodgm.infer.energy import Energy
from pyrodgm.infer.flat_weights import FlatWeights
from pyrodgm.infer.posterior import Posterior

SPREAD = 0.5  # standard deviation of the starts of further chains
ATTEMPTS = 20


class NUTSPosterior(Posterior):
    """Draws of Markov chains, made by :func:`nuts`.

    Attributes:
        samples: Unconstrained weights ``(num_chains, num_samples, num_weights)``.
        log_joint: ``log p(x, u)`` of each, ``(num_chains, num_samples)``, in nats.
        num_divergences: Draws at which the integrator lost the energy; any is a reason for doubt.
    """

    has_density = False

    def __init__(self, bayesian: Bayesian, samples: Tensor, log_joint: Tensor, num_divergences: int) -> None:
        super().__init__(bayesian)
        self.samples, self.log_joint, self.num_divergences = samples, log_joint, num_divergences

    def draw_flat(self, num: int) -> Tensor:
        """Return draws of the chains, spread evenly over them; repeated where there are not as many."""
        merged = self.samples.flatten(0, 1)
        if num <= len(merged):
            return merged[torch.arange(num, device=merged.device) * len(merged) // num]
        return merged[torch.arange(num, device=merged.device) % len(merged)]

    def representatives(self, num: int) -> dict[str, Tensor]:
        """Return draws, none of them twice."""
        return self.draw(min(num, self.log_joint.numel()))

    def point_flat(self) -> Tensor:
        """Return the draw of the largest density."""
        return self.samples.flatten(0, 1)[self.log_joint.flatten().argmax()]

    def draws_by_chain(self, num: int) -> dict[str, Tensor]:
        """Return the last draws of each chain, ``(num_chains, num_draws, *shape)`` of each weight."""
        each = max(1, min(num // len(self.samples), self.samples.shape[1]))
        return self.flat.weights(self.samples[:, -each:])

    def r_hat(self) -> dict[str, Tensor]:
        """Return the split potential scale reduction of each weight; near 1 where chains agree."""
        return self._by_weight(split_gelman_rubin)

    def effective_sample_size(self) -> dict[str, Tensor]:
        """Return how many independent draws each weight's draws are worth."""
        return self._by_weight(effective_sample_size)

    def _by_weight(self, statistic: object) -> dict[str, Tensor]:
        return {
            name: statistic(value, chain_dim=0, sample_dim=1)  # type: ignore[operator]
            for name, value in self.flat.weights(self.samples).items()
        }


def nuts(
    bayesian: Bayesian,
    x: Tensor,
    context: Tensor | None = None,
    *,
    num_samples: int = 1000,
    num_warmup: int = 500,
    num_chains: int = 1,
    max_tree_depth: int = 10,
    progress: bool = True,
) -> NUTSPosterior:
    r"""The No-U-Turn sampler: draws of :math:`p(\theta \mid x)` itself, by Pyro, for small components.

    Each draw takes up to :math:`2^{\text{max\_tree\_depth}}` gradients over all data. Chains run one after the other;
    the first starts at the component's own parameters, each other near them.

    Args:
        bayesian: The component and its prior.
        x: ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        num_samples: Draws of each chain.
        num_warmup: Steps before, in which step size and mass matrix adapt.
        num_chains: Number of chains.
        max_tree_depth: Bounds the gradients of a draw.
        progress: Whether Pyro shows its bar.

    Returns:
        The draws, with ``r_hat()``, ``effective_sample_size()`` and ``num_divergences``.

    Raises:
        ValueError: If data or a number are not as expected.
        FloatingPointError: If the density is not finite where a chain starts.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, infer
        >>> bayes = infer.bayesian(flows.realnvp(2, num_layers=2, hidden_dims=(4,)), 1.0)
        >>> posterior = infer.nuts(bayes, torch.randn(20, 2), num_samples=4, num_warmup=1, progress=False)
        >>> posterior.samples.shape[:2]
        torch.Size([1, 4])

    References:
        Hoffman, Gelman (2014), The No-U-Turn Sampler, https://arxiv.org/abs/1111.4246
    """
    if num_samples < 4:  # the diagnostics split each chain
        raise ValueError(f"Expected num_samples of at least 4; got {num_samples}. Give how many draws to keep.")
    if num_chains < 1 or max_tree_depth < 1:
        raise ValueError(
            f"Expected num_chains and max_tree_depth of at least 1; got {num_chains} and {max_tree_depth}."
        )
    start = time.perf_counter()
    flat = FlatWeights(bayesian)
    samples, scores, num_divergences = [], [], 0
    with Energy(bayesian, flat, x, context) as energy:
        potential = Potential(energy)
        own = energy.u.clone()
        for chain in range(num_chains):
            sampler = MCMC(
                NUTS(potential_fn=potential, max_tree_depth=max_tree_depth),
                num_samples=num_samples,
                warmup_steps=num_warmup,
                initial_params={"u": starting_point(potential, own, spread=SPREAD if chain else 0.0)},
                disable_progbar=not progress,
            )
            sampler.run()
            samples.append(sampler.get_samples()["u"].detach())
            num_divergences += sum(map(len, sampler.diagnostics()["divergences"].values()))
            scores.append(torch.stack([-potential({"u": u}).detach() for u in samples[-1]]))
    posterior = NUTSPosterior(bayesian, torch.stack(samples), torch.stack(scores), num_divergences)
    posterior.seconds = time.perf_counter() - start
    return posterior


class Potential:
    """``-log p(x, u)`` as Pyro's sampler takes it, with the gradient that came with the value.

    Args:
        energy: The negative log-likelihood.
    """

    def __init__(self, energy: Energy) -> None:
        self.energy = energy

    def __call__(self, params: dict[str, Tensor]) -> Tensor:
        """Return the potential energy in nats; ``params["u"]`` are the unconstrained weights."""
        u, energy = params["u"], self.energy
        with torch.no_grad():
            energy.u.copy_(u)
            value = energy()
            value = value + energy.flat.add_prior(energy.u, energy.gradient)
            gradient = energy.gradient.clone()
        return value + torch.dot(u - u.detach(), gradient)  # 0, whose gradient is the known one


def starting_point(potential: Potential, own: Tensor, *, spread: float) -> Tensor:
    """Return where a chain starts: near the component's own weights, where the density is finite.

    Raises:
        FloatingPointError: If there is no such point.
    """
    for attempt in range(ATTEMPTS):
        u = own + spread * 0.5**attempt * torch.randn_like(own)
        if potential({"u": u}).isfinite():
            return u
    raise FloatingPointError(
        "Expected a finite density where a chain starts; got none near the component's own weights. "
        "Scale the data, or set the weights first, by map_estimate say."
    )
