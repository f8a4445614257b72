"""Bad input to mixtures of normals and to EM: a part of the table in tests/test_bad_input.py."""

import torch

from pyrodgm import infer, models

NAN, INF = float("nan"), float("inf")
X = torch.linspace(-3, 3, 40, dtype=torch.float64).reshape(20, 2).sin()
FLAT = torch.stack((X[:, 0], torch.ones(20, dtype=torch.float64)), 1)


def mixture(num_components=3, **kwargs):
    return models.GaussianMixture(2, num_components, **kwargs)


def with_value(value, row=4, column=1):
    x = X.clone()
    x[row, column] = value
    return x


def with_parameters(weights=None, means=None, covariances=None, **kwargs):
    given = mixture(**kwargs)
    given.set_parameters(
        torch.ones(3) if weights is None else weights,
        torch.zeros(3, 2) if means is None else means,
        torch.eye(2).repeat(3, 1, 1) if covariances is None else covariances,
    )


def singular(component):
    covariances = torch.eye(2).repeat(3, 1, 1)
    covariances[component] = torch.ones(2, 2)
    return covariances


class WithoutMissing(models.GaussianMixture):
    handles_missing = False


CASES = {
    "mixture of nothing": (lambda: mixture(0), r"Expected num_components to be an integer of at least 1; got 0\."),
    "mixture over no features": (
        lambda: models.GaussianMixture(0, 3),
        r"Expected input_dim to be an integer of at least 1; got 0\.",
    ),
    "mixture of an unknown covariance": (
        lambda: mixture(covariance="spherical"),
        r"Expected covariance among \('full', 'diagonal', 'tied'\); got 'spherical'\. Choose one\.",
    ),
    "negative floor of a covariance": (
        lambda: mixture(covariance_floor=-1.0),
        r"Expected covariance_floor of at least 0; got -1\.0\. Give a variance\.",
    ),
    "more components than rows": (
        lambda: infer.em(mixture(21), X),
        r"Expected at least as many rows as components; got 20 rows for 21 components\. Build a smaller mixture\.",
    ),
    "more components than rows, started": (
        lambda: infer.em(mixture(21), X, initialize=False),
        r"Expected at least as many rows as components; got 20 rows for 21 components\.",
    ),
    "more components than rows, Bayesian": (
        lambda: infer.em(models.BayesianGaussianMixture(2, 21), X),
        r"Expected at least as many rows as components; got 20 rows for 21 components\.",
    ),
    "singular covariance in a fit": (
        lambda: infer.em(mixture(1, covariance_floor=0.0), FLAT),
        r"positive definite; got a singular one, that of component 0\. Set covariance_floor > 0, remove features that",
    ),
    "singular covariance, diagonal": (
        lambda: infer.em(mixture(1, covariance="diagonal", covariance_floor=0.0), FLAT),
        r"got a singular one, that of component 0\.",
    ),
    "singular covariance, tied": (
        lambda: infer.em(mixture(2, covariance="tied", covariance_floor=0.0), FLAT),
        r"got a singular one, the tied one\.",
    ),
    "singular covariance that is set": (
        lambda: with_parameters(covariances=singular(2)),
        r"Expected symmetric covariances that are positive definite; got a singular one, that of component 2\.",
    ),
    "covariance that is not symmetric": (
        lambda: with_parameters(covariances=torch.eye(2).repeat(3, 1, 1) + torch.tensor([[0.0, 0.5], [0.0, 0.0]])),
        r"Expected symmetric covariances .* that of component 0\.",
    ),
    "means of another number": (
        lambda: with_parameters(means=torch.zeros(2, 2)),
        r"Expected means of shape \(3, 2\); got \(2, 2\)\. Give one to a component\.",
    ),
    "covariances of another kind": (
        lambda: with_parameters(covariance="tied"),
        r"Expected covariances of shape \(2, 2\); got \(3, 2, 2\)\.",
    ),
    "means that are no numbers": (
        lambda: with_parameters(means=torch.full((3, 2), NAN)),
        r"Expected finite means; got NaN or inf\. Give numbers\.",
    ),
    "negative weights": (
        lambda: with_parameters(weights=torch.tensor([0.5, -0.1, 0.6])),
        r"Expected weights of at least 0.*; got \[0\.5, -0\.1.*\]\. Give shares\.",
    ),
    "NaN in a column": (
        lambda: infer.em(mixture(), with_value(NAN)),
        r'Expected finite x; got nan in column 1, first in row 4\. Remove or impute such rows, or pass missing="em"',
    ),
    "NaN in a column, of a model without": (
        lambda: infer.em(WithoutMissing(2, 3), with_value(NAN), missing="em"),
        r"Expected finite x; got nan in column 1, first in row 4\. This model cannot sum over missing values",
    ),
    "inf in a column": (
        lambda: infer.em(mixture(), with_value(INF), missing="em"),
        r"Expected finite x; got inf in column 1, first in row 4\.",
    ),
    "NaN in a density of rows": (
        lambda: mixture().log_prob(with_value(NAN)),
        r"Expected finite x; got NaN or inf in 1 row\(s\), first in row 4\.",
    ),
    "inf beside missing values": (
        lambda: mixture().assignments(with_value(INF)),
        r"Expected finite x; got NaN or inf in 1 row\(s\), first in row 4\.",
    ),
    "rows of another width in a mixture": (
        lambda: infer.em(mixture(), torch.zeros(20, 3, dtype=torch.float64)),
        r"Expected x of shape \(num_rows, 2\); got \(20, 3\)\.",
    ),
    "empty data in EM": (lambda: infer.em(mixture(), X[:0]), r"Expected rows of x; got shape \(0, 2\)\. Pass data\."),
    "EM of a model by gradients": (
        lambda: infer.em(models.vae(2, 1), X),
        r"Expected a model with initialize, e_step, m_step, bound and handles_missing; got VAE\. Write these",
    ),
    "no step of EM": (lambda: infer.em(mixture(), X, num_steps=0), r"Expected num_steps of at least 1; got 0\."),
    "negative tolerance of EM": (
        lambda: infer.em(mixture(), X, tolerance=-1e-3),
        r"Expected tolerance of at least 0; got -0\.001\. Give nats a row\.",
    ),
    "missing by another word": (
        lambda: infer.em(mixture(), X, missing="drop"),
        r"Expected missing to be 'error' or 'em'; got 'drop'\. Say what NaN means\.",
    ),
    "no concentration": (
        lambda: models.BayesianGaussianMixture(2, 3, concentration=0.0),
        r"Expected concentration and mean_precision > 0; got 0\.0 and 1\.0\.",
    ),
    "too few degrees of freedom": (
        lambda: models.BayesianGaussianMixture(2, 3, degrees_of_freedom=1.0),
        r"Expected more than 1 degrees of freedom over 2 features; got 1\.0\.",
    ),
    "prior of another width": (
        lambda: models.BayesianGaussianMixture(2, 3, prior_mean=torch.zeros(3)),
        r"Expected prior_mean of shape \(2,\) and prior_scatter of shape \(2, 2\); got \(3,\) and \(2, 2\)\.",
    ),
    "singular prior": (
        lambda: models.BayesianGaussianMixture(2, 3, prior_scatter=torch.ones(2, 2)),
        r"Expected a prior_scatter that is positive definite; got a singular one\. Remove features",
    ),
    "singular data, Bayesian": (
        lambda: infer.em(models.BayesianGaussianMixture(2, 3), FLAT),
        r"Expected a prior_scatter that is positive definite; got a singular one\.",
    ),
}
