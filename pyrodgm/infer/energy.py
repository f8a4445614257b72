"""The negative log-likelihood of a data set, or an estimate of it by a mini-batch, with its gradient."""

from contextlib import ExitStack
from types import TracebackType

import pyro
import torch
from torch import Tensor

from pyrodgm.infer.bayesian import Bayesian
from pyrodgm.infer.flat_weights import FlatWeights
from pyrodgm.models.evaluation import evaluation


class Energy:
    r""":math:`-\tfrac{N}{B} \sum_{i} \log p(x_i \mid \theta(u))` at the vector ``energy.u``, as a context.

    Inside of the context, weights that lie in one vector stand in the component in place of its parameters, once for
    all calls, so that a call costs what a step of plain training costs. Outside, the component has its own again.

    Args:
        bayesian: The component.
        flat: The layout of its weights.
        x: ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
        batch_size: Rows :math:`B` of a call; ``None`` for all.

    Attributes:
        u: The unconstrained weights ``(num_weights,)``; write to it in place.
        gradient: The gradient at the last call, unless it was written elsewhere; the next one overwrites it.

    Raises:
        ValueError: If ``batch_size`` is not positive.
    """

    def __init__(
        self, bayesian: Bayesian, flat: FlatWeights, x: Tensor, context: Tensor | None, batch_size: int | None = None
    ) -> None:
        bayesian.check_data(x, context)
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"Expected batch_size of at least 1; got {batch_size}. None takes all rows at each step.")
        self.module, self.flat = bayesian.module, flat
        self.x, self.context = x, context
        self.batch_size = None if batch_size is None or batch_size >= len(x) else batch_size
        self.scale = 1.0 if self.batch_size is None else len(x) / self.batch_size
        current = bayesian.weights.current()
        self.u = flat.vector(current)
        self.gradient = torch.zeros_like(self.u)
        self.leaves: list[Tensor] = []
        for part in flat.parts:
            # A view, so that what is written to u is seen by the component; detached, so that it is a leaf.
            own = self.u[part.begin : part.end].view(part.shape) if part.transform is None else current[part.name]
            self.leaves.append(own.detach().requires_grad_())
        self._slots = [
            (bayesian.module.get_submodule(path)._parameters, key, leaf)
            for part, leaf in zip(flat.parts, self.leaves, strict=True)
            for path, _, key in (
                name.removeprefix("module.").rpartition(".") for name in bayesian.weights.runner.names[part.name]
            )
        ]
        self._order = torch.empty(0, dtype=torch.long)
        self._stack = ExitStack()

    def __enter__(self) -> "Energy":
        stack = self._stack
        stack.enter_context(evaluation(self.module))
        stack.enter_context(pyro.validation_enabled(False))  # data were checked, and numbers are when a loss is
        for parameters, key, leaf in self._slots:
            stack.callback(parameters.__setitem__, key, parameters[key])
            parameters[key] = leaf  # type: ignore[assignment]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __call__(self, out: Tensor | None = None) -> Tensor:
        """Return the energy at ``u`` in nats, and write its gradient to ``out``, by default ``gradient``."""
        out = self.gradient if out is None else out
        x, context = self._next_batch()
        with torch.enable_grad():
            weights = None
            if not self.flat.is_real:
                u = self.u.detach().requires_grad_()
                weights = list(self.flat.weights(u).values())
                with torch.no_grad():
                    for leaf, weight, part in zip(self.leaves, weights, self.flat.parts, strict=True):
                        if part.transform is not None:
                            leaf.copy_(weight)
            loss = self.module(context).log_prob(x).sum() * -self.scale
            found = torch.autograd.grad(loss, self.leaves, allow_unused=True)
            gradients = [
                torch.zeros_like(leaf) if one is None else one for one, leaf in zip(found, self.leaves, strict=True)
            ]
            if weights is None:
                torch.cat([one.reshape(-1) for one in gradients], out=out)
            else:
                out.copy_(torch.autograd.grad(weights, u, gradients)[0])
        return loss.detach()

    def _next_batch(self) -> tuple[Tensor, Tensor | None]:
        if self.batch_size is None:
            return self.x, self.context
        if len(self._order) < self.batch_size:
            self._order = torch.randperm(len(self.x), device=self.x.device)
        rows, self._order = self._order[: self.batch_size], self._order[self.batch_size :]
        return self.x[rows], None if self.context is None else self.context[rows]
