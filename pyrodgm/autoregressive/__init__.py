"""Autoregressive models: a causal network and a head, exact densities and fast exact draws."""

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.autoregressive.biased import sample_biased
from pyrodgm.autoregressive.char_rnn import char_rnn
from pyrodgm.autoregressive.diagonal_bilstm import diagonal_bilstm
from pyrodgm.autoregressive.distribution import AutoregressiveDistribution
from pyrodgm.autoregressive.ensemble import Ensemble
from pyrodgm.autoregressive.ensemble_distribution import EnsembleDistribution
from pyrodgm.autoregressive.fvsbn import fvsbn
from pyrodgm.autoregressive.gated_pixelcnn import gated_pixelcnn
from pyrodgm.autoregressive.made import made
from pyrodgm.autoregressive.nade import nade
from pyrodgm.autoregressive.per_conditional_mlp import per_conditional_mlp
from pyrodgm.autoregressive.pixel_defend import pixel_defend
from pyrodgm.autoregressive.pixelcnn import pixelcnn
from pyrodgm.autoregressive.pixelcnn_pp import pixelcnn_pp
from pyrodgm.autoregressive.prompted import prompted
from pyrodgm.autoregressive.relaxed import relaxed
from pyrodgm.autoregressive.rnade import rnade
from pyrodgm.autoregressive.row_lstm import row_lstm
from pyrodgm.autoregressive.strategies import FixedPoint, Incremental, Sequential, Strategy
from pyrodgm.autoregressive.transformer import transformer
from pyrodgm.autoregressive.wavenet import wavenet

__all__ = [
    "Autoregressive",
    "AutoregressiveDistribution",
    "Ensemble",
    "EnsembleDistribution",
    "FixedPoint",
    "Incremental",
    "Sequential",
    "Strategy",
    "char_rnn",
    "diagonal_bilstm",
    "fvsbn",
    "gated_pixelcnn",
    "made",
    "nade",
    "per_conditional_mlp",
    "pixel_defend",
    "pixelcnn",
    "pixelcnn_pp",
    "prompted",
    "relaxed",
    "rnade",
    "row_lstm",
    "sample_biased",
    "transformer",
    "wavenet",
]
