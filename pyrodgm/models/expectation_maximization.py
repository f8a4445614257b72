"""What a model is that can be fitted by expectation maximization."""

from typing import Any, Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class ExpectationMaximization(Protocol):
    r"""A latent-variable model whose exact posterior and whose maximizing parameters have closed forms.

    Both steps raise the same bound :math:`L(q, \theta) = E_q[\log p_\theta(x, z)] + H(q)`: the E step over :math:`q`,
    after which it is the log-likelihood, and the M step over :math:`\theta`. A model with a prior over its parameters
    adds its logarithm, a variational one what its bound has besides.

    Attributes:
        handles_missing: Whether NaN in ``x`` means missing, and both steps treat it exactly.

    Example:
        >>> from pyrodgm import models
        >>> isinstance(models.GaussianMixture(2, 3), models.ExpectationMaximization)
        True

    References:
        Neal, Hinton (1998), A View of the EM Algorithm that Justifies Incremental, Sparse, and Other Variants;
        Bishop (2006), Pattern Recognition and Machine Learning, section 9.4
    """

    handles_missing: bool

    def initialize(self, x: Tensor) -> None:
        """Start from data.

        Args:
            x: ``(num_rows, *event_shape)``.
        """
        ...

    def e_step(self, x: Tensor) -> Any:
        """Return the posterior at the current parameters, as an object of the model's own kind.

        Args:
            x: ``(num_rows, *event_shape)``.
        """
        ...

    def m_step(self, x: Tensor, q: Any) -> None:
        """Set the parameters, in place and without gradients, to those that maximize the bound.

        Args:
            x: ``(num_rows, *event_shape)``.
            q: What :meth:`e_step` returned.
        """
        ...

    def bound(self, x: Tensor, q: Any) -> Tensor:
        """Return the bound at the current parameters, summed over rows, in nats.

        Args:
            x: ``(num_rows, *event_shape)``.
            q: What :meth:`e_step` returned, at these or at earlier parameters.

        Returns:
            A scalar.
        """
        ...
