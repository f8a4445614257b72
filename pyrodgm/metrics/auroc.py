"""How well a score tells two kinds of data apart."""

import torch
from torch import Tensor

from pyrodgm.metrics.checks import check_scores


def auroc(score_in: Tensor, score_out: Tensor) -> float:
    r"""Area under the receiver operating characteristic, :math:`P(s > s') + \tfrac12 P(s = s')`, exactly.

    The probabilities are shares of all pairs. 1 is perfect, and 0.5 is chance; below, the score ranks the wrong way.

    Args:
        score_in: Scores :math:`s` of data of the kind that is known, ``(num_in,)``: log-likelihoods, p-values of
            :func:`typicality` or log-ratios. Higher means more like these.
        score_out: Scores :math:`s'` of other data, ``(num_out,)``.

    Returns:
        The area, from 0 to 1.

    Raises:
        ValueError: If the scores are empty, of another shape, or NaN.

    Example:
        >>> from pyrodgm import metrics
        >>> metrics.auroc(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.0, 2.0]))
        0.75

    References:
        Hanley, McNeil (1982), The meaning and use of the area under a receiver operating characteristic (ROC) curve,
        https://doi.org/10.1148/radiology.143.1.7063747
    """
    check_scores("score_in", score_in)
    check_scores("score_out", score_out)
    dtype = torch.promote_types(score_in.dtype, score_out.dtype)
    ranked, values = score_out.detach().to(dtype).sort().values, score_in.detach().to(dtype)
    num_lower = torch.searchsorted(ranked, values).sum().item()
    num_not_higher = torch.searchsorted(ranked, values, right=True).sum().item()
    return (num_lower + num_not_higher) / (2 * len(values) * len(ranked))
