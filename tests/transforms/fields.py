"""Fields whose flows are known, for the tests of continuous maps."""

import torch
from torch import nn

from pyrodgm import nn as our_nn


class Linear(our_nn.VectorField):
    """The field A z, whose flow is a matrix exponential; A is a parameter, or a buffer that nothing trains."""

    def __init__(self, matrix, *, trainable=True):
        super().__init__()
        if trainable:
            self.matrix = nn.Parameter(matrix)
        else:
            self.register_buffer("matrix", matrix)

    def forward(self, t, z, context=None):
        return z @ self.matrix.T

    def forward_and_jvp(self, t, z, tangents, context=None):
        return z @ self.matrix.T, (tangents @ self.matrix.T).expand(len(tangents), *z.shape)


class Counted(nn.Module):
    """Any field, with a count of its calls; plain, so that it is differentiated by torch's forward mode."""

    def __init__(self, field):
        super().__init__()
        self.field = field
        self.num_calls = 0

    def forward(self, t, z, context):
        self.num_calls += 1
        return self.field(t, z, context)


class Pole(nn.Module):
    """A field without a limit at a time inside of the interval, that no adaptive solver gets past."""

    def forward(self, t, z, context):
        return 0 * z + 1 / (t - 7**-0.5)


def smooth_field(dim, context_dim=0, hidden_dims=(8, 8)):
    """Return a field that is far from linear, and varies in time."""
    field = our_nn.ConcatSquashMLP(dim, hidden_dims=hidden_dims, context_dim=context_dim)
    with torch.no_grad():
        for parameter in field.parameters():
            parameter.mul_(1.5)
    return field
