"""Flows made of masked autoregressive layers: MAF, IAF, neural spline autoregressive."""

from collections.abc import Sequence

from torch import Tensor, nn

from pyrodgm.conditional import Conditional
from pyrodgm.flows.bases import standard_base
from pyrodgm.flows.flow import Flow
from pyrodgm.flows.orders import Orders, orders_of_layers
from pyrodgm.flows.scales import affine_of_depth
from pyrodgm.nn.adjacency import check_transitive, read_adjacency, topological_order
from pyrodgm.nn.masked_mlp import MaskedMLP
from pyrodgm.transforms import Compose, Inverse, MaskedAutoregressive, RationalQuadraticSpline, Univariate
from pyrodgm.transforms.bijection import Bijection, check_input_dim


def maf(
    input_dim: int,
    context_dim: int = 0,
    *,
    num_layers: int = 5,
    hidden_dims: Sequence[int] = (64, 64),
    activation: type[nn.Module] = nn.ReLU,
    orders: Orders | None = None,
    adjacency: Sequence[Sequence[int]] | Tensor | None = None,
    base: Conditional | None = None,
) -> Flow:
    r"""Masked autoregressive flow :math:`x_i = \mu_i(x_{<i}, c) + \sigma_i(x_{<i}, c)\, u_i`.

    The density takes one pass a layer; a draw goes through blocks of features, about two passes in all. Each
    :math:`|\log \sigma|` is at most 3, and at most 20 through all layers, so that deep flows stay finite.

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features; 0 makes the flow unconditional.
        num_layers: Number of layers.
        hidden_dims: Widths of the masked networks' hidden layers.
        activation: Class of their activation.
        orders: One order of features for each layer, the one nearest to the base first; by default the natural one and
            its reversal in turn. See :func:`~pyrodgm.flows.reversed_orders` and :func:`~pyrodgm.flows.random_orders`.
        adjacency: Instead of orders, a Bayesian network, ``(D, D)`` of 0 and 1: ``x_i`` may depend on ``x_j`` where
            ``[i][j]`` is 1. Several layers keep to it only if it is transitive.
        base: The base; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive, an order is no permutation, or the graph has a cycle (which is named) or
            too few edges for several layers.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flows.maf(2, context_dim=3)(torch.randn(5, 3)).sample((7,)).shape
        torch.Size([7, 5, 2])

    References:
        Papamakarios, Pavlakou, Murray (2017), Masked Autoregressive Flow for Density Estimation, eq. 2-3,
        https://arxiv.org/abs/1705.07057
    """
    given = _checked_orders(orders, input_dim, num_layers)
    graph = _checked_graph(adjacency, orders, input_dim, num_layers)
    layers = masked_layers(
        affine_of_depth(num_layers), input_dim, context_dim, hidden_dims, activation, orders=given, adjacency=graph
    )
    return Flow(Compose(layers), base or standard_base(input_dim))


def iaf(
    input_dim: int,
    context_dim: int = 0,
    *,
    num_layers: int = 4,
    hidden_dims: Sequence[int] = (64, 64),
    activation: type[nn.Module] = nn.ReLU,
    orders: Orders | None = None,
    base: Conditional | None = None,
) -> Flow:
    r"""Inverse autoregressive flow :math:`x_i = (u_i - \mu_i(u_{<i}, c)) / \sigma_i(u_{<i}, c)`.

    A draw and its density take one pass a layer; the density of any other value steps through the features.

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features; 0 makes the flow unconditional.
        num_layers: Number of layers.
        hidden_dims: Widths of the masked networks' hidden layers.
        activation: Class of their activation.
        orders: One order of features for each layer, the one nearest to the base first; by default the natural one and
            its reversal in turn. See :func:`~pyrodgm.flows.reversed_orders` and :func:`~pyrodgm.flows.random_orders`.
        base: The base; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive, or an order is no permutation.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> x, log_prob = flows.iaf(2, context_dim=3)(torch.randn(5, 3)).rsample_and_log_prob()
        >>> x.shape, log_prob.shape
        (torch.Size([5, 2]), torch.Size([5]))

    References:
        Kingma, Salimans, Jozefowicz, Chen, Sutskever, Welling (2016), Improved Variational Inference with Inverse
        Autoregressive Flow, section 3, https://arxiv.org/abs/1606.04934
    """
    given = _checked_orders(orders, input_dim, num_layers)
    layers = masked_layers(affine_of_depth(num_layers), input_dim, context_dim, hidden_dims, activation, orders=given)
    return Flow(Compose([Inverse(layer) for layer in layers]), base or standard_base(input_dim))


def spline_autoregressive(
    input_dim: int,
    context_dim: int = 0,
    *,
    num_layers: int = 3,
    hidden_dims: Sequence[int] = (64, 64),
    activation: type[nn.Module] = nn.ReLU,
    spline: Univariate | None = None,
    orders: Orders | None = None,
    base: Conditional | None = None,
) -> Flow:
    r"""Neural spline flow, autoregressive: :math:`x_i = \mathrm{spline}(u_i; \theta_i(x_{<i}, c))`.

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features; 0 makes the flow unconditional.
        num_layers: Number of layers.
        hidden_dims: Widths of the masked networks' hidden layers.
        activation: Class of their activation.
        spline: The family; ``RationalQuadraticSpline()`` if ``None``. Data should lie mostly within its bound.
        orders: One order of features for each layer, the one nearest to the base first; by default the natural one and
            its reversal in turn. See :func:`~pyrodgm.flows.reversed_orders` and :func:`~pyrodgm.flows.random_orders`.
        base: The base; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive, or an order is no permutation.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flows.spline_autoregressive(2, context_dim=3)(torch.randn(5, 3)).sample((7,)).shape
        torch.Size([7, 5, 2])

    References:
        Durkan, Bekasov, Murray, Papamakarios (2019), Neural Spline Flows, section 3, https://arxiv.org/abs/1906.04032
    """
    univariate = spline or RationalQuadraticSpline()
    given = _checked_orders(orders, input_dim, num_layers)
    layers = masked_layers(univariate, input_dim, context_dim, hidden_dims, activation, orders=given)
    return Flow(Compose(layers), base or standard_base(input_dim))


def masked_layers(
    univariate: Univariate,
    input_dim: int,
    context_dim: int,
    hidden_dims: Sequence[int],
    activation: type[nn.Module],
    *,
    orders: Orders,
    adjacency: Tensor | None = None,
) -> list[Bijection]:
    """Return one masked layer for each order, or for each with the one graph instead."""
    layers: list[Bijection] = []
    for order in orders:
        net = MaskedMLP(
            input_dim,
            univariate.num_params,
            hidden_dims=hidden_dims,
            context_dim=context_dim,
            order=order if adjacency is None else None,
            adjacency=adjacency,
            activation=activation,
            zero_init=True,
        )
        layers.append(MaskedAutoregressive(univariate, net))
    return layers


def _checked_orders(orders: Orders | None, input_dim: int, num_layers: int) -> Orders:
    check_input_dim(input_dim)
    check_input_dim(num_layers, what="num_layers")
    return orders_of_layers(orders, input_dim, num_layers)


def _checked_graph(
    adjacency: Sequence[Sequence[int]] | Tensor | None, orders: Orders | None, input_dim: int, num_layers: int
) -> Tensor | None:
    if adjacency is None:
        return None
    if orders is not None:
        raise ValueError("Expected orders or adjacency; got both. A graph has an order of its own.")
    graph = read_adjacency(adjacency, input_dim)
    topological_order(graph)  # a cycle is a worse fault than too many layers
    if num_layers > 1:
        check_transitive(graph)
    return graph
