"""Sound and grey values as real numbers, from the parameters of mixtures over levels."""

from collections.abc import Sequence

import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from pyrodgm.distributions.blurred_logistic import BlurredLogistic
from pyrodgm.distributions.components import component_of
from pyrodgm.heads.discretized_logistic_mixture import log_scale
from pyrodgm.heads.head import Head
from pyrodgm.heads.mixtures import check_components, spread


class RelaxedLogisticMixture(Head):
    r"""One real variable on the axis :math:`[-1, 1]` of :math:`L` levels: a mixture of blurred logistics.

    .. math:: p(x) = \frac{L - 1}{2} \sum_k \pi_k \left[\sigma\left(\tfrac{x + 1 / (L - 1) - \mu_k}{s_k}\right)
        - \sigma\left(\tfrac{x - 1 / (L - 1) - \mu_k}{s_k}\right)\right]

    The parameters are those of :class:`DiscretizedLogisticMixture` over one variable. At a level, the density times the
    width :math:`2 / (L - 1)` of a level is the level's probability, but at the first and the last, which have the tails
    besides. So it is the relaxation of a model over levels to the numbers between them that says of a level what the
    model says. The mixture of logistics without the blur would not: where one level is certain, its density has
    no bound.

    Args:
        num_components: Number :math:`K` of components.
        num_levels: Number :math:`L` of levels.

    Raises:
        ValueError: If there is no component, or fewer than two levels.

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> head = heads.RelaxedLogisticMixture(10, num_levels=256)
        >>> head.num_params, head(torch.zeros(5, 30)).log_prob(torch.linspace(-1, 1, 5)).shape
        (30, torch.Size([5]))
    """

    def __init__(self, num_components: int = 10, num_levels: int = 256) -> None:
        super().__init__()
        check_components(num_components)
        if num_levels < 2:
            raise ValueError(f"Expected num_levels of at least 2; got {num_levels}. One level needs no distribution.")
        self.num_components = num_components
        self.num_levels = num_levels

    @property
    def num_params(self) -> int:
        """Logits, locations and raw log-scales."""
        return 3 * self.num_components

    @property
    def noise_shape(self) -> torch.Size:
        """Uniforms for the component, the logistic variable and the blur."""
        return torch.Size((3,))

    def _parts(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, locations and log-scales, each ``(*batch, num_components)``."""
        params = params.to(torch.promote_types(params.dtype, torch.float32))
        logits, loc, raw = params.unflatten(-1, (3, self.num_components)).unbind(-2)
        return logits, loc + spread(self.num_components, params), log_scale(raw)

    def make(self, params: Tensor) -> TorchDistribution:
        """Make the distribution."""
        logits, loc, scale = self._parts(params)
        component = BlurredLogistic(loc, scale, 1 / (self.num_levels - 1))
        return dist.MixtureSameFamily(dist.Categorical(logits=logits), component)

    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw uniforms."""
        return torch.rand((*shape, *self.noise_shape), dtype=dtype, device=device)

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Pick a component by the first uniform; turn the others into a draw of it."""
        uniforms, logistic, blur = noise.unbind(-1)
        logits, loc, scale = self._parts(params)
        index = component_of(uniforms, logits).unsqueeze(-1)
        shape = (*index.shape[:-1], self.num_components)
        loc, scale = (t.expand(shape).gather(-1, index).squeeze(-1) for t in (loc, scale))
        chosen = BlurredLogistic(loc, scale, 1 / (self.num_levels - 1), validate_args=False)
        return chosen.from_uniforms(logistic, blur)

    def __repr__(self) -> str:
        return f"RelaxedLogisticMixture({self.num_components}, num_levels={self.num_levels})"
