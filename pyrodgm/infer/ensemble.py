"""Several modes, each found from another start."""

import copy
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pyrodgm.infer.bayesian import Bayesian
from pyrodgm.infer.flat_weights import FlatWeights
from pyrodgm.infer.map_estimate import find_mode
from pyrodgm.infer.posterior import Posterior


class Ensemble(Posterior):
    """A posterior of a few points of equal weight, made by :func:`ensemble`.

    Attributes:
        members: Unconstrained weights ``(num_members, num_weights)``; the first has the smallest loss.
    """

    has_density = False

    def __init__(self, bayesian: Bayesian, members: Tensor) -> None:
        super().__init__(bayesian)
        self.members = members

    def draw_flat(self, num: int) -> Tensor:
        """Draw members, ``(num, num_weights)``."""
        return self.members[torch.randint(len(self.members), (num,), device=self.members.device)]

    def point_flat(self) -> Tensor:
        """Return the best member."""
        return self.members[0]

    def representatives(self, num: int) -> dict[str, Tensor]:
        """Return each member once."""
        return self.flat.weights(self.members)


def ensemble(
    bayesian: Bayesian,
    x: Tensor,
    context: Tensor | None = None,
    *,
    num_members: int = 5,
    num_steps: int = 2000,
    lr: float = 1e-2,
    batch_size: int | None = None,
    build: Callable[[], nn.Module] | None = None,
) -> Ensemble:
    r"""A deep ensemble: MAP estimates from different starts, whose *densities* are averaged.

    No posterior in the strict sense, but cheap, and of several modes.

    Args:
        bayesian: The component and its prior.
        x: ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        num_members: Number of estimates. The first starts at the component's own parameters.
        num_steps: Number of steps of Adam for each.
        lr: Its step size at the start; it falls along a cosine to zero.
        batch_size: Rows a step, whose log-likelihoods are scaled up to all rows; ``None`` takes all.
        build: Makes the component anew, with parameters at random, where another member starts. By default the entries
            of each of torch's layers are permuted at random, which leaves a random start as random as it was.

    Returns:
        The members; ``losses`` are the best one's.

    Raises:
        ValueError: If data or a number are not as expected, or no other start is known.
        FloatingPointError: If a loss or a gradient is not finite.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, infer
        >>> bayes = infer.bayesian(flows.realnvp(2, num_layers=2, hidden_dims=(4,)), 1.0)
        >>> infer.ensemble(bayes, torch.randn(20, 2), num_members=3, num_steps=2).members.shape[0]
        3

    References:
        Lakshminarayanan, Pritzel, Blundell (2017), Simple and Scalable Predictive Uncertainty Estimation using Deep
        Ensembles, https://arxiv.org/abs/1612.01474
    """
    if num_members < 1:
        raise ValueError(f"Expected num_members of at least 1; got {num_members}.")
    begin = time.perf_counter()
    flat = FlatWeights(bayesian)
    fits = []
    for member in range(num_members):
        start = None if member == 0 else another_start(bayesian, flat, build)
        fits.append(
            find_mode(bayesian, flat, x, context, num_steps=num_steps, lr=lr, batch_size=batch_size, start=start)
        )
    fits.sort(key=lambda fit: fit[1][-1])
    posterior = Ensemble(bayesian, torch.stack([mode for mode, _ in fits]))
    posterior.losses, posterior.seconds = fits[0][1], time.perf_counter() - begin
    return posterior


@torch.no_grad()
def another_start(bayesian: Bayesian, flat: FlatWeights, build: Callable[[], nn.Module] | None) -> Tensor:
    """Return unconstrained weights at random.

    Raises:
        ValueError: If what is built has other parameters, or nothing can be permuted.
    """
    if build is not None:
        parameters = dict(build().named_parameters())
        missing = [
            part.name for part in flat.parts if part.name not in parameters or parameters[part.name].shape != part.shape
        ]
        if missing:
            raise ValueError(
                f"Expected build() to make the component anew; it has no {missing[0]!r} of the same shape. "
                "Return a component of the same class and sizes."
            )
        return flat.vector({part.name: parameters[part.name].detach() for part in flat.parts})
    module = copy.deepcopy(bayesian.module)
    permuted = 0
    for part in module.modules():
        if callable(getattr(part, "reset_parameters", None)):  # it starts at random, entry by entry
            for parameter in part.parameters(recurse=False):
                values = parameter.flatten()
                parameter.copy_(values[torch.randperm(len(values), device=values.device)].view_as(parameter))
                permuted += 1
    if not permuted:
        raise ValueError(
            f"Expected layers that start at random; {type(bayesian.module).__name__} has none that torch knows. "
            "Pass build=, which makes the component anew."
        )
    return flat.vector({part.name: module.get_parameter(part.name) for part in flat.parts})
