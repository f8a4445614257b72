"""nflows's additive, affine and spline couplings with ours, as ``python -m tests.peers.nflows_coupling``.

Copied: every weight and bias of the conditioners; our MLPs compute the same. Compared: split, conditioners, families
(the affine one with nflows's scale, the spline one as it is), log-determinants, composition and base. nflows writes
its formulas from the data to the base.
"""

import math
import warnings

import torch
from torch import Tensor

from pyrodgm.nn import MLP
from pyrodgm.transforms import Affine, Coupling, InverseUnivariate, RationalQuadraticSpline, Shift
from tests.peers.compare import Converted, begin, compare, copy_mlp, kind_by_kind, over_standard_normal, scatter

DIM, WIDTH, NUM_BINS = 5, 16, 8


def to_log_scale(params: Tensor) -> Tensor:
    """Write the scale, a logistic function of the raw number and a thousandth, as ours."""
    shift, raw = params.unbind(-1)
    log_scale = (torch.sigmoid(raw + 2) + 1e-3).log()
    return torch.stack((shift, 7 * torch.atanh(log_scale / 7)), -1)


def to_slope(params: Tensor) -> Tensor:
    """Write softplus without an offset as ours."""
    bins, slopes = params.split([2 * NUM_BINS, NUM_BINS - 1], -1)
    return torch.cat((bins, slopes - math.log(math.expm1(1 - 1e-3))), -1)


def main() -> None:
    """Compare, and leave with a message where they disagree."""
    from nflows.distributions.normal import StandardNormal
    from nflows.flows.base import Flow as Peer
    from nflows.nn.nets import mlp
    from nflows.transforms import coupling
    from nflows.transforms.base import CompositeTransform

    class Net(mlp.MLP):  # nflows hands a context to every net, and its own MLP takes none
        def forward(self, inputs: Tensor, context: Tensor | None = None) -> Tensor:
            return super().forward(inputs)

    begin()
    warnings.filterwarnings("ignore", message="Inputs to the softmax are not scaled down")
    spline = {"tails": "linear", "tail_bound": 5.0, "num_bins": NUM_BINS}
    cases = {
        "additive": (coupling.AdditiveCouplingTransform, {}, Shift()),
        "affine": (coupling.AffineCouplingTransform, {}, Converted(Affine(max_log_scale=7.0), to_log_scale)),
        "spline": (
            coupling.PiecewiseRationalQuadraticCouplingTransform,
            spline,
            Converted(RationalQuadraticSpline(NUM_BINS), to_slope),
        ),
    }
    for name, (build, options, family) in cases.items():
        univariate, layers, parts = InverseUnivariate(family), [], []
        for flip in (False, True, False):
            moves = torch.arange(DIM) >= DIM // 2
            mask = (~moves if flip else moves).double()
            part = build(mask, lambda a, b: Net([a], [b], [WIDTH, WIDTH]), **options)
            scatter(part)
            parts.append(part)
            moving, theirs = part.num_transform_features, part.transform_net
            net = MLP(DIM - moving, univariate.num_params * moving, hidden_dims=(WIDTH, WIDTH))
            linears = [theirs._input_layer, *theirs._hidden_layers, theirs._output_layer]
            copy_mlp(net, linears, kind_by_kind(moving, range(univariate.num_params)) if options else None)
            layers.insert(0, Coupling(DIM, univariate, net, flip=flip))
        peer = Peer(CompositeTransform(parts), StandardNormal([DIM]))
        compare(
            f"nflows coupling, {name}",
            over_standard_normal(layers, DIM),
            2 * torch.randn(200, DIM),
            log_prob=peer.log_prob,
            to_base=peer.transform_to_noise,
            to_data=lambda u, peer=peer: peer._transform.inverse(u)[0],
        )


if __name__ == "__main__":
    main()
