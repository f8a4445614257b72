"""Flows as one would write them by hand for one purpose: no distributions, no checks, one architecture."""

import itertools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MAX_LOG_SCALE = 3.0
NUM_BINS, BOUND, MIN_BIN, MIN_SLOPE = 8, 5.0, 1e-3, 1e-3
Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]  # values and parameters to values and log-derivatives


def affine(x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
    """From base to data; ``params`` lie kind by kind, (batch, 2 D)."""
    shift, raw = params.chunk(2, -1)
    log_scale = MAX_LOG_SCALE * torch.tanh(raw / MAX_LOG_SCALE)
    return x * torch.exp(log_scale) + shift, log_scale


def affine_inverse(y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
    """From data to base."""
    shift, raw = params.chunk(2, -1)
    log_scale = MAX_LOG_SCALE * torch.tanh(raw / MAX_LOG_SCALE)
    return (y - shift) * torch.exp(-log_scale), -log_scale


def spline(x: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
    """From base to data by the formulas of Durkan et al. (2019), each bin's numbers gathered one by one."""
    inside, inner, index, knots = _knots(x, params, search=0)
    x0, w, y0, h, d0, d1 = (table.gather(-1, index).squeeze(-1) for table in knots)
    s, theta = h / w, (inner - x0) / w
    product = theta * (1 - theta)
    denominator = s + (d0 + d1 - 2 * s) * product
    y = y0 + h * (s * theta.square() + d0 * product) / denominator
    slope = s.square() * (d1 * theta.square() + 2 * s * product + d0 * (1 - theta).square()) / denominator.square()
    return torch.where(inside, y, x), torch.where(inside, slope.log(), 0.0)


def spline_inverse(y: Tensor, params: Tensor) -> tuple[Tensor, Tensor]:
    """From data to base: the root of the quadratic."""
    inside, inner, index, knots = _knots(y, params, search=1)
    x0, w, y0, h, d0, d1 = (table.gather(-1, index).squeeze(-1) for table in knots)
    s, above = h / w, inner - y0
    curvature = d0 + d1 - 2 * s
    a, b, c = h * (s - d0) + above * curvature, h * d0 - above * curvature, -s * above
    theta = 2 * c / (-b - (b.square() - 4 * a * c).sqrt())
    product = theta * (1 - theta)
    denominator = s + curvature * product
    slope = s.square() * (d1 * theta.square() + 2 * s * product + d0 * (1 - theta).square()) / denominator.square()
    return torch.where(inside, x0 + theta * w, y), torch.where(inside, -slope.log(), 0.0)


def _knots(value: Tensor, params: Tensor, *, search: int) -> tuple[Tensor, Tensor, Tensor, list[Tensor]]:
    params = params.view(*value.shape[:-1], -1, value.shape[-1]).mT  # (batch, D, 3 K - 1)
    *logits, raw = params.split([NUM_BINS, NUM_BINS, NUM_BINS - 1], -1)
    ends, sizes = [], []
    for one in logits:
        size = MIN_BIN + (1 - MIN_BIN * NUM_BINS) * one.softmax(-1)
        end = 2 * BOUND * F.pad(size.cumsum(-1), (1, 0)) - BOUND
        ends.append(end)
        sizes.append(end[..., 1:] - end[..., :-1])
    slopes = F.pad(MIN_SLOPE + F.softplus(raw + math.log(math.expm1(1 - MIN_SLOPE))), (1, 1), value=1.0)
    inner = value.clamp(-BOUND, BOUND)
    index = (inner.unsqueeze(-1) >= ends[search][..., 1:-1]).sum(-1, keepdim=True)
    tables = [ends[0], sizes[0], ends[1], sizes[1], slopes[..., :-1], slopes[..., 1:]]
    return inner == value, inner, index, tables


UNIVARIATES: dict[str, tuple[Step, Step, int]] = {
    "affine": (affine, affine_inverse, 2),
    "spline": (spline, spline_inverse, 3 * NUM_BINS - 1),
}


class HandWrittenFlow(nn.Module):
    """What the two kinds share: the base."""

    def __init__(self, input_dim: int) -> None:
        super().__init__()
        self.input_dim = input_dim
        self.constant = 0.5 * input_dim * math.log(2 * math.pi)

    def base_log_prob(self, z: Tensor) -> Tensor:
        """Return log-densities in nats, (batch,)."""
        return -0.5 * z.square().sum(-1) - self.constant

    def noise(self, num: int) -> Tensor:
        """Draw from the base."""
        return torch.randn(num, self.input_dim)


class HandWrittenCoupling(HandWrittenFlow):
    """Coupling layers that move either half in turn, with no joining of the halves in between."""

    def __init__(
        self, input_dim: int, context_dim: int, *, num_layers: int, hidden_dims: tuple[int, ...], univariate: str
    ) -> None:
        super().__init__(input_dim)
        self.step, self.step_back, num_params = UNIVARIATES[univariate]
        sizes = (input_dim // 2, input_dim - input_dim // 2)
        self.sizes = list(sizes)
        self.conditioners = nn.ModuleList(
            mlp((sizes[i % 2] + context_dim, *hidden_dims, num_params * sizes[1 - i % 2])) for i in range(num_layers)
        )

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return log-densities in nats, (batch,)."""
        halves = list(x.split(self.sizes, -1))
        total: Tensor | float = 0.0
        for i in reversed(range(len(self.conditioners))):
            params = self._params(i, halves[i % 2], context)
            halves[1 - i % 2], ladj = self.step_back(halves[1 - i % 2], params)
            total = total + ladj.sum(-1)
        return self.base_log_prob(torch.cat(halves, -1)) + total

    def sample(self, num: int, context: Tensor | None = None) -> Tensor:
        """Draw (num, input_dim)."""
        halves = list(self.noise(num).split(self.sizes, -1))
        for i in range(len(self.conditioners)):
            params = self._params(i, halves[i % 2], context)
            halves[1 - i % 2] = self.step(halves[1 - i % 2], params)[0]
        return torch.cat(halves, -1)

    def _params(self, i: int, staying: Tensor, context: Tensor | None) -> Tensor:
        seen = staying if context is None else torch.cat((staying, context), -1)
        return self.conditioners[i](seen)  # type: ignore[no-any-return]


class HandWrittenMasked(HandWrittenFlow):
    """Masked autoregressive layers, the order turned round from one to the next; masks multiplied at each call."""

    def __init__(
        self, input_dim: int, context_dim: int, *, num_layers: int, hidden_dims: tuple[int, ...], univariate: str
    ) -> None:
        super().__init__(input_dim)
        self.step, self.step_back, num_params = UNIVARIATES[univariate]
        self.layers = nn.ModuleList(
            MaskedNet(input_dim, context_dim, num_params, hidden_dims, turned=i % 2 == 1) for i in range(num_layers)
        )

    def log_prob(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return log-densities in nats of the flow whose density is fast, (batch,)."""
        z, ladj = self.to_base(x, context)
        return self.base_log_prob(z) + ladj

    def rsample_and_log_prob(self, num: int, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Draw from the flow whose draws are fast: the same passes, the other way round."""
        u = self.noise(num)
        x, ladj = self.to_base(u, context)
        return x, self.base_log_prob(u) - ladj

    def to_base(self, x: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Take one pass a layer."""
        total = torch.zeros(len(x))
        for layer in reversed(self.layers):
            x, ladj = self.step_back(x, layer(x, layer.masked(), context))
            total = total + ladj.sum(-1)
        return x, total

    def loop(self, u: Tensor, context: Tensor | None = None) -> Tensor:
        """Take ``input_dim`` passes a layer, the textbook's way, with the weights masked only once."""
        for layer in self.layers:
            weights = layer.masked()
            columns = [torch.zeros(len(u))] * self.input_dim
            y = torch.zeros_like(u)
            for i in layer.order:
                params = layer(y, weights, context).view(len(u), -1, self.input_dim)[:, :, i]
                value = self.step(u[:, i : i + 1], params)[0]
                if torch.is_grad_enabled():
                    columns[i] = value[:, 0]
                    y = torch.stack(columns, -1)
                else:
                    y[:, i : i + 1] = value
            u = y
        return u


class MaskedNet(nn.Module):
    """A MADE with sorted degrees; a unit of degree d sees the first d features and the whole context."""

    def __init__(
        self, input_dim: int, context_dim: int, num_params: int, hidden_dims: tuple[int, ...], *, turned: bool
    ) -> None:
        super().__init__()
        self.order = list(range(input_dim))[:: -1 if turned else 1]
        degrees = [torch.arange(1, input_dim + 1)[self.order]]
        lowest = 0 if context_dim else 1
        degrees += [torch.linspace(lowest, input_dim - 1, width).round().long() for width in hidden_dims]
        masks = [after[:, None] >= before for before, after in itertools.pairwise(degrees)]
        masks[0] = torch.cat((masks[0], torch.ones(len(masks[0]), context_dim, dtype=torch.bool)), -1)
        masks.append((degrees[0][:, None] > degrees[-1]).repeat(num_params, 1))
        self.masks = [mask.float() for mask in masks]
        self.linears = nn.ModuleList(nn.Linear(mask.shape[1], mask.shape[0]) for mask in masks)

    def masked(self) -> list[Tensor]:
        """Return each layer's weights, masked."""
        return [linear.weight * mask for linear, mask in zip(self.linears, self.masks, strict=True)]

    def forward(self, x: Tensor, weights: list[Tensor], context: Tensor | None) -> Tensor:
        """Return parameters kind by kind, (batch, num_params D)."""
        h = x if context is None else torch.cat((x, context), -1)
        for i, (linear, weight) in enumerate(zip(self.linears, weights, strict=True)):
            h = F.linear(F.relu_(h) if i else h, weight, linear.bias)
        return h


def mlp(widths: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    layers: list[nn.Module] = []
    for num_in, num_out in itertools.pairwise(widths):
        layers += [nn.Linear(num_in, num_out), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
