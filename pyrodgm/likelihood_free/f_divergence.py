"""Games whose value bounds an f-divergence from below."""

import math
from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor

from pyrodgm.likelihood_free.game import Game

Divergence = Literal["kl", "reverse_kl", "jensen_shannon", "pearson"]


class FDivergence(Game):
    r"""The game :math:`\min_G \max_D\; E_p[g(D(x))] - E_q[f^*(g(D(x)))]`, a bound on :math:`E_q[f(p / q)]`.

    :math:`f^*` is the convex conjugate of :math:`f`, and :math:`g` maps any score into its domain. The bound is tight
    where :math:`g(D) = f'(p / q)`.

    ================== =============================== ========================= ===========================
    name               divergence                      :math:`g(v)`              :math:`f^*(g(v))`
    ================== =============================== ========================= ===========================
    ``kl``             :math:`\mathrm{KL}(p \,\|\, q)` :math:`v`                 :math:`e^{v - 1}`
    ``reverse_kl``     :math:`\mathrm{KL}(q \,\|\, p)` :math:`-e^{-v}`           :math:`v - 1`
    ``jensen_shannon`` :math:`2\, \mathrm{JSD}(p, q)`  :math:`\log(2 \sigma(v))` :math:`-\log(2 \sigma(-v))`
    ``pearson``        :math:`\int (p - q)^2 / q`      :math:`v`                 :math:`v^2 / 4 + v`
    ================== =============================== ========================= ===========================

    Args:
        divergence: Name of the divergence.

    Raises:
        ValueError: If there is no divergence of that name.

    Example:
        >>> import torch
        >>> FDivergence("pearson").bound(torch.randn(5), torch.randn(5)).shape
        torch.Size([])

    References:
        Nowozin, Cseke, Tomioka (2016), f-GAN: Training Generative Neural Samplers using Variational Divergence
        Minimization, eq. 4 and table 2, https://arxiv.org/abs/1606.00709
    """

    def __init__(self, divergence: Divergence) -> None:
        if divergence not in get_args(Divergence):
            names = ", ".join(get_args(Divergence))
            raise ValueError(f"Expected divergence to be one of {names}; got {divergence!r}. Choose one of these.")
        self.divergence = divergence
        # The score at p = q, where g(v) = f'(1).
        self.threshold = 1.0 if divergence == "kl" else 0.0

    def activation(self, scores: Tensor) -> Tensor:
        """Return :math:`g(v)`."""
        if self.divergence == "reverse_kl":
            return -(-scores).exp()
        if self.divergence == "jensen_shannon":
            return math.log(2) - F.softplus(-scores)
        return scores

    def conjugate(self, scores: Tensor) -> Tensor:
        """Return :math:`f^*(g(v))`, without leaving the domain on the way."""
        if self.divergence == "kl":
            return (scores - 1).exp()
        if self.divergence == "reverse_kl":
            return scores - 1
        if self.divergence == "jensen_shannon":
            return F.softplus(scores) - math.log(2)
        return scores.square() / 4 + scores

    def bound(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Return :math:`E_p[g(D)] - E_q[f^*(g(D))]`, at most the divergence in expectation; nats (Pearson: no unit)."""
        return self.activation(real_scores).mean() - self.conjugate(fake_scores).mean()

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Return the negative bound."""
        return -self.bound(real_scores, fake_scores)

    def generator_loss(self, fake_scores: Tensor) -> Tensor:
        """Return the part of the bound that the generator moves, :math:`-E_q[f^*(g(D))]`."""
        return -self.conjugate(fake_scores).mean()
