"""Flows made of coupling layers: NICE, Real NVP, neural spline coupling."""

from collections.abc import Callable, Sequence

from torch import nn

from pyrodgm.conditional import Conditional
from pyrodgm.flows.bases import standard_base
from pyrodgm.flows.flow import Flow
from pyrodgm.flows.scales import affine_of_depth
from pyrodgm.nn.mlp import MLP
from pyrodgm.transforms import Affine, Compose, Coupling, Elementwise, RationalQuadraticSpline, Shift, Univariate
from pyrodgm.transforms.bijection import Bijection, check_input_dim
from pyrodgm.transforms.coupling import moving_dim


def nice(
    input_dim: int,
    context_dim: int = 0,
    *,
    num_layers: int = 4,
    hidden_dims: Sequence[int] = (64, 64),
    activation: type[nn.Module] = nn.ReLU,
    base: Conditional | None = None,
) -> Flow:
    r"""NICE: additive coupling :math:`x_b = u_b + t(u_a, c)`, then one diagonal scaling.

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features; 0 makes the flow unconditional.
        num_layers: Number of coupling layers, alternating halves.
        hidden_dims: Widths of the conditioners' hidden layers.
        activation: Class of their activation.
        base: The base; standard normal if ``None``, and :func:`~pyrodgm.flows.logistic_base` is the paper's.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flows.nice(2, context_dim=3)(torch.randn(5, 3)).sample((7,)).shape
        torch.Size([7, 5, 2])

    References:
        Dinh, Krueger, Bengio (2015), NICE, section 3, https://arxiv.org/abs/1410.8516
    """
    layers = _couplings(Shift, input_dim, context_dim, num_layers, hidden_dims, activation)
    return Flow(Compose([*layers, Elementwise(Affine(), input_dim)]), base or standard_base(input_dim))


def realnvp(
    input_dim: int,
    context_dim: int = 0,
    *,
    num_layers: int = 6,
    hidden_dims: Sequence[int] = (64, 64),
    activation: type[nn.Module] = nn.ReLU,
    mixing: Callable[[int], Bijection] | None = None,
    base: Conditional | None = None,
) -> Flow:
    r"""Real NVP: affine coupling :math:`x_b = u_b\, e^{s(u_a, c)} + t(u_a, c)` with bounded :math:`s`.

    Each :math:`|s|` is at most 3, and at most 20 through all layers, so that deep flows stay finite.

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features; 0 makes the flow unconditional.
        num_layers: Number of coupling layers, alternating halves.
        hidden_dims: Widths of the conditioners' hidden layers.
        activation: Class of their activation.
        mixing: Makes a bijection of ``input_dim`` features, such as ``transforms.LULinear``, put on the data's side of
            each coupling so that halves mix; ``None`` for none.
        base: The base; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flows.realnvp(2, context_dim=3)(torch.randn(5, 3)).sample((7,)).shape
        torch.Size([7, 5, 2])

    References:
        Dinh, Sohl-Dickstein, Bengio (2017), Density estimation using Real NVP, section 3,
        https://arxiv.org/abs/1605.08803
    """
    layers = _couplings(
        lambda: affine_of_depth(num_layers), input_dim, context_dim, num_layers, hidden_dims, activation, mixing
    )
    return Flow(Compose(layers), base or standard_base(input_dim))


def spline_coupling(
    input_dim: int,
    context_dim: int = 0,
    *,
    num_layers: int = 4,
    hidden_dims: Sequence[int] = (64, 64),
    activation: type[nn.Module] = nn.ReLU,
    spline: Univariate | None = None,
    mixing: Callable[[int], Bijection] | None = None,
    base: Conditional | None = None,
) -> Flow:
    r"""Neural spline flow by coupling: :math:`x_b = \mathrm{spline}(u_b; \theta(u_a, c))`.

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features; 0 makes the flow unconditional.
        num_layers: Number of coupling layers, alternating halves.
        hidden_dims: Widths of the conditioners' hidden layers.
        activation: Class of their activation.
        spline: The family; ``RationalQuadraticSpline()`` if ``None``. Data should lie mostly within its bound.
        mixing: Makes a bijection of ``input_dim`` features, such as ``transforms.LULinear``, put on the data's side of
            each coupling so that halves mix; ``None`` for none.
        base: The base; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flows.spline_coupling(2, context_dim=3)(torch.randn(5, 3)).sample((7,)).shape
        torch.Size([7, 5, 2])

    References:
        Durkan, Bekasov, Murray, Papamakarios (2019), Neural Spline Flows, section 3, https://arxiv.org/abs/1906.04032
    """
    univariate = spline or RationalQuadraticSpline()
    layers = _couplings(lambda: univariate, input_dim, context_dim, num_layers, hidden_dims, activation, mixing)
    return Flow(Compose(layers), base or standard_base(input_dim))


def _couplings(
    univariate: Callable[[], Univariate],
    input_dim: int,
    context_dim: int,
    num_layers: int,
    hidden_dims: Sequence[int],
    activation: type[nn.Module],
    mixing: Callable[[int], Bijection] | None = None,
) -> list[Bijection]:
    """Couplings that move either half in turn; the only feature of one dimension moves in each."""
    check_input_dim(input_dim)
    check_input_dim(num_layers, what="num_layers")
    layers: list[Bijection] = []
    for index in range(num_layers):
        family = univariate()
        flip = input_dim > 1 and index % 2 == 1
        moving = moving_dim(input_dim, flip=flip)
        conditioner = MLP(
            input_dim - moving,
            family.num_params * moving,
            hidden_dims=hidden_dims,
            context_dim=context_dim,
            activation=activation,
            zero_init=True,
        )
        layers.append(Coupling(input_dim, family, conditioner, flip=flip, context_dim=context_dim))
        if mixing is not None:
            layers.append(mixing(input_dim))
    return layers
