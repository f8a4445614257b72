"""Cases of the quantizers, over which tests/quantizers/test_quantizers.py runs: a part of tests/cases.py."""

from pyrodgm import quantizers

QUANTIZERS = {  # name: constructor
    "VectorQuantizer": lambda: quantizers.VectorQuantizer(11, 3),
    "VectorQuantizer, one feature": lambda: quantizers.VectorQuantizer(2, 1, commitment_weight=0.0),
    "VectorQuantizer, gradient": lambda: quantizers.VectorQuantizer(11, 3, update="gradient"),
    "VectorQuantizer, no restarts": lambda: quantizers.VectorQuantizer(11, 3, decay=0.0, restart=False),
    "RelaxedCategorical": lambda: quantizers.RelaxedCategorical(5),
    "RelaxedCategorical, straight through": lambda: quantizers.RelaxedCategorical(5, straight_through=True),
    "RelaxedCategorical, annealed": lambda: quantizers.RelaxedCategorical(2, final_temperature=0.1, anneal_steps=3),
    "FiniteScalarQuantizer": lambda: quantizers.FiniteScalarQuantizer((4, 3, 2)),
    "FiniteScalarQuantizer, one feature": lambda: quantizers.FiniteScalarQuantizer((5,)),
}
