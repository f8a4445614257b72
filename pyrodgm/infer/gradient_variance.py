"""How noisy the gradients of objectives are, on the same model and data."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from pyrodgm.infer.reparameterized_elbo import ReparameterizedELBO
from pyrodgm.infer.score_function_elbo import ScoreFunctionELBO

NUM_PARTICLES = 2  # of the default objectives: as few as leaving one out allows


@dataclass(frozen=True)
class GradientMoments:
    r"""Mean and variance of an estimator of a gradient with respect to the guide's parameters.

    Attributes:
        mean: Average of the draws, ``(num_parameters,)``.
        variance: Variance of one draw, ``(num_parameters,)``.
        num_samples: Number of draws.
    """

    mean: Tensor
    variance: Tensor
    num_samples: int

    @property
    def norm(self) -> float:
        """Norm of the mean gradient."""
        return self.mean.norm().item()

    @property
    def total_variance(self) -> float:
        """Variance of one draw, summed over the parameters."""
        return self.variance.sum().item()

    @property
    def standard_error(self) -> float:
        """How far the mean gradient is from the true one, a norm: a smaller ``norm`` says nothing."""
        return math.sqrt(self.total_variance / self.num_samples)

    @property
    def signal_to_noise(self) -> float:
        """Norm of the mean over the root of the total variance."""
        return self.norm / math.sqrt(self.total_variance) if self.total_variance else math.inf


@dataclass(frozen=True)
class GradientVariance:
    """Estimators of a gradient, side by side; printed, a table.

    Attributes:
        estimators: The moments of each, by name.
    """

    estimators: dict[str, GradientMoments]

    def __getitem__(self, name: str) -> GradientMoments:
        """Return the moments of one estimator."""
        return self.estimators[name]

    def __str__(self) -> str:
        width = max(len(name) for name in self.estimators)
        lines = [f"{'':{width}}  norm of mean  standard error  total variance  signal to noise"]
        lines += [
            f"{name:{width}}  {found.norm:12.4g}  {found.standard_error:14.2g}  {found.total_variance:14.4g}  "
            f"{found.signal_to_noise:15.3g}"
            for name, found in self.estimators.items()
        ]
        return "\n".join(lines)


def gradient_variance(
    model: Callable[..., Any],
    guide: nn.Module,
    x: Tensor,
    context: Tensor | None = None,
    *,
    objectives: Mapping[str, Any] | None = None,
    num_samples: int = 100,
) -> GradientVariance:
    r"""Draw the gradient of objectives with respect to the guide's parameters, and measure its noise.

    By default the same bound by four estimators, of two draws a datum each: reparameterized, and by scores without a
    baseline, with a running average and with the other draw's. All have one expectation; what differs is how many draws
    it takes to see it.

    Args:
        model: Program of the joint density.
        guide: Program of the posterior, with parameters.
        x: Data, ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        objectives: Objectives by name, each with a ``differentiable_loss(model, guide, *args)``, ours or Pyro's.
        num_samples: Number of gradients to draw of each.

    Returns:
        Norms, variances and signal-to-noise ratios, of the gradient of the loss of all rows together.

    Raises:
        ValueError: If there are fewer than two draws, no objectives, or no parameters to differentiate by.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> vae = models.vae(64, 8, hidden_dims=(32,))
        >>> found = infer.gradient_variance(vae.model, vae.guide, torch.rand(5, 64).round(), num_samples=3)
        >>> found["reparameterized"].variance.shape
        torch.Size([2608])

    References:
        Rainforth et al. (2018), Tighter Variational Bounds are Not Necessarily Better, section 3 (signal to noise),
        https://arxiv.org/abs/1802.04537;
        Mohamed, Rosca, Figurnov, Mnih (2020), Monte Carlo Gradient Estimation in Machine Learning,
        https://arxiv.org/abs/1906.10652
    """
    if num_samples < 2:
        raise ValueError(f"Expected num_samples of at least 2; got {num_samples}. A variance takes two.")
    parameters = [parameter for parameter in guide.parameters() if parameter.requires_grad]
    if not parameters:
        raise ValueError(f"Expected a guide with parameters to train; {type(guide).__name__} has none.")
    if objectives is None:
        objectives = {
            "reparameterized": ReparameterizedELBO(NUM_PARTICLES),
            "score function": ScoreFunctionELBO(NUM_PARTICLES),
            "score function, average": ScoreFunctionELBO(NUM_PARTICLES, baseline="average"),
            "score function, leave one out": ScoreFunctionELBO(NUM_PARTICLES, baseline="leave_one_out"),
        }
    if not objectives:
        raise ValueError("Expected at least one objective; got none. Leave objectives out for the usual ones.")
    args = (x,) if context is None else (x, context)
    found = {}
    for name, objective in objectives.items():

        def draw(objective: Any = objective) -> Tensor:
            return flat_gradient(objective.differentiable_loss(model, guide, *args), parameters)

        draw()  # a running average starts here
        found[name] = moments(draw, num_samples)
    return GradientVariance(found)


def flat_gradient(loss: Tensor, parameters: list[nn.Parameter]) -> Tensor:
    """Return the gradient in one row, float64; where the loss does not depend on a parameter, 0."""
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    parts = [torch.zeros_like(p) if g is None else g for p, g in zip(parameters, gradients, strict=True)]
    return torch.cat([part.flatten() for part in parts]).double()


def moments(draw: Callable[[], Tensor], num_samples: int) -> GradientMoments:
    """Return mean and variance of draws, one in memory at a time."""
    mean = draw()
    squares = torch.zeros_like(mean)
    for num in range(2, num_samples + 1):
        value = draw()
        difference = value - mean
        mean = mean + difference / num
        squares = squares + difference * (value - mean)
    return GradientMoments(mean, squares / (num_samples - 1), num_samples)
