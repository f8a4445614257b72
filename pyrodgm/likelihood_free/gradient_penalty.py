"""Penalties on the slope of a discriminator."""

import torch
from torch import Tensor, nn

from pyrodgm.likelihood_free.regularizer import Penalty, Scorer


class GradientPenalty(Penalty):
    r"""The slope is drawn to one between real and fake data: :math:`\lambda E[(\|\nabla D(\hat x)\| - 1)^2]`.

    :math:`\hat x = u x + (1 - u) x'` with a uniform :math:`u` for each pair of a real and a fake datum. The norm is
    over all dimensions of a datum.

    Args:
        weight: Factor :math:`\lambda`; the paper's is 10.

    Raises:
        ValueError: If ``weight`` is negative, or, on use, the discriminator has batch normalisation or the batches
            differ in shape.

    Example:
        >>> critic = torch.nn.Linear(3, 1)
        >>> GradientPenalty(10.0)(critic, torch.randn(5, 3), torch.randn(5, 3)).shape
        torch.Size([])

    References:
        Gulrajani, Ahmed, Arjovsky, Dumoulin, Courville (2017), Improved Training of Wasserstein GANs, eq. 3,
        https://arxiv.org/abs/1704.00028
    """

    def prepare(self, discriminator: nn.Module) -> None:
        """Refuse batch normalisation."""
        check_no_batch_norm(discriminator)

    def __call__(self, discriminator: Scorer, real: Tensor, fake: Tensor) -> Tensor:
        """Return the penalty at points between real and fake rows."""
        check_no_batch_norm(discriminator)
        if real.shape != fake.shape:
            raise ValueError(
                f"Expected as many fake as real data of one shape; got {tuple(fake.shape)} and {tuple(real.shape)}. "
                "Draw as many as there are."
            )
        share = torch.rand(len(real), *[1] * (real.dim() - 1), dtype=real.dtype, device=real.device)
        square = squared_slope(discriminator, torch.lerp(fake, real, share))
        # The root has no derivative at 0. There the norm is taken to have one of 0.
        positive = square > 0
        norm = torch.where(positive, torch.where(positive, square, 1.0).sqrt(), 0.0)
        return self.weight * (norm - 1).square().mean()


class R1(Penalty):
    r"""The slope is drawn to zero at real data: :math:`\frac{\gamma}{2} E_p[\|\nabla D(x)\|^2]`.

    Args:
        weight: Factor :math:`\gamma`.

    Raises:
        ValueError: If ``weight`` is negative, or, on use, the discriminator has batch normalisation.

    Example:
        >>> R1(1.0)(torch.nn.Linear(3, 1), torch.randn(5, 3), torch.randn(5, 3)).shape
        torch.Size([])

    References:
        Mescheder, Geiger, Nowozin (2018), Which Training Methods for GANs do actually Converge?, eq. 9,
        https://arxiv.org/abs/1801.04406
    """

    def prepare(self, discriminator: nn.Module) -> None:
        """Refuse batch normalisation."""
        check_no_batch_norm(discriminator)

    def __call__(self, discriminator: Scorer, real: Tensor, fake: Tensor | None = None) -> Tensor:
        """Return the penalty at real rows."""
        check_no_batch_norm(discriminator)
        return 0.5 * self.weight * squared_slope(discriminator, real.detach()).mean()


def squared_slope(discriminator: Scorer, x: Tensor) -> Tensor:
    """Return the squared norm of the score's gradient in each row, ``(num,)``, with its graph."""
    if not x.requires_grad:
        x = x.detach().requires_grad_()
    (slope,) = torch.autograd.grad(discriminator(x).sum(), x, create_graph=True, materialize_grads=True)
    return slope.flatten(1).square().sum(1)


def check_no_batch_norm(discriminator: Scorer) -> None:
    """Refuse a discriminator in which a score depends on other rows.

    Raises:
        ValueError: If there is batch normalisation; says where.
    """
    if not isinstance(discriminator, nn.Module):
        return
    for name, module in discriminator.named_modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            raise ValueError(
                f"Expected a discriminator without batch normalisation; got {type(module).__name__} at "
                f"{name or 'its root'!r}. The penalty is on the slope of a datum's own score, and batch normalisation "
                "makes it depend on all rows. Use LayerNorm, GroupNorm or InstanceNorm."
            )
