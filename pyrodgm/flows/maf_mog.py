"""Masked autoregressive flow over a base of autoregressive mixtures."""

from collections.abc import Sequence

import torch
from torch import nn

from pyrodgm.flows.autoregressive import masked_layers
from pyrodgm.flows.bases import standard_base
from pyrodgm.flows.flow import Flow
from pyrodgm.flows.orders import Orders, orders_of_layers
from pyrodgm.flows.scales import affine_of_depth
from pyrodgm.nn.mlp import check_dim
from pyrodgm.transforms import Compose, InverseUnivariate, MixtureNormalCDF, Normalized, NormalQuantile
from pyrodgm.transforms.bijection import check_input_dim


def maf_mog(
    input_dim: int,
    context_dim: int = 0,
    *,
    num_layers: int = 5,
    num_components: int = 10,
    hidden_dims: Sequence[int] = (64, 64),
    activation: type[nn.Module] = nn.ReLU,
    orders: Orders | None = None,
) -> Flow:
    r"""MAF whose base is autoregressive too: :math:`p(u_i \mid u_{<i}, c) = \sum_k \pi_{ik} N(u_i; m_{ik}, s_{ik}^2)`.

    The base is one more layer, :math:`u_i = F_i^{-1}(\Phi(\epsilon_i))` with :math:`F_i` the mixture's distribution
    function, so that draws keep their gradients. Without layers of the flow it is a MADE with mixtures (RNADE's heir).

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features; 0 makes the flow unconditional.
        num_layers: Number of affine layers; 0 leaves the base alone.
        num_components: Number of components of each mixture.
        hidden_dims: Widths of the masked networks' hidden layers.
        activation: Class of their activation.
        orders: One order of features for the base and one for each layer, ``num_layers + 1`` in all; by default the
            natural one and its reversal in turn.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive, or an order is no permutation.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flow = flows.maf_mog(2, context_dim=3, num_layers=2)
        >>> flow(torch.randn(5, 3)).log_prob(torch.randn(7, 5, 2)).shape
        torch.Size([7, 5])

    References:
        Papamakarios, Pavlakou, Murray (2017), Masked Autoregressive Flow for Density Estimation, section 3.2,
        https://arxiv.org/abs/1705.07057
    """
    check_input_dim(input_dim)
    check_dim("num_layers", num_layers, 0)
    given = orders_of_layers(orders, input_dim, num_layers + 1)
    mixture = InverseUnivariate(Normalized(MixtureNormalCDF(num_components), NormalQuantile()))
    sizes = (input_dim, context_dim, hidden_dims, activation)
    base = masked_layers(mixture, *sizes, orders=given[:1])
    # Equal components would stay equal: they start as the quantiles of a standard normal.
    uniform = (torch.arange(1000, dtype=torch.get_default_dtype()) + 0.5) / 1000
    base[0].initialize(torch.special.ndtri(uniform)[:, None].expand(-1, input_dim))
    return Flow(
        Compose([*base, *masked_layers(affine_of_depth(num_layers), *sizes, orders=given[1:])]),
        standard_base(input_dim),
    )
