"""How many modes of a known distribution the samples reach, and how evenly."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pyrodgm.metrics.distances import nearest
from pyrodgm.metrics.result import Result
from pyrodgm.metrics.samples import to_rows


@dataclass(frozen=True, repr=False)
class ModeCount(Result):
    r"""What :func:`mode_count` or :func:`mode_count_by_classifier` found.

    Attributes:
        modes_found: Number of modes that good samples reach.
        num_modes: Number of modes that there are.
        high_quality_share: Share of samples that are good.
        kl: :math:`\mathrm{KL}(\hat p \,\|\, p)` of the good samples' modes to the true weights, in nats; infinite
            without good samples.
        num_samples: Number of samples.
        counts: Good samples of each mode.
    """

    modes_found: int
    num_modes: int
    high_quality_share: float
    kl: float
    num_samples: int
    counts: tuple[int, ...]


@torch.no_grad()
def mode_count(
    samples: Tensor,
    centres: Tensor,
    scale: float,
    *,
    threshold: float = 3.0,
    min_samples: int = 1,
    weights: Sequence[float] | Tensor | None = None,
) -> ModeCount:
    r"""Modes of a mixture of round Gaussians that samples reach, the share of good samples, and :math:`\mathrm{KL}`.

    A sample is good if it lies within ``threshold`` standard deviations of the nearest centre, and belongs to that
    mode. In the plane, 3 let 98.9 % of the true mixture's own draws pass.

    Args:
        samples: Draws ``(num, dim)``.
        centres: Means of the mixture, ``(num_modes, dim)``, such as ``data.toy.gaussian_grid().centres``.
        scale: Standard deviation of each component.
        threshold: Standard deviations.
        min_samples: Good samples that a mode needs to count as found.
        weights: Weights of the components, equal by default.

    Returns:
        Counts and shares. Few samples miss modes by chance: draw a hundred for each.

    Raises:
        ValueError: If samples and centres are of different width, empty or NaN; or a number is not positive.

    Example:
        >>> from pyrodgm import data, metrics
        >>> grid = data.toy.gaussian_grid()
        >>> found = metrics.mode_count(grid.sample((2500,)), grid.centres, grid.scale)
        >>> found.modes_found, found.num_modes
        (25, 25)

    References:
        Srivastava, Valkov, Russell, Gutmann, Sutton (2017), VEEGAN, https://arxiv.org/abs/1705.07761;
        Lin, Khetan, Fanti, Oh (2018), PacGAN, https://arxiv.org/abs/1712.04086
    """
    if not (scale > 0 and threshold > 0):
        raise ValueError(f"Expected scale > 0 and threshold > 0; got {scale} and {threshold}. Both bound a distance.")
    rows, means = to_rows("samples", samples, 1), to_rows("centres", centres, 1)
    if rows.shape[1] != means.shape[1]:
        raise ValueError(
            f"Expected samples and centres of one width; got {rows.shape[1]} and {means.shape[1]} numbers a row. Give "
            "the centres of the mixture that the samples imitate."
        )
    rows = rows.to(torch.promote_types(rows.dtype, torch.float32))
    distances, modes = nearest(rows, means.to(rows), 1)
    good = distances[:, 0] <= (threshold * scale) ** 2
    return count_modes(modes[:, 0], good, len(means), min_samples, weights)


@torch.no_grad()
def mode_count_by_classifier(
    samples: Tensor,
    classifier: Callable[[Tensor], Tensor],
    *,
    num_channels: int = 1,
    min_probability: float = 0.0,
    min_samples: int = 1,
    batch_size: int = 256,
) -> ModeCount:
    r"""Classes that samples reach by a classifier's judgement, and :math:`\mathrm{KL}` to equal shares of all classes.

    With ``num_channels=3`` and a classifier of ten digits this is the count on stacked MNIST: each channel is
    classified alone, and a sample's mode is the number of its three digits, of 1,000. The classifier errs now and
    then: quote the count of as many held-out data beside.

    Args:
        samples: Draws ``(num, num_channels, ...)``, or flat ones ``(num, num_channels * dim)``, as the classifier was
            trained on.
        classifier: From a batch of single channels, ``(batch, 1, ...)`` or ``(batch, dim)``, to logits ``(batch,
            num_classes)``; put it into evaluation mode before.
        num_channels: Number :math:`C` of channels, which give ``num_classes ** C`` modes.
        min_probability: A sample is good if the classifier gives its classes, together, this probability at least.
        min_samples: Good samples that a mode needs to count as found.
        batch_size: Samples in memory at once.

    Returns:
        Counts and shares.

    Raises:
        ValueError: If samples are empty, NaN or do not divide into the channels, or the classifier does not return
            logits.

    Example:
        >>> from pyrodgm import metrics
        >>> found = metrics.mode_count_by_classifier(torch.randn(50, 3 * 8), torch.nn.Linear(8, 10), num_channels=3)
        >>> found.num_modes
        1000

    References:
        Metz, Poole, Pfau, Sohl-Dickstein (2017), Unrolled Generative Adversarial Networks,
        https://arxiv.org/abs/1611.02163
    """
    to_rows("samples", samples, 1)
    if num_channels < 1 or batch_size < 1 or not 0 <= min_probability <= 1:
        raise ValueError(
            "Expected num_channels >= 1, batch_size >= 1 and min_probability in [0, 1]; got "
            f"{num_channels}, {batch_size} and {min_probability}."
        )
    if samples.shape[1] % num_channels or (samples.dim() > 2 and samples.shape[1] != num_channels):
        raise ValueError(
            f"Expected samples of {num_channels} channels; got shape {tuple(samples.shape)}. Give (num, "
            f"{num_channels}, height, width), or flat rows that divide into the channels."
        )
    modes, good, num_classes = [], [], 0
    for batch in samples.split(batch_size):
        mode, probability = torch.zeros(len(batch), dtype=torch.long), torch.ones(len(batch))
        for channel in batch.chunk(num_channels, dim=1):
            logits = classifier(channel)
            if logits.dim() != 2 or len(logits) != len(batch) or not bool(logits.isfinite().all()):
                raise ValueError(
                    f"Expected finite logits of shape ({len(batch)}, num_classes) from the classifier; got shape "
                    f"{tuple(logits.shape)}. Return a row a sample."
                )
            num_classes = logits.shape[1]
            best = logits.cpu().softmax(1).max(1)
            mode, probability = mode * num_classes + best.indices, probability * best.values
        modes.append(mode)
        good.append(probability >= min_probability)
    return count_modes(torch.cat(modes), torch.cat(good), num_classes**num_channels, min_samples, None)


def count_modes(
    modes: Tensor, good: Tensor, num_modes: int, min_samples: int, weights: Sequence[float] | Tensor | None
) -> ModeCount:
    """Count what falls on which mode.

    Args:
        modes: Mode of each sample, ``(num,)``.
        good: Whether each is good, ``(num,)``.
        num_modes: Number of modes.
        min_samples: Good samples that a mode needs.
        weights: True weights, equal by default.
    """
    if min_samples < 1:
        raise ValueError(f"Expected min_samples of at least 1; got {min_samples}. A mode without samples is lost.")
    truth = torch.ones(num_modes) if weights is None else torch.as_tensor(weights).cpu()
    if truth.shape != (num_modes,) or not bool((truth > 0).all()):
        raise ValueError(
            f"Expected a positive weight for each of {num_modes} modes; got shape {tuple(truth.shape)}. Leave out "
            "modes of weight 0."
        )
    counts = torch.bincount(modes[good], minlength=num_modes).cpu()
    num_good = int(counts.sum())
    shares, truth = counts.double() / max(num_good, 1), truth.double() / truth.double().sum()
    kl = torch.special.xlogy(shares, shares / truth).sum().item() if num_good else math.inf
    return ModeCount(
        modes_found=int((counts >= min_samples).sum()),
        num_modes=num_modes,
        high_quality_share=num_good / len(modes),
        kl=max(0.0, kl),
        num_samples=len(modes),
        counts=tuple(counts.tolist()),
    )
