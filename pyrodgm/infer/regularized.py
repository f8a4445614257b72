"""Any objective plus the penalties that parts of the model ask for in training."""

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor, nn

from pyrodgm.infer.reparameterized_elbo import ReparameterizedELBO


class Regularized:
    r"""An objective plus penalties, :math:`L(x) + N \sum_m r_m`, of the modules that have one.

    A module of model or guide that has an attribute ``penalty``, the mean :math:`r` of a datum with its graph, set by
    the pass that the objective makes, as :class:`~pyrodgm.transforms.Continuous` has in training mode, adds it once for
    each of the :math:`N` data: those of the batch, or those that ``size`` says. The attribute is set back to ``None``.

    Penalties are no part of a bound. In evaluation mode modules have none, so that validation and reports are free of
    them.

    Args:
        objective: Takes a model and a guide and returns a module whose call on a batch is a loss in nats summed over
            it; :class:`ReparameterizedELBO` if ``None``.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, infer, models
        >>> density = models.Density(flows.cnf(2, hidden_dims=(16,), adjoint="checkpoint", kinetic_weight=0.01))
        >>> loss = infer.Regularized()(density.model, density.guide)
        >>> loss(torch.randn(5, 2)).shape
        torch.Size([])

    References:
        Finlay, Jacobsen, Nurbekyan, Oberman (2020), How to Train Your Neural ODE: the World of Jacobian and Kinetic
        Regularization, https://arxiv.org/abs/2002.02798
    """

    def __init__(self, objective: Callable[[Any, Any], nn.Module] | None = None) -> None:
        self.objective = objective or ReparameterizedELBO()

    def __call__(self, model: nn.Module, guide: nn.Module) -> nn.Module:
        """Return a module that maps a batch to the loss, with the parameters of model and guide."""
        return RegularizedModule(self.objective(model, guide), model, guide)


class RegularizedModule(nn.Module):
    """The loss, with the parameters of what it fits."""

    def __init__(self, loss: nn.Module, model: nn.Module, guide: nn.Module) -> None:
        super().__init__()
        self.loss = loss
        self._programs = (model, guide)  # a tuple: the loss has registered them

    def forward(self, *args: Any, size: int | None = None, **kwargs: Any) -> Tensor:
        """Return the loss in nats, and the penalties, summed over the batch as the plates scale it."""
        for module in self._penalised():  # what an earlier pass has left
            module.penalty = None  # type: ignore[assignment]
        if size is not None:
            kwargs["size"] = size
        total: Tensor = self.loss(*args, **kwargs)
        num_data = len(args[0]) if size is None else size
        for module in self._penalised():
            total = total + num_data * module.penalty  # type: ignore[operator]
            module.penalty = None  # type: ignore[assignment]
        return total

    def _penalised(self) -> Iterator[nn.Module]:
        """Yield each module that has a penalty now, once."""
        modules = {id(part): part for program in self._programs for part in program.modules()}
        yield from (part for part in modules.values() if isinstance(getattr(part, "penalty", None), Tensor))
