"""Forward Kullback-Leibler divergence, from samples of the target: maximum likelihood."""

from torch import Tensor, nn

from pyrodgm.conditional import Conditional


class ForwardKL:
    r"""Negative log-likelihood :math:`-E_p[\log q(x \mid c)] = \mathrm{KL}(p \,\|\, q) + H(p)` of samples of :math:`p`.

    Mode covering: where the target has mass and :math:`q` has none, the loss is infinite, so a family that is too
    small spreads over all modes and the gaps between them. :class:`ReverseKL` is its mode-seeking counterpart.

    Example:
        >>> import torch
        >>> from pyrodgm import flows, infer
        >>> loss = infer.ForwardKL()(flows.realnvp(2))
        >>> loss(torch.randn(64, 2)).shape
        torch.Size([])

    References:
        Bishop (2006), Pattern Recognition and Machine Learning, section 10.1.2, fig. 10.3 (both directions);
        Papamakarios et al. (2021), Normalizing Flows for Probabilistic Modeling and Inference, section 2.3.1,
        https://arxiv.org/abs/1912.02762
    """

    def __call__(self, conditional: Conditional) -> nn.Module:
        """Return a module that maps samples, ``(num, *event_shape)``, and contexts to the loss in nats."""
        return ForwardKLModule(conditional)


class ForwardKLModule(nn.Module):
    """The loss, with the parameters of what it fits."""

    def __init__(self, conditional: Conditional) -> None:
        super().__init__()
        self.conditional = conditional

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return the mean negative log-density of ``x`` in nats."""
        log_prob: Tensor = self.conditional(context).log_prob(x)
        return -log_prob.mean()
