"""More bijections at the data's end of a flow."""

from collections.abc import Sequence

from pyrodgm.flows.flow import Flow
from pyrodgm.transforms.bijection import Bijection
from pyrodgm.transforms.compose import Compose


def extend(flow: Flow, bijections: Sequence[Bijection]) -> Flow:
    r"""Put bijections between a flow and the data: :math:`x = g_K(\dots g_1(f(u; c)) \dots)`.

    The flow's own parts are shared, not copied. With :class:`~pyrodgm.transforms.LULinear` and
    :meth:`Flow.initialize`, the flow sees whitened data; with :class:`~pyrodgm.transforms.LogitTransform`, data of the
    unit cube become real.

    Args:
        flow: Any flow.
        bijections: The first is nearest to the flow, the last to the data.

    Raises:
        ValueError: If the contexts differ, or there is no bijection.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, transforms
        >>> flow = flows.extend(flows.maf(3), [transforms.LULinear(3)])
        >>> flow.initialize(5 + 3 * torch.randn(100, 3))
        >>> flow().sample((7,)).shape
        torch.Size([7, 3])
    """
    if not bijections:
        raise ValueError("Expected at least one bijection; got an empty list. Use the flow as it is.")
    return Flow(Compose([flow.bijection, *bijections]), flow.base)
