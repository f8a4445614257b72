"""Components whose posterior, predictive density and evidence have closed forms."""

import math

import pyro.distributions as dist
import torch
from torch import nn

from pyrodgm import Conditional, infer

NOISE = 0.5


class OneNumber(Conditional):
    """A distribution of one number, with one parameter."""

    event_shape = torch.Size([])

    def __init__(self, make, start):
        super().__init__()
        self.make = make
        self.theta = nn.Parameter(torch.as_tensor(start))

    def distribution(self, context):
        return self.make(self.theta)


class Line(Conditional):
    """``N(context @ weight, NOISE**2)``."""

    event_shape = torch.Size([])

    def __init__(self, num_features=3):
        super().__init__()
        self.context_shape = (num_features,)
        self.weight = nn.Parameter(torch.zeros(num_features))

    def distribution(self, context):
        return dist.Normal(context @ self.weight, NOISE)


class LinearRegression:
    """Rows, and what Bayes says of them under ``N(0, 1)`` weights."""

    def __init__(self, num_rows=30, num_features=3):
        self.context = torch.randn(num_rows, num_features) @ torch.tensor([[1.0, 0.8, 0.0], [0, 1.0, 0], [0, 0, 0.5]])
        self.x = self.context @ torch.tensor([1.0, -0.5, 0.3]) + NOISE * torch.randn(num_rows)
        self.bayes = infer.bayesian(Line(num_features), 1.0)
        self.precision = torch.eye(num_features) + self.context.T @ self.context / NOISE**2
        self.covariance = torch.linalg.inv(self.precision)
        self.mean = self.covariance @ self.context.T @ self.x / NOISE**2
        marginal = self.context @ self.context.T + NOISE**2 * torch.eye(num_rows)
        self.log_evidence = dist.MultivariateNormal(torch.zeros(num_rows), marginal).log_prob(self.x).item()

    def predictive(self, context):
        variance = (context @ self.covariance * context).sum(-1) + NOISE**2
        return dist.Normal(context @ self.mean, variance.sqrt())


def log_beta(*counts):
    counts = torch.tensor(counts)
    return (torch.lgamma(counts).sum() - torch.lgamma(counts.sum())).item()


class BetaBernoulli:
    def __init__(self):
        self.x = torch.tensor([1.0] * 9 + [0.0] * 5)
        self.bayes = infer.bayesian(OneNumber(dist.Bernoulli, 0.5), dist.Beta(2.0, 3.0))
        self.posterior = dist.Beta(11.0, 8.0)
        self.mode = torch.tensor(10 / 17)
        self.log_evidence = log_beta(11.0, 8.0) - log_beta(2.0, 3.0)
        self.new = torch.tensor([0.0, 1.0])
        self.predictive = torch.tensor([8 / 19, 11 / 19]).log()


class DirichletCategorical:
    def __init__(self):
        self.x = torch.tensor([0.0] * 4 + [1.0] * 7 + [2.0] * 2)
        self.bayes = infer.bayesian(
            OneNumber(dist.Categorical, [1 / 3] * 3), dist.Dirichlet(torch.tensor([2.0, 2.0, 3.0]))
        )
        self.posterior = dist.Dirichlet(torch.tensor([6.0, 9.0, 5.0]))
        self.mode = torch.tensor([5 / 17, 8 / 17, 4 / 17])
        self.log_evidence = log_beta(6.0, 9.0, 5.0) - log_beta(2.0, 2.0, 3.0)
        self.new = torch.tensor([0.0, 1.0, 2.0])
        self.predictive = torch.tensor([6 / 20, 9 / 20, 5 / 20]).log()


class NormalNormal:
    def __init__(self):
        self.x = 1.0 + NOISE * torch.randn(20)
        self.bayes = infer.bayesian(OneNumber(lambda loc: dist.Normal(loc, NOISE), 0.0), dist.Normal(-1.0, 2.0))
        precision = 1 / 4 + 20 / NOISE**2
        mean = (-1 / 4 + self.x.sum() / NOISE**2) / precision
        self.posterior = dist.Normal(mean, precision**-0.5)
        self.mode = mean
        covariance = 4.0 * torch.ones(20, 20) + NOISE**2 * torch.eye(20)
        self.log_evidence = dist.MultivariateNormal(-torch.ones(20), covariance).log_prob(self.x).item()
        self.new = torch.tensor([-1.0, 1.0, 2.0])
        self.predictive = dist.Normal(mean, math.sqrt(1 / precision + NOISE**2)).log_prob(self.new)


CASES = {case.__name__: case for case in (BetaBernoulli, DirichletCategorical, NormalNormal)}
