"""Planar flows."""

from collections.abc import Sequence

from pyrodgm.conditional import Conditional
from pyrodgm.flows.bases import standard_base
from pyrodgm.flows.flow import Flow
from pyrodgm.transforms import Compose, Planar
from pyrodgm.transforms.bijection import check_input_dim


def planar(
    input_dim: int,
    context_dim: int = 0,
    *,
    num_layers: int = 8,
    hidden_dims: Sequence[int] = (),
    base: Conditional | None = None,
) -> Flow:
    r"""Planar flow :math:`x = u + \hat v \tanh(w^\top u + b)`, layer after layer.

    A draw and its density are closed form; the density of any other value solves one scalar equation a layer.

    Args:
        input_dim: Number :math:`D` of features.
        context_dim: Number of context features; 0 makes the flow unconditional.
        num_layers: Number of layers, each of :math:`2 D + 1` parameters.
        hidden_dims: Widths of the hidden layers of the networks that make these parameters of a context.
        base: The base; standard normal if ``None``.

    Returns:
        A module; ``flow(context)`` has ``batch_shape == context.shape[:-1]`` and ``event_shape == (input_dim,)``.

    Raises:
        ValueError: If a size is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> x, log_prob = flows.planar(2, context_dim=3)(torch.randn(5, 3)).rsample_and_log_prob()
        >>> x.shape, log_prob.shape
        (torch.Size([5, 2]), torch.Size([5]))

    References:
        Rezende, Mohamed (2015), Variational Inference with Normalizing Flows, section 4.1 and appendix A,
        https://arxiv.org/abs/1505.05770
    """
    check_input_dim(input_dim)
    check_input_dim(num_layers, what="num_layers")
    layers = [Planar(input_dim, context_dim, hidden_dims=hidden_dims) for _ in range(num_layers)]
    return Flow(Compose(layers), base or standard_base(input_dim))
