"""Layers of largest singular value one."""

from torch import nn
from torch.nn.utils import parametrizations, parametrize

from pyrodgm.likelihood_free.regularizer import Regularizer

LAYERS = (
    nn.Linear,
    *(nn.Conv1d, nn.Conv2d, nn.Conv3d),
    *(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d),
)


class SpectralNorm(Regularizer):
    r"""Every linear and convolutional layer of the discriminator is divided by its largest singular value.

    Torch's parametrization estimates it by power iteration, one iteration each time that it makes the weights in
    training mode. :class:`Adversary` makes them once for all that a step of the discriminator asks of them, and holds
    the iteration during the generator's step: one iteration a step of the discriminator.

    Raises:
        ValueError: On use, if the discriminator has no such layer, or one whose weights are all 0.

    Example:
        >>> discriminator = nn.Linear(3, 1)
        >>> SpectralNorm().prepare(discriminator)
        >>> discriminator.parametrizations.weight[0]
        _SpectralNorm()

    References:
        Miyato, Kataoka, Koyama, Yoshida (2018), Spectral Normalization for Generative Adversarial Networks,
        algorithm 1, https://arxiv.org/abs/1802.05957
    """

    def prepare(self, discriminator: nn.Module) -> None:
        """Parametrize the layers; those that are parametrized already stay as they are."""
        layers = {name: module for name, module in discriminator.named_modules() if isinstance(module, LAYERS)}
        if not layers:
            raise ValueError(
                f"Expected a discriminator with linear or convolutional layers; {type(discriminator).__name__} has "
                "none. Leave SpectralNorm out."
            )
        for name, layer in layers.items():
            if parametrize.is_parametrized(layer, "weight"):
                continue
            if not layer.weight.detach().any():
                raise ValueError(
                    f"Expected weights that are not all 0; got such a layer at {name or 'the root'!r}, whose largest "
                    "singular value is 0. Start it at random."
                )
            parametrizations.spectral_norm(layer)
