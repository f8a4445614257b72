"""Weights in a box."""

import torch
from torch import nn

from pyrodgm.likelihood_free.regularizer import Regularizer


class WeightClip(Regularizer):
    r"""After each of its steps, every parameter of the discriminator is clipped to :math:`[-c, c]`.

    A crude bound on the slope. The paper calls it "a clearly terrible way"; :class:`GradientPenalty` is a better one.

    Args:
        limit: :math:`c`; the paper's is 0.01.

    Raises:
        ValueError: If ``limit`` is not positive.

    Example:
        >>> critic = nn.Linear(3, 1)
        >>> WeightClip(0.01).constrain(critic)
        >>> bool(critic.weight.abs().max() <= 0.01)
        True

    References:
        Arjovsky, Chintala, Bottou (2017), Wasserstein GAN, algorithm 1, https://arxiv.org/abs/1701.07875
    """

    def __init__(self, limit: float) -> None:
        if not limit > 0:
            raise ValueError(f"Expected limit > 0; got {limit}. The paper's is 0.01.")
        self.limit = limit

    @torch.no_grad()
    def constrain(self, discriminator: nn.Module) -> None:
        """Clip the parameters in place."""
        for parameter in discriminator.parameters():
            parameter.clamp_(-self.limit, self.limit)
