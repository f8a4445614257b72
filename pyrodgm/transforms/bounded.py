"""Log-scales that stay within a bound, so that no scale overflows however far its parameter goes."""

from torch import Tensor

WIDE = 16.0  # scales of 1e-7 to 1e7: room for any column of data, and finite in float32


def bounded(raw: Tensor, bound: float) -> Tensor:
    r"""Return :math:`b \tanh(a / b)`: the identity near zero, within :math:`\pm b` everywhere."""
    return (raw * (1.0 / bound)).tanh() * bound


def unbounded(value: Tensor, bound: float) -> Tensor:
    """Return the ``raw`` whose bounded value is ``value``, or is as near to it as the bound lets it be."""
    return (value * (1.0 / bound)).clamp(-0.999, 0.999).atanh() * bound
