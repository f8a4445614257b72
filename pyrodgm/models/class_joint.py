"""The joint distribution of a class and of features that are independent given the class."""

import math
from abc import ABC, abstractmethod

import pyro.distributions as dist
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pyrodgm.heads import Bernoulli, Categorical, Head, Normal
from pyrodgm.heads.normal import UNIT_SCALE
from pyrodgm.models.raw_scale import raw_scale

LOG_TWO_PI = math.log(2 * math.pi)


class ClassJoint(nn.Module, ABC):
    r""":math:`p(y) \prod_i p(x_i \mid y)`, with one row of a head's parameters for each class.

    Subclasses know one kind of feature: how to score rows under all classes by few matrix products, and the closed
    form of the parameters.

    Args:
        num_classes: Number of classes.
        head: The kind of the features.
    """

    head: Head

    def __init__(self, num_classes: int, head: Head) -> None:
        super().__init__()
        self.head = head
        self.logits = nn.Parameter(torch.zeros(num_classes))
        self.table = nn.Parameter(0.1 * torch.randn(num_classes, head.num_params))  # classes alike would stay so

    def classes(self) -> dist.TorchDistribution:
        """Return ``p(y)``."""
        return dist.Categorical(logits=self.logits)

    def features(self, label: Tensor) -> dist.TorchDistribution:
        """Return ``p(x | y)`` of labels ``(*batch,)``."""
        return self.head(self.table[label])

    def marginal(self) -> dist.TorchDistribution:
        """Return ``p(x)``, the class summed out."""
        return dist.MixtureSameFamily(self.classes(), self.head(self.table))

    def log_joint(self, x: Tensor, observed: Tensor | None) -> Tensor:
        """Return ``log p(x, y)`` of every class in nats, ``(num_rows, num_classes)``.

        Args:
            x: ``(num_rows, input_dim)``; not read where missing.
            observed: Where ``x`` is observed, boolean, or ``None`` if everywhere.
        """
        return self.logits.log_softmax(0) + self.log_prob(x, observed)

    @abstractmethod
    def log_prob(self, x: Tensor, observed: Tensor | None) -> Tensor:
        """Return ``log p(x | y)`` of every class, ``(num_rows, num_classes)``."""

    @abstractmethod
    def fit(
        self, x: Tensor, observed: Tensor | None, weights: Tensor, *, prior_counts: float, var_smoothing: float
    ) -> None:
        """Set the table from rows that belong to classes by weights, ``(num_rows, num_classes)``."""

    @abstractmethod
    def guess(self, weights: Tensor) -> Tensor:
        """Return the best single value of each feature for classes of these probabilities, ``(num_rows, input_dim)``.

        The mean of real features, the most probable value of discrete ones.
        """

    @abstractmethod
    def num_free(self) -> int:
        """Return the number of free parameters of one class."""


class BernoulliJoint(ClassJoint):
    """Binary features: a row under all classes is one product of matrices."""

    def log_prob(self, x: Tensor, observed: Tensor | None) -> Tensor:
        """Return ``x . logits`` less the normalizers of what is observed."""
        normalizers = F.softplus(self.table)
        if observed is None:
            return x.to(self.table.dtype) @ self.table.t() - normalizers.sum(1)
        weights = observed.to(self.table.dtype)
        return (x * weights) @ self.table.t() - weights @ normalizers.t()

    def fit(
        self, x: Tensor, observed: Tensor | None, weights: Tensor, *, prior_counts: float, var_smoothing: float
    ) -> None:
        """Count ones and zeros."""
        ones = weights.t() @ (x if observed is None else x * observed)
        zeros = totals(x, observed, weights) - ones
        self.table.copy_((ones + prior_counts).log() - (zeros + prior_counts).log())

    def guess(self, weights: Tensor) -> Tensor:
        """Return one where it is the more probable value."""
        return (weights @ self.table.sigmoid() > 0.5).to(weights.dtype)

    def num_free(self) -> int:
        """One a feature."""
        return self.head.num_variables


class CategoricalJoint(ClassJoint):
    """Features of finitely many values: a row under all classes is a sum of rows of one table."""

    head: Categorical

    def places(self, x: Tensor, observed: Tensor | None) -> Tensor:
        """Return the row of a table ``(input_dim * num_values + 1, ...)`` for each value; the last where missing."""
        num, values = self.head.num_variables, self.head.num_classes
        places = x.long() + values * torch.arange(num, device=x.device)
        return places if observed is None else torch.where(observed, places, num * values)

    def log_table(self) -> Tensor:
        """Return log-probabilities, ``(num_classes, input_dim, num_values)``."""
        return self.head.split(self.table, self.head.num_classes).transpose(-1, -2).log_softmax(-1)

    def log_prob(self, x: Tensor, observed: Tensor | None) -> Tensor:
        """Add up the rows of the values."""
        rows = F.pad(self.log_table().flatten(1).t(), (0, 0, 0, 1))  # a row of zeros for what is missing
        return F.embedding_bag(self.places(x, observed), rows, mode="sum")

    def fit(
        self, x: Tensor, observed: Tensor | None, weights: Tensor, *, prior_counts: float, var_smoothing: float
    ) -> None:
        """Count values."""
        num, values = self.head.num_variables, self.head.num_classes
        counts = weights.new_zeros(num * values + 1, weights.shape[1])
        for column in self.places(x, observed).t():
            counts.index_add_(0, column, weights)
        logs = (counts[:-1] + prior_counts).log().t().unflatten(1, (num, values))
        self.table.copy_(logs.transpose(-1, -2).flatten(1))

    def guess(self, weights: Tensor) -> Tensor:
        """Return the most probable value."""
        return torch.einsum("nc,cdv->ndv", weights, self.log_table().exp()).argmax(-1).to(weights.dtype)

    def num_free(self) -> int:
        """One a feature and value, but for the last value."""
        return self.head.num_variables * (self.head.num_classes - 1)


class NormalJoint(ClassJoint):
    """Real features, normal given the class."""

    head: Normal

    def loc_scale(self) -> tuple[Tensor, Tensor]:
        """Return means and standard deviations, each ``(num_classes, input_dim)``."""
        loc, raw = self.table.chunk(2, 1)
        return loc, F.softplus(raw + UNIT_SCALE) + self.head.min_scale

    def log_prob(self, x: Tensor, observed: Tensor | None) -> Tensor:
        """Score class by class: squares of differences, since differences of squares would lose digits."""
        columns = []
        for loc, scale in zip(*self.loc_scale(), strict=True):
            each = ((x - loc) / scale).square() + 2 * scale.log() + LOG_TWO_PI
            columns.append((each if observed is None else each * observed).sum(1))
        return -0.5 * torch.stack(columns, 1)

    def fit(
        self, x: Tensor, observed: Tensor | None, weights: Tensor, *, prior_counts: float, var_smoothing: float
    ) -> None:
        """Take means and variances, these a little larger, by a share of the largest variance of all features."""
        counts = totals(x, observed, weights)
        if (counts == 0).any():
            label, column = (counts == 0).nonzero()[0].tolist()
            raise ValueError(
                f"Expected values of every feature in every class; got nothing but NaN in column {column} of class "
                f"{label}. Pass more rows, or leave the column out."
            )
        loc = weights.t() @ (x if observed is None else x * observed) / counts
        present = torch.ones_like(x) if observed is None else observed.to(x.dtype)
        squares = [weight @ ((x - mean).square() * present) for weight, mean in zip(weights.t(), loc, strict=True)]
        num = present.sum(0)
        overall = (x * present).sum(0) / num
        largest = (((x - overall).square() * present).sum(0) / num).max()
        scale = (torch.stack(squares) / counts + var_smoothing * largest).sqrt()
        self.table.copy_(torch.cat((loc, raw_scale(scale, self.head.min_scale)), 1))

    def guess(self, weights: Tensor) -> Tensor:
        """Return the mean."""
        return weights @ self.loc_scale()[0]

    def num_free(self) -> int:
        """A mean and a scale a feature."""
        return 2 * self.head.num_variables


KINDS: dict[type[Head], type[ClassJoint]] = {
    Bernoulli: BernoulliJoint,
    Categorical: CategoricalJoint,
    Normal: NormalJoint,
}


def class_joint(num_classes: int, head: Head) -> ClassJoint:
    """Return the joint distribution of classes and the features of a head.

    Raises:
        ValueError: If the features of the head have no closed form.
    """
    kind = KINDS.get(type(head))
    if kind is None or (isinstance(head, Normal) and head.shared_scale):
        raise ValueError(
            f"Expected a likelihood of heads.Bernoulli, heads.Categorical or heads.Normal, with scales of their own; "
            f"got {head!r}. For others train models.Density(Neural(net, head)) on classes as the context."
        )
    return kind(num_classes, head)


def totals(x: Tensor, observed: Tensor | None, weights: Tensor) -> Tensor:
    """Return the weight of the observed values of each class and feature, ``(num_classes, input_dim)``."""
    if observed is None:
        return weights.sum(0).unsqueeze(1).expand(-1, x.shape[1])
    return weights.t() @ observed.to(weights.dtype)
