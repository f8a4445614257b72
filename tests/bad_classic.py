"""Bad input to the classic models: a part of the table in tests/test_bad_input.py."""

import math

import torch

from pyrodgm import distributions, heads, infer, models, nn

NAN, INF = math.nan, math.inf


def rows(value=0.0, row=3, column=1, num=8, dim=4):
    x = torch.zeros(num, dim)
    x[row, column] = value
    return x


def labels(num=8, num_classes=2):
    return torch.arange(num) % num_classes


def bayes(likelihood=None, num_classes=2):
    return models.NaiveBayes(4, num_classes, likelihood=likelihood)


def column_of_nan():
    x = torch.randn(8, 4)
    x[:, 2] = NAN
    return x


def fitted_to_zeros():
    return models.full_joint_table(2).fit(torch.zeros(5, 2), prior_counts=0.0)


CASES = {
    **{
        f"{make.__name__} with {what}": (lambda make=make, args=args: make(*args), message)
        for make in (models.PPCA, models.FactorAnalysis)
        for what, args, message in (
            ("no feature", (0, 1), r"Expected input_dim to be an integer of at least 1; got 0\."),
            ("no latent", (4, 0), r"Expected latent_dim to be an integer of at least 1; got 0\."),
            ("as many latents as features", (4, 4), r"Expected latent_dim below input_dim=4; got 4\. .* take fewer"),
        )
    },
    "PPCA with no least noise": (
        lambda: models.PPCA(4, 2, min_scale=0.0),
        r"Expected min_scale > 0; got 0\.0\. It is the least scale of the noise\.",
    ),
    "closed form of rows with NaN": (
        lambda: models.PPCA(4, 2).fit(rows(NAN)),
        r"Expected x without missing values; got NaN in 1 places, first in column 1\. Use infer\.em\(model, x, missing",
    ),
    "EM of a PPCA with NaN, not told to": (
        lambda: infer.em(models.PPCA(4, 2), rows(NAN)),
        r"Expected finite x; got nan in column 1, first in row 3\.",
    ),
    "PPCA of NaN": (
        lambda: models.PPCA(4, 2).log_prob(rows(NAN)),
        r"Expected finite x; got NaN or inf in 1 row\(s\), first in row 3\.",
    ),
    "EM of a PPCA with inf": (
        lambda: models.PPCA(4, 2).initialize(rows(INF)),
        r"Expected finite or missing \(NaN\) x; got inf in 1 row\(s\), first in row 3\.",
    ),
    "more components than rows can tell": (
        lambda: models.PPCA(4, 2).fit(torch.randn(3, 4)),
        r"Expected at least latent_dim \+ 2 = 4 rows; got 3, which 2 latents explain without noise\. Pass more rows",
    ),
    "EM of more factors than rows can tell": (
        lambda: infer.em(models.FactorAnalysis(4, 2), torch.randn(3, 4)),
        r"Expected at least latent_dim \+ 2 = 4 rows; got 3",
    ),
    "EM of a column without a value": (
        lambda: infer.em(models.FactorAnalysis(4, 2), column_of_nan(), missing="em"),
        r"Expected values in every column of x; got nothing but NaN in column 2\. Leave it out\.",
    ),
    "PPCA of rows of another width": (
        lambda: models.PPCA(4, 2).log_prob(torch.zeros(8, 3)),
        r"Expected x of shape \(num_rows, 4\); got \(8, 3\)\. Give one datum a row\.",
    ),
    "PPCA of no rows": (
        lambda: models.PPCA(4, 2).posterior(torch.zeros(0, 4)),
        r"Expected at least one row of x; got an empty tensor\.",
    ),
    "chain of a history as long as itself": (
        lambda: models.MarkovChain(4, order=4),
        r"Expected order below input_dim=4; got 4\. The last position has 3 before it\.",
    ),
    "chain of negative order": (
        lambda: models.MarkovChain(4, order=-1),
        r"Expected order to be an integer of at least 0; got -1\.",
    ),
    "chain of one state": (
        lambda: models.MarkovChain(4, 1),
        r"Expected num_states to be an integer of at least 2; got 1\.",
    ),
    "chain of a table too large": (
        lambda: models.MarkovChain(100, 65, order=6),
        r"Expected a table of at most 268435456 entries; got order=6 of 65 states, which takes \d+\. Take a lower",
    ),
    "chain of an unknown state": (
        lambda: models.MarkovChain(4, 3).fit(rows(3.0)),
        r"Expected values in IntegerInterval\(lower_bound=0, upper_bound=2\); got 3 at index \[3, 1\]\.",
    ),
    "chain of half a state": (lambda: models.MarkovChain(4).log_prob(rows(0.5)), r"got 0\.5 at index \[3, 1\]\."),
    "chain of NaN": (lambda: models.MarkovChain(4).fit(rows(NAN)), r"Expected finite x; got NaN .* first in row 3"),
    "chain of no rows": (lambda: models.MarkovChain(4).fit(torch.zeros(0, 4)), r"Expected at least one row of x"),
    "chain of negative counts": (
        lambda: models.MarkovChain(4).fit(rows(), prior_counts=-1.0),
        r"Expected prior_counts of at least 0; got -1\.0\. It is the concentration of a Dirichlet prior\.",
    ),
    "table of an unknown position": (
        lambda: models.MarkovChain(4).table(4),
        r"Expected a position of 0 \.\. 3; got 4\.",
    ),
    "full table of many variables": (
        lambda: models.full_joint_table(64),
        r"Expected at most 16777216 cells; got 64 variables with 18446744073709551616\. Assume something: models",
    ),
    "full table of other variables": (
        lambda: models.full_joint_table(3, (2, 2)),
        r"Expected num_states of each of 3 variables; got \(2, 2\)\. Give one for each\.",
    ),
    "full table of one state": (
        lambda: models.full_joint_table(2, (2, 1)),
        r"Expected num_states to be an integer of at least 2; got 1\.",
    ),
    "full table of an unknown state": (
        lambda: models.full_joint_table(4).log_prob(rows(2.0)),
        r"Expected states 0 \.\. 1 of variable 1; got 2 at index \[3, 1\]\.",
    ),
    "full table of negative counts": (
        lambda: models.full_joint_table(4).fit(rows(), prior_counts=-1.0),
        r"Expected prior_counts of at least 0; got -1\.0\.",
    ),
    "query of what is known": (
        lambda: models.full_joint_table(3).query([0, 1], {1: 0}),
        r"Expected each of the variables 0 \.\. 2 at most once; got target \[0, 1\] given \[1\]\.",
    ),
    "query of an unknown variable": (
        lambda: models.full_joint_table(3).query(3),
        r"Expected each of the variables 0 \.\. 2 at most once; got target \[3\] given \[\]\.",
    ),
    "query given an unknown state": (
        lambda: models.full_joint_table(3).query(0, {1: 2}),
        r"Expected a state 0 \.\. 1 of 1; got 2\.",
    ),
    "query given what cannot be": (
        lambda: fitted_to_zeros().query(0, {1: 1}),
        r"Expected evidence of some probability; got \{1: 1\}, which has none\.",
    ),
    "joint table of no variable": (
        lambda: distributions.JointCategorical(torch.zeros(2, 2), 0),
        r"Expected num_variables of 1 \.\. 2, dimensions of the logits; got 0\.",
    ),
    "joint table of events of another width": (
        lambda: distributions.JointCategorical(torch.zeros(2, 2), 2).log_prob(torch.zeros(5, 3)),
        r"Expected value of shape \(\*batch, 2\); got \(5, 3\)\.",
    ),
    "naive Bayes of one class": (
        lambda: models.NaiveBayes(4, 1),
        r"Expected num_classes to be an integer of at least 2; got 1\.",
    ),
    "naive Bayes of a likelihood of another width": (
        lambda: bayes(heads.Bernoulli(3)),
        r"Expected a likelihood of event_shape \(4,\), the features of x; got Bernoulli",
    ),
    "naive Bayes of a likelihood without a closed form": (
        lambda: bayes(heads.MixtureNormal(3, 4)),
        r"Expected a likelihood of heads\.Bernoulli, heads\.Categorical or heads\.Normal, .*; got MixtureNormal",
    ),
    "naive Bayes of one scale": (
        lambda: bayes(heads.Normal(4, shared_scale=True)),
        r"with scales of their own; got Normal\(event_shape=\(4,\), shared_scale=True\)",
    ),
    "naive Bayes of grey values": (
        lambda: bayes().fit(rows(0.3), labels()),
        r"Expected x in the support Boolean\(\) of Bernoulli; got 0\.3 in row 3\.",
    ),
    "naive Bayes of an unknown value": (
        lambda: bayes(heads.Categorical(3, 4)).class_log_prob(rows(3.0)),
        r"of Categorical; got 3 in row 3\.",
    ),
    "naive Bayes of NaN": (
        lambda: bayes(heads.Normal(4)).log_prob(rows(NAN)),
        r"Expected finite x; got NaN or inf in 1 row\(s\), first in row 3\.",
    ),
    "naive Bayes of inf": (
        lambda: bayes(heads.Normal(4)).log_prob_observed(rows(INF)),
        r"Expected finite or missing \(NaN\) x; got inf in 1 row\(s\), first in row 3\.",
    ),
    "naive Bayes without rows of a class": (
        lambda: bayes(num_classes=3).fit(rows(), labels()),
        r"Expected rows of each of 3 classes; got none of class 2\. Pass rows of it, or build with fewer classes\.",
    ),
    "naive Bayes of normal features never seen": (
        lambda: bayes(heads.Normal(4)).fit(column_of_nan(), labels()),
        r"Expected values of every feature in every class; got nothing but NaN in column 2 of class 0\.",
    ),
    "naive Bayes without smoothing": (
        lambda: bayes().fit(rows(), labels(), prior_counts=0.0),
        r"Expected prior_counts > 0; got 0\.0\. A value without a count would rule out its class\.",
    ),
    "naive Bayes of negative smoothing": (
        lambda: bayes(heads.Normal(4)).fit(rows(), labels(), var_smoothing=-1.0),
        r"Expected var_smoothing of at least 0; got -1\.0\.",
    ),
    "labels beyond the classes": (
        lambda: bayes().fit(rows(), labels(num_classes=3)),
        r"Expected labels 0 \.\. 1; got 2 in row 2\. Number the classes from 0, or build with more\.",
    ),
    "labels one-hot": (
        lambda: bayes().log_prob(rows(), torch.eye(2)[labels()]),
        r"Expected one label a row, of shape \(8,\); got \(8, 2\)\. Pass the classes as integers, not one-hot\.",
    ),
    "fewer labels than rows": (
        lambda: models.LogisticRegression(4).fit(rows(), labels(5)),
        r"Expected one label a row, of shape \(8,\); got \(5,\)\.",
    ),
    "context of another number of classes": (
        lambda: bayes().model(rows(), torch.eye(3)[labels()]),
        r"Expected a context of shape \(num_rows, 2\), one-hot classes; got \(8, 3\)\.",
    ),
    "context that is no class": (
        lambda: bayes().model(rows(), torch.full((8, 2), 0.5)),
        r"Expected a one-hot class in each row of the context; got none in row 0\.",
    ),
    "program of naive Bayes with holes": (
        lambda: bayes().model(rows(NAN)),
        r"Expected finite x; got NaN or inf in 1 row\(s\), first in row 3\.",
    ),
    "logistic regression of NaN": (
        lambda: models.LogisticRegression(4).fit(rows(NAN), labels()),
        r"Expected finite x; got NaN or inf in 1 row\(s\), first in row 3\.",
    ),
    "logistic regression of a negative penalty": (
        lambda: models.LogisticRegression(4).fit(rows(), labels(), l2=-1.0),
        r"Expected l2 of at least 0; got -1\.0\.",
    ),
    "logistic regression of no step": (
        lambda: models.LogisticRegression(4).fit(rows(), labels(), max_steps=0),
        r"Expected max_steps to be an integer of at least 1; got 0\.",
    ),
    "logistic regression of other inputs": (
        lambda: models.LogisticRegression(4).class_log_prob(torch.zeros(8, 3)),
        r"Expected context of shape \(\*batch, 4\); got \(8, 3\)\.",
    ),
    "classifier of one class": (
        lambda: models.NeuralClassifier(nn.MLP(4, 1), 1),
        r"Expected num_classes to be an integer of at least 2; got 1\.",
    ),
    "classifier of too few outputs": (
        lambda: models.NeuralClassifier(nn.MLP(4, 2), 3)(torch.zeros(8, 4)),
        r"Expected params of shape \(\*batch, 3\) for Categorical.*; got \(8, 2\)\. Give the net an output of 3\.",
    ),
}
