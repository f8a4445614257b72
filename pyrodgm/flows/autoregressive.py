"""Flows made of masked autoregressive layers: MAF, IAF, neural spline autoregressive."""

from collections.abc import Sequence

from torch import nn

from pyrodgm.conditional import Conditional
from pyrodgm.flows.flow import Flow, standard_base
from pyrodgm.nn.masked_mlp import MaskedMLP
from pyrodgm.transforms import Affine, Compose, Inverse, MaskedAutoregressive, RationalQuadraticSpline, Univariate
from pyrodgm.transforms.bijection import Bijection, check_input_dim


def maf(
    input_dim: int,
    context_dim: int = 0,
    *,
    num_layers: int = 5,
    hidden_dims: Sequence[int] = (64, 64),
    activation: type[nn.Module] = nn.ReLU,
    base: Conditional | None = None,
) -> Flow:
    r"""Masked autoregressive flow :math:`x_i = \mu_i(x_{<i}, c) + \sigma_i(x_{<i}, c)\, u_i`.

    The density takes one pass a layer; a draw steps through the features, each hidden unit computed once.

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features; 0 makes the flow unconditional.
        num_layers: Number of layers; the order of the features turns round from one to the next.
        hidden_dims: Widths of the masked networks' hidden layers.
        activation: Class of their activation.
        base: The base; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flows.maf(2, context_dim=3)(torch.randn(5, 3)).sample((7,)).shape
        torch.Size([7, 5, 2])

    References:
        Papamakarios, Pavlakou, Murray (2017), Masked Autoregressive Flow for Density Estimation, eq. 2-3,
        https://arxiv.org/abs/1705.07057
    """
    layers = _masked(Affine(), input_dim, context_dim, num_layers, hidden_dims, activation)
    return Flow(Compose(layers), base or standard_base(input_dim))


def iaf(
    input_dim: int,
    context_dim: int = 0,
    *,
    num_layers: int = 4,
    hidden_dims: Sequence[int] = (64, 64),
    activation: type[nn.Module] = nn.ReLU,
    base: Conditional | None = None,
) -> Flow:
    r"""Inverse autoregressive flow :math:`x_i = (u_i - \mu_i(u_{<i}, c)) / \sigma_i(u_{<i}, c)`.

    A draw and its density take one pass a layer; the density of any other value steps through the features.

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features; 0 makes the flow unconditional.
        num_layers: Number of layers; the order of the features turns round from one to the next.
        hidden_dims: Widths of the masked networks' hidden layers.
        activation: Class of their activation.
        base: The base; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive.

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
    layers = _masked(Affine(), input_dim, context_dim, num_layers, hidden_dims, activation)
    return Flow(Compose([Inverse(layer) for layer in layers]), base or standard_base(input_dim))


def spline_autoregressive(
    input_dim: int,
    context_dim: int = 0,
    *,
    num_layers: int = 3,
    hidden_dims: Sequence[int] = (64, 64),
    activation: type[nn.Module] = nn.ReLU,
    spline: Univariate | None = None,
    base: Conditional | None = None,
) -> Flow:
    r"""Neural spline flow, autoregressive: :math:`x_i = \mathrm{spline}(u_i; \theta_i(x_{<i}, c))`.

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features; 0 makes the flow unconditional.
        num_layers: Number of layers; the order of the features turns round from one to the next.
        hidden_dims: Widths of the masked networks' hidden layers.
        activation: Class of their activation.
        spline: The family; ``RationalQuadraticSpline()`` if ``None``. Data should lie mostly within its bound.
        base: The base; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flows.spline_autoregressive(2, context_dim=3)(torch.randn(5, 3)).sample((7,)).shape
        torch.Size([7, 5, 2])

    References:
        Durkan, Bekasov, Murray, Papamakarios (2019), Neural Spline Flows, section 3, https://arxiv.org/abs/1906.04032
    """
    univariate = spline or RationalQuadraticSpline()
    layers = _masked(univariate, input_dim, context_dim, num_layers, hidden_dims, activation)
    return Flow(Compose(layers), base or standard_base(input_dim))


def _masked(
    univariate: Univariate,
    input_dim: int,
    context_dim: int,
    num_layers: int,
    hidden_dims: Sequence[int],
    activation: type[nn.Module],
) -> list[Bijection]:
    """Masked layers whose order turns round from one to the next: no permutations between them."""
    check_input_dim(input_dim)
    check_input_dim(num_layers, what="num_layers")
    orders = [list(range(input_dim)), list(range(input_dim))[::-1]]
    return [
        MaskedAutoregressive(
            univariate,
            MaskedMLP(
                input_dim,
                univariate.num_params,
                hidden_dims=hidden_dims,
                context_dim=context_dim,
                order=orders[index % 2],
                activation=activation,
                zero_init=True,
            ),
        )
        for index in range(num_layers)
    ]
