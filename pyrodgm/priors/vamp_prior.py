"""The variational mixture of posteriors at learned inputs."""

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor, nn

from pyrodgm.conditional import Conditional
from pyrodgm.priors.posterior_mixture import PosteriorMixture


class VampPrior(PosteriorMixture):
    r"""Mixture of posteriors at pseudo-inputs, :math:`p(z) = \frac1K \sum_k q(z \mid u_k)`, :math:`u_k` learned.

    The optimal prior is the posterior averaged over all data; this is that average over a few inputs, chosen by
    training. The encoder stays the posterior's own: see :class:`~pyrodgm.priors.posterior_mixture.PosteriorMixture`.
    Pseudo-inputs are any real numbers, also where data are not, and an image's where the encoder takes images.

    Args:
        encoder_conditional: The posterior :math:`q(z \mid x)` of the same model.
        num_components: Number :math:`K` of pseudo-inputs.
        data: ``(num_rows, *input_shape)``, at least :math:`K`: pseudo-inputs start as rows drawn from these. Without,
            they start uniform on [0, 1]; :meth:`~pyrodgm.models.VAE.initialize`, which the trainer calls, then takes
            the training data.
        learned: Whether pseudo-inputs are trained, or stay.

    Raises:
        ValueError: If there is no component, or the data do not fit the posterior or are too few.

    Example:
        >>> import torch
        >>> from pyrodgm import models, priors
        >>> vae = models.vae(64, 8, hidden_dims=(32,))
        >>> prior = priors.VampPrior(vae.posterior, 10, data=torch.rand(50, 64))
        >>> models.VAE(prior, vae.likelihood, vae.posterior).sample(5).shape
        torch.Size([5, 64])

    References:
        Tomczak, Welling (2018), VAE with a VampPrior, eq. 9, https://arxiv.org/abs/1705.07120
    """

    def __init__(
        self, encoder_conditional: Conditional, num_components: int, data: Tensor | None = None, *, learned: bool = True
    ) -> None:
        super().__init__(encoder_conditional, num_components)
        if data is None:
            inputs = torch.rand(num_components, *self.input_shape)
        else:
            self.check_inputs(data, "data")
            inputs = self.choose(data)
        self.has_data = data is not None
        self.pseudo_inputs = nn.Parameter(inputs, requires_grad=learned)

    @torch.no_grad()
    def start_from(self, data: Tensor) -> None:
        """Start from rows of the data, unless that was done when the prior was built.

        Args:
            data: ``(num_rows, *input_shape)``.
        """
        if not self.has_data:
            self.check_inputs(data, "data")
            self.pseudo_inputs.copy_(self.choose(data))
            self.has_data = True

    def distribution(self, context: Tensor | None) -> TorchDistribution:
        """Make the mixture."""
        return self.mixture(self.pseudo_inputs)
