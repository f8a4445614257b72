"""Image flows as one would write them by hand for one purpose: no distributions, no checks, two architectures."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

Shape = tuple[int, int, int]
TOTAL_LOG_SCALE, MAX_LOG_SCALE = 20.0, 3.0


class ResidualNet(nn.Module):
    """A convolution, residual blocks of 3 and 1 pixels, a convolution; weight norm in all but the last."""

    def __init__(self, num_in: int, num_out: int, hidden: int, num_blocks: int) -> None:
        super().__init__()
        self.first = weight_norm(nn.Conv2d(num_in, hidden, 3, padding=1))
        self.wide = nn.ModuleList(weight_norm(nn.Conv2d(hidden, hidden, 3, padding=1)) for _ in range(num_blocks))
        self.narrow = nn.ModuleList(weight_norm(nn.Conv2d(hidden, hidden, 1)) for _ in range(num_blocks))
        self.last = zero(nn.Conv2d(hidden, num_out, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of the same size."""
        h = self.first(x)
        for wide, narrow in zip(self.wide, self.narrow, strict=True):
            h = h + narrow(F.relu_(wide(F.relu(h))))
        return self.last(F.relu_(h))  # type: ignore[no-any-return]


def plain_net(num_in: int, num_out: int, hidden: int) -> nn.Sequential:
    """Three convolutions of 3, 1 and 3 pixels."""
    return nn.Sequential(
        nn.Conv2d(num_in, hidden, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(hidden, hidden, 1),
        nn.ReLU(inplace=True),
        zero(nn.Conv2d(hidden, num_out, 3, padding=1)),
    )


def zero(layer: nn.Conv2d) -> nn.Conv2d:
    """Set a layer to zero."""
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


class HandWrittenFlow(nn.Module):
    """What the two share: the base, and half of the channels that leave after each scale."""

    def __init__(self, shape: Shape, num_scales: int, bound: float) -> None:
        super().__init__()
        self.shape, self.num_scales, self.bound = shape, num_scales, bound
        self.constant = 0.5 * math.prod(shape) * math.log(2 * math.pi)

    def log_scale(self, raw: Tensor) -> Tensor:
        """Return bounded log-scales."""
        return self.bound * torch.tanh(raw / self.bound)

    def log_prob(self, x: Tensor) -> Tensor:
        """Return log-densities in nats, (batch,)."""
        total = x.new_zeros(len(x)) - self.constant
        for scale in range(self.num_scales):
            x, ladj = self.to_base(scale, x)
            total = total + ladj
            if scale + 1 < self.num_scales:
                x, z = x.chunk(2, 1)
                total = total - 0.5 * z.square().sum((1, 2, 3))
        return total - 0.5 * x.square().sum((1, 2, 3))

    def sample(self, num: int) -> Tensor:
        """Draw (num, *shape)."""
        x = torch.randn(num, *self.latent_shape(self.num_scales - 1))
        for scale in reversed(range(self.num_scales)):
            if scale + 1 < self.num_scales:
                x = torch.cat((x, torch.randn_like(x)), 1)
            x = self.to_data(scale, x)
        return x

    def latent_shape(self, scale: int) -> Shape:
        """Return the shape of the base's side of a scale."""
        raise NotImplementedError

    def to_base(self, scale: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """Run one scale from the data's side, with its log-determinants."""
        raise NotImplementedError

    def to_data(self, scale: int, x: Tensor) -> Tensor:
        """Run one scale from the base's side."""
        raise NotImplementedError


class HandWrittenGlow(HandWrittenFlow):
    """Glow: actnorm, 1 x 1 convolution by its triangles, affine coupling of channels."""

    def __init__(self, shape: Shape, *, num_scales: int, num_steps: int, hidden: int) -> None:
        super().__init__(shape, num_scales, min(MAX_LOG_SCALE, TOTAL_LOG_SCALE / (num_scales * num_steps)))
        self.steps = nn.ModuleList()
        for scale in range(num_scales):
            channels = self.latent_shape(scale)[0]
            self.steps.append(nn.ModuleList(GlowStep(channels, hidden) for _ in range(num_steps)))

    def latent_shape(self, scale: int) -> Shape:
        """Return the shape after the squeeze."""
        channels, height, width = self.shape
        return channels * 2 ** (scale + 2), height // 2 ** (scale + 1), width // 2 ** (scale + 1)

    def to_base(self, scale: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """Squeeze, then the steps."""
        x = F.pixel_unshuffle(x, 2)
        total = x.new_zeros(len(x))
        for step in self.steps[scale]:  # type: ignore[union-attr]
            x = (x - step.shift) * torch.exp(-step.log_scale)
            x = F.conv2d(x, step.matrix()[..., None, None])
            a, b = x.chunk(2, 1)
            shift, raw = step.net(a).chunk(2, 1)
            s = self.log_scale(raw)
            x = torch.cat((a, (b - shift) * torch.exp(-s)), 1)
            total = total + (step.log_diagonal.sum() - step.log_scale.sum()) * x[0, 0].numel() - s.sum((1, 2, 3))
        return x, total

    def to_data(self, scale: int, x: Tensor) -> Tensor:
        """Take the steps back, then unsqueeze."""
        for step in reversed(self.steps[scale]):  # type: ignore[call-overload]
            a, b = x.chunk(2, 1)
            shift, raw = step.net(a).chunk(2, 1)
            x = torch.cat((a, b * torch.exp(self.log_scale(raw)) + shift), 1)
            x = F.conv2d(x, step.matrix().inverse()[..., None, None])
            x = x * torch.exp(step.log_scale) + step.shift
        return F.pixel_shuffle(x, 2)


class GlowStep(nn.Module):
    """Parameters of one step."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels, 1, 1))
        self.log_scale = nn.Parameter(torch.zeros(channels, 1, 1))
        self.triangles = nn.Parameter(torch.zeros(channels, channels))
        self.log_diagonal = nn.Parameter(torch.zeros(channels))
        self.register_buffer("order", torch.eye(channels)[torch.randperm(channels)])
        self.net = plain_net(channels // 2, channels, hidden)

    def matrix(self) -> Tensor:
        """Multiply permutation, scales and triangles."""
        eye = torch.eye(len(self.log_diagonal))
        lower, upper = self.triangles.tril(-1) + eye, self.triangles.triu(1) + eye
        return self.order @ (self.log_diagonal.exp()[:, None] * (lower @ upper))  # type: ignore[operator]


class HandWrittenRealNVP(HandWrittenFlow):
    """Real NVP: masked affine couplings of checkerboards at full resolution, squeezes, couplings of channels."""

    def __init__(self, shape: Shape, *, num_scales: int, hidden: int, num_blocks: int) -> None:
        depth = 6 * (num_scales - 1) + 4
        super().__init__(shape, num_scales, min(MAX_LOG_SCALE, TOTAL_LOG_SCALE / depth))
        self.boards, self.halves = nn.ModuleList(), nn.ModuleList()
        for scale in range(num_scales):
            channels, height, width = shape[0] * 2**scale, shape[1] // 2**scale, shape[2] // 2**scale
            last = scale == num_scales - 1
            nets = (ResidualNet(channels + 1, 2 * channels, hidden, num_blocks) for _ in range(4 if last else 3))
            self.boards.append(nn.ModuleList(nets))
            mask = (torch.arange(height)[:, None] + torch.arange(width)) % 2 == 0
            self.register_buffer(f"mask_{scale}", mask.float()[None, None])
            nets = (ResidualNet(2 * channels, 4 * channels, hidden, num_blocks) for _ in range(0 if last else 3))
            self.halves.append(nn.ModuleList(nets))

    def latent_shape(self, scale: int) -> Shape:
        """Return the shape after the squeeze, where there is one."""
        channels, height, width = self.shape
        if scale == self.num_scales - 1:
            return channels * 2**scale, height // 2**scale, width // 2**scale
        return channels * 2 ** (scale + 2), height // 2 ** (scale + 1), width // 2 ** (scale + 1)

    def to_base(self, scale: int, x: Tensor) -> tuple[Tensor, Tensor]:
        """Checkerboards, then a squeeze and halves."""
        total = x.new_zeros(len(x))
        for index in reversed(range(len(self.boards[scale]))):  # type: ignore[arg-type]
            moves, shift, s = self._board(scale, index, x)
            x = torch.where(moves, (x - shift) * torch.exp(-s), x)
            total = total - (s * moves).sum((1, 2, 3))
        if scale + 1 < self.num_scales:
            x = F.pixel_unshuffle(x, 2)
            for index in reversed(range(3)):
                parts = list(x.chunk(2, 1))
                shift, raw = self.halves[scale][index](parts[index % 2]).chunk(2, 1)  # type: ignore[index]
                s = self.log_scale(raw)
                parts[1 - index % 2] = (parts[1 - index % 2] - shift) * torch.exp(-s)
                x = torch.cat(parts, 1)
                total = total - s.sum((1, 2, 3))
        return x, total

    def to_data(self, scale: int, x: Tensor) -> Tensor:
        """The same the other way round."""
        if scale + 1 < self.num_scales:
            for index in range(3):
                parts = list(x.chunk(2, 1))
                shift, raw = self.halves[scale][index](parts[index % 2]).chunk(2, 1)  # type: ignore[index]
                parts[1 - index % 2] = parts[1 - index % 2] * torch.exp(self.log_scale(raw)) + shift
                x = torch.cat(parts, 1)
            x = F.pixel_shuffle(x, 2)
        for index in range(len(self.boards[scale])):  # type: ignore[arg-type]
            moves, shift, s = self._board(scale, index, x)
            x = torch.where(moves, x * torch.exp(s) + shift, x)
        return x

    def _board(self, scale: int, index: int, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        mask = getattr(self, f"mask_{scale}")
        stays = mask if index % 2 == 0 else 1 - mask
        seen = torch.cat((x * stays, stays.expand(len(x), -1, -1, -1)), 1)
        shift, raw = self.boards[scale][index](seen).chunk(2, 1)  # type: ignore[index]
        return stays == 0, shift, self.log_scale(raw)
