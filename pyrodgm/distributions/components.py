"""What mixtures share."""

import math

from torch import Tensor

LOG2_E = math.log2(math.e)


def component_of(uniforms: Tensor, logits: Tensor) -> Tensor:
    """Return the index of the component on which each uniform falls: the inverse of the cumulative distribution.

    Args:
        uniforms: ``(*shape)``, in [0, 1).
        logits: ``(*shape, num_components)``, or broadcastable to it.
    """
    cumulative = logits.softmax(-1).cumsum(-1)
    return (uniforms.unsqueeze(-1) >= cumulative[..., :-1]).sum(-1)


def log_sum_exp(logs: Tensor) -> Tensor:
    """Return the logarithm of the sum of ``exp(logs)`` over the first dimension.

    Unlike torch's own it remembers the exponentials instead of taking them again on the way back, keeps their shares
    exact where all logarithms are far below zero, and takes no more time where some exponentials underflow, which makes
    ``torch.exp`` on a CPU slower by an order of magnitude.
    """
    shift = logs.detach().amax(0)
    return ((logs - shift) * LOG2_E).exp2().sum(0).log() + shift


def components_first(parameter: Tensor, batch_dim: int, num_dims: int) -> Tensor:
    """View ``(*batch, ..., num_components)`` as ``(..., num_components, *batch)``, the batch filled up with ones.

    Arithmetic along a batch is several times faster than along a few components. Convolutions lay their output out
    like this, and are handed over as views; what lies otherwise in memory is copied once.

    Args:
        parameter: The tensor.
        batch_dim: Number of its batch dimensions.
        num_dims: Number of batch dimensions to return.
    """
    num_kinds = parameter.dim() - batch_dim
    lies_across = parameter.stride(-1) == 1 and batch_dim > 0
    planes = parameter.movedim(tuple(range(batch_dim, parameter.dim())), tuple(range(num_kinds)))
    planes = planes.contiguous() if lies_across else planes
    return planes.reshape(*planes.shape[:num_kinds], *[1] * (num_dims - batch_dim), *planes.shape[num_kinds:])
