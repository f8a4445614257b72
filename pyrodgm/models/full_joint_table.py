"""The joint distribution of a few discrete variables as one table, without any assumption."""

import math
from collections.abc import Mapping, Sequence
from typing import Self

import torch
from torch import Tensor, nn

from pyrodgm.conditional import Conditional
from pyrodgm.distributions.joint_categorical import JointCategorical
from pyrodgm.models.checks import check_rows
from pyrodgm.models.density import Density
from pyrodgm.models.prior_counts import check_prior_counts
from pyrodgm.nn.mlp import check_dim

MAX_CELLS = 2**24


def full_joint_table(input_dim: int, num_states: int | Sequence[int] = 2) -> "FullJointTable":
    r"""Build :math:`p(x_1, \dots, x_n)` with a parameter for every combination of values, :math:`2^n - 1` of bits.

    Args:
        input_dim: Number of variables.
        num_states: Number of states of every variable, or of each.

    Raises:
        ValueError: If a size is too small, there are not as many numbers of states as variables, or the table has
            more than :math:`2^{24}` cells.

    Example:
        >>> import torch
        >>> from pyrodgm import models
        >>> table = models.full_joint_table(4).fit(torch.rand(50, 4).round())
        >>> table.num_parameters(), table.query([2, 0], {1: 1}).shape
        (15, torch.Size([2, 2]))
    """
    check_dim("input_dim", input_dim)
    sizes = (num_states,) * input_dim if isinstance(num_states, int) else tuple(num_states)
    if len(sizes) != input_dim:
        raise ValueError(f"Expected num_states of each of {input_dim} variables; got {sizes}. Give one for each.")
    for size in sizes:
        check_dim("num_states", size, 2)
    if math.prod(sizes) > MAX_CELLS:
        raise ValueError(
            f"Expected at most {MAX_CELLS} cells; got {input_dim} variables with {math.prod(sizes)}. Assume something: "
            "models.MarkovChain, models.BayesNet, models.NaiveBayes."
        )
    return FullJointTable(TabularJoint(sizes))


class TabularJoint(Conditional):
    """A :class:`JointCategorical` whose table is a parameter.

    Args:
        num_states: Number of states of each variable.
    """

    def __init__(self, num_states: Sequence[int]) -> None:
        super().__init__()
        self.logits = nn.Parameter(torch.zeros(*num_states))
        self.event_shape = torch.Size([len(num_states)])

    def distribution(self, context: Tensor | None) -> JointCategorical:
        """Return the distribution of the table."""
        return JointCategorical(self.logits, self.logits.dim())


class FullJointTable(Density):
    """What :func:`full_joint_table` builds: a model of which every question has an exact answer by summing.

    Args:
        conditional: The table.
    """

    conditional: TabularJoint

    def num_parameters(self) -> int:
        """Return the number of free parameters, one fewer than cells."""
        return self.conditional.logits.numel() - 1

    def log_prob(self, x: Tensor) -> Tensor:
        """Return the log-probability of each row in nats.

        Args:
            x: Integers from 0, ``(num_rows, input_dim)``.

        Returns:
            ``(num_rows,)``.

        Raises:
            ValueError: If ``x`` has another shape, no rows, or other values.
        """
        check_rows(x, self.event_shape)
        return self.conditional().log_prob(x)

    @torch.no_grad()
    def fit(self, x: Tensor, *, prior_counts: float = 1.0) -> Self:
        """Set the table to the shares of rows.

        Args:
            x: Integers from 0, ``(num_rows, input_dim)``.
            prior_counts: Added to the count of each cell: the posterior mean under a Dirichlet prior of that
                concentration. With 0, maximum likelihood, what was never seen has no probability.

        Returns:
            The model itself.

        Raises:
            ValueError: As :meth:`log_prob`, or if ``prior_counts`` is negative.
        """
        check_rows(x, self.event_shape)
        check_prior_counts(prior_counts)
        logits = self.conditional.logits
        counts = torch.bincount(self.conditional().cell(x), minlength=logits.numel()).view_as(logits)
        logits.copy_((counts + prior_counts).log())
        return self

    @torch.no_grad()
    def query(self, target: int | Sequence[int], evidence: Mapping[int, int] | None = None) -> Tensor:
        """Return the exact probabilities of some variables given the states of others, the rest summed out.

        Args:
            target: A variable, or several.
            evidence: States of other variables, by number.

        Returns:
            ``(num_states of each target,)``, in the order of ``target``; sums to 1.

        Raises:
            ValueError: If a variable or a state does not exist, a variable is asked for twice or also known, or what
                is known has no probability.
        """
        targets = (target,) if isinstance(target, int) else tuple(target)
        known = dict(evidence or {})
        table = self.conditional().logits.exp()
        asked = [*targets, *known]
        if not targets or len(set(asked)) < len(asked) or not all(0 <= i < table.dim() for i in asked):
            raise ValueError(
                f"Expected each of the variables 0 .. {table.dim() - 1} at most once; got target {list(targets)} given "
                f"{list(known)}. Ask for variables that are not known."
            )
        for variable, state in known.items():
            if not 0 <= state < table.shape[variable]:
                raise ValueError(f"Expected a state 0 .. {table.shape[variable] - 1} of {variable}; got {state}.")
        slices = table[tuple(known.get(i, slice(None)) for i in range(table.dim()))]
        left = [i for i in range(table.dim()) if i not in known]
        others = [number for number, i in enumerate(left) if i not in targets]
        marginal = slices.sum(others) if others else slices
        total = marginal.sum()
        if total == 0:
            raise ValueError(f"Expected evidence of some probability; got {known}, which has none. Check the states.")
        kept = [i for i in left if i in targets]
        return (marginal / total).permute([kept.index(i) for i in targets])
