"""The tree that fits discrete data best."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from pyrodgm.models.bayes_net import BayesNet
from pyrodgm.models.bayes_net_graph import Variable

CHUNK = 2**16  # rows that are counted at once


def chow_liu(
    x: Tensor,
    *,
    num_states: int | Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    prior_counts: float = 1.0,
) -> BayesNet:
    r"""Return the tree :math:`\prod_v p(x_v \mid x_{\mathrm{parent}(v)})` of greatest likelihood, a Bayesian network.

    Its edges are the maximum spanning tree of the mutual informations of all pairs; the first variable is the root.

    Args:
        x: Numbers of states, complete rows, ``(num_rows, num_variables)``.
        num_states: Of every variable, or of each; by default one more than the largest in its column, at least 2.
        names: Of the variables; by default ``"x0"``, ``"x1"``, ...
        prior_counts: Counted in each cell of a table of two variables, besides the data.

    Returns:
        The net, its tables fitted to the same rows.

    Raises:
        ValueError: If there are no rows, or a value, whose column and row are named, is missing or no state.

    Example:
        >>> import torch
        >>> from pyrodgm import models
        >>> x = torch.randint(2, (100, 1)).repeat(1, 3)
        >>> models.chow_liu(x).parents
        {'x0': (), 'x1': ('x0',), 'x2': ('x0',)}

    References:
        Chow, Liu (1968), Approximating Discrete Probability Distributions with Dependence Trees,
        https://doi.org/10.1109/TIT.1968.1054142
    """
    if x.dim() != 2 or x.numel() == 0:
        raise ValueError(f"Expected x of shape (num_rows, num_variables), not empty; got {tuple(x.shape)}. Pass data.")
    width = x.shape[1]
    if names is None:
        names = [f"x{column}" for column in range(width)]
    if num_states is None:
        num_states = [max(2, int(largest) + 1) for largest in x.nan_to_num(0).amax(0).tolist()]
    sizes = [num_states] * width if isinstance(num_states, int) else list(num_states)
    if not len(sizes) == len(names) == len(set(names)) == width:
        raise ValueError(
            f"Expected {width} numbers of states and different names, one a column; got {len(sizes)} and "
            f"{len(set(names))}. Give as many."
        )
    loose = BayesNet({name: Variable(size) for name, size in zip(names, sizes, strict=True)})
    loose.check_data(x)
    parents = spanning_tree(mutual_information(x.long(), sizes, prior_counts))
    variables = {
        name: Variable(size, [] if parent is None else [names[parent]])
        for name, size, parent in zip(names, sizes, parents, strict=True)
    }
    return BayesNet(variables).to(x.device).fit(x, prior_counts)


def mutual_information(codes: Tensor, sizes: Sequence[int], prior_counts: float) -> Tensor:
    """Return the mutual informations of all pairs of variables in nats, ``(num_variables, num_variables)``.

    Args:
        codes: Numbers of states, ``(num_rows, num_variables)``.
        sizes: Number of states of each variable.
        prior_counts: Counted in each cell of a pair's table.
    """
    most, width = max(sizes), len(sizes)
    counts = torch.zeros(width * most, width * most, dtype=torch.float64, device=codes.device)
    for chunk in codes.split(CHUNK):
        ones = F.one_hot(chunk, most).flatten(1).float()  # sums of at most 2^16 ones are exact
        counts += (ones.T @ ones).double()
    real = (torch.arange(most) < torch.tensor(sizes).unsqueeze(-1)).flatten().to(codes.device)
    counts = (counts + prior_counts * (real.unsqueeze(-1) & real)).view(width, most, width, most)
    joint = counts / counts.sum((1, 3), keepdim=True)
    independent = joint.sum(1, keepdim=True) * joint.sum(3, keepdim=True)
    return (joint.xlogy(joint) - joint.xlogy(independent)).sum((1, 3))


def spanning_tree(weights: Tensor) -> list[int | None]:
    """Return the parents in the spanning tree of the greatest sum of weights, grown from variable 0.

    References:
        Prim (1957), Shortest Connection Networks and Some Generalizations
    """
    best, nearest = weights[0].clone(), torch.zeros(len(weights), dtype=torch.long, device=weights.device)
    best[0] = -torch.inf
    parents: list[int | None] = [None] * len(weights)
    for _ in range(len(weights) - 1):
        new = int(best.argmax())
        parents[new] = int(nearest[new])
        closer = (weights[new] > best) & best.isfinite()
        best, nearest = torch.where(closer, weights[new], best), nearest.masked_fill(closer, new)
        best[new] = -torch.inf
    return parents
