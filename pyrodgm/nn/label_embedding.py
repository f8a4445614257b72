"""Labels as vectors, beside a latent."""

import torch
from torch import Tensor, nn

from pyrodgm.nn.mlp import check_dim, check_inputs


class LabelEmbedding(nn.Module):
    r"""Maps a latent and a one-hot label side by side, :math:`[z, c]`, to the latent and a vector, :math:`[z, V c]`.

    Before a generator, as ``Embedded(LabelEmbedding(8, 10, 4), Neural(MLP(12, 64), heads.Delta(64)))``.

    Args:
        latent_dim: Number of latent variables.
        num_classes: Number of labels.
        embedding_dim: Number of features of a label's vector.

    Raises:
        ValueError: If a size is not positive, or, when called, the input has another width.

    Example:
        >>> LabelEmbedding(8, 10, 4)(torch.randn(5, 18)).shape
        torch.Size([5, 12])
    """

    def __init__(self, latent_dim: int, num_classes: int, embedding_dim: int) -> None:
        super().__init__()
        self.latent_dim = check_dim("latent_dim", latent_dim)
        self.num_classes = check_dim("num_classes", num_classes)
        self.embedding_dim = check_dim("embedding_dim", embedding_dim)
        self.input_shape = (latent_dim + num_classes,)
        self.embedding = nn.Linear(num_classes, embedding_dim, bias=False)
        nn.init.normal_(self.embedding.weight)  # as a table of vectors starts: one label is one column

    def forward(self, x: Tensor) -> Tensor:
        """Evaluate the layer.

        Args:
            x: Latents and labels of shape (*batch, latent_dim + num_classes).

        Returns:
            Latents and vectors of shape (*batch, latent_dim + embedding_dim).

        Raises:
            ValueError: If the width is another.
        """
        check_inputs(self.input_shape[0], 0, x, None)
        z, labels = x.split((self.latent_dim, self.num_classes), -1)
        return torch.cat((z, self.embedding(labels)), -1)
