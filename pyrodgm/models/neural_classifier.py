"""Discriminative classifiers: a network that makes the probabilities of classes."""

from collections.abc import Sequence

import torch
from pyro.distributions.torch_distribution import TorchDistribution
from torch import Tensor, nn

from pyrodgm.conditional import Neural
from pyrodgm.heads import Categorical
from pyrodgm.nn.mlp import check_dim


class NeuralClassifier(Neural):
    r""":math:`p(y \mid x) = \mathrm{softmax}(\mathrm{net}(x))_y`, which says nothing of :math:`p(x)`.

    A conditional whose context is ``x`` and whose draws are classes: ``models.Density`` makes it a model to train,
    with labels as the data and inputs as the context, and ``infer.bayesian`` puts a prior on its weights.

    Args:
        net: Maps inputs ``(*batch, *context_shape)`` to logits ``(*batch, num_classes)``; of two classes one output is
            enough, the log-odds of class 1.
        num_classes: Number of classes.
        context_shape: Shape of one input, found as in :class:`pyrodgm.Neural` by default.

    Raises:
        ValueError: If there are fewer than two classes, or the input's shape cannot be told from the net.

    Example:
        >>> import torch
        >>> from pyrodgm import models, nn
        >>> classifier = models.NeuralClassifier(nn.MLP(4, 3, hidden_dims=(16,)), 3)
        >>> classifier.class_log_prob(torch.randn(5, 4)).shape
        torch.Size([5, 3])
        >>> models.Density(classifier).sample(5, torch.randn(5, 4)).shape
        torch.Size([5])
    """

    def __init__(self, net: nn.Module, num_classes: int, *, context_shape: Sequence[int] | None = None) -> None:
        super().__init__(net, Categorical(check_dim("num_classes", num_classes, 2)), context_shape=context_shape)
        self.num_classes = num_classes

    def distribution(self, context: Tensor | None) -> TorchDistribution:
        """Run the net once and return the distribution of the class."""
        logits = self.net(context)
        if self.num_classes == 2 and logits.shape[-1] == 1:
            logits = torch.cat((torch.zeros_like(logits), logits), -1)
        return self.head(logits)

    def class_log_prob(self, x: Tensor) -> Tensor:
        """Return ``log p(y | x)`` of every class in nats, ``(*batch, num_classes)``.

        Args:
            x: Inputs, ``(*batch, *context_shape)``.

        Raises:
            ValueError: If inputs have another shape.
        """
        # Torch's Categorical has normalized them.
        return self(x).logits  # type: ignore[no-any-return]
