"""The parameters of a mixture of normals, unconstrained."""

from typing import Literal, get_args

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.models.gaussians import Gaussians, triangle
from pyrodgm.nn.mlp import check_dim

Covariance = Literal["full", "diagonal", "tied"]


class GaussianComponents(nn.Module):
    r"""Weights :math:`\mathrm{softmax}(\ell)`, means, and triangles :math:`L` of the covariances :math:`L L^\top`.

    The diagonal of :math:`L` is the softplus of a parameter, so that any values are allowed.

    Args:
        input_dim: Number of features.
        num_components: Number of components.
        covariance: ``"full"``, ``"diagonal"`` or ``"tied"``.

    Raises:
        ValueError: If a number is not positive, or ``covariance`` is none of the three.
    """

    def __init__(self, input_dim: int, num_components: int, covariance: Covariance = "full") -> None:
        super().__init__()
        self.input_dim = check_dim("input_dim", input_dim)
        self.num_components = check_dim("num_components", num_components)
        if covariance not in get_args(Covariance):
            raise ValueError(f"Expected covariance among {get_args(Covariance)}; got {covariance!r}. Choose one.")
        self.covariance = covariance
        batch = () if covariance == "tied" else (num_components,)
        self.logits = nn.Parameter(torch.zeros(num_components))
        self.means = nn.Parameter(torch.randn(num_components, input_dim))
        self.raw_diagonal = nn.Parameter(inverse_softplus(torch.ones(*batch, input_dim)))
        if covariance != "diagonal":
            self.below = nn.Parameter(torch.zeros(*batch, input_dim * (input_dim - 1) // 2))

    @property
    def scales(self) -> Tensor:
        """Triangles of the covariances, ``(K, D, D)``, tied ``(D, D)``; or standard deviations, ``(K, D)``."""
        diagonal = F.softplus(self.raw_diagonal)
        if self.covariance == "diagonal":
            return diagonal
        tril = torch.diag_embed(diagonal)
        rows, columns = torch.tril_indices(self.input_dim, self.input_dim, -1, device=tril.device)
        tril[..., rows, columns] = self.below
        return tril

    @property
    def covariances(self) -> Tensor:
        """Covariances, ``(K, D, D)``, tied ``(D, D)``; or variances, ``(K, D)``."""
        scales = self.scales
        return scales.square() if self.covariance == "diagonal" else scales @ scales.mT

    def gaussians(self) -> Gaussians:
        """Return the components as whitening maps; gradients reach the parameters."""
        scales = self.scales
        if self.covariance == "diagonal":
            whitening = scales.reciprocal()
        else:
            identity = torch.eye(self.input_dim, dtype=scales.dtype, device=scales.device).expand_as(scales)
            whitening = torch.linalg.solve_triangular(scales, identity, upper=False)
        if self.covariance == "tied":
            whitening = whitening.expand(self.num_components, -1, -1)
        return Gaussians(self.logits.log_softmax(0), self.means, whitening)

    def component(self, z: Tensor) -> dist.TorchDistribution:
        """Return the normals of component indices, of any shape."""
        scales = self.scales
        if self.covariance == "diagonal":
            return dist.Normal(self.means[z], scales[z]).to_event(1)
        return dist.MultivariateNormal(self.means[z], scale_tril=scales if self.covariance == "tied" else scales[z])

    def distribution(self) -> dist.MixtureSameFamily:
        """Return the mixture."""
        every = torch.arange(self.num_components, device=self.logits.device)
        return dist.MixtureSameFamily(dist.Categorical(logits=self.logits), self.component(every))

    @torch.no_grad()
    def set_parameters(self, weights: Tensor, means: Tensor, covariances: Tensor) -> None:
        """Set all; see :meth:`pyrodgm.models.GaussianMixture.set_parameters`."""
        expected = {"weights": (self.num_components,), "means": tuple(self.means.shape)}
        expected["covariances"] = tuple(self.covariances.shape)
        for name, value in zip(expected, (weights, means, covariances), strict=True):
            if tuple(value.shape) != expected[name]:
                raise ValueError(
                    f"Expected {name} of shape {expected[name]}; got {tuple(value.shape)}. Give one to a component."
                )
            if not value.isfinite().all():
                raise ValueError(f"Expected finite {name}; got NaN or inf. Give numbers.")
        if (weights < 0).any() or not weights.sum() > 0:
            raise ValueError(
                f"Expected weights of at least 0 with a positive sum; got {weights.tolist()}. Give shares."
            )
        self.set_covariances(covariances, 0.0)
        self.set_weights_and_means(weights.double() / weights.double().sum(), means)

    def set_weights_and_means(self, weights: Tensor, means: Tensor) -> None:
        """Set weights that sum to 1, and means."""
        self.logits.copy_(weights.clamp_min(torch.finfo(self.logits.dtype).tiny).log())
        self.means.copy_(means)

    def set_covariances(self, covariances: Tensor, floor: float) -> None:
        """Set the covariances whose likelihood is the greatest among those with no variance below a floor.

        Raises:
            ValueError: If one is singular, or not symmetric, naming the component.
        """
        covariances = covariances.to(self.logits.device, torch.float64)
        if self.covariance == "diagonal":
            scales = diagonal = covariances.clamp_min(floor).sqrt()
            self._check_regular((scales > 0).all(1))
        else:
            scales = self._triangles(covariances, floor)
            diagonal = scales.diagonal(dim1=-2, dim2=-1)
            rows, columns = torch.tril_indices(self.input_dim, self.input_dim, -1, device=scales.device)
            self.below.copy_(scales[..., rows, columns])
        self.raw_diagonal.copy_(inverse_softplus(diagonal))

    def _triangles(self, covariances: Tensor, floor: float) -> Tensor:
        scales, info = torch.linalg.cholesky_ex(covariances)
        if not floor:
            variances = covariances.diagonal(dim1=-2, dim2=-1)
            left = scales.diagonal(dim1=-2, dim2=-1).square() / variances  # of each, given the features before
            regular = (info == 0) & (left > 100 * torch.finfo(left.dtype).eps).all(-1)
            skew = (covariances - covariances.mT).abs().amax((-2, -1))
            self._check_regular((regular & (skew <= 1e-5 * variances.amax(-1))).reshape(-1))
            return scales
        identity = torch.eye(self.input_dim, dtype=covariances.dtype, device=covariances.device)
        low = torch.linalg.cholesky_ex(covariances - floor * identity).info != 0
        if low.any():  # raise the variances that are below the floor, in their own directions
            values, vectors = torch.linalg.eigh(covariances[low])
            scales = scales.clone()
            scales[low] = triangle(vectors * values.clamp_min(floor).sqrt().unsqueeze(-2))
        return scales

    def _check_regular(self, regular: Tensor) -> None:
        if not regular.all():
            which = "the tied one" if self.covariance == "tied" else f"that of component {int((~regular).nonzero()[0])}"
            raise ValueError(
                f"Expected symmetric covariances that are positive definite; got a singular one, {which}. "
                "Set covariance_floor > 0, remove features that others determine, or take fewer components."
            )


def inverse_softplus(value: Tensor) -> Tensor:
    """Return what the softplus of is ``value``, which is positive."""
    return value + (-torch.expm1(-value)).log()
