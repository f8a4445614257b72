"""Gaussianization: rotate, make each marginal normal, and again."""

from collections.abc import Sequence

from pyrodgm.conditional import Conditional
from pyrodgm.flows.bases import standard_base
from pyrodgm.flows.flow import Flow
from pyrodgm.nn.mlp import MLP
from pyrodgm.transforms import (
    Compose,
    Elementwise,
    InverseUnivariate,
    MixtureNormalCDF,
    Normalized,
    NormalQuantile,
    Orthogonal,
)
from pyrodgm.transforms.bijection import Bijection, check_input_dim


def gaussianization(
    input_dim: int,
    context_dim: int = 0,
    *,
    num_layers: int = 6,
    num_components: int = 8,
    hidden_dims: Sequence[int] = (64, 64),
    base: Conditional | None = None,
) -> Flow:
    r"""Gaussianization flow: from the data, :math:`z_i = \Phi^{-1}(F_i((Q^\top x)_i))`, layer after layer.

    :math:`Q` is a rotation and :math:`F_i` the distribution function of a mixture of normals: the inverse-CDF trick for
    one variable at a time. :meth:`Flow.initialize` sets rotations by principal components and mixtures by quantiles
    of the data, layer by layer, which is iterative Gaussianization; likelihood training goes on from there.

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features, on which the mixtures then depend; 0 makes the flow unconditional.
        num_layers: Number of layers.
        num_components: Number of components of each mixture.
        hidden_dims: Widths of the hidden layers of the networks that make mixtures of a context.
        base: The base; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive; from ``initialize``, if there are fewer rows than components, or constant
            columns.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flow = flows.gaussianization(2, num_layers=3)
        >>> flow.initialize(torch.randn(500, 2).exp())
        >>> flow().log_prob(torch.rand(5, 2)).shape
        torch.Size([5])

    References:
        Chen, Gopinath (2000), Gaussianization, NIPS 13; Meng, Song, Song, Ermon (2020), Gaussianization Flows,
        section 3, https://arxiv.org/abs/2003.01941
    """
    check_input_dim(input_dim)
    check_input_dim(num_layers, what="num_layers")
    marginal = InverseUnivariate(Normalized(MixtureNormalCDF(num_components), NormalQuantile()))
    layers: list[Bijection] = []
    for _ in range(num_layers):
        conditioner = None
        if context_dim:
            outputs = input_dim * marginal.num_params
            conditioner = MLP(0, outputs, hidden_dims=hidden_dims, context_dim=context_dim, zero_init=True)
        layers.append(Elementwise(marginal, input_dim, conditioner))
        if input_dim > 1:
            layers.append(Orthogonal(input_dim))
    return Flow(Compose(layers), base or standard_base(input_dim))
