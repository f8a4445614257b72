"""The likelihood of data under a kernel density estimate of samples."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pyrodgm.metrics.distances import CHUNK_SIZE, centred, nearest, squared_distances
from pyrodgm.metrics.features import FeatureSource
from pyrodgm.metrics.result import Result
from pyrodgm.metrics.samples import Samples, check_samples

NUM_BANDWIDTHS = 31
LEAST, GREATEST = 0.1, 100.0  # times what the distances suggest, which in few dimensions is far too small


@dataclass(frozen=True, repr=False)
class ParzenLogLikelihood(Result):
    """What :func:`parzen_log_likelihood` found.

    Attributes:
        value: Mean log-likelihood of the test data, in nats.
        standard_error: Over the test data.
        bandwidth: The one that is best on the validation data.
        at_end: Whether that is the first or last of those tried, so that others may be better.
        num_samples: Number of samples, each the centre of a Gaussian.
        num_validation: Number of validation data.
        num_test: Number of test data.
        source: Of the features, if they are.
    """

    value: float
    standard_error: float
    bandwidth: float
    at_end: bool
    num_samples: int
    num_validation: int
    num_test: int
    source: FeatureSource | None = None


@torch.no_grad()
def parzen_log_likelihood(
    samples: Samples,
    validation: Samples,
    test: Samples,
    *,
    bandwidths: Sequence[float] | None = None,
    chunk_size: int = CHUNK_SIZE,
) -> ParzenLogLikelihood:
    r"""Log-likelihood of test data under :math:`\hat p(x) = \tfrac1N \sum_i \mathcal N(x; s_i, h^2 I)`, in nats.

    Known to mislead. In more than a few dimensions it is far below the log-likelihood of the model however many
    samples there are, and does not rank models as that does: Theis, van den Oord and Bethge found models of pictures
    above the truth itself. It is here to compare with old tables. A model with a density has ``log_prob``, and one
    with latent variables ``infer.log_evidence``.

    Args:
        samples: Draws of a model ``(num_samples, ...)``, or :class:`Features`.
        validation: Data that choose the bandwidth, ``(num_validation, ...)``.
        test: Data that are scored, ``(num_test, ...)``.
        bandwidths: Candidates for :math:`h`; by default 31 of them, from a tenth to a hundred times what the distances
            of validation data to their nearest samples suggest.
        chunk_size: Rows on either side of a block of distances in memory.

    Returns:
        The mean log-likelihood, its standard error, and the bandwidth.

    Raises:
        ValueError: If a set is empty, has NaN, or another width; a bandwidth is not positive; or none is given and
            half of the validation data are samples.

    Example:
        >>> from pyrodgm import metrics
        >>> metrics.parzen_log_likelihood(torch.randn(500, 2), torch.randn(99, 2), torch.randn(99, 2)).at_end
        False

    References:
        Breuleux, Bengio, Vincent (2011), Quickly Generating Representative Samples from an RBM-Derived Process,
        https://doi.org/10.1162/NECO_a_00158;
        Theis, van den Oord, Bethge (2016), A note on the evaluation of generative models,
        https://arxiv.org/abs/1511.01844
    """
    (s, v, t), source = check_samples({"samples": samples, "validation": validation, "test": test})
    if chunk_size < 1:
        raise ValueError(f"Expected chunk_size of at least 1; got {chunk_size}. It bounds the memory.")
    s, v, t = centred(s, v, t)
    candidates = suggested(s, v, chunk_size) if bandwidths is None else sorted(float(width) for width in bandwidths)
    if not candidates or candidates[0] <= 0:
        raise ValueError(
            f"Expected positive bandwidths, one at least; got {candidates}. They are in units of the data."
        )
    scores = log_densities(v, s, candidates, chunk_size).mean(1)
    best = int(scores.argmax())
    log_prob = log_densities(t, s, candidates[best : best + 1], chunk_size)[0]
    return ParzenLogLikelihood(
        value=log_prob.mean().item(),
        standard_error=log_prob.std().item() / math.sqrt(len(t)) if len(t) > 1 else math.nan,
        bandwidth=candidates[best],
        at_end=best in (0, len(candidates) - 1),
        num_samples=len(s),
        num_validation=len(v),
        num_test=len(t),
        source=source,
    )


def suggested(samples: Tensor, validation: Tensor, chunk_size: int) -> list[float]:
    r"""Return bandwidths about the median distance to the nearest sample over :math:`\sqrt D`."""
    distances = nearest(validation, samples, 1, chunk_size=chunk_size)[0]
    middle = math.sqrt(distances.median().item() / samples.shape[1])
    if middle == 0:
        raise ValueError("Expected validation data apart from the samples; half of them coincide. Give bandwidths.")
    factors = torch.logspace(math.log10(LEAST), math.log10(GREATEST), NUM_BANDWIDTHS, dtype=torch.float64)
    return (middle * factors).tolist()


def log_densities(x: Tensor, samples: Tensor, bandwidths: Sequence[float], chunk_size: int) -> Tensor:
    """Return log-densities of rows under each bandwidth, ``(num_bandwidths, num_x)`` in nats, in double precision."""
    dim = samples.shape[1]
    widths = torch.tensor(bandwidths, dtype=torch.float64, device=x.device)[:, None]
    parts = []
    for rows in x.split(chunk_size):
        sums = torch.full((len(bandwidths), len(rows)), -math.inf, dtype=torch.float64, device=x.device)
        for others in samples.split(chunk_size):
            distances = squared_distances(rows, others)
            least = distances.amin(1, keepdim=True)
            distances -= least  # once for all bandwidths, so that each sum of exponentials is at least 1
            kernels = [(distances * (-0.5 / width**2)).exp_().sum(1) for width in bandwidths]
            sums = torch.logaddexp(sums, torch.stack(kernels).double().log() - 0.5 * least[:, 0] / widths**2)
        parts.append(sums)
    return torch.cat(parts, 1) - dim * (widths.log() + 0.5 * math.log(2 * math.pi)) - math.log(len(samples))
