"""Parallel WaveNet's student: sound in one pass."""

import math
from collections.abc import Sequence

import torch
from torch import nn

from pyrodgm.conditional import Conditional
from pyrodgm.flows.bases import logistic_base
from pyrodgm.flows.causal import CausalFlow
from pyrodgm.flows.scales import affine_of_depth
from pyrodgm.nn.mlp import check_dim, shrink
from pyrodgm.nn.wavenet import WaveNet
from pyrodgm.transforms import Affine, MaskedAutoregressive
from pyrodgm.transforms.bounded import unbounded

FREQUENCY = 1.0  # standard deviation of the networks' frequencies at the start, over the scale of what comes in


def parallel_wavenet(
    length: int = 4096,
    context_dim: int | Sequence[int] = 0,
    *,
    num_flows: int = 4,
    num_layers: int = 10,
    num_cycles: int | Sequence[int] = 1,
    num_channels: int = 64,
    initial_scale: float = 1.0,
    base: Conditional | None = None,
) -> CausalFlow:
    r"""Inverse autoregressive flows with WaveNets: :math:`x_t = \mu_t(u_{<t}, c) + s_t(u_{<t}, c)\, u_t`, for sound.

    All noise is drawn at once, and a sound of any length takes one pass of each network. The density of a given sound
    goes through the networks sample by sample: such a flow is trained by :func:`pyrodgm.infer.distill`, on its own
    draws, whose density comes with them. All flows run in the order of time, so that locations and scales of the whole
    are at hand too (:meth:`CausalFlow.steps`).

    It starts, nearly, as independent logistic variables of scale ``initial_scale``, whatever the context. No parameter
    depends on ``length``: a state dict fits a flow for any other one.

    Args:
        length: Number of samples of one sound.
        context_dim: Number of context features of a sound, a label's one-hot code say; or the shape ``(k, length)`` of
            features that go along with it, repeated for the samples that they cover; 0 makes the flow unconditional.
        num_flows: Number of flows.
        num_layers: Number of layers of a cycle, with dilations :math:`1, 2, 4, \dots, 2^{\text{num\_layers} - 1}`.
        num_cycles: Number of cycles of each flow, or one number for each, the flow nearest to the noise first;
            those of the paper have 10, 10, 10 and 30 layers, ``num_cycles=(1, 1, 1, 3)``.
        num_channels: Width of the layers; the sum of what they send to the output is twice as wide.
        initial_scale: Scale of a sample at the start; about that of the teacher's samples given the ones before.
        base: The base; standard logistic if ``None``.

    Returns:
        A module; ``flow(context)`` has ``event_shape == (length,)``.

    Raises:
        ValueError: If a size is too small, there are other cycles than flows, the context is not as long as the sound,
            or the flows cannot scale as much together.

    Example:
        >>> import torch
        >>> from pyrodgm import flows
        >>> flow = flows.parallel_wavenet(50, context_dim=10, num_flows=2, num_layers=3, num_channels=8)
        >>> flow(torch.eye(10)).sample((2,)).shape
        torch.Size([2, 10, 50])
        >>> longer = flows.parallel_wavenet(80, context_dim=10, num_flows=2, num_layers=3, num_channels=8)
        >>> longer.load_state_dict(flow.state_dict())
        <All keys matched successfully>

    References:
        van den Oord and others (2017), Parallel WaveNet: Fast High-Fidelity Speech Synthesis,
        https://arxiv.org/abs/1711.10433
    """
    check_dim("length", length)
    check_dim("num_flows", num_flows)
    cycles = [num_cycles] * num_flows if isinstance(num_cycles, int) else list(num_cycles)
    if len(cycles) != num_flows:
        raise ValueError(
            f"Expected num_cycles to be a number, or one for each of {num_flows} flows; got {len(cycles)}. "
            "Give as many as num_flows."
        )
    affine = affine_of_depth(num_flows)
    check_scale(initial_scale, num_flows, affine)
    # A flow divides by its scale, and all of them do the same part of it.
    raw = unbounded(torch.tensor(-math.log(initial_scale) / num_flows), affine.max_log_scale)
    layers = []
    for index, num in enumerate(cycles):
        net = WaveNet(
            length,
            affine.num_params,
            num_levels=None,
            context_dim=context_dim,
            num_layers=num_layers,
            num_cycles=num,
            num_channels=num_channels,
            skip_channels=2 * num_channels,
        )
        nn.init.normal_(net.waves.weight, std=FREQUENCY / initial_scale ** (index / num_flows))
        shrink(net.output)
        with torch.no_grad():
            net.output.bias[1] += raw
        layers.append(MaskedAutoregressive(affine, net))
    return CausalFlow(layers, base or logistic_base(length))


def check_scale(initial_scale: float, num_flows: int, affine: Affine) -> None:
    """Refuse a scale that is none, or that bounded flows cannot reach together.

    Raises:
        ValueError: Saying what they can reach.
    """
    reach = 0.9 * affine.max_log_scale * num_flows  # room to go on from there
    if not (initial_scale > 0 and abs(math.log(initial_scale)) <= reach):
        raise ValueError(
            f"Expected initial_scale from {math.exp(-reach):.2g} to {math.exp(reach):.2g} with num_flows={num_flows}; "
            f"got {initial_scale}. Take more flows, or scale the sound."
        )
