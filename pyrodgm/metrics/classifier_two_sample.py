"""Whether a classifier can tell two samples apart."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pyrodgm.metrics.auroc import auroc
from pyrodgm.metrics.features import FeatureSource
from pyrodgm.metrics.result import Result
from pyrodgm.metrics.samples import Samples, check_samples


@dataclass(frozen=True, repr=False)
class ClassifierTwoSample(Result):
    """What :func:`classifier_two_sample` found.

    Attributes:
        accuracy: Share of rows told right by classifiers that were fitted to the other folds; 0.5 is chance.
        auc: Area under the receiver operating characteristic in the folds, on average; 0.5 is chance.
        p_value: Of the held-out half: chance of so many right ones if both sets are of one distribution.
        held_out_accuracy: Share of the held-out half told right by a classifier fitted to the other half.
        num_held_out: Rows in that half.
        classifier: Its name.
        num_x: Rows of ``x`` that were used.
        num_y: Rows of ``y`` that were used, as many.
        source: Of the features, if they are.
    """

    accuracy: float
    auc: float
    p_value: float
    held_out_accuracy: float
    num_held_out: int
    classifier: str
    num_x: int
    num_y: int
    source: FeatureSource | None = None


def classifier_two_sample(x: Samples, y: Samples, *, classifier: Any = None, num_folds: int = 5) -> ClassifierTwoSample:
    r"""Classifier two-sample test: accuracy 0.5 is what equal distributions allow; needs scikit-learn.

    The larger set is thinned at random to the size of the smaller, so that chance is 0.5. Accuracy and area are
    cross-validated. Folds share their training data, so their accuracies depend on each other and give no p-value;
    that comes from one half of the data, held out from a classifier fitted to the other half. Under one distribution
    the labels of the held-out half are exchangeable, so that how many of the rows which the classifier takes for ``y``
    are of ``y`` is hypergeometric (Fisher's exact test): :math:`P(p \le \alpha) \le \alpha`, whatever the classifier.

    A classifier sees the difference that it is able to see: no difference found is no proof of equality, and the
    default, neighbours, is weak among many noisy variables.

    Args:
        x: Samples ``(num_x, ...)``, or :class:`Features`.
        y: Samples ``(num_y, ...)`` of the same width, or features of the same network.
        classifier: A scikit-learn classifier with ``predict_proba``, such as ``LogisticRegression()`` or
            ``MLPClassifier()``; it is copied, and seeded by torch's generator unless it has a seed. By default the
            nearest neighbours of standardized rows, as many as the square root of the number of training rows.
        num_folds: Folds of the cross-validation.

    Returns:
        Accuracy, area and p-value, and what they were computed from.

    Raises:
        ValueError: If a set has fewer than ``2 * num_folds`` rows, NaN, or another width; or the classifier gives no
            probabilities.
        ImportError: If scikit-learn is absent.

    Example:
        >>> from pyrodgm import metrics
        >>> found = metrics.classifier_two_sample(torch.randn(200, 2), torch.randn(150, 2) + 2)
        >>> found.num_x, found.accuracy > 0.7, found.p_value < 0.01
        (150, True, True)

    References:
        Lopez-Paz, Oquab (2017), Revisiting Classifier Two-Sample Tests, https://arxiv.org/abs/1610.06545
    """
    if num_folds < 2:
        raise ValueError(f"Expected num_folds of at least 2; got {num_folds}. One part is held out from the others.")
    if classifier is not None and not hasattr(classifier, "predict_proba"):
        raise ValueError(
            f"Expected a scikit-learn classifier with predict_proba; got {type(classifier).__name__}. Take "
            "LogisticRegression() or MLPClassifier()."
        )
    (x, y), source = check_samples({"x": x, "y": y}, least=2 * num_folds)
    try:
        from scipy.stats import hypergeom
        from sklearn.model_selection import StratifiedKFold
    except ImportError as error:
        message = 'The classifier two-sample test needs scikit-learn; pip install "pyrodgm[train]".'
        raise ImportError(message) from error
    num = min(len(x), len(y))
    chosen = [rows[torch.randperm(len(rows))[:num].to(rows.device)] for rows in (x, y)]
    rows, is_y = torch.cat(chosen).cpu().numpy(), np.repeat([False, True], num)

    folds = StratifiedKFold(num_folds, shuffle=True, random_state=random_seed())
    right, areas = 0.0, []
    for train, test in folds.split(rows, is_y):
        scores = fitted_scores(classifier, rows[train], is_y[train], rows[test])
        right += ((scores > 0.5) == is_y[test]).sum()
        areas.append(auroc(torch.from_numpy(scores[is_y[test]]), torch.from_numpy(scores[~is_y[test]])))

    first_half = np.tile(np.arange(num) < num // 2, 2)  # as many of each set; rows are in random order
    truth = is_y[~first_half]
    taken_for_y = fitted_scores(classifier, rows[first_half], is_y[first_half], rows[~first_half]) > 0.5
    num_each = num - num // 2
    p_value = hypergeom.sf((taken_for_y & truth).sum() - 1, 2 * num_each, num_each, taken_for_y.sum())
    return ClassifierTwoSample(
        accuracy=float(right) / (2 * num),
        auc=sum(areas) / num_folds,
        p_value=min(1.0, float(p_value)),
        held_out_accuracy=float((taken_for_y == truth).mean()),
        num_held_out=2 * num_each,
        classifier="nearest neighbours" if classifier is None else type(classifier).__name__,
        num_x=num,
        num_y=num,
        source=source,
    )


def fitted_scores(classifier: Any, rows: NDArray, labels: NDArray[np.bool_], others: NDArray) -> NDArray[np.float64]:
    """Fit a copy of a classifier, and return its probabilities of the label True for other rows."""
    from sklearn.base import clone
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if classifier is None:
        model = make_pipeline(StandardScaler(), KNeighborsClassifier(max(1, int(len(rows) ** 0.5))))
    else:
        model = clone(classifier)
        seeds = [name for name, value in model.get_params().items() if is_seed(name) and value is None]
        model.set_params(**{name: random_seed() for name in seeds})
    scores: NDArray[np.float64] = model.fit(rows, labels).predict_proba(others)[:, 1].astype(np.float64)
    return scores


def is_seed(name: str) -> bool:
    """Return whether a parameter of an estimator, or of one inside it, is a seed."""
    return name.split("__")[-1] == "random_state"


def random_seed() -> int:
    """Draw a seed by torch's generator."""
    return int(torch.randint(2**31 - 1, ()))
