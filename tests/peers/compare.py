"""What the checks share: weights of other libraries put into our networks, conventions turned, numbers compared."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor, nn

from pyrodgm import Fixed, Flow
from pyrodgm.distributions import StandardNormal
from pyrodgm.nn import MLP, MaskedMLP
from pyrodgm.transforms import Bijection, Compose, Univariate

TOLERANCE = 1e-5  # absolute and relative
Map = Callable[[Tensor], Tensor]


class Converted(Univariate):
    """A family whose parameters are computed from another library's, which constrains its raw numbers differently."""

    def __init__(self, univariate: Univariate, convert: Map) -> None:
        self.univariate = univariate
        self.convert = convert

    @property
    def num_params(self) -> int:
        return self.univariate.num_params

    def forward_and_ladj(self, x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        return self.univariate.forward_and_ladj(x, self.convert(params))

    def inverse_and_ladj(self, y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
        return self.univariate.inverse_and_ladj(y, self.convert(params))


def begin() -> None:
    """Settle what every check settles: float64, one thread, a seed."""
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    torch.manual_seed(0)


def scatter(module: nn.Module, scale: float = 0.4) -> None:
    """Draw weights that make the flow far from the identity."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.normal_(std=scale)


def over_standard_normal(bijections: Sequence[Bijection], dim: int) -> Flow:
    """Return the flow of bijections, the first of them at the base."""
    return Flow(Compose(bijections), Fixed(StandardNormal(dim)))


def kind_by_kind(num_features: int, kinds: Sequence[int]) -> list[int]:
    """Return which row of a feature-by-feature output each of our rows is; ``kinds`` are our parameters in theirs."""
    return [feature * len(kinds) + kind for kind in kinds for feature in range(num_features)]


@torch.no_grad()
def copy_mlp(net: MLP, linears: Sequence[nn.Linear], rows: Sequence[int] | None = None) -> None:
    """Copy layers over; theirs read the features and then the context, and their outputs are taken by ``rows``."""
    for index, (ours, theirs) in enumerate(zip(net.layers, linears, strict=True)):
        order = list(rows) if rows is not None and index == len(linears) - 1 else slice(None)
        ours.weight.copy_(theirs.weight[order, : ours.weight.shape[1]])
        ours.bias.copy_(theirs.bias[order])
    if net.context_layer is not None:
        net.context_layer.weight.copy_(linears[0].weight[:, net.input_dim :])


@torch.no_grad()
def copy_masked(
    net: MaskedMLP,
    layers: Sequence[tuple[nn.Linear, Tensor]],
    *,
    rows: Sequence[int] | None = None,
    context_first: bool = False,
) -> None:
    """Copy masked layers over, each with its mask, with the hidden units sorted by how many features they see.

    Raises:
        RuntimeError: If their masks, so sorted, are not ours: then the two networks cannot be equal.
    """
    begin = net.context_dim if context_first else 0
    features = slice(begin, begin + net.input_dim)
    sees, columns = torch.eye(net.input_dim), torch.arange(net.input_dim)
    for index, (ours, (theirs, mask)) in enumerate(zip(net.linears, layers, strict=True)):
        weight, mask = theirs.weight, mask.double()
        if index == 0:
            if net.context_layer is not None:
                context = torch.cat((weight[:, :begin], weight[:, features.stop :]), 1)
            weight, mask = weight[:, features], mask[:, features]
        sees = (mask @ sees > 0).double()
        chosen = sees.sum(1).argsort(stable=True)
        if index == len(layers) - 1:
            chosen = torch.arange(len(weight)) if rows is None else torch.tensor(rows)
        if not torch.equal(mask[chosen][:, columns], net.get_buffer(f"mask_{index}")):
            raise RuntimeError(f"the masks of layer {index} differ")
        ours.weight.copy_(weight[chosen][:, columns])
        ours.bias.copy_(theirs.bias[chosen])
        if index == 0 and net.context_layer is not None:
            net.context_layer.weight.copy_(context[chosen])
        columns = chosen


def difference(ours: Tensor, theirs: Tensor) -> float:
    """Return the largest difference, absolute for small numbers and relative for large ones."""
    return float(((ours - theirs).abs() / theirs.abs().clamp_min(1)).max())


def compare(
    name: str,
    flow: Flow,
    x: Tensor,
    *,
    log_prob: Map,
    to_base: Map,
    to_data: Map,
    context: Tensor | None = None,
    spread: float = 1.0,
) -> None:
    """Compare density, its gradient in the data, and both directions; leave with a message where they disagree."""
    u = spread * torch.randn_like(x)
    ours, theirs = x.clone().requires_grad_(), x.clone().requires_grad_()
    densities = flow(context).log_prob(ours), log_prob(theirs)
    gradients = [torch.autograd.grad(d.sum(), leaf)[0] for d, leaf in zip(densities, (ours, theirs), strict=True)]
    with torch.no_grad():
        pairs = {
            "log_prob": densities,
            "gradient": gradients,
            "to the base": (flow.bijection.inverse_and_ladj(x, context)[0], to_base(x)),
            "to the data": (flow.bijection.forward_and_ladj(u, context)[0], to_data(u)),
        }
        report(name, pairs.items(), moved=float((to_data(u) - u).abs().max()))


def report(name: str, pairs: Iterable[tuple[str, Sequence[Tensor]]], *, moved: float) -> None:
    """Print differences; leave with a message where one is large or where the map moves nothing."""
    differences = {what: difference(*both) for what, both in pairs}
    print(f"{name}:", ", ".join(f"{what} {value:.1e}" for what, value in differences.items()), f"(moved {moved:.2g})")
    if not all(value <= TOLERANCE for value in differences.values()):
        raise SystemExit(f"{name} disagrees by more than {TOLERANCE}")
    if not moved > 0.1:
        raise SystemExit(f"{name} moves nothing, so that the comparison says nothing")
