"""zuko's MAF and NSF with our masked layers, as ``python -m tests.peers.zuko_maf``.

Copied: every weight and bias of the masked networks, hidden units reordered. Compared: the networks with their masks
and orders, the families under zuko's constraints on scale, bins and slopes, log-determinants, composition and base,
with and without a context.
"""

from typing import Any

import torch

from pyrodgm.flows import Flow
from pyrodgm.nn import MaskedMLP
from pyrodgm.transforms import MaskedAutoregressive, Univariate
from tests.peers.compare import begin, compare, copy_masked, kind_by_kind, over_standard_normal, scatter
from tests.peers.zuko_conventions import zuko_affine, zuko_spline

DIM = 4


def copied(peer: Any, univariate: Univariate, width: int, context_dim: int) -> Flow:
    """Build ours with the weights of zuko's flow, whose first transform is the nearest to the data."""
    layers = []
    for layer in reversed(peer.transform.transforms):
        order = layer.order.argsort()  # zuko gives each feature its rank, we list the features by rank
        net = MaskedMLP(
            DIM, univariate.num_params, hidden_dims=(width, width), context_dim=context_dim, order=order.tolist()
        )
        theirs = [(linear, linear.mask) for linear in layer.hyper if isinstance(linear, torch.nn.Linear)]
        copy_masked(net, theirs, rows=kind_by_kind(DIM, range(univariate.num_params)))
        layers.append(MaskedAutoregressive(univariate, net))
    return over_standard_normal(layers, DIM)


def main() -> None:
    """Compare, and leave with a message where they disagree."""
    import zuko

    begin()
    for name, build, univariate in (("MAF", zuko.flows.MAF, zuko_affine()), ("NSF", zuko.flows.NSF, zuko_spline())):
        for context_dim in (0, 3):
            width = 2 * DIM if context_dim else 2 * (DIM - 1)  # as many units of each degree as ours
            peer = build(DIM, context_dim, transforms=3, hidden_features=(width, width), randperm=True)
            scatter(peer, 0.5)
            flow = copied(peer, univariate, width, context_dim)
            context = torch.randn(200, context_dim) if context_dim else None
            compare(
                f"zuko {name}, context {context_dim}",
                flow,
                2 * torch.randn(200, DIM),
                context=context,
                log_prob=lambda x, peer=peer, context=context: peer(context).log_prob(x),
                to_base=lambda x, peer=peer, context=context: peer(context).transform(x),
                to_data=lambda u, peer=peer, context=context: peer(context).transform.inv(u),
            )


if __name__ == "__main__":
    main()
