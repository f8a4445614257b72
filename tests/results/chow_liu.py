"""The tree that fits binary data best, and independent variables: what densities of tables are compared with."""

import torch
from torch import Tensor

from pyrodgm import models

SMOOTHING = 1.0  # counted in each cell of a table of two variables, besides the data


def independent(train: Tensor, x: Tensor) -> Tensor:
    """Return log-probabilities of the rows of ``x`` under independent variables, in nats."""
    probs = (train.double().sum(0) + SMOOTHING) / (len(train) + 2 * SMOOTHING)
    return torch.where(x == 1, probs, 1 - probs).log().sum(1)


def chow_liu(train: Tensor, x: Tensor) -> Tensor:
    """Return log-probabilities of the rows of ``x`` under the Chow-Liu tree of ``train``, in nats."""
    return models.chow_liu(train, prior_counts=SMOOTHING).double().log_prob(x).detach()
