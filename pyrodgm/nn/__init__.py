"""Networks: tensor -> tensor; the causal ones also know how to step."""

from pyrodgm.nn.causal import CausalNet
from pyrodgm.nn.convolutional import ConvDecoder, ConvEncoder
from pyrodgm.nn.masked_mlp import MaskedMLP
from pyrodgm.nn.masked_sweep import masked_sweep
from pyrodgm.nn.mlp import MLP
from pyrodgm.nn.residual_mlp import ResidualMLP

__all__ = ["MLP", "CausalNet", "ConvDecoder", "ConvEncoder", "MaskedMLP", "ResidualMLP", "masked_sweep"]
