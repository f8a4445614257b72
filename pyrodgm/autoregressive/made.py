"""The masked autoencoder for distribution estimation."""

from collections.abc import Sequence

from torch import nn

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.autoregressive.ensemble import Ensemble
from pyrodgm.heads.bernoulli import Bernoulli
from pyrodgm.heads.head import Head
from pyrodgm.nn.masked_ensemble import MaskedEnsemble
from pyrodgm.nn.masked_mlp import MaskedMLP


def made(
    input_dim: int,
    context_dim: int = 0,
    *,
    hidden_dims: Sequence[int] = (500,),
    num_orders: int | None = 1,
    num_masks: int = 1,
    direct: bool = False,
    activation: type[nn.Module] = nn.ReLU,
    head: Head | None = None,
) -> Autoregressive | Ensemble:
    r"""MADE: :math:`p(x_i \mid x_{<i}, c)` from one masked network, or from an ensemble with one set of weights.

    With several orders or masks, each call in training mode takes one of them at random. In evaluation mode the model
    is the mixture of all, :math:`p(x) = \frac{1}{M} \sum_m p_m(x)`, at one pass a member; draws take a member for each
    event, and missing values the members whose order fits, see :meth:`Ensemble.impute`.

    Args:
        input_dim: Number :math:`D` of variables.
        context_dim: Number of context features; 0 makes the model unconditional.
        hidden_dims: Widths of the hidden layers.
        num_orders: Number of orders, the natural one first; ``None`` trains a new one at each call, so that any
            observed variables can come first, and evaluates by the mixture of eight.
        num_masks: Number of connectivities of the hidden units, each combined with each order.
        direct: Whether variables also reach the outputs directly, past the hidden layers.
        activation: Class of the activation.
        head: The distribution of one variable; ``heads.Bernoulli()`` if ``None``.

    Returns:
        An :class:`Autoregressive` of one order and one mask, else an :class:`Ensemble`; ``model(context)`` has
        ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive, or there is no hidden layer.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar
        >>> ar.made(6, hidden_dims=(32,))().log_prob(torch.ones(5, 6)).shape
        torch.Size([5])
        >>> model = ar.made(6, hidden_dims=(32,), num_orders=None)
        >>> x = torch.tensor([[1.0, 0.0, torch.nan, 1.0, torch.nan, 0.0]])
        >>> model.impute(x, ~x.isnan()).shape
        torch.Size([1, 6])

    References:
        Germain, Gregor, Murray, Larochelle (2015), MADE: Masked Autoencoder for Distribution Estimation, section 4,
        https://arxiv.org/abs/1502.03509
    """
    head = head or Bernoulli()
    if not hidden_dims:
        raise ValueError("Expected at least one hidden layer; got hidden_dims=(). Give their widths, or use fvsbn.")
    if num_orders == num_masks == 1:
        net = MaskedMLP(
            input_dim,
            head.num_params,
            hidden_dims=hidden_dims,
            context_dim=context_dim,
            activation=activation,
            direct=direct,
        )
        return Autoregressive(net, head)
    nets = MaskedEnsemble(
        input_dim,
        head.num_params,
        hidden_dims=hidden_dims,
        context_dim=context_dim,
        num_orders=num_orders,
        num_masks=num_masks,
        direct=direct,
        activation=activation,
    )
    return Ensemble(nets, head)
