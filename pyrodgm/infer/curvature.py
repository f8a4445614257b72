"""Second derivatives of a posterior's log-density, and what stands for them."""

import torch
from torch import Tensor

from pyrodgm.infer.bayesian import Bayesian
from pyrodgm.infer.flat_weights import FlatWeights

CHUNK = 64  # rows of a matrix computed together
NUM_LABELS = 8  # data sets drawn for the Fisher information


class LogJoint:
    r""":math:`\log p(x \mid \theta(u)) + \log p(u)` as a function of unconstrained weights, all of them with a graph.

    Args:
        bayesian: The component and its prior.
        flat: The layout of its weights.
        x: ``(num_rows, *event_shape)``.
        context: ``(num_rows, *context_shape)`` or ``None``.
    """

    def __init__(self, bayesian: Bayesian, flat: FlatWeights, x: Tensor, context: Tensor | None) -> None:
        self.bayesian, self.flat, self.x, self.context = bayesian, flat, x, context

    def __call__(self, u: Tensor) -> Tensor:
        """Return the log-density in nats of one vector ``(num_weights,)``."""
        rows = self.bayesian.log_likelihood(self.flat.weights(u), self.x, self.context)
        return rows.sum() + self.flat.log_prior(u)

    def hessian(self, u: Tensor, *, diagonal: bool) -> Tensor:
        """Return minus the matrix of second derivatives, or its diagonal."""
        with torch.enable_grad():
            leaf = u.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(-self(leaf), leaf, create_graph=True)
        return matrix_rows(gradient, leaf, diagonal=diagonal)

    def fisher(self, u: Tensor, *, diagonal: bool) -> Tensor:
        """Return the Fisher information of data drawn from the component, and the prior's curvature.

        It is never negative, and close to the Hessian where the component fits the data.
        """
        with torch.enable_grad():
            leaf = u.detach().requires_grad_()
            prior = self.flat.log_prior(leaf)
            gradient = torch.zeros_like(leaf)
            if prior.requires_grad:
                (gradient,) = torch.autograd.grad(-prior, leaf, create_graph=True)
        total = (
            matrix_rows(gradient, leaf, diagonal=diagonal)
            if gradient.requires_grad
            else u.new_zeros(u.shape if diagonal else (len(u), len(u)))
        )
        for _ in range(NUM_LABELS):
            distribution = self.bayesian.at(self.flat.weights(u), self.context)
            labels = distribution.sample(() if distribution.batch_shape else (len(self.x),))
            for begin in range(0, len(labels), CHUNK):
                some = slice(begin, begin + CHUNK)  # each gradient goes back through these rows alone
                context = None if self.context is None else self.context[some]
                with torch.enable_grad():
                    scores = self.bayesian.log_likelihood(self.flat.weights(leaf), labels[some], context)
                by_row = products(scores, leaf, range(len(scores)))
                total += (by_row.square().sum(0) if diagonal else by_row.T @ by_row) / NUM_LABELS
        return total


def matrix_rows(gradient: Tensor, leaf: Tensor, *, diagonal: bool) -> Tensor:
    """Return the Jacobian of a gradient, or its diagonal, computed in chunks of rows."""
    num = len(leaf)
    rows = []
    for begin in range(0, num, CHUNK):
        end = min(begin + CHUNK, num)
        chunk = products(gradient, leaf, range(begin, end))
        rows.append(chunk.diagonal(begin) if diagonal else chunk)
    return torch.cat(rows)


def products(values: Tensor, leaf: Tensor, places: range) -> Tensor:
    """Return the gradients of some of the values, ``(len(places), num_weights)``, side by side where torch can."""
    basis = torch.zeros(len(places), len(values), dtype=values.dtype, device=values.device)
    basis[torch.arange(len(places)), torch.tensor(places)] = 1.0
    try:
        (found,) = torch.autograd.grad(values, leaf, basis, retain_graph=True, is_grads_batched=True, allow_unused=True)
    except RuntimeError:  # an operation whose gradient torch cannot map
        each = [torch.autograd.grad(values, leaf, one, retain_graph=True, allow_unused=True)[0] for one in basis]
        found = torch.stack([torch.zeros_like(leaf) if one is None else one for one in each])
    return torch.zeros(len(places), len(leaf), dtype=leaf.dtype, device=leaf.device) if found is None else found
