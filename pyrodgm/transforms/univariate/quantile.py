"""The contract of a quantile function that takes a probability by the logarithms of its two tails."""

from abc import abstractmethod

from torch import Tensor
from torch.distributions import constraints

from pyrodgm.transforms.univariate.base import Univariate


class Quantile(Univariate):
    r"""A quantile function :math:`q: (0, 1) \to \mathbb{R}` without parameters.

    A probability near one, held as a float, has lost its upper tail: :meth:`of_tails` takes both tails instead, see
    :class:`~pyrodgm.transforms.Normalized`.
    """

    @property
    def domain(self) -> constraints.Constraint:
        """Probabilities."""
        return constraints.unit_interval

    @property
    def num_params(self) -> int:
        """None."""
        return 0

    @abstractmethod
    def of_tails(self, log_cdf: Tensor, log_sf: Tensor) -> tuple[Tensor, Tensor]:
        r"""Return :math:`q(u)` and :math:`\log(q'(u) \min(u, 1 - u))`, each ``(*shape)``.

        The latter is the log-derivative by the log of the smaller tail: it keeps its digits where that is far below 0.

        Args:
            log_cdf: :math:`\log u`, ``(*shape)``.
            log_sf: :math:`\log(1 - u)`, ``(*shape)``.
        """
