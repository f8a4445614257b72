"""Integrals over one or two dimensions, in cells that are halved until halving changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy
import torch
from torch import Tensor

NODES = {1: 12, 2: 8}  # of Gauss and Legendre, a cell and direction
NUM_QUANTILES = {1: 32, 2: 12}  # that cut the box of the draws into the first cells
MAX_SHELLS = 60  # each twice as wide as what is inside
MAX_POINTS = 500_000
TOLERANCE = {1: 1e-10, 2: 1e-7}  # of an integral over a cell, or a shell
ROUNDINGS = 16.0  # relative errors of values that an integral over a cell may have

Integrand = Callable[[Tensor], Tensor]  # points (num, dim) -> values (num, num_functions)


@dataclass(frozen=True)
class Rule:
    """Points, weights, and what is known of their error.

    Attributes:
        points: ``(num, dim)``.
        weights: ``(num,)``.
        error: Estimate of the largest error of an integral.
        total: The integrals, ``(num_functions,)``.
    """

    points: Tensor
    weights: Tensor
    error: float
    total: Tensor


@torch.no_grad()
def quadrature(integrand: Integrand, draws: Tensor, low: Tensor, high: Tensor, *, rounding: float, chunk: int) -> Rule:
    """Integrate several functions at once.

    The first cells lie between quantiles of draws, so that they are small where the functions are large; shells around
    them follow, each twice as wide, until one adds nothing. A cell is final once its halves, of each side, have the
    same sum.

    Args:
        integrand: Maps points to values of all functions.
        draws: Points where the functions are large, ``(num, dim)``, ``dim`` 1 or 2.
        low: Where functions begin, ``(num_functions, dim)``, minus infinity where they do not.
        high: Where they end, of the same shape.
        rounding: Relative error of values.
        chunk: Number of points that are scored at once.

    Returns:
        The final points and weights. Where the number of points ran out, or a tail does not end, the error says so.
    """
    refine = Refinement(integrand, draws, rounding, chunk)
    bounds = torch.stack((low.amin(0), high.amax(0)))
    cells = first_cells(draws, torch.cat((low, high)), bounds)
    refine.add(cells)
    inner, outer = cells[:, 0].amin(0), cells[:, 1].amax(0)
    tail = 0.0
    for _ in range(MAX_SHELLS):
        shell = shell_of(inner, outer, bounds)
        if not len(shell) or refine.exhausted:
            break
        before = refine.total
        refine.add(shell)
        inner, outer = torch.minimum(inner, shell[:, 0].amin(0)), torch.maximum(outer, shell[:, 1].amax(0))
        tail = float((refine.total - before).abs().amax())
        if not tail > refine.tolerance:
            break
    return Rule(torch.cat(refine.points), torch.cat(refine.weights), refine.error + tail, refine.total)


class Refinement:
    """Cells that are halved where that changes the integrals, and the rule that they make."""

    def __init__(self, integrand: Integrand, like: Tensor, rounding: float, chunk: int) -> None:
        dim = like.shape[1]
        self.integrand = integrand
        self.rounding = rounding
        self.tolerance = TOLERANCE[dim]
        self.chunk = chunk
        nodes, weights = (torch.from_numpy(a).to(like) for a in numpy.polynomial.legendre.leggauss(NODES[dim]))
        self.nodes = torch.cartesian_prod(*[nodes] * dim).reshape(-1, dim)  # in (-1, 1)
        self.node_weights = torch.cartesian_prod(*[weights] * dim).reshape(-1, dim).prod(-1)
        self.points: list[Tensor] = []
        self.weights: list[Tensor] = []
        self.total = like.new_zeros(())
        self.error = 0.0
        self.num_points = 0

    @property
    def exhausted(self) -> bool:
        """Whether no more points may be scored."""
        return self.num_points > MAX_POINTS

    def add(self, cells: Tensor) -> None:
        """Integrate over cells ``(num, 2, dim)`` until the sum of halves is that of the whole, for each cell."""
        values, sizes, _, _ = self.integrate(cells)
        while len(cells):
            halves = halved(cells)  # (num, 2 ** dim, 2, dim)
            parts, part_sizes, points, weights = self.integrate(halves.flatten(0, 1))
            parts, part_sizes = (t.unflatten(0, halves.shape[:2]) for t in (parts, part_sizes))
            change = (parts.sum(1) - values).abs()
            allowed = self.tolerance + ROUNDINGS * self.rounding * sizes
            final = ~(change > allowed).any(-1)  # also where it is NaN, which the error then is
            if self.exhausted:
                final = torch.ones_like(final)
            keep = final.repeat_interleave(halves.shape[1])
            self.points.append(points[keep].flatten(0, 1))
            self.weights.append(weights[keep].flatten())
            self.total = self.total + parts[final].sum((0, 1))
            self.error += float(change[final].sum(0).amax())
            cells, values, sizes = (t[~final].flatten(0, 1) for t in (halves, parts, part_sizes))

    def integrate(self, cells: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Integrate over cells with one rule each.

        Returns:
            Integrals and those of absolute values, ``(num, num_functions)``; points ``(num, num_nodes, dim)``; weights
            ``(num, num_nodes)``.
        """
        half = 0.5 * (cells[:, 1] - cells[:, 0])
        points = cells.mean(1)[:, None] + half[:, None] * self.nodes
        weights = half.prod(-1)[:, None] * self.node_weights
        values = torch.cat([self.integrand(part) for part in points.flatten(0, 1).split(self.chunk)])
        self.num_points += len(values)
        terms = values.unflatten(0, weights.shape) * weights[..., None]
        return terms.sum(1), terms.abs().sum(1), points, weights


def first_cells(draws: Tensor, cuts: Tensor, bounds: Tensor) -> Tensor:
    """Return the cells between quantiles of draws and other cuts, ``(num, 2, dim)``, inside the bounds."""
    dim = draws.shape[1]
    levels = torch.linspace(0, 1, NUM_QUANTILES[dim] + 1, dtype=draws.dtype, device=draws.device)
    edges = []
    for i in range(dim):
        at = draws[:, i].sort().values[(levels * (len(draws) - 1)).long()]
        margin = 0.5 * (at[-1:] - at[:1]).clamp_min(1e-6 * float(1 + at.abs().amax()))
        at = torch.cat((at[:1] - margin, at, at[-1:] + margin, cuts[:, i][cuts[:, i].isfinite()]))
        edges.append(at.clamp(bounds[0, i], bounds[1, i]).unique())
    return boxes(edges)


def boxes(edges: list[Tensor]) -> Tensor:
    """Return all products of neighbouring edges as cells ``(num, 2, dim)``."""
    low = torch.cartesian_prod(*[e[:-1] for e in edges]).reshape(-1, len(edges))
    high = torch.cartesian_prod(*[e[1:] for e in edges]).reshape(-1, len(edges))
    return torch.stack((low, high), 1)


def shell_of(low: Tensor, high: Tensor, bounds: Tensor) -> Tensor:
    """Return the cells around a box that make it twice as wide, inside the bounds; none where it fills them."""
    width = 0.5 * (high - low)
    edges = [
        torch.stack((low[i] - width[i], low[i], high[i], high[i] + width[i])).clamp(*bounds[:, i]).unique()
        for i in range(len(low))
    ]
    cells = boxes(edges)
    inside = ((cells[:, 0] >= low) & (cells[:, 1] <= high)).all(-1)
    return cells[~inside]


def halved(cells: Tensor) -> Tensor:
    """Halve each side of cells ``(num, 2, dim)``: ``(num, 2 ** dim, 2, dim)``."""
    dim = cells.shape[-1]
    middle = cells.mean(1)
    corners = torch.cartesian_prod(*[torch.arange(2, device=cells.device)] * dim).reshape(-1, dim).bool()
    low = torch.where(corners, middle[:, None], cells[:, None, 0])
    high = torch.where(corners, cells[:, None, 1], middle[:, None])
    return torch.stack((low, high), 2)
