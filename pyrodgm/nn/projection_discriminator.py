"""A discriminator of data and labels."""

from torch import Tensor, nn

from pyrodgm.nn.mlp import check_dim, check_inputs, shrink


class ProjectionDiscriminator(nn.Module):
    r"""Scores :math:`D(x, c) = w^\top \phi(x) + b + (V c)^\top \phi(x)` of data and a one-hot label, or any context.

    Args:
        net: Maps data ``(*batch, *input_shape)`` to features :math:`\phi`, ``(*batch, feature_dim)``.
        feature_dim: Number of features.
        context_dim: Number of classes, or of context features.

    Raises:
        ValueError: If a size is not positive, or, when called, the context is missing or of another width.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.ProjectionDiscriminator(nn.MLP(3, 16), 16, context_dim=10)
        >>> net(torch.randn(5, 3), torch.eye(10)[:5]).shape
        torch.Size([5, 1])

    References:
        Miyato, Koyama (2018), cGANs with Projection Discriminator, eq. 3-4, https://arxiv.org/abs/1802.05637
    """

    def __init__(self, net: nn.Module, feature_dim: int, context_dim: int) -> None:
        super().__init__()
        self.net = net
        self.feature_dim = check_dim("feature_dim", feature_dim)
        self.context_dim = check_dim("context_dim", context_dim)
        self.output_layer = nn.Linear(feature_dim, 1)
        self.embedding = nn.Linear(context_dim, feature_dim, bias=False)
        shrink(self.embedding, 0.1)  # so that labels do not decide before the data do

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Evaluate the network.

        Args:
            x: Data of shape (*batch, *input_shape).
            context: One-hot labels or contexts of shape (*batch, context_dim).

        Returns:
            Scores of shape (*batch, 1).

        Raises:
            ValueError: If the context is missing or of another width, or the features are.
        """
        features = self.net(x)
        check_inputs(self.feature_dim, self.context_dim, features, context)
        return self.output_layer(features) + (self.embedding(context) * features).sum(-1, keepdim=True)
