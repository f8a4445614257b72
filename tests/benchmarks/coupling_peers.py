"""The same RealNVP in four libraries, each as its documentation builds one, with its own bound on the scale."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass
class Peer:
    """A flow's parameters and its two directions."""

    module: nn.Module
    log_prob: Callable[[Tensor], Tensor]
    sample: Callable[[int], Tensor]
    after_step: Callable[[], None] = lambda: None


def pyrodgm_flow(input_dim: int, num_layers: int, hidden_dims: tuple[int, ...]) -> Peer:
    """Ours."""
    from pyrodgm import flows

    flow = flows.realnvp(input_dim, num_layers=num_layers, hidden_dims=hidden_dims)
    return Peer(flow, lambda x: flow().log_prob(x), lambda num: flow().sample((num,)))


def pyro_flow(input_dim: int, num_layers: int, hidden_dims: tuple[int, ...]) -> Peer:
    """``TransformedDistribution`` over ``AffineCoupling`` with the halves swapped between layers."""
    import pyro.distributions as dist
    from pyro.distributions import transforms as T

    half = input_dim // 2
    swap = torch.arange(input_dim).roll(half)
    parts: list[torch.distributions.Transform] = []
    for _ in range(num_layers):
        parts += [T.affine_coupling(input_dim, list(hidden_dims), split_dim=half), T.Permute(swap)]
    module = nn.ModuleList(part for part in parts if isinstance(part, nn.Module))
    base = dist.Normal(torch.zeros(input_dim), torch.ones(input_dim)).to_event(1)
    flow = dist.TransformedDistribution(base, parts[:-1])
    return Peer(module, flow.log_prob, lambda num: flow.sample((num,)), flow.clear_cache)


def zuko_flow(input_dim: int, num_layers: int, hidden_dims: tuple[int, ...]) -> Peer:
    """``zuko.flows.RealNVP``; run it in a process of its own, the import switches validation off."""
    from zuko.flows.coupling import RealNVP

    flow = RealNVP(input_dim, transforms=num_layers, hidden_features=hidden_dims)
    return Peer(flow, lambda x: flow().log_prob(x), lambda num: flow().sample((num,)))


def nflows_flow(input_dim: int, num_layers: int, hidden_dims: tuple[int, ...]) -> Peer:
    """``AffineCouplingTransform`` with its plain MLP on alternating halves."""
    from nflows.distributions.normal import StandardNormal
    from nflows.flows.base import Flow
    from nflows.nn.nets.mlp import MLP
    from nflows.transforms.base import CompositeTransform
    from nflows.transforms.coupling import AffineCouplingTransform

    class Net(MLP):
        def forward(self, inputs: Tensor, context: Tensor | None = None) -> Tensor:
            return super().forward(inputs)

    half = input_dim // 2
    parts = []
    for i in range(num_layers):
        mask = torch.ones(input_dim)
        mask[:half] = -1
        parts.append(
            AffineCouplingTransform(mask if i % 2 == 0 else -mask, lambda a, b: Net([a], [b], list(hidden_dims)))
        )
    flow = Flow(CompositeTransform(parts), StandardNormal([input_dim]))
    return Peer(flow, flow.log_prob, flow.sample)


def normflows_flow(input_dim: int, num_layers: int, hidden_dims: tuple[int, ...]) -> Peer:
    """``AffineCouplingBlock`` with the halves swapped between layers."""
    import normflows as nf

    half = input_dim // 2
    parts = []
    for _ in range(num_layers):
        parts += [
            nf.flows.AffineCouplingBlock(nf.nets.MLP([half, *hidden_dims, input_dim])),
            nf.flows.Permute(input_dim, mode="swap"),
        ]
    flow = nf.NormalizingFlow(nf.distributions.DiagGaussian(input_dim, trainable=False), parts[:-1])
    return Peer(flow, flow.log_prob, lambda num: flow.sample(num)[0])


PEERS = {
    "pyrodgm": pyrodgm_flow,
    "Pyro": pyro_flow,
    "nflows": nflows_flow,
    "normflows": normflows_flow,
    "zuko": zuko_flow,
}
