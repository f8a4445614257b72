"""nflows's masked affine and masked spline transforms with our masked layers, as ``python -m tests.peers.nflows_maf``.

Copied: every weight and bias of nflows's MADE (plain blocks, no context: nflows puts the context elsewhere), hidden
units reordered. Compared: the networks with their masks, the affine family with nflows's scale, the spline as it is,
log-determinants, composition with reversals, and base.
"""

import math

import torch
from torch import Tensor

from pyrodgm.nn import MaskedMLP
from pyrodgm.transforms import Affine, Flip, InverseUnivariate, MaskedAutoregressive, RationalQuadraticSpline
from tests.peers.compare import (
    Converted,
    begin,
    compare,
    copy_masked,
    kind_by_kind,
    over_standard_normal,
    scatter,
)

DIM, NUM_BINS = 5, 8
WIDTH = 2 * (DIM - 1)  # as many units of each degree as ours


def to_log_scale(params: Tensor) -> Tensor:
    """Write the scale, softplus of the raw number and a thousandth, as ours; nflows's comes before its shift."""
    raw, shift = params.unbind(-1)
    log_scale = (torch.nn.functional.softplus(raw) + 1e-3).log()
    return torch.stack((shift, 7 * torch.atanh(log_scale / 7)), -1)


def to_slope(params: Tensor) -> Tensor:
    """Write softplus without an offset as ours."""
    offset = math.log(math.expm1(1 - 1e-3))
    bins, slopes = params.split([2 * NUM_BINS, NUM_BINS - 1], -1)
    return torch.cat((bins, slopes - offset), -1)


def main() -> None:
    """Compare, and leave with a message where they disagree."""
    from nflows.distributions.normal import StandardNormal
    from nflows.flows.base import Flow as Peer
    from nflows.transforms import autoregressive
    from nflows.transforms.base import CompositeTransform
    from nflows.transforms.permutations import ReversePermutation

    begin()
    plain = {"num_blocks": 1, "use_residual_blocks": False}
    spline = {"tails": "linear", "tail_bound": 5.0, "num_bins": NUM_BINS}
    cases = {
        "affine": (
            lambda: autoregressive.MaskedAffineAutoregressiveTransform(DIM, WIDTH, **plain),
            InverseUnivariate(Converted(Affine(max_log_scale=7.0), to_log_scale)),
        ),
        "spline": (
            lambda: autoregressive.MaskedPiecewiseRationalQuadraticAutoregressiveTransform(
                DIM, WIDTH, **spline, **plain
            ),
            InverseUnivariate(Converted(RationalQuadraticSpline(NUM_BINS), to_slope)),
        ),
    }
    for name, (build, univariate) in cases.items():
        parts = [build(), ReversePermutation(DIM), build()]
        peer = Peer(CompositeTransform(parts), StandardNormal([DIM]))
        scatter(peer)
        layers = []
        for part in (parts[2], parts[0]):
            net = MaskedMLP(DIM, univariate.num_params, hidden_dims=(WIDTH, WIDTH))
            made = part.autoregressive_net
            linears = [made.initial_layer, made.blocks[0].linear, made.final_layer]
            rows = kind_by_kind(DIM, range(univariate.num_params))
            copy_masked(net, [(linear, linear.mask) for linear in linears], rows=rows)
            layers.append(MaskedAutoregressive(univariate, net))
        compare(
            f"nflows MAF, {name}",
            over_standard_normal([layers[0], Flip(), layers[1]], DIM),
            2 * torch.randn(200, DIM),
            log_prob=peer.log_prob,
            to_base=peer.transform_to_noise,
            to_data=lambda u, peer=peer: peer._transform.inverse(u)[0],
        )


if __name__ == "__main__":
    main()
