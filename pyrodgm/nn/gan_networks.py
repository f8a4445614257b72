"""What the generators and the discriminators of pictures share: how they are called."""

import math

from torch import Tensor, nn

from pyrodgm.nn.mlp import check_inputs
from pyrodgm.nn.res_net import batch_of


class PictureGenerator(nn.Module):
    """Makes pictures of latents by its ``layers``.

    Attributes:
        latent_dim: Features of the input.
        shape: Shape (channels, height, width) of one picture.
        output_dim: Number of values of one picture.
        layers: Map (num, latent_dim) to (num, channels, height, width).
    """

    latent_dim: int
    shape: tuple[int, int, int]
    output_dim: int
    layers: nn.Module

    def forward(self, z: Tensor) -> Tensor:
        """Make pictures.

        Args:
            z: Latents of shape (*batch, latent_dim).

        Returns:
            Flat pictures of shape (*batch, channels * height * width), in [-1, 1].

        Raises:
            ValueError: If z has another width.
        """
        check_inputs(self.latent_dim, 0, z, None)
        pictures: Tensor = self.layers(z.reshape(math.prod(z.shape[:-1]), self.latent_dim))
        return pictures.reshape(*z.shape[:-1], self.output_dim)


class PictureDiscriminator(nn.Module):
    """Scores pictures by its ``layers`` and a last, linear one.

    Attributes:
        input_shape: Shape (channels, height, width) of one picture.
        feature_dim: Number of features that the last layer sees.
        layers: Map (num, channels, height, width) to the features, in any shape.
        output_layer: Maps features to outputs.
    """

    input_shape: tuple[int, int, int]
    feature_dim: int
    layers: nn.Module
    output_layer: nn.Module

    def features(self, x: Tensor) -> Tensor:
        """Return what the last layer sees, (*batch, feature_dim), of pictures as in ``forward``."""
        batch = batch_of(x, self.input_shape)
        features: Tensor = self.layers(x.reshape(math.prod(batch), *self.input_shape))
        return features.reshape(*batch, self.feature_dim)

    def forward(self, x: Tensor) -> Tensor:
        """Score pictures.

        Args:
            x: Pictures of shape (*batch, channels, height, width), or flat (*batch, channels * height * width).

        Returns:
            Scores of shape (*batch, output_dim).

        Raises:
            ValueError: If x has another shape.
        """
        scores: Tensor = self.output_layer(self.features(x))
        return scores
