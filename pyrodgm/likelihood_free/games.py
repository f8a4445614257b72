"""The games: what each of the two players minimises."""

import torch.nn.functional as F
from torch import Tensor

from pyrodgm.likelihood_free.game import Game


class Minimax(Game):
    r"""The zero-sum game :math:`\min_G \max_D\; E_p[\log \sigma(D(x))] + E_q[\log(1 - \sigma(D(x)))]` of logits.

    Its value at the optimal discriminator is :math:`2\,\mathrm{JSD}(p, q) - 2 \log 2` nats. Where the discriminator
    wins, the generator's gradient vanishes.

    Example:
        >>> import torch
        >>> game = Minimax()
        >>> game.discriminator_loss(torch.randn(5), torch.randn(5)).shape, game.generator_loss(torch.randn(5)).shape
        (torch.Size([]), torch.Size([]))

    References:
        Goodfellow et al. (2014), Generative Adversarial Nets, eq. 1, https://arxiv.org/abs/1406.2661
    """

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        r"""Return :math:`-E_p[\log \sigma(D)] - E_q[\log(1 - \sigma(D))]`, nats."""
        return F.softplus(-real_scores).mean() + F.softplus(fake_scores).mean()

    def generator_loss(self, fake_scores: Tensor) -> Tensor:
        r"""Return :math:`E_q[\log(1 - \sigma(D))]`, nats."""
        return -F.softplus(fake_scores).mean()


class NonSaturating(Minimax):
    r"""The minimax game with :math:`-E_q[\log \sigma(D(x))]` for the generator, whose gradient does not vanish.

    Example:
        >>> import torch
        >>> NonSaturating().generator_loss(torch.randn(5)).shape
        torch.Size([])

    References:
        Goodfellow et al. (2014), Generative Adversarial Nets, section 3, https://arxiv.org/abs/1406.2661
    """

    def generator_loss(self, fake_scores: Tensor) -> Tensor:
        r"""Return :math:`-E_q[\log \sigma(D)]`, nats."""
        return F.softplus(-fake_scores).mean()


class LeastSquares(Game):
    r"""Scores are regressed on 1 for real and 0 for fake data: :math:`\frac12 E_p[(D - 1)^2] + \frac12 E_q[D^2]`.

    Example:
        >>> import torch
        >>> LeastSquares().generator_loss(torch.randn(5)).shape
        torch.Size([])

    References:
        Mao et al. (2017), Least Squares Generative Adversarial Networks, https://arxiv.org/abs/1611.04076
    """

    threshold: float | None = 0.5

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        r"""Return :math:`\frac12 E_p[(D - 1)^2] + \frac12 E_q[D^2]`."""
        return 0.5 * ((real_scores - 1).square().mean() + fake_scores.square().mean())

    def generator_loss(self, fake_scores: Tensor) -> Tensor:
        r"""Return :math:`\frac12 E_q[(D - 1)^2]`."""
        return 0.5 * (fake_scores - 1).square().mean()


class Hinge(Game):
    r"""A margin of one on either side: :math:`E_p[\max(0, 1 - D)] + E_q[\max(0, 1 + D)]`.

    Example:
        >>> import torch
        >>> Hinge().generator_loss(torch.randn(5)).shape
        torch.Size([])

    References:
        Lim, Ye (2017), Geometric GAN, https://arxiv.org/abs/1705.02894;
        Miyato, Kataoka, Koyama, Yoshida (2018), Spectral Normalization for GANs, https://arxiv.org/abs/1802.05957
    """

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        r"""Return :math:`E_p[\max(0, 1 - D)] + E_q[\max(0, 1 + D)]`."""
        return F.relu(1 - real_scores).mean() + F.relu(1 + fake_scores).mean()

    def generator_loss(self, fake_scores: Tensor) -> Tensor:
        r"""Return :math:`-E_q[D]`."""
        return -fake_scores.mean()


class Wasserstein(Game):
    r"""Differences of mean scores, :math:`\max_D E_p[D] - E_q[D]` over functions of slope at most one.

    The game does not bound the slope: add :class:`GradientPenalty`, :class:`SpectralNorm` or :class:`WeightClip`.

    Example:
        >>> import torch
        >>> Wasserstein().discriminator_loss(torch.randn(5), torch.randn(5)).shape
        torch.Size([])

    References:
        Arjovsky, Chintala, Bottou (2017), Wasserstein GAN, eq. 2, https://arxiv.org/abs/1701.07875
    """

    threshold: float | None = None  # scores are known up to a constant

    def discriminator_loss(self, real_scores: Tensor, fake_scores: Tensor) -> Tensor:
        """Return :math:`E_q[D] - E_p[D]`."""
        return fake_scores.mean() - real_scores.mean()

    def generator_loss(self, fake_scores: Tensor) -> Tensor:
        """Return :math:`-E_q[D]`."""
        return -fake_scores.mean()
