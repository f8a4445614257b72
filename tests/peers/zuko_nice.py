"""zuko's NICE (affine, as zuko has it) with our couplings, as ``python -m tests.peers.zuko_nice``.

Copied: every weight and bias of the conditioners. Compared: split, conditioners, affine family under zuko's bound on
the scale, log-determinants, composition and base, with and without a context. zuko's halves are the even and the odd
features; a permutation on either side brings them to our slices.
"""

import torch

from pyrodgm.nn import MLP
from pyrodgm.transforms import Coupling, Permute
from tests.peers.compare import begin, compare, copy_mlp, kind_by_kind, over_standard_normal, scatter
from tests.peers.zuko_conventions import zuko_affine

DIM, WIDTH = 5, 16


def main() -> None:
    """Compare, and leave with a message where they disagree."""
    import zuko

    begin()
    halves = Permute([1, 3, 0, 2, 4])
    univariate = zuko_affine()
    for context_dim in (0, 3):
        peer = zuko.flows.NICE(DIM, context_dim, transforms=3, hidden_features=(WIDTH, WIDTH))
        scatter(peer)
        layers = []
        for layer in reversed(peer.transform.transforms):
            staying = int(layer.mask.sum())
            net = MLP(staying, 2 * (DIM - staying), hidden_dims=(WIDTH, WIDTH), context_dim=context_dim)
            linears = [part for part in layer.hyper if not isinstance(part, torch.nn.ReLU)]
            copy_mlp(net, linears, kind_by_kind(DIM - staying, range(2)))
            even_stay = bool(layer.mask[0])
            layers.append(Coupling(DIM, univariate, net, flip=even_stay, context_dim=context_dim))
        flow = over_standard_normal([halves, *layers, halves.inv], DIM)
        context = torch.randn(200, context_dim) if context_dim else None
        compare(
            f"zuko NICE, context {context_dim}",
            flow,
            2 * torch.randn(200, DIM),
            context=context,
            log_prob=lambda x, peer=peer, context=context: peer(context).log_prob(x),
            to_base=lambda x, peer=peer, context=context: peer(context).transform(x),
            to_data=lambda u, peer=peer, context=context: peer(context).transform.inv(u),
        )


if __name__ == "__main__":
    main()
