"""The neural autoregressive distribution estimator."""

from collections.abc import Sequence

from torch import Tensor

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.heads.bernoulli import Bernoulli
from pyrodgm.heads.head import Head
from pyrodgm.nn.nade import NADE


def nade(
    input_dim: int,
    context_dim: int = 0,
    *,
    hidden_dim: int = 500,
    order: Sequence[int] | Tensor | None = None,
    head: Head | None = None,
) -> Autoregressive:
    r"""NADE: :math:`p(x_d = 1 \mid x_{<d}) = \sigma(b_d + V_d h_d)` with :math:`h_d = \sigma(c + W_{:, <d}\, x_{<d})`.

    The conditionals share :math:`W`, so that a pass takes :math:`O(D H)`, and so does a draw.

    Args:
        input_dim: Number :math:`D` of variables.
        context_dim: Number of context features, added to :math:`c`; 0 makes the model unconditional.
        hidden_dim: Number :math:`H` of hidden units.
        order: ``order[k]`` is the variable that comes ``k``-th; ``0 .. D-1`` by default.
        head: The distribution of one variable; ``heads.Bernoulli()`` if ``None``.

    Returns:
        A module; ``model(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive, or the order is no permutation.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar
        >>> ar.nade(6, hidden_dim=8)().log_prob(torch.ones(5, 6)).shape
        torch.Size([5])

    References:
        Larochelle, Murray (2011), The Neural Autoregressive Distribution Estimator, eq. 2-4,
        https://proceedings.mlr.press/v15/larochelle11a.html
    """
    head = head or Bernoulli()
    net = NADE(input_dim, head.num_params, hidden_dim=hidden_dim, context_dim=context_dim, order=order)
    return Autoregressive(net, head)
