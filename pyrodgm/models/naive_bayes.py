"""Naive Bayes: a generative classifier."""

from typing import Self, cast

import pyro
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.distributions import Distribution

from pyrodgm.heads import Bernoulli, Head
from pyrodgm.models.checks import check_rows, check_support
from pyrodgm.models.class_joint import ClassJoint, class_joint
from pyrodgm.models.class_labels import check_labels
from pyrodgm.models.incomplete_rows import check_incomplete_rows, split_missing
from pyrodgm.models.model import Model
from pyrodgm.models.program import Program, data_plate, num_rows
from pyrodgm.nn.mlp import check_dim
from pyrodgm.transforms.univariate.checks import validation_enabled


class NaiveBayes(Model):
    r""":math:`p(x, y) = p(y) \prod_i p(x_i \mid y)`: features are independent given the class.

    It models the features too, and so can draw them, score them, and leave out or fill in what is missing (NaN).
    :meth:`fit` counts. The program has the site ``"label"`` where the context, one-hot classes as
    ``data.with_label_context`` makes them, says it, and where it draws; of unlabelled ``x`` the class is summed out,
    so that the guide is empty and the ELBO exact.

    Args:
        input_dim: Number of features of ``x``.
        num_classes: Number of classes.
        likelihood: Kind of the features: ``heads.Bernoulli(input_dim)``, which is the default,
            ``heads.Categorical(num_values, input_dim)`` or ``heads.Normal(input_dim)``.

    Raises:
        ValueError: If a size is too small, or the likelihood is of another size or kind.

    Example:
        >>> import torch
        >>> from pyrodgm import models
        >>> x, labels = torch.rand(50, 6).round(), torch.randint(3, (50,))
        >>> bayes = models.NaiveBayes(6, 3).fit(x, labels)
        >>> x[:, 4] = torch.nan
        >>> bayes.class_log_prob(x).shape, bayes.log_prob_observed(x).shape, bayes.log_prob_observed(x, labels).shape
        (torch.Size([50, 3]), torch.Size([50]), torch.Size([50]))

    References:
        Ng, Jordan (2001), On Discriminative vs. Generative Classifiers,
        https://papers.nips.cc/paper/2020-on-discriminative-vs-generative-classifiers;
        Murphy (2012), Machine Learning: A Probabilistic Perspective, section 3.5
    """

    def __init__(self, input_dim: int, num_classes: int, *, likelihood: Head | None = None) -> None:
        super().__init__()
        self.input_dim = check_dim("input_dim", input_dim)
        self.num_classes = check_dim("num_classes", num_classes, 2)
        head = Bernoulli(input_dim) if likelihood is None else likelihood
        if tuple(head.event_shape) != (input_dim,):
            raise ValueError(
                f"Expected a likelihood of event_shape ({input_dim},), the features of x; got {head!r}. Build it so."
            )
        self.joint = class_joint(num_classes, head)
        self.event_shape = torch.Size([input_dim])
        self.pair(NaiveBayesModel(self.joint), NaiveBayesGuide())

    def observation(self, context: Tensor | None) -> Distribution:
        """Return ``p(x | y)`` of the first class, whose support is that of all."""
        return cast(Distribution, self.joint.head(self.joint.table[:1]))

    def num_parameters(self) -> int:
        """Return the number of free parameters: ``1 + 2 n`` for two classes and ``n`` binary features."""
        return self.num_classes - 1 + self.num_classes * self.joint.num_free()

    @torch.no_grad()
    def fit(
        self,
        x: Tensor,
        labels: Tensor,
        *,
        prior_counts: float = 1.0,
        var_smoothing: float = 1e-9,
    ) -> Self:
        """Count: shares of classes, and within each class the shares of values, or means and variances.

        Missing features do not count. The shares of classes are those of the rows, without smoothing.

        Args:
            x: ``(num_rows, input_dim)``, NaN where missing.
            labels: Classes, integers ``(num_rows,)``, each class at least once.
            prior_counts: Added to the count of each value of a discrete feature: the posterior mean under a Dirichlet
                prior of that concentration, 1 for Laplace's rule. Greater than 0.
            var_smoothing: Share of the largest variance of a feature that is added to all variances of normal
                features.

        Returns:
            The model itself.

        Raises:
            ValueError: If there is no row of some class, values are outside of the support, labels are none, or
                ``prior_counts`` is not positive.
        """
        self.check(x)
        check_labels(labels, len(x), self.num_classes)
        if not prior_counts > 0:
            raise ValueError(
                f"Expected prior_counts > 0; got {prior_counts}. A value without a count would rule out its class."
            )
        if not var_smoothing >= 0:
            raise ValueError(f"Expected var_smoothing of at least 0; got {var_smoothing}. It is a share of a variance.")
        weights = F.one_hot(labels.long(), self.num_classes).to(self.joint.table.dtype)
        counts = weights.sum(0)
        if (counts == 0).any():
            raise ValueError(
                f"Expected rows of each of {self.num_classes} classes; got none of class "
                f"{int((counts == 0).nonzero()[0])}. Pass rows of it, or build with fewer classes."
            )
        known, observed = split_missing(x.to(weights.dtype))
        self.joint.fit(known, observed, weights, prior_counts=prior_counts, var_smoothing=var_smoothing)
        self.joint.logits.copy_((counts / len(x)).log())
        return self

    def log_prob(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Return ``log p(x, y)`` of given classes, or ``log p(x)``, exactly, in nats.

        Args:
            x: ``(num_rows, input_dim)``.
            label: Classes, integers ``(num_rows,)``, or ``None`` to sum over them.

        Returns:
            ``(num_rows,)``.

        Raises:
            ValueError: If ``x`` has another shape or values outside of the support, or labels are none.
        """
        check_rows(x, self.event_shape)
        return self.log_prob_observed(x, label)

    def log_prob_observed(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """Return ``log p(x, y)`` of given classes, or ``log p(x)``, exactly, of what is observed, in nats.

        Args:
            x: ``(num_rows, input_dim)``, NaN where missing.
            label: Classes, integers ``(num_rows,)``, or ``None`` to sum over them.

        Returns:
            ``(num_rows,)``.

        Raises:
            ValueError: If ``x`` has another shape or values outside of the support, or labels are none.
        """
        log_joint = self.log_joint(x)
        if label is None:
            return log_joint.logsumexp(1)
        check_labels(label, len(x), self.num_classes)
        return log_joint.gather(1, label.long().unsqueeze(1)).squeeze(1)

    def class_log_prob(self, x: Tensor) -> Tensor:
        """Return ``log p(y | x)`` of every class, given what is observed, ``(num_rows, num_classes)``.

        Args:
            x: ``(num_rows, input_dim)``, NaN where missing.

        Raises:
            ValueError: As :meth:`log_prob_observed`.
        """
        return self.log_joint(x).log_softmax(1)

    @torch.no_grad()
    def impute(self, x: Tensor) -> Tensor:
        """Return ``x`` with missing values replaced by the best guess given what is observed, each by itself.

        The mean of normal features, the most probable value of discrete ones. ``Model.sample`` draws.

        Args:
            x: ``(num_rows, input_dim)``, NaN where missing.

        Raises:
            ValueError: As :meth:`log_prob_observed`.
        """
        return torch.where(x.isnan(), self.joint.guess(self.class_log_prob(x).exp()).to(x.dtype), x)

    def log_joint(self, x: Tensor) -> Tensor:
        """Return ``log p(x, y)`` of every class in nats, ``(num_rows, num_classes)``."""
        self.check(x)
        return self.joint.log_joint(*split_missing(x.to(self.joint.table.dtype)))

    def check(self, x: Tensor) -> None:
        """Refuse rows of another shape, or with observed values outside of the support."""
        check_incomplete_rows(x, self.input_dim)
        if validation_enabled():
            check_support(self.observation(None), split_missing(x)[0])


class NaiveBayesModel(Program):
    """The program ``label ~ p(y); x ~ p(x | y)``, or, of ``x`` without a label, ``x ~ p(x)``."""

    def __init__(self, joint: ClassJoint) -> None:
        super().__init__()
        self.joint = joint

    def forward(
        self, x: Tensor | None = None, context: Tensor | None = None, *, size: int | None = None, num: int = 1
    ) -> Tensor:
        """Sample or score label and ``x``; the context is one-hot labels, ``(num_rows, num_classes)``."""
        joint = self.joint
        label = None if context is None else context.argmax(-1)
        if validation_enabled():
            if context is not None:
                check_one_hot(context, len(joint.logits))
            if x is not None:
                check_rows(x, joint.head.event_shape)
        with data_plate(num_rows(x, context, num), size):
            if x is not None and label is None:
                distribution = joint.marginal()
            else:
                distribution = joint.features(pyro.sample("label", joint.classes(), obs=label))
            if x is not None and validation_enabled():
                check_support(joint.head(joint.table[:1]), x)
            return pyro.sample("x", distribution, obs=x)


class NaiveBayesGuide(Program):
    """The empty guide: no variable is left to guess."""

    def forward(self, x: Tensor | None = None, context: Tensor | None = None, *, size: int | None = None) -> None:
        """Sample nothing."""


def check_one_hot(context: Tensor, num_classes: int) -> None:
    """Refuse contexts that are no one-hot classes.

    Raises:
        ValueError: Naming the shape, or the first row that is none.
    """
    if context.dim() != 2 or context.shape[1] != num_classes:
        raise ValueError(
            f"Expected a context of shape (num_rows, {num_classes}), one-hot classes; got {tuple(context.shape)}. "
            "Use data.with_label_context, or torch.nn.functional.one_hot."
        )
    wrong = ((context != 0) & (context != 1)).any(1) | (context.sum(1) != 1)
    if wrong.any():
        raise ValueError(
            f"Expected a one-hot class in each row of the context; got none in row {int(wrong.nonzero()[0])}. "
            "Use data.with_label_context, or torch.nn.functional.one_hot."
        )
