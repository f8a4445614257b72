"""Factor analysis: probabilistic PCA with a noise of its own for each feature."""

from torch import Tensor

from pyrodgm.models.factor_model import FactorModel


class FactorAnalysis(FactorModel):
    r""":math:`z \sim N(0, I),\; x \sim N(W z + \mu, \mathrm{diag}(\psi))`: factors explain what features share.

    The guide is the exact posterior, so that the ELBO is the log-likelihood. There is no closed form of the maximum;
    ``infer.em`` finds it, also with missing values (NaN), and SVI. Unlike that of :class:`PPCA`, the fit does not
    change with the units of the features.

    Args:
        input_dim: Number of features of ``x``.
        latent_dim: Number of factors, fewer than features.
        min_scale: The least :math:`\sqrt{\psi_i}`, in units of ``x``; a feature that a factor explains alone gets it.

    Raises:
        ValueError: If a size is too small, there are no fewer factors than features, or ``min_scale`` is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import infer, models
        >>> x = torch.randn(50, 2) @ torch.randn(2, 5) + torch.randn(50, 5)
        >>> model = models.FactorAnalysis(5, 2)
        >>> result = infer.em(model, x, num_steps=5)
        >>> model.log_prob(x).shape, model.noise_variance.shape
        (torch.Size([50]), torch.Size([5]))

    References:
        Rubin, Thayer (1982), EM algorithms for ML factor analysis, https://doi.org/10.1007/BF02293851;
        Bishop (2006), Pattern Recognition and Machine Learning, section 12.2.4
    """

    def __init__(self, input_dim: int, latent_dim: int, *, min_scale: float = 1e-4) -> None:
        super().__init__(input_dim, latent_dim, input_dim, min_scale)

    def num_parameters(self) -> int:
        """Return the number of free parameters: means, noises, and loadings up to a rotation."""
        num, dim = self.input_dim, self.latent_dim
        return 2 * num + num * dim - dim * (dim - 1) // 2

    def pooled(self, squares: Tensor, counts: Tensor) -> Tensor:
        """Return the variance of each feature, over its rows."""
        return squares / counts
