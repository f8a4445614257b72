"""Samples of a GAN after every epoch, of the same latents: a picture each, or a film of points in the plane."""

from pathlib import Path
from typing import Any

import lightning
import torch
from torch import Tensor

from pyrodgm import plots
from pyrodgm.likelihood_free import GAN
from pyrodgm.train.gan_training import GANTraining, Modes
from pyrodgm.train.training import random_state, set_random_state

NUM_PICTURES = 64
NUM_POINTS = 1000
MAX_FRAMES = 60  # of a film; beyond, every second one is dropped
MARGIN = 0.25  # of the data's range, about a film's frames
RADIUS = 3.0  # standard deviations of the circle about a mode


class Snapshots(lightning.Callback):
    """After every validation draws `samples/step=N.png` of pictures, or keeps a frame of points for `training.gif`.

    Frames are part of a checkpoint: the film of a run that goes on from it begins at its beginning.

    Args:
        folder: The run folder.
        x: Validation data in the model's shape; its range is that of pictures and frames.
        shape: Shape of one datum as it is shown, `(channels, height, width)` or `(2,)`; others are not drawn.
        context: Contexts of the samples, the first `NUM_PICTURES` are taken; or None.
        modes: As those of `GANTraining`, marked in each frame; or None.
        seed: Seed of the latents.
    """

    def __init__(
        self,
        folder: str | Path,
        x: Tensor,
        shape: tuple[int, ...],
        *,
        context: Tensor | None = None,
        modes: Modes | None = None,
        seed: int = 0,
    ) -> None:
        self.folder, self.shape, self.modes, self.seed = Path(folder), shape, modes, seed
        self.context = None if context is None else context[:NUM_PICTURES]
        self.is_picture = len(shape) == 3 and shape[0] in (1, 3)
        self.is_plane = shape == (2,)
        self.value_range = (x.min().item(), x.max().item())
        low, high = x.flatten(1).min(0).values, x.flatten(1).max(0).values
        reach = (1 + MARGIN) * (high - low).max().item() / 2
        middle = ((low + high) / 2).tolist()
        self.limits = tuple(m + sign * reach for m in middle[:2] for sign in (-1, 1))
        self.frames: list[Tensor] = []
        self.every, self.count = 1, 0

    def on_validation_end(self, trainer: lightning.Trainer, pl_module: lightning.LightningModule) -> None:
        """Draw, or keep a frame."""
        if not isinstance(pl_module, GANTraining) or trainer.sanity_checking or not trainer.is_global_zero:
            return
        if self.is_picture:
            x = fixed_samples(pl_module.gan, NUM_PICTURES, self.context, self.seed)
            path = self.folder / "samples" / f"step={trainer.global_step:09d}.png"
            plots.samples_grid(x, self.shape, path, value_range=self.value_range)
        elif self.is_plane:
            if self.count % self.every == 0:
                self.frames.append(fixed_samples(pl_module.gan, NUM_POINTS, self.context, self.seed).float())
            self.count += 1
            if len(self.frames) > MAX_FRAMES:
                self.frames, self.every = self.frames[::2], 2 * self.every

    def write(self) -> None:
        """Write `training.gif` and its last frame, `samples.png`, of points in the plane."""
        if not self.frames:
            return
        centres, radius = (None, None) if self.modes is None else (self.modes[0], RADIUS * self.modes[1])
        x_min, x_max, y_min, y_max = self.limits

        def figure(points: Tensor, path: Path | None = None) -> Any:
            return plots.samples_2d(points, (x_min, x_max, y_min, y_max), path, centres=centres, radius=radius)

        figure(self.frames[-1], self.folder / "samples.png")
        plots.animation((figure(points) for points in self.frames), self.folder / "training.gif")

    def state_dict(self) -> dict[str, Any]:
        """Return the frames so far."""
        return {"frames": self.frames, "every": self.every, "count": self.count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the frames so far."""
        self.frames, self.every, self.count = (state_dict[key] for key in ("frames", "every", "count"))


def fixed_samples(gan: GAN, num: int, context: Tensor | None, seed: int) -> Tensor:
    """Draw with the latents of a seed, in evaluation mode, and leave everything as it was.

    Args:
        gan: What draws; its averaged weights are taken where they are kept.
        num: How many.
        context: Contexts of the samples, in turn, or None.
        seed: Seed of the latents.

    Returns:
        Draws on the processor, `(num, *event_shape)`.
    """
    before, training = random_state(), gan.training
    parameter = next(gan.parameters())
    try:
        gan.eval()
        torch.manual_seed(seed)
        rows = torch.arange(num) % (1 if context is None else len(context))
        return gan.sample(num, None if context is None else context[rows].to(parameter.device)).cpu()
    finally:
        gan.train(training)
        set_random_state(before)
