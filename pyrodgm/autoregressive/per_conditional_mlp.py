"""A separate network for each conditional."""

from collections.abc import Sequence

from torch import Tensor, nn

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.heads.bernoulli import Bernoulli
from pyrodgm.heads.head import Head
from pyrodgm.nn.per_conditional_mlp import PerConditionalMLP


def per_conditional_mlp(
    input_dim: int,
    context_dim: int = 0,
    *,
    hidden_dims: Sequence[int] = (16,),
    activation: type[nn.Module] = nn.ReLU,
    order: Sequence[int] | Tensor | None = None,
    head: Head | None = None,
) -> Autoregressive:
    r"""One network a conditional: :math:`p(x_i \mid x_{<i}, c) = \mathrm{head}(\mathrm{net}_i(x_{<i}, c))(x_i)`.

    No weight is shared, so that :math:`D` variables take :math:`O(D^2 H)` weights.

    Args:
        input_dim: Number :math:`D` of variables.
        context_dim: Number of context features; 0 makes the model unconditional.
        hidden_dims: Widths of each network's hidden layers.
        activation: Class of their activation.
        order: ``order[k]`` is the variable that comes ``k``-th; ``0 .. D-1`` by default.
        head: The distribution of one variable; ``heads.Bernoulli()`` if ``None``.

    Returns:
        A module; ``model(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive, there is no hidden layer, or the order is no permutation.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar
        >>> ar.per_conditional_mlp(6, hidden_dims=(8,))().log_prob(torch.ones(5, 6)).shape
        torch.Size([5])

    References:
        Bengio, Bengio (2000), Modeling High-Dimensional Discrete Data with Multi-Layer Neural Networks, section 2,
        https://papers.nips.cc/paper/1999/hash/e6384711491713d29bc63fc5eeb5ba4f-Abstract.html
    """
    head = head or Bernoulli()
    net = PerConditionalMLP(
        input_dim,
        head.num_params,
        hidden_dims=hidden_dims,
        context_dim=context_dim,
        order=order,
        activation=activation,
    )
    return Autoregressive(net, head)
