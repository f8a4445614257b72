"""The distribution function of a mixture, as a bijection."""

import math
from abc import abstractmethod

import torch
from torch import Tensor
from torch.distributions import constraints
from torch.nn.functional import logsigmoid

from pyrodgm.transforms.bounded import bounded, unbounded
from pyrodgm.transforms.root import solve_increasing
from pyrodgm.transforms.univariate.base import Univariate, check_columns
from pyrodgm.transforms.univariate.checks import check_inside, clamp_inside, smallest_probability
from pyrodgm.transforms.univariate.mixture_em import refine_mixtures
from pyrodgm.transforms.univariate.normal_quantile import LOG_SQRT_TAU

Tails = tuple[Tensor, Tensor, Tensor]

BANDWIDTH = 0.5  # of a component set from data, in distances to its neighbours


class MixtureCDF(Univariate):
    r""":math:`y = F(x) = \sum_k \pi_k G\left(\frac{x - \mu_k}{s_k}\right)` from the line to :math:`(0, 1)`.

    The parameters are, in this order, ``num_components`` logits of the weights :math:`\pi`, as many locations
    :math:`\mu`, and as many raw log-scales :math:`a` with :math:`\log s = b \tanh(a / b)`, so that no scale leaves
    :math:`[e^{-b}, e^b]`. With all zero it is :math:`G`. The inverse is found by Newton's steps inside a bracket, on
    the scale of the log-odds, with the implicit function's gradients (of first order). Where :math:`F` rounds to 0 or 1
    it is kept a little inside, and what :math:`x` was is lost: :class:`~pyrodgm.transforms.Normalized`
    goes on from both tails instead. Subclasses give the component :math:`G`, symmetric about 0.

    Args:
        num_components: Number :math:`K` of components.
        max_log_scale: The bound :math:`b`.

    Raises:
        ValueError: If ``num_components`` is not a positive integer or the bound is not positive; from
            ``inverse_and_ladj``, if a value is not inside (0, 1) while validation is on, or if the search does not
            converge.
    """

    def __init__(self, num_components: int, *, max_log_scale: float = 7.0) -> None:
        if isinstance(num_components, bool) or not isinstance(num_components, int) or num_components < 1:
            raise ValueError(
                f"Expected num_components to be an integer of at least 1; got {num_components!r}. "
                "Give the number of components of the mixture."
            )
        if not max_log_scale > 0:
            raise ValueError(f"Expected max_log_scale > 0; got {max_log_scale}. Give the bound of the log-scale.")
        self.num_components = num_components
        self.max_log_scale = float(max_log_scale)

    @property
    def codomain(self) -> constraints.Constraint:
        """Probabilities."""
        return constraints.unit_interval

    @property
    def num_params(self) -> int:
        """Logits, locations and raw log-scales."""
        return 3 * self.num_components

    @property
    @abstractmethod
    def component_std(self) -> float:
        """Standard deviation of the standard component."""

    @abstractmethod
    def component(self, z: Tensor) -> Tails:
        """Return distribution function, survival function and density of the standard component."""

    @abstractmethod
    def log_survival(self, z: Tensor) -> Tensor:
        """Return its log-survival function, exact in both tails; that of ``-z`` is the log-distribution function."""

    @abstractmethod
    def log_hazard(self, z: Tensor) -> Tensor:
        """Return its log-hazard, density over survival function, exact in both tails."""

    def log_density(self, z: Tensor) -> Tensor:
        """Return its log-density."""
        return self.log_survival(z) + self.log_hazard(z)

    @abstractmethod
    def component_quantile(self, u: Tensor) -> Tensor:
        """Return the standard component's quantile of probabilities inside (0, 1)."""

    def parts(self, params: Tensor) -> Tails:
        """Return log-weights, locations and log-scales of the components, each ``(*batch, K, D)`` or ``(K, 1)``."""
        # Networks lay parameters out kind by kind and hand over a transposed view: undone, everything is contiguous.
        planes = params.mT if params.dim() > 1 else params.unsqueeze(-1)
        logits, locations, raw = planes.split(self.num_components, -2)
        return logits.log_softmax(-2), locations, bounded(raw, self.max_log_scale)

    def tails(self, x: Tensor, params: Tensor) -> Tails:
        r"""Return :math:`\log F`, :math:`\log(1 - F)` and the log-density at ``x``, in nats, exact in both tails.

        Args:
            x: ``(*shape)``.
            params: ``(*shape, num_params)``, or broadcastable to it.
        """
        log_cdf, log_sf, log_hazard = self.tails_and_hazard(x, params)
        return log_cdf, log_sf, log_hazard + torch.minimum(log_cdf, log_sf)

    def tails_and_hazard(self, x: Tensor, params: Tensor) -> Tails:
        r"""Return :math:`\log F`, :math:`\log(1 - F)` and :math:`\log(f / \min(F, 1 - F))` at ``x``.

        The density relative to the smaller tail keeps its digits where both are far below one. Sums of probabilities
        are exact until they underflow, and several times faster than sums of their logarithms: the latter are taken
        for the few values that lie so far out. A graph that is compiled takes them for all.

        Args:
            x: ``(*shape)``.
            params: ``(*shape, num_params)``, or broadcastable to it.
        """
        log_weights, locations, log_scales = self.parts(params)
        z = (x.unsqueeze(-2) if x.dim() else x) - locations
        inverse_scales = (-log_scales).exp()
        z = z * inverse_scales  # (*batch, K, D)
        if torch.compiler.is_compiling() or torch.jit.is_tracing():
            tails = self._of_logs(z, log_weights, log_scales, -2)
        else:
            tails = self._of_sums(z, log_weights, log_scales, inverse_scales)
        return tails if x.dim() or params.dim() > 1 else (tails[0][0], tails[1][0], tails[2][0])

    def _of_logs(self, z: Tensor, log_weights: Tensor, log_scales: Tensor, dim: int) -> Tails:
        log_cdfs, log_sfs = log_weights + self.log_survival(-z), log_weights + self.log_survival(z)
        log_cdf, log_sf = _shifted_logsumexp(log_cdfs, dim), _shifted_logsumexp(log_sfs, dim)
        is_upper = (log_sf < log_cdf).unsqueeze(dim)
        shares = torch.where(is_upper, log_sfs, log_cdfs).log_softmax(dim)
        log_hazards = self.log_hazard(torch.where(is_upper, z, -z)) - log_scales
        return log_cdf, log_sf, (shares + log_hazards).logsumexp(dim)

    def _of_sums(self, z: Tensor, log_weights: Tensor, log_scales: Tensor, inverse_scales: Tensor) -> Tails:
        weights = log_weights.exp()
        cdfs, sfs, densities = self.component(z)
        cdf, sf = (weights * cdfs).sum(-2), (weights * sfs).sum(-2)
        density = (weights * inverse_scales * densities).sum(-2)
        least = smallest_probability(z.dtype)  # what underflows within a larger sum is below its rounding
        is_upper = sf < cdf
        tail = torch.where(is_upper, sf, cdf)
        log_tail, log_rest = tail.clamp_min(least).log(), (-tail).log1p()
        log_cdf, log_sf = torch.where(is_upper, log_rest, log_tail), torch.where(is_upper, log_tail, log_rest)
        log_hazard = density.clamp_min(least).log() - log_tail
        is_far = torch.minimum(tail, density) < least
        if not is_far.any():
            return log_cdf, log_sf, log_hazard
        there = [t.expand_as(z).movedim(-2, -1)[is_far] for t in (z, log_weights, log_scales)]
        far = self._of_logs(there[0], there[1], there[2], -1)
        return (
            log_cdf.masked_scatter(is_far, far[0]),
            log_sf.masked_scatter(is_far, far[1]),
            log_hazard.masked_scatter(is_far, far[2]),
        )

    def bracket(self, standard: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        r"""Return the least and the greatest :math:`\mu_k + s_k q`: the root lies between them.

        Args:
            standard: The standard component's quantile :math:`q`, ``(*shape)``.
            params: ``(*shape, num_params)``, or broadcastable to it.
        """
        _, locations, log_scales = self.parts(params)
        ends = locations + log_scales.exp() * (standard.unsqueeze(-2) if standard.dim() else standard)
        low, high = ends.aminmax(dim=-2)
        return (low, high) if standard.dim() or params.dim() > 1 else (low[0], high[0])

    def forward_and_ladj(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Return the probability and the log-density."""
        log_cdf, _, log_density = self.tails(x, params)
        return clamp_inside(log_cdf.exp()), log_density

    def inverse_and_ladj(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        """Return the quantile and minus the log-density there."""
        check_inside(y, "Clamp probabilities into the open interval.")

        def log_odds(x: Tensor) -> tuple[Tensor, Tensor]:
            log_cdf, log_sf, log_density = self.tails(x, params)
            return log_cdf - log_sf, (log_density - log_cdf - log_sf).exp()

        with torch.no_grad():
            low, high = self.bracket(self.component_quantile(y), params)
        target = y.log() - (-y).log1p()
        x = solve_increasing(log_odds, target, low, high, what=type(self).__name__)
        return x, -self.tails(x, params)[2]

    def fit_domain(self, x: Tensor) -> Tensor:
        """Return parameters of mixtures like each column: spread over its quantiles, then a few steps of EM.

        Component :math:`k` starts at the mean of the k-th of :math:`K` equal parts of the sorted column.

        Args:
            x: ``(num, D)``.

        Returns:
            ``(D, num_params)``.

        Raises:
            ValueError: If there are fewer rows than components, or constant columns.
        """
        check_columns(x, max(2, self.num_components), what=type(self).__name__)
        parts = x.sort(0).values.tensor_split(self.num_components)
        locations = torch.stack([part.mean(0) for part in parts], -1)  # (D, K)
        within = torch.stack([part.var(0, correction=0) for part in parts], -1)
        gaps = torch.nn.functional.pad(locations.diff(dim=-1), (1, 1), value=math.inf).unfold(-1, 2, 1).amin(-1)
        scale = (within + (BANDWIDTH * gaps.nan_to_num(posinf=0.0)).square()).sqrt()
        log_weights, locations, scale = refine_mixtures(x, locations, scale, self._log_density_by_std)
        raw = unbounded((scale / self.component_std).log(), self.max_log_scale)
        return torch.cat([log_weights, locations, raw], -1)

    def _log_density_by_std(self, z: Tensor) -> Tensor:
        return self.log_density(z * self.component_std)


class MixtureLogisticCDF(MixtureCDF):
    r"""The distribution function of a mixture of logistics, :math:`G(z) = 1 / (1 + e^{-z})`; see :class:`MixtureCDF`.

    Args:
        num_components: Number of components.
        max_log_scale: The bound of the log-scales.

    Raises:
        ValueError: As for :class:`MixtureCDF`.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.MixtureLogisticCDF(4).forward_and_ladj(torch.randn(5, 3), torch.randn(5, 3, 12))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5, 3]))

    References:
        Ho, Chen, Srinivas, Duan, Abbeel (2019), Flow++, section 3.2 and appendix A, https://arxiv.org/abs/1902.00275
    """

    @property
    def component_std(self) -> float:
        r""":math:`\pi / \sqrt{3}`."""
        return math.pi / math.sqrt(3)

    def component(self, z: Tensor) -> Tails:
        """Return two sigmoids and their product."""
        cdf, sf = z.sigmoid(), (-z).sigmoid()
        return cdf, sf, cdf * sf

    def log_survival(self, z: Tensor) -> Tensor:
        """Return the log-sigmoid of ``-z``."""
        return logsigmoid(-z)

    def log_hazard(self, z: Tensor) -> Tensor:
        """Return the log-sigmoid."""
        return logsigmoid(z)

    def component_quantile(self, u: Tensor) -> Tensor:
        """Return the log-odds."""
        return u.log() - (-u).log1p()


class MixtureNormalCDF(MixtureCDF):
    r"""The distribution function of a mixture of normals, :math:`G = \Phi`; see :class:`MixtureCDF`.

    Args:
        num_components: Number of components.
        max_log_scale: The bound of the log-scales.

    Raises:
        ValueError: As for :class:`MixtureCDF`.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.MixtureNormalCDF(4).forward_and_ladj(torch.randn(5, 3), torch.randn(5, 3, 12))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5, 3]))

    References:
        Meng, Song, Song, Ermon (2020), Gaussianization Flows, section 3.1, https://arxiv.org/abs/2003.01941
    """

    @property
    def component_std(self) -> float:
        """One."""
        return 1.0

    def component(self, z: Tensor) -> Tails:
        """Return two complementary error functions and the density."""
        scaled = z * math.sqrt(0.5)
        density = (scaled.square() + LOG_SQRT_TAU).neg().exp()
        return 0.5 * torch.erfc(-scaled), 0.5 * torch.erfc(scaled), density

    def log_survival(self, z: Tensor) -> Tensor:
        """Return the log of the normal distribution function at ``-z``.

        The gradient is minus the hazard: torch's own takes it as an exponential and loses its digits far out.
        """
        with torch.no_grad():
            value, hazard = torch.special.log_ndtr(-z), _normal_log_hazard(z).exp()
        return torch.addcmul(value, hazard, z.detach() - z)  # the difference is zero and carries the gradient

    def log_hazard(self, z: Tensor) -> Tensor:
        """Return that of the normal; its gradient is the hazard minus ``z``, between 0 and 1 on the upper side."""
        with torch.no_grad():
            value = _normal_log_hazard(z)
            slope = value.exp() - z
            slope = torch.where(z > 0, slope.clamp(0, 1), slope)
        return torch.addcmul(value, slope, z - z.detach())

    def log_density(self, z: Tensor) -> Tensor:
        """Return the square alone, without the functions of the tails."""
        return -0.5 * z.square() - LOG_SQRT_TAU

    def component_quantile(self, u: Tensor) -> Tensor:
        """Return the normal quantile."""
        return torch.special.ndtri(u)


def _shifted_logsumexp(logs: Tensor, dim: int) -> Tensor:
    """Return ``logsumexp`` with gradients that keep their digits where all of ``logs`` are far below zero."""
    shift = logs.detach().amax(dim, keepdim=True)
    return (logs - shift).logsumexp(dim) + shift.squeeze(dim)


def _normal_log_hazard(z: Tensor) -> Tensor:
    """Return the log-hazard, on the upper side by the scaled function, where density and survival both vanish."""
    upper = 0.5 * math.log(2 / math.pi) - torch.special.erfcx(z.clamp_min(0) * math.sqrt(0.5)).log()
    lower = z.clamp_max(0)
    return torch.where(z > 0, upper, -0.5 * lower.square() - LOG_SQRT_TAU - torch.special.log_ndtr(-lower))
