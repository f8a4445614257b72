"""The contract of each kind of component as a function, for ours and for yours; each raises on a breach."""

from pyrodgm.testing.bijections import check_bijection
from pyrodgm.testing.conditionals import check_conditional
from pyrodgm.testing.expectations import perturb
from pyrodgm.testing.heads import check_head
from pyrodgm.testing.models import average_loss, check_model
from pyrodgm.testing.networks import check_causal_net, check_network
from pyrodgm.testing.univariates import check_univariate

__all__ = [
    "average_loss",
    "check_bijection",
    "check_causal_net",
    "check_conditional",
    "check_head",
    "check_model",
    "check_network",
    "check_univariate",
    "perturb",
]
