"""The posterior averaged over data: the optimal prior, and the one that overfits."""

from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor

from pyrodgm.conditional import Conditional
from pyrodgm.priors.posterior_mixture import PosteriorMixture


class AggregatedPosterior(PosteriorMixture):
    r"""The aggregated posterior :math:`\frac1N \sum_i q(z \mid x_i)`, the prior that maximises the mean ELBO.

    Each density takes the encoder over all components. The average over all data is the optimum, costs :math:`N`
    components, and overfits: it knows the training data by heart. Fewer components subsample it: rows are drawn once.
    The rows are saved with the weights.

    Args:
        encoder_conditional: The posterior :math:`q(z \mid x)` of the same model.
        data: ``(num_rows, *input_shape)``.
        num_components: Number of rows to keep; all if ``None``.

    Raises:
        ValueError: If the data do not fit the posterior, or are fewer than components.

    Example:
        >>> import torch
        >>> from pyrodgm import models, priors
        >>> vae = models.vae(64, 8, hidden_dims=(32,))
        >>> prior = priors.AggregatedPosterior(vae.posterior, torch.rand(50, 64), 20)
        >>> prior().log_prob(torch.randn(5, 8)).shape
        torch.Size([5])

    References:
        Hoffman, Johnson (2016), ELBO surgery, eq. 9, http://approximateinference.org/2016/accepted/HoffmanJohnson2016.pdf;
        Tomczak, Welling (2018), VAE with a VampPrior, eq. 8, https://arxiv.org/abs/1705.07120
    """

    inputs: Tensor

    def __init__(self, encoder_conditional: Conditional, data: Tensor, num_components: int | None = None) -> None:
        super().__init__(encoder_conditional, len(data) if num_components is None else num_components)
        self.check_inputs(data, "data")
        self.register_buffer("inputs", self.choose(data))

    def distribution(self, context: Tensor | None) -> TorchDistribution:
        """Make the mixture."""
        return self.mixture(self.inputs)
