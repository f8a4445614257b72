"""Logistic regression: the linear discriminative classifier."""

from typing import Self

import torch
from torch import Tensor, nn

from pyrodgm.models.checks import check_rows
from pyrodgm.models.class_labels import check_labels
from pyrodgm.models.neural_classifier import NeuralClassifier
from pyrodgm.nn.mlp import check_dim


class LogisticRegression(NeuralClassifier):
    r""":math:`p(y \mid x) = \mathrm{softmax}(W x + b)_y`; of two classes :math:`\sigma(w^\top x + b)`.

    Two classes have one row of weights, the log-odds of class 1, and more classes a row each, which is what
    scikit-learn has too. Weights start at zero.

    Args:
        input_dim: Number of features of ``x``.
        num_classes: Number of classes.

    Raises:
        ValueError: If there is no feature, or fewer than two classes.

    Example:
        >>> import torch
        >>> from pyrodgm import models
        >>> x = torch.randn(50, 4)
        >>> model = models.LogisticRegression(4, 2).fit(x, (x[:, 0] > 0).long(), l2=1.0)
        >>> model.class_log_prob(x).shape, model.weight.shape
        (torch.Size([50, 2]), torch.Size([1, 4]))

    References:
        Bishop (2006), Pattern Recognition and Machine Learning, sections 4.3.2 and 4.3.4
    """

    net: nn.Linear

    def __init__(self, input_dim: int, num_classes: int = 2) -> None:
        check_dim("num_classes", num_classes, 2)
        net = nn.Linear(check_dim("input_dim", input_dim), 1 if num_classes == 2 else num_classes)
        nn.init.zeros_(net.weight)
        nn.init.zeros_(net.bias)
        super().__init__(net, num_classes)
        self.input_dim = input_dim

    @property
    def weight(self) -> Tensor:
        """Weights, ``(1 or num_classes, input_dim)``."""
        return self.net.weight

    @property
    def bias(self) -> Tensor:
        """Biases, ``(1 or num_classes,)``."""
        return self.net.bias

    def num_parameters(self) -> int:
        """Return the number of free parameters: ``n + 1`` for two classes, whatever the features depend on."""
        return (self.num_classes - 1) * (self.input_dim + 1)

    def fit(
        self, x: Tensor, labels: Tensor, *, l2: float = 0.0, max_steps: int = 1000, tolerance: float = 1e-8
    ) -> Self:
        r"""Minimise :math:`-\sum \log p(y \mid x) + \tfrac{l_2}{2} \lVert W \rVert^2` by L-BFGS.

        The minimum is that of maximum a posteriori under the prior :math:`W \sim N(0, 1 / l_2)`, flat over biases.
        Without it weights grow for ever where a plane parts the classes.

        Args:
            x: ``(num_rows, input_dim)``.
            labels: Classes, integers ``(num_rows,)``.
            l2: Weight of the penalty; the inverse of scikit-learn's ``C``.
            max_steps: Number of steps at most.
            tolerance: Largest entry of the gradient, divided by the number of rows, at which it stops.

        Returns:
            The model itself.

        Raises:
            ValueError: If rows or labels are none, ``l2`` is negative, or ``max_steps`` not positive.
        """
        check_rows(x, torch.Size([self.input_dim]))
        check_labels(labels, len(x), self.num_classes)
        check_dim("max_steps", max_steps)
        if not l2 >= 0:
            raise ValueError(f"Expected l2 of at least 0; got {l2}. It is the inverse variance of the weights' prior.")
        parameters = [self.net.weight, self.net.bias]
        optimizer = torch.optim.LBFGS(
            parameters,
            max_iter=max_steps,
            tolerance_grad=tolerance,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Tensor:
            optimizer.zero_grad()
            nats = -self(x).log_prob(labels).sum() + 0.5 * l2 * self.net.weight.square().sum()
            loss = nats / len(x)
            loss.backward()
            return loss

        with torch.enable_grad():
            optimizer.step(closure)
        optimizer.zero_grad()
        return self
