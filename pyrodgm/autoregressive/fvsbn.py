"""The fully visible sigmoid belief network."""

from collections.abc import Sequence

from torch import Tensor

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.heads.bernoulli import Bernoulli
from pyrodgm.heads.head import Head
from pyrodgm.nn.masked_mlp import MaskedMLP


def fvsbn(
    input_dim: int,
    context_dim: int = 0,
    *,
    order: Sequence[int] | Tensor | None = None,
    head: Head | None = None,
) -> Autoregressive:
    r"""Fully visible sigmoid belief network: :math:`p(x_i = 1 \mid x_{<i}) = \sigma(b_i + w_i^\top x_{<i})`.

    A logistic regression of each variable on those before it.

    Args:
        input_dim: Number :math:`D` of variables.
        context_dim: Number of context features, further inputs of each regression; 0 makes the model unconditional.
        order: ``order[k]`` is the variable that comes ``k``-th; ``0 .. D-1`` by default.
        head: The distribution of one variable; ``heads.Bernoulli()`` if ``None``.

    Returns:
        A module; ``model(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive, or the order is no permutation.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar
        >>> ar.fvsbn(6)().log_prob(torch.ones(5, 6)).shape
        torch.Size([5])

    References:
        Frey, Hinton, Dayan (1996), Does the Wake-Sleep Algorithm Produce Good Density Estimators?, section 3,
        http://www.cs.toronto.edu/~hinton/absps/wsperf.htm
        Gan, Henao, Carlson, Carin (2015), Learning Deep Sigmoid Belief Networks with Data Augmentation, section 2.2,
        https://proceedings.mlr.press/v38/gan15.html
    """
    head = head or Bernoulli()
    net = MaskedMLP(input_dim, head.num_params, hidden_dims=(), context_dim=context_dim, order=order)
    return Autoregressive(net, head)
