"""Pyro's own transforms with ours, as ``python -m tests.peers.pyro_transforms``.

Copied: every weight and bias. Compared: inverse autoregressive flows with and without a context and affine coupling;
log-determinants, composition with permutations, and base. Pyro clamps a log-scale between -5 and 3, which the weights
here do not reach, and we bound it smoothly.
"""

import functools

import pyro.distributions as dist
import torch
from pyro.distributions import transforms as T
from torch import Tensor, nn

from pyrodgm.nn import MLP, MaskedMLP
from pyrodgm.transforms import (
    Affine,
    Bijection,
    Coupling,
    Inverse,
    InverseUnivariate,
    MaskedAutoregressive,
    Permute,
)
from tests.peers.compare import Converted, begin, compare, copy_masked, copy_mlp, over_standard_normal, scatter

DIM, WIDTH = 4, 16
SWAP = [2, 3, 0, 1]


def to_log_scale(params: Tensor) -> Tensor:
    """Write a bare log-scale as ours."""
    shift, log_scale = params.unbind(-1)
    return torch.stack((shift, 6 * torch.atanh(log_scale / 6)), -1)


AFFINE = Converted(Affine(max_log_scale=6.0), to_log_scale)


def against(name: str, ours: list[Bijection], theirs: list[nn.Module], context: Tensor | None = None) -> None:
    """Compare over a standard normal base; a memory is cleared before each use of Pyro's side."""
    bound = [part.condition(context) if context is not None else part for part in theirs]
    peer = dist.TransformedDistribution(dist.Normal(torch.zeros(DIM), torch.ones(DIM)).to_event(1), bound)

    def density(x: Tensor) -> Tensor:
        peer.clear_cache()
        return peer.log_prob(x)

    def through(value: Tensor, parts: list[torch.distributions.Transform]) -> Tensor:
        peer.clear_cache()
        return functools.reduce(lambda v, part: part(v), parts, value)

    compare(
        f"Pyro {name}",
        over_standard_normal(ours, DIM),
        torch.randn(200, DIM),
        context=context,
        log_prob=density,
        to_base=lambda x: through(x, [part.inv for part in reversed(bound)]),
        to_data=lambda u: through(u, bound),
    )


def inverse_autoregressive(context_dim: int) -> tuple[Bijection, nn.Module]:
    """Build Pyro's and copy it; its order is drawn, a masked layer of ours turned round runs in its direction."""
    if context_dim:
        theirs = T.conditional_affine_autoregressive(DIM, context_dim, hidden_dims=[2 * DIM, 2 * DIM])
    else:
        theirs = T.affine_autoregressive(DIM, hidden_dims=[WIDTH, WIDTH])
    arn = theirs.nn if context_dim else theirs.arn
    scatter(arn, 0.2)
    net = MaskedMLP(DIM, 2, hidden_dims=arn.hidden_dims, context_dim=context_dim, order=arn.permutation)
    copy_masked(net, list(zip(arn.layers, arn.masks, strict=True)), context_first=True)
    return Inverse(MaskedAutoregressive(InverseUnivariate(AFFINE), net)), theirs


def coupling() -> tuple[Bijection, nn.Module]:
    """Build Pyro's and copy it."""
    theirs = T.affine_coupling(DIM, [WIDTH, WIDTH], split_dim=DIM // 2)
    scatter(theirs, 0.2)
    net = MLP(DIM // 2, 2 * (DIM - DIM // 2), hidden_dims=(WIDTH, WIDTH))
    copy_mlp(net, list(theirs.nn.layers))
    return Coupling(DIM, AFFINE, net), theirs


def main() -> None:
    """Compare, and leave with a message where they disagree."""
    begin()
    for name, build in (("IAF", lambda: inverse_autoregressive(0)), ("coupling", coupling)):
        (first, their_first), (second, their_second) = build(), build()
        theirs = [their_first, T.Permute(torch.tensor(SWAP)), their_second]
        against(name, [first, Permute(SWAP), second], theirs)
    ours, theirs = inverse_autoregressive(3)
    against("IAF, context", [ours], [theirs], torch.randn(200, 3))


if __name__ == "__main__":
    main()
