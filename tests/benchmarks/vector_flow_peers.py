"""The same flows in six libraries, each as its documentation builds one, with its own bound on the scale.

A builder takes a :class:`Spec` and returns a :class:`Peer`; it returns ``None`` where the library lacks the family, or
the family with a context.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

Context = Tensor | None


@dataclass(frozen=True)
class Spec:
    """What to build; ``family`` is a key of :data:`NUM_LAYERS` in ``vector_flows``."""

    family: str
    input_dim: int
    context_dim: int
    num_layers: int
    hidden_dims: tuple[int, int]
    num_bins: int = 8
    bound: float = 5.0

    @property
    def halves(self) -> tuple[int, int]:
        """The first and the second half; layers move the second, then the first."""
        return self.input_dim // 2, self.input_dim - self.input_dim // 2

    @property
    def num_spline_params(self) -> int:
        """Parameters of one spline."""
        return 3 * self.num_bins - 1


@dataclass
class Peer:
    """A flow's parameters and what it is asked for; ``draw`` returns draws and their log-densities, with gradients."""

    module: nn.Module
    log_prob: Callable[[Tensor, Context], Tensor]
    sample: Callable[[int, Context], Tensor]
    draw: Callable[[int, Context], tuple[Tensor, Tensor]]
    after_step: Callable[[], None] = lambda: None


def pyrodgm_flow(spec: Spec) -> Peer:
    """Ours."""
    from pyrodgm import flows

    builders = {
        "affine coupling": flows.realnvp,
        "spline coupling": flows.spline_coupling,
        "MAF": flows.maf,
        "IAF": flows.iaf,
    }
    flow = builders[spec.family](
        spec.input_dim, spec.context_dim, num_layers=spec.num_layers, hidden_dims=spec.hidden_dims
    )

    def sample(num: int, context: Context) -> Tensor:
        return flow(context).sample((num,) if context is None else ())

    def draw(num: int, context: Context) -> tuple[Tensor, Tensor]:
        return flow(context).rsample_and_log_prob((num,) if context is None else ())  # type: ignore[no-any-return]

    return Peer(flow, lambda x, context: flow(context).log_prob(x), sample, draw)


def pyro_flow(spec: Spec) -> Peer | None:
    """``(Conditional)TransformedDistribution`` over Pyro's own transforms."""
    import pyro.distributions as dist
    from pyro.distributions import transforms as T
    from pyro.nn import AutoRegressiveNN, ConditionalAutoRegressiveNN, ConditionalDenseNN, DenseNN

    D, C, hidden = spec.input_dim, spec.context_dim, list(spec.hidden_dims)
    layers: list[Any] = []
    for i in range(spec.num_layers):
        still, moves = spec.halves[i % 2], spec.halves[1 - i % 2]
        if spec.family == "affine coupling" and C:
            net = ConditionalDenseNN(still, C, hidden, [moves, moves])
            layers.append(T.ConditionalAffineCoupling(still, net))
        elif spec.family == "affine coupling":
            layers.append(T.AffineCoupling(still, DenseNN(still, hidden, [moves, moves])))
        elif spec.family == "spline coupling":
            if C:
                return None  # SplineCoupling has no conditional twin
            K = spec.num_bins
            net = DenseNN(still, hidden, [moves * K, moves * K, moves * (K - 1)])
            layers.append(T.SplineCoupling(D, still, net, K, spec.bound, "quadratic", identity=True))
        else:
            order = torch.arange(D).flip(0) if i % 2 else torch.arange(D)
            if C:
                net = ConditionalAutoRegressiveNN(D, C, hidden, permutation=order)
                layers.append(T.ConditionalAffineAutoregressive(net))
            else:
                layers.append(T.AffineAutoregressive(AutoRegressiveNN(D, hidden, permutation=order)))
    parts = [layer.inv if spec.family == "MAF" else layer for layer in layers]
    if "coupling" in spec.family:  # each moves the last features, so halves change places in between
        swaps = [torch.arange(D).roll(-spec.halves[i % 2]) for i in range(spec.num_layers - 1)]
        pairs = zip(layers, [*map(T.Permute, swaps), None], strict=True)
        parts = [part for pair in pairs for part in pair if part is not None]
    module = nn.ModuleList(layers)
    base = dist.Normal(torch.zeros(D), torch.ones(D)).to_event(1)
    if not C:
        flow = dist.TransformedDistribution(base, parts)

        def draw(num: int, context: Context) -> tuple[Tensor, Tensor]:
            x = flow.rsample((num,))
            return x, flow.log_prob(x)

        return Peer(module, lambda x, c: flow.log_prob(x), lambda num, c: flow.sample((num,)), draw, flow.clear_cache)
    conditional = dist.ConditionalTransformedDistribution(base, parts)

    def draw_given(num: int, context: Context) -> tuple[Tensor, Tensor]:
        flow = conditional.condition(context)
        x = flow.rsample((num,))
        return x, flow.log_prob(x)

    return Peer(
        module,
        lambda x, c: conditional.condition(c).log_prob(x),
        lambda num, c: conditional.condition(c).sample((num,)),
        draw_given,
    )


def zuko_flow(spec: Spec) -> Peer:
    """``zuko.flows``; run it in a process of its own, the import switches validation off."""
    from zuko.distributions import DiagNormal
    from zuko.flows.autoregressive import MAF, MaskedAutoregressiveTransform
    from zuko.flows.coupling import RealNVP
    from zuko.lazy import Flow, UnconditionalDistribution
    from zuko.transforms import MonotonicRQSTransform

    D, C, K = spec.input_dim, spec.context_dim, spec.num_bins
    settings: dict[str, Any] = {"transforms": spec.num_layers, "hidden_features": spec.hidden_dims}
    if spec.family == "affine coupling":
        flow = RealNVP(D, C, **settings)
    elif spec.family == "spline coupling":
        flow = RealNVP(D, C, univariate=MonotonicRQSTransform, shapes=[(K,), (K,), (K - 1,)], **settings)
    elif spec.family == "MAF":
        flow = MAF(D, C, **settings)
    else:
        orders = [torch.arange(D), torch.arange(D).flip(0)]
        parts = [
            MaskedAutoregressiveTransform(D, C, order=orders[i % 2], hidden_features=spec.hidden_dims).inv
            for i in range(spec.num_layers)
        ]
        flow = Flow(parts, UnconditionalDistribution(DiagNormal, loc=torch.zeros(D), scale=torch.ones(D), buffer=True))

    def sample(num: int, context: Context) -> Tensor:
        return flow(context).sample((num,) if context is None else ())  # type: ignore[no-any-return]

    def draw(num: int, context: Context) -> tuple[Tensor, Tensor]:
        return flow(context).rsample_and_log_prob((num,) if context is None else ())  # type: ignore[no-any-return]

    return Peer(flow, lambda x, context: flow(context).log_prob(x), sample, draw)


def nflows_flow(spec: Spec) -> Peer:
    """``Flow`` over nflows's transforms, with its plain MLP where a net can be given."""
    from nflows.distributions.normal import StandardNormal
    from nflows.flows.base import Flow
    from nflows.transforms.autoregressive import MaskedAffineAutoregressiveTransform
    from nflows.transforms.base import CompositeTransform, InverseTransform
    from nflows.transforms.coupling import AffineCouplingTransform, PiecewiseRationalQuadraticCouplingTransform
    from nflows.transforms.permutations import ReversePermutation

    D, C = spec.input_dim, spec.context_dim
    parts: list[nn.Module] = []
    for i in range(spec.num_layers):
        if spec.family == "affine coupling":
            parts.append(AffineCouplingTransform(_signs(spec, i), partial(_net, spec)))
        elif spec.family == "spline coupling":
            parts.append(
                PiecewiseRationalQuadraticCouplingTransform(
                    _signs(spec, i), partial(_net, spec), num_bins=spec.num_bins, tails="linear", tail_bound=spec.bound
                )
            )
        else:
            masked = MaskedAffineAutoregressiveTransform(
                D, spec.hidden_dims[0], C or None, num_blocks=len(spec.hidden_dims) - 1, use_residual_blocks=False
            )
            parts += [masked if spec.family == "MAF" else InverseTransform(masked), ReversePermutation(D)]
    parts = parts[:-1] if isinstance(parts[-1], ReversePermutation) else parts
    flow = Flow(CompositeTransform(parts), StandardNormal([D]))

    def sample(num: int, context: Context) -> Tensor:
        return flow.sample(num) if context is None else flow.sample(1, context)  # type: ignore[no-any-return]

    def draw(num: int, context: Context) -> tuple[Tensor, Tensor]:
        return flow.sample_and_log_prob(num) if context is None else flow.sample_and_log_prob(1, context)  # type: ignore[no-any-return]

    return Peer(flow, lambda x, context: flow.log_prob(x, context), sample, draw)


def normflows_flow(spec: Spec) -> Peer | None:
    """``(Conditional)NormalizingFlow`` over normflows's layers."""
    import normflows as nf
    from normflows.flows.neural_spline.coupling import PiecewiseRationalQuadraticCoupling

    class Turned(nf.flows.Flow):
        """``Reverse`` of normflows, with the context that it lacks."""

        def __init__(self, part: nn.Module) -> None:
            super().__init__()
            self.part = part

        def forward(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
            return self.part.inverse(z, context)  # type: ignore[no-any-return]

        def inverse(self, z: Tensor, context: Context = None) -> tuple[Tensor, Tensor]:
            return self.part(z, context)  # type: ignore[no-any-return]

    D, C = spec.input_dim, spec.context_dim
    parts: list[nn.Module] = []
    for i in range(spec.num_layers):
        if spec.family == "affine coupling":
            if C:
                return None  # AffineCouplingBlock takes no context
            sees, moves = ((D + 1) // 2, D // 2) if i % 2 == 0 else (D // 2, (D + 1) // 2)
            net = nf.nets.MLP([sees, *spec.hidden_dims, 2 * moves])
            parts.append(nf.flows.AffineCouplingBlock(net, split_mode="channel" if i % 2 == 0 else "channel_inv"))
        elif spec.family == "spline coupling":
            parts.append(
                Turned(
                    PiecewiseRationalQuadraticCoupling(
                        _signs(spec, i),
                        partial(_net, spec),
                        num_bins=spec.num_bins,
                        tails="linear",
                        tail_bound=spec.bound,
                    )
                )
            )
        else:
            if C:
                return None  # its masked net takes a context in residual blocks only: another architecture
            masked = nf.flows.MaskedAffineAutoregressive(
                D, spec.hidden_dims[0], num_blocks=len(spec.hidden_dims) - 1, use_residual_blocks=False
            )
            parts += [masked if spec.family == "IAF" else Turned(masked), nf.flows.Permute(D, mode="swap")]
    base = nf.distributions.DiagGaussian(D, trainable=False)
    parts = parts[:-1] if isinstance(parts[-1], nf.flows.Permute) else parts
    if C:
        given = nf.ConditionalNormalizingFlow(base, parts)
        return Peer(given, given.log_prob, lambda num, c: given.sample(num, c)[0], given.sample)
    flow = nf.NormalizingFlow(base, parts)
    return Peer(
        flow, lambda x, c: flow.log_prob(x), lambda num, c: flow.sample(num)[0], lambda num, c: flow.sample(num)
    )


def freia_flow(spec: Spec) -> Peer | None:
    """``SequenceINN`` of ``GLOWCouplingBlock``, each of which moves both halves: two of our layers."""
    if spec.family != "affine coupling":
        return None  # release 0.2 has neither splines nor masked layers
    from FrEIA.framework import SequenceINN
    from FrEIA.modules import GLOWCouplingBlock

    flow = SequenceINN(spec.input_dim)
    given = {"cond": 0, "cond_shape": (spec.context_dim,)} if spec.context_dim else {}
    for _ in range(spec.num_layers // 2):
        flow.append(
            GLOWCouplingBlock, subnet_constructor=partial(_mlp, spec), clamp=3.0, clamp_activation="TANH", **given
        )
    base = torch.distributions.Independent(
        torch.distributions.Normal(torch.zeros(spec.input_dim), torch.ones(spec.input_dim)), 1
    )

    def log_prob(x: Tensor, context: Context) -> Tensor:
        z, ladj = flow(x, c=None if context is None else [context])
        return base.log_prob(z) + ladj

    def draw(num: int, context: Context) -> tuple[Tensor, Tensor]:
        u = base.sample((num,))
        x, ladj = flow(u, c=None if context is None else [context], rev=True)
        return x, base.log_prob(u) - ladj

    return Peer(flow, log_prob, lambda num, context: draw(num, context)[0], draw)


class _Net(nn.Module):
    """A plain MLP over ``[x, context]`` for libraries whose couplings take any net."""

    def __init__(self, layers: nn.Sequential) -> None:
        super().__init__()
        self.layers = layers

    def forward(self, inputs: Tensor, context: Context = None) -> Tensor:
        return self.layers(inputs if context is None else torch.cat((inputs, context), 1))  # type: ignore[no-any-return]


def _mlp(spec: Spec, num_in: int, num_out: int) -> nn.Sequential:
    from tests.benchmarks.vector_flow_floor import mlp

    return mlp((num_in, *spec.hidden_dims, num_out))


def _net(spec: Spec, num_in: int, num_out: int) -> _Net:
    net = _Net(_mlp(spec, num_in + spec.context_dim, num_out))
    net.hidden_features = spec.hidden_dims[0]  # type: ignore[assignment] -- nflows divides its logits by this one's root
    return net


def _signs(spec: Spec, layer: int) -> Tensor:
    """Positive where the layer moves: the second half first."""
    mask = torch.ones(spec.input_dim)
    mask[: spec.halves[0]] = -1
    return mask if layer % 2 == 0 else -mask


PEERS: dict[str, Callable[[Spec], Peer | None]] = {
    "pyrodgm": pyrodgm_flow,
    "Pyro": pyro_flow,
    "nflows": nflows_flow,
    "normflows": normflows_flow,
    "FrEIA": freia_flow,
    "zuko": zuko_flow,
}
