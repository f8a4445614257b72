"""Pyro programs: model/guide pairs made of components."""

from pyrodgm.models.bayes_net import BayesNet
from pyrodgm.models.bayes_net_distribution import BayesNetDistribution
from pyrodgm.models.bayes_net_graph import Variable
from pyrodgm.models.bayesian_gaussian_mixture import BayesianGaussianMixture
from pyrodgm.models.builders import vae
from pyrodgm.models.chow_liu import chow_liu
from pyrodgm.models.d_vae import DVAE
from pyrodgm.models.density import Density
from pyrodgm.models.dequantization import UniformDequantization, VariationalDequantization
from pyrodgm.models.dequantized import Dequantized
from pyrodgm.models.dirichlet_tables import DirichletTables
from pyrodgm.models.expectation_maximization import ExpectationMaximization
from pyrodgm.models.factor_analysis import FactorAnalysis
from pyrodgm.models.full_joint_table import FullJointTable, full_joint_table
from pyrodgm.models.gaussian_mixture import GaussianMixture
from pyrodgm.models.hierarchical_builder import hierarchical_vae
from pyrodgm.models.hierarchical_vae import HierarchicalVAE
from pyrodgm.models.logistic_regression import LogisticRegression
from pyrodgm.models.markov_chain import MarkovChain
from pyrodgm.models.model import Model
from pyrodgm.models.naive_bayes import NaiveBayes
from pyrodgm.models.neural_classifier import NeuralClassifier
from pyrodgm.models.ppca import PPCA
from pyrodgm.models.program import Program
from pyrodgm.models.query_result import QueryResult
from pyrodgm.models.vae import VAE
from pyrodgm.models.vq_vae import VQVAE

__all__ = [
    "DVAE",
    "PPCA",
    "VAE",
    "VQVAE",
    "BayesNet",
    "BayesNetDistribution",
    "BayesianGaussianMixture",
    "Density",
    "Dequantized",
    "DirichletTables",
    "ExpectationMaximization",
    "FactorAnalysis",
    "FullJointTable",
    "GaussianMixture",
    "HierarchicalVAE",
    "LogisticRegression",
    "MarkovChain",
    "Model",
    "NaiveBayes",
    "NeuralClassifier",
    "Program",
    "QueryResult",
    "UniformDequantization",
    "Variable",
    "VariationalDequantization",
    "chow_liu",
    "full_joint_table",
    "hierarchical_vae",
    "vae",
]
