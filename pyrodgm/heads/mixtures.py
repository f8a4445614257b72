"""Real variables, each a mixture of components with a location and a scale."""

from abc import abstractmethod
from collections.abc import Sequence

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from pyrodgm.distributions.components import component_of
from pyrodgm.heads.head import Head
from pyrodgm.heads.normal import UNIT_SCALE


class LocationScaleMixture(Head):
    r"""Independent mixtures :math:`\sum_k \pi_{ik}\, G\left(\frac{x_i - \mu_{ik}}{s_{ik}}\right)`.

    The parameters are, in this order, ``num_components`` logits a variable, as many locations and as many raw scales,
    softplus of which is the scale. Zero parameters mean scales of one and locations spread evenly over
    :math:`[-1, 1]`: components that were alike would get like gradients and stay so.

    Args:
        num_components: Number of components.
        event_shape: Shape of one draw.
        min_scale: The least scale.

    Raises:
        ValueError: If there is no component.
    """

    def __init__(self, num_components: int, event_shape: int | Sequence[int] = (), *, min_scale: float = 1e-4) -> None:
        super().__init__(event_shape)
        check_components(num_components)
        self.num_components = num_components
        self.min_scale = min_scale

    @abstractmethod
    def component(self, loc: Tensor, scale: Tensor) -> TorchDistribution:
        """Return the components as distributions."""

    @abstractmethod
    def standard_noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw from the component with location zero and scale one."""

    @property
    def num_params(self) -> int:
        """Logits, locations and raw scales."""
        return 3 * self.num_components * self.num_variables

    @property
    def noise_shape(self) -> torch.Size:
        """Uniforms for the components, then standard noise for the values."""
        return torch.Size((2, *self.event_shape))

    def _parts(self, params: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, locations and scales, each ``(*batch, *event_shape, num_components)``."""
        kinds = self.split(params, 3 * self.num_components).movedim(-1 - self.event_dim, -1)
        logits, loc, raw = kinds.split(self.num_components, -1)
        return logits, loc + spread(self.num_components, params), F.softplus(raw + UNIT_SCALE) + self.min_scale

    def make(self, params: Tensor) -> TorchDistribution:
        """Make the distribution."""
        logits, loc, scale = self._parts(params)
        mixture = dist.MixtureSameFamily(dist.Categorical(logits=logits), self.component(loc, scale))
        return mixture.to_event(self.event_dim)

    def noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw uniforms and standard noise."""
        shape = (*shape, *self.event_shape)
        uniforms = torch.rand(shape, dtype=dtype, device=device)
        return torch.stack((uniforms, self.standard_noise(shape, dtype=dtype, device=device)), -1 - self.event_dim)

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Pick components by the uniforms; return location plus scale times noise."""
        uniforms, standard = noise.unbind(-1 - self.event_dim)
        logits, loc, scale = self._parts(params)
        index = component_of(uniforms, logits).unsqueeze(-1)
        shape = (*index.shape[:-1], self.num_components)
        loc, scale = (t.expand(shape).gather(-1, index).squeeze(-1) for t in (loc, scale))
        return loc + scale * standard

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.num_components}, event_shape={tuple(self.event_shape)})"


class MixtureNormal(LocationScaleMixture):
    """Independent mixtures of normals; see :class:`LocationScaleMixture` for the parameters.

    Args:
        num_components: Number of components.
        event_shape: Shape of one draw.
        min_scale: The least scale.

    Raises:
        ValueError: If there is no component.

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> heads.MixtureNormal(5, 8)(torch.zeros(7, 120)).sample().shape
        torch.Size([7, 8])

    References:
        Uria, Murray, Larochelle (2013), RNADE, section 3, https://arxiv.org/abs/1306.0186
    """

    def component(self, loc: Tensor, scale: Tensor) -> TorchDistribution:
        """Return normals."""
        return dist.Normal(loc, scale)

    def standard_noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw standard normals."""
        return torch.randn(shape, dtype=dtype, device=device)


class MixtureLaplace(LocationScaleMixture):
    """Independent mixtures of Laplace variables; see :class:`LocationScaleMixture` for the parameters.

    Args:
        num_components: Number of components.
        event_shape: Shape of one draw.
        min_scale: The least scale.

    Raises:
        ValueError: If there is no component.

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> heads.MixtureLaplace(5, 8)(torch.zeros(7, 120)).sample().shape
        torch.Size([7, 8])

    References:
        Uria, Murray, Larochelle (2013), RNADE, section 3, https://arxiv.org/abs/1306.0186
    """

    def component(self, loc: Tensor, scale: Tensor) -> TorchDistribution:
        """Return Laplace variables."""
        return dist.Laplace(loc, scale)

    def standard_noise(
        self, shape: Sequence[int], *, dtype: torch.dtype | None = None, device: torch.device | None = None
    ) -> Tensor:
        """Draw standard Laplace variables, each the difference of two exponential ones."""
        pair = torch.empty(2, *shape, dtype=dtype, device=device).exponential_()
        return pair[0] - pair[1]


def spread(num_components: int, like: Tensor) -> Tensor:
    """Return the middles of as many equal parts of [-1, 1]."""
    index = torch.arange(num_components, dtype=like.dtype, device=like.device)
    return (2 * index + 1) / num_components - 1


def check_components(num_components: int) -> None:
    """Refuse a mixture of nothing.

    Raises:
        ValueError: If the number is below one.
    """
    if num_components < 1:
        raise ValueError(f"Expected num_components of at least 1; got {num_components}. A mixture has components.")
