"""Probabilistic principal component analysis."""

from typing import Self

import torch
from torch import Tensor

from pyrodgm.models.checks import check_rows
from pyrodgm.models.factor_model import FactorModel


class PPCA(FactorModel):
    r"""Principal components as a density: :math:`z \sim N(0, I),\; x \sim N(W z + \mu, \sigma^2 I)`.

    The guide is the exact posterior, so that the ELBO is the log-likelihood. Three ways to fit it: :meth:`fit`, the
    maximum in closed form; ``infer.em``, also with missing values (NaN); and SVI, as any other model.

    Args:
        input_dim: Number of features of ``x``.
        latent_dim: Number of components, fewer than features.
        min_scale: The least :math:`\sigma`, in units of ``x``.

    Raises:
        ValueError: If a size is too small, there are no fewer components than features, or ``min_scale`` is not
            positive.

    Example:
        >>> import torch
        >>> from pyrodgm import models
        >>> x = torch.randn(50, 2) @ torch.randn(2, 5) + 0.1 * torch.randn(50, 5)
        >>> ppca = models.PPCA(5, 2).fit(x)
        >>> ppca.log_prob(x).shape, ppca.posterior(x).mean.shape, ppca.principal_axes().shape
        (torch.Size([50]), torch.Size([50, 2]), torch.Size([5, 2]))

    References:
        Tipping, Bishop (1999), Probabilistic Principal Component Analysis, eq. 7-8 (closed form) and appendix B (EM),
        https://doi.org/10.1111/1467-9868.00196;
        Ilin, Raiko (2010), Practical Approaches to Principal Component Analysis in the Presence of Missing Values,
        https://www.jmlr.org/papers/v11/ilin10a.html
    """

    def __init__(self, input_dim: int, latent_dim: int, *, min_scale: float = 1e-4) -> None:
        super().__init__(input_dim, latent_dim, 1, min_scale)

    def num_parameters(self) -> int:
        """Return the number of free parameters: mean, noise, and loadings up to a rotation."""
        num, dim = self.input_dim, self.latent_dim
        return num + 1 + num * dim - dim * (dim - 1) // 2

    @torch.no_grad()
    def fit(self, x: Tensor) -> Self:
        r"""Set the parameters to those of maximum likelihood, in closed form.

        With :math:`\lambda_i, u_i` eigenvalues (falling) and eigenvectors of the covariance of ``x``, the noise is the
        mean of the eigenvalues that are left out and :math:`w_i = \sqrt{\lambda_i - \sigma^2}\, u_i`.

        Args:
            x: ``(num_rows, input_dim)`` without missing values, more rows than ``latent_dim + 1``.

        Returns:
            The model itself.

        Raises:
            ValueError: If there are too few rows, or values are missing: these take ``infer.em``.
        """
        check_complete(x)
        check_rows(x, self.event_shape)
        self.check_enough_rows(x)
        loc = x.double().mean(0)
        variances, axes = spectrum(x.double() - loc)
        left = variances[self.latent_dim :].sum() / (self.input_dim - self.latent_dim)
        self.loc.copy_(loc)
        self.joint.set_variance(left.reshape(1))
        lengths = (variances[: self.latent_dim] - self.joint.variance[0]).clamp(min=0).sqrt()
        self.weight.copy_(with_signs(axes[:, : self.latent_dim]) * lengths)
        return self

    @torch.no_grad()
    def principal_axes(self) -> Tensor:
        """Return the principal axes as unit columns, by falling variance, ``(input_dim, latent_dim)``.

        The value of largest magnitude of each is positive.
        """
        return with_signs(torch.linalg.svd(self.weight, full_matrices=False).U)

    @torch.no_grad()
    def principal_variances(self) -> Tensor:
        """Return the variance of ``x`` along each principal axis, falling, ``(latent_dim,)``."""
        return torch.linalg.svdvals(self.weight).square() + self.joint.variance[0]

    @torch.no_grad()
    def rotate(self) -> Self:
        """Turn the latents to the principal axes, which changes no density, and return the model itself.

        SVI and EM find the space of the components, and any axes in it.
        """
        lengths = torch.linalg.svdvals(self.weight)
        self.weight.copy_(self.principal_axes() * lengths)
        return self

    def pooled(self, squares: Tensor, counts: Tensor) -> Tensor:
        """Return the one variance, over all features and rows."""
        return (squares.sum() / counts.sum()).reshape(1)


def check_complete(x: Tensor) -> None:
    """Refuse missing values.

    Raises:
        ValueError: Naming the first column that has some.
    """
    holes = x.isnan()
    if holes.any():
        column = int(holes.any(0).nonzero()[0]) if x.dim() == 2 else 0
        raise ValueError(
            f"Expected x without missing values; got NaN in {int(holes.sum())} places, first in column {column}. "
            'Use infer.em(model, x, missing="em").'
        )


def spectrum(centred: Tensor) -> tuple[Tensor, Tensor]:
    """Return the eigenvalues of the covariance, falling, and its eigenvectors as columns; as many as there are rows."""
    if len(centred) < centred.shape[1]:
        _, singular, axes = torch.linalg.svd(centred, full_matrices=False)
        return singular.square() / len(centred), axes.t()
    variances, axes = torch.linalg.eigh(centred.t() @ centred / len(centred))
    return variances.flip(0).clamp(min=0), axes.flip(1)


def with_signs(axes: Tensor) -> Tensor:
    """Turn columns so that the value of largest magnitude of each is positive."""
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    return axes * torch.where(largest < 0, -1.0, 1.0)
