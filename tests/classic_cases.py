"""Cases of the classic models: a part of the tables in tests/cases.py."""

import torch

from pyrodgm import Fixed, distributions, heads, models, nn

CAUSAL_NETS = {  # name: (constructor, whether each position sees all earlier ones, number of levels of integers)
    "MarkovTable": (lambda: nn.MarkovTable(5, 3), False, 3),
    "MarkovTable, order 2, homogeneous": (lambda: nn.MarkovTable(6, 2, order=2, homogeneous=True), False, 2),
    "MarkovTable, whole past": (lambda: nn.MarkovTable(4, 3, order=3), True, 3),
    "MarkovTable, one position": (lambda: nn.MarkovTable(1, 4, order=0), True, 4),
}

CONDITIONALS = {  # name: (constructor, whether the integral is checked)
    "MarkovChain": (lambda: models.MarkovChain(4).conditional, True),
    "MarkovChain, order 2, homogeneous": (
        lambda: models.MarkovChain(5, order=2, homogeneous=True).conditional,
        True,
    ),
    "full_joint_table": (lambda: models.full_joint_table(3).conditional, True),
    "full_joint_table, several numbers of states": (lambda: models.full_joint_table(3, (2, 4, 3)).conditional, False),
    "Fixed JointCategorical": (
        lambda: Fixed(distributions.JointCategorical(torch.linspace(-1, 2, 8).reshape(2, 2, 2), 3)),
        True,
    ),
    "LogisticRegression": (lambda: models.LogisticRegression(4, 3), True),
    "LogisticRegression, two classes": (lambda: models.LogisticRegression(4), True),
    "NeuralClassifier": (lambda: models.NeuralClassifier(nn.MLP(4, 3, hidden_dims=(8,)), 3), True),
    "NeuralClassifier, log-odds": (lambda: models.NeuralClassifier(nn.MLP(4, 1, hidden_dims=(8,)), 2), True),
}

MODELS = {  # name: (constructor, data, width of the context)
    "PPCA": (lambda: models.PPCA(6, 2), "real", 0),
    "PPCA, one component": (lambda: models.PPCA(6, 1), "real", 0),
    "FactorAnalysis": (lambda: models.FactorAnalysis(6, 2), "real", 0),
    "MarkovChain": (lambda: models.MarkovChain(6), "binary", 0),
    "MarkovChain, order 2, homogeneous": (lambda: models.MarkovChain(6, order=2, homogeneous=True), "binary", 0),
    "full_joint_table": (lambda: models.full_joint_table(6), "binary", 0),
    "NaiveBayes": (lambda: models.NaiveBayes(6, 3), "binary", 0),
    "NaiveBayes, categorical": (
        lambda: models.NaiveBayes(6, 3, likelihood=heads.Categorical(4, 6)),
        "binary",
        0,
    ),
    "NaiveBayes, normal": (lambda: models.NaiveBayes(6, 2, likelihood=heads.Normal(6)), "real", 0),
}

# Public names with a test file of their own in the mirror of the package.
OWN_TESTS = (models.FullJointTable,)
