"""Networks: tensor -> tensor; the causal ones also know how to step."""

from pyrodgm.nn.causal import CausalNet
from pyrodgm.nn.concat_squash_conv import ConcatSquashConv
from pyrodgm.nn.concat_squash_mlp import ConcatSquashMLP
from pyrodgm.nn.conv_net import ConvNet
from pyrodgm.nn.convolutional import ConvDecoder, ConvEncoder
from pyrodgm.nn.dc_gan import DCGANDiscriminator, DCGANGenerator
from pyrodgm.nn.diagonal_bilstm import DiagonalBiLSTM
from pyrodgm.nn.gated_pixel_cnn import GatedPixelCNN
from pyrodgm.nn.label_embedding import LabelEmbedding
from pyrodgm.nn.markov_table import MarkovTable
from pyrodgm.nn.masked_ensemble import MaskedEnsemble
from pyrodgm.nn.masked_mlp import MaskedMLP
from pyrodgm.nn.masked_sweep import masked_sweep
from pyrodgm.nn.minibatch_standard_deviation import MinibatchStandardDeviation
from pyrodgm.nn.mlp import MLP
from pyrodgm.nn.nade import NADE
from pyrodgm.nn.per_conditional_mlp import PerConditionalMLP
from pyrodgm.nn.pixel_cnn import PixelCNN
from pyrodgm.nn.pixel_cnn_pp import PixelCNNPlusPlus
from pyrodgm.nn.projection_discriminator import ProjectionDiscriminator
from pyrodgm.nn.prompted_transformer import PromptedTransformer
from pyrodgm.nn.recurrent import Recurrent
from pyrodgm.nn.res_net import ResNetDecoder, ResNetEncoder
from pyrodgm.nn.res_net_gan import ResNetDiscriminator, ResNetGenerator
from pyrodgm.nn.residual_conv import ResidualConv
from pyrodgm.nn.residual_mlp import ResidualMLP
from pyrodgm.nn.row_lstm import RowLSTM
from pyrodgm.nn.transformer import Transformer
from pyrodgm.nn.triangular_conv_net import TriangularConvNet
from pyrodgm.nn.triangular_mlp import TriangularMLP
from pyrodgm.nn.triangular_net import TriangularNet
from pyrodgm.nn.vector_field import VectorField
from pyrodgm.nn.wavenet import WaveNet
from pyrodgm.nn.weight_norm import WeightNormConv2d

__all__ = [
    "MLP",
    "NADE",
    "CausalNet",
    "ConcatSquashConv",
    "ConcatSquashMLP",
    "ConvDecoder",
    "ConvEncoder",
    "ConvNet",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "DiagonalBiLSTM",
    "GatedPixelCNN",
    "LabelEmbedding",
    "MarkovTable",
    "MaskedEnsemble",
    "MaskedMLP",
    "MinibatchStandardDeviation",
    "PerConditionalMLP",
    "PixelCNN",
    "PixelCNNPlusPlus",
    "ProjectionDiscriminator",
    "PromptedTransformer",
    "Recurrent",
    "ResNetDecoder",
    "ResNetDiscriminator",
    "ResNetEncoder",
    "ResNetGenerator",
    "ResidualConv",
    "ResidualMLP",
    "RowLSTM",
    "Transformer",
    "TriangularConvNet",
    "TriangularMLP",
    "TriangularNet",
    "VectorField",
    "WaveNet",
    "WeightNormConv2d",
    "masked_sweep",
]
