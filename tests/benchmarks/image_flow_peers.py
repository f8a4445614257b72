"""The same image flows in three libraries, each as its documentation builds one, with its own bound on the scale."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from tests.benchmarks.image_flow_floor import HandWrittenGlow, HandWrittenRealNVP, ResidualNet, plain_net


@dataclass(frozen=True)
class Spec:
    """What to build."""

    family: str
    shape: tuple[int, int, int]
    num_scales: int
    hidden: int
    num_steps: int = 0
    num_blocks: int = 0


@dataclass
class Peer:
    """A flow's parameters and what it is asked for."""

    module: nn.Module
    log_prob: Callable[[Tensor], Tensor]
    sample: Callable[[int], Tensor]


def floor(spec: Spec) -> Peer:
    """Write it by hand."""
    if spec.family == "Glow":
        flow: Any = HandWrittenGlow(
            spec.shape, num_scales=spec.num_scales, num_steps=spec.num_steps, hidden=spec.hidden
        )
    else:
        flow = HandWrittenRealNVP(
            spec.shape, num_scales=spec.num_scales, hidden=spec.hidden, num_blocks=spec.num_blocks
        )
    return Peer(flow, flow.log_prob, flow.sample)


def pyrodgm_flow(spec: Spec) -> Peer:
    """Ours."""
    from pyrodgm import flows

    sizes: dict[str, Any] = {"num_scales": spec.num_scales, "hidden_channels": spec.hidden, "logit": None}
    if spec.family == "Glow":
        flow = flows.glow(spec.shape, num_steps=spec.num_steps, **sizes)
    else:
        flow = flows.realnvp_image(spec.shape, num_blocks=spec.num_blocks, **sizes)
    return Peer(flow, lambda x: flow().log_prob(x), lambda num: flow().sample((num,)))


def normflows_flow(spec: Spec) -> Peer:
    """``MultiscaleFlow`` of ``GlowBlock``, or of its couplings around our conditioner."""
    import normflows as nf

    channels, height, width = spec.shape
    bases, scales = [], []
    for scale in reversed(range(spec.num_scales)):  # the coarsest first
        at_scale = channels * 2**scale, height // 2**scale, width // 2**scale
        last = scale == spec.num_scales - 1
        if spec.family == "Glow":
            squeezed = 4 * at_scale[0]
            parts: list[nn.Module] = [nf.flows.GlowBlock(squeezed, spec.hidden) for _ in range(spec.num_steps)]
            parts.append(nf.flows.Squeeze())
            latent = (squeezed if last else squeezed // 2, at_scale[1] // 2, at_scale[2] // 2)
        else:
            parts = [] if last else [*_halves(nf, spec, 4 * at_scale[0]), nf.flows.Squeeze()]
            parts += _boards(nf, spec, at_scale, 4 if last else 3)
            latent = at_scale if last else (2 * at_scale[0], at_scale[1] // 2, at_scale[2] // 2)
        scales.append(parts)
        bases.append(nf.distributions.DiagGaussian(latent, trainable=False))
    merges = [nf.flows.Merge() for _ in range(spec.num_scales - 1)]
    flow = nf.MultiscaleFlow(bases, scales, merges, class_cond=False)
    return Peer(flow, lambda x: flow.log_prob(x, None), lambda num: flow.sample(num)[0])


def _halves(nf: Any, spec: Spec, channels: int) -> list[nn.Module]:
    modes = ("channel", "channel_inv", "channel")
    nets = (ResidualNet(channels // 2, channels, spec.hidden, spec.num_blocks) for _ in modes)
    return [nf.flows.AffineCouplingBlock(net, split_mode=mode) for net, mode in zip(nets, modes, strict=True)]


def _boards(nf: Any, spec: Spec, shape: tuple[int, int, int], num: int) -> list[nn.Module]:
    channels, height, width = shape
    mask = ((torch.arange(height)[:, None] + torch.arange(width)) % 2 == 0).float().expand(channels, -1, -1)
    layers = []
    for index in range(num):
        net = ResidualNet(channels, 2 * channels, spec.hidden, spec.num_blocks)
        both = Once(net)
        stays = mask if index % 2 == 0 else 1 - mask
        layers.append(nf.flows.MaskedAffineFlow(stays.contiguous(), t=Half(both, 0), s=Half(both, 1)))
    return layers


class Once(nn.Module):
    """A net that does not work twice for the same tensor: normflows asks for scales, then for shifts."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.pair: tuple[Tensor, Tensor] | None = None

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps, and forget them once they have been asked for again."""
        if self.pair is not None and self.pair[0] is x:
            maps = self.pair[1]
            self.pair = None
            return maps
        maps = self.net(x)
        self.pair = x, maps
        return maps  # type: ignore[no-any-return]


class Half(nn.Module):
    """One of the two kinds of parameters, scales bounded as ours are."""

    def __init__(self, both: Once, kind: int) -> None:
        super().__init__()
        self.both, self.kind = both, kind

    def forward(self, x: Tensor) -> Tensor:
        """Return shifts or bounded log-scales."""
        half = self.both(x).chunk(2, 1)[self.kind]
        return half if self.kind == 0 else 2.0 * torch.tanh(half / 2.0)  # type: ignore[no-any-return]


def freia_flow(spec: Spec) -> Peer | None:
    """``GraphINN`` of ``AllInOneBlock``, which mixes channels by a rotation that is not trained."""
    if spec.family != "Glow":
        return None  # release 0.2 has no checkerboards
    import FrEIA.framework as ff
    import FrEIA.modules as fm

    nodes: list[Any] = [ff.InputNode(*spec.shape)]
    ends: list[Any] = []
    start: Any = nodes[0]
    for scale in range(spec.num_scales):
        nodes.append(ff.Node(start, fm.IRevNetDownsampling, {}))
        for _ in range(spec.num_steps):
            settings = {
                "subnet_constructor": partial(plain_net, hidden=spec.hidden),
                "affine_clamping": 3.0,
                "permute_soft": True,
            }
            nodes.append(ff.Node(nodes[-1], fm.AllInOneBlock, settings))
        if scale + 1 < spec.num_scales:
            split = ff.Node(nodes[-1], fm.Split, {})
            nodes.append(split)
            ends.append(ff.OutputNode(split.out1))
            start = split.out0
    ends.append(ff.OutputNode(nodes[-1]))
    flow = ff.GraphINN([*nodes, *ends])
    with torch.no_grad():
        shapes = [z.shape[1:] for z in flow(torch.zeros(1, *spec.shape))[0]]
    base = torch.distributions.Normal(torch.zeros(()), torch.ones(()))

    def log_prob(x: Tensor) -> Tensor:
        latents, ladj = flow(x)
        return ladj + sum(base.log_prob(z).sum((1, 2, 3)) for z in latents)  # type: ignore[no-any-return]

    def sample(num: int) -> Tensor:
        return flow([torch.randn(num, *shape) for shape in shapes], rev=True)[0]  # type: ignore[no-any-return]

    return Peer(flow, log_prob, sample)


PEERS: dict[str, Callable[[Spec], Peer | None]] = {
    "pyrodgm": pyrodgm_flow,
    "normflows": normflows_flow,
    "FrEIA": freia_flow,
}
