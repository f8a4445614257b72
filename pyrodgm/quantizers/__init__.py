"""Quantizers: a continuous tensor to codes, points of a finite set, through which gradients pass."""

from pyrodgm.quantizers.finite_scalar_quantizer import FiniteScalarQuantizer
from pyrodgm.quantizers.quantized import Quantized
from pyrodgm.quantizers.relaxed_categorical import RelaxedCategorical
from pyrodgm.quantizers.vector_quantizer import VectorQuantizer

__all__ = ["FiniteScalarQuantizer", "Quantized", "RelaxedCategorical", "VectorQuantizer"]
