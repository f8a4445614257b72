"""The tree that fits binary data best, and independent variables: what densities of tables are compared with."""

import torch
from scipy.sparse.csgraph import breadth_first_order, minimum_spanning_tree
from torch import Tensor

SMOOTHING = 1.0  # counted in each cell of a table of two variables, besides the data


def independent(train: Tensor, x: Tensor) -> Tensor:
    """Return log-probabilities of the rows of ``x`` under independent variables, in nats."""
    probs = (train.double().sum(0) + SMOOTHING) / (len(train) + 2 * SMOOTHING)
    return torch.where(x == 1, probs, 1 - probs).log().sum(1)


def chow_liu(train: Tensor, x: Tensor) -> Tensor:
    r"""Return log-probabilities of the rows of ``x`` under the tree :math:`\prod_i p(x_i \mid x_{\mathrm{parent}(i)})`.

    Its edges are the maximum spanning tree of the mutual informations.

    References:
        Chow, Liu (1968), Approximating Discrete Probability Distributions with Dependence Trees,
        https://doi.org/10.1109/TIT.1968.1054142
    """
    train = train.double()
    ones = torch.stack((1 - train, train))  # (value, row, variable)
    counts = torch.einsum("ani,bnj->abij", ones, ones) + SMOOTHING  # of pairs of values of pairs of variables
    joint = counts / counts.sum((0, 1))
    first, second = joint.sum(1, keepdim=True), joint.sum(0, keepdim=True)
    information = (joint * (joint / first / second).log()).sum((0, 1))
    # A spanning tree of most information is one of least of its negative; shifted, since zeros would be no edges.
    tree = minimum_spanning_tree((information.max() + 1 - information).fill_diagonal_(0).numpy())
    order, parents = breadth_first_order(tree, 0, directed=False)
    log_prob = torch.where(x[:, 0] == 1, joint[:, 1, 0, 0].sum(), joint[:, 0, 0, 0].sum()).log()
    for i in order[1:].tolist():
        parent = int(parents[i])
        table = (joint / first)[:, :, parent, i].log()  # (value of the parent, value)
        log_prob = log_prob + table[x[:, parent].long(), x[:, i].long()]
    return log_prob
