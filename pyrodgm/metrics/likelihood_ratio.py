"""How much better a model explains a datum than one of the background does."""

import torch
from torch import Tensor

from pyrodgm.metrics.checks import check_scores


def likelihood_ratio(log_prob: Tensor, log_prob_background: Tensor) -> Tensor:
    r"""Score :math:`\log p(x) - \log p_0(x)` of each datum, in nats: high for data like those of :math:`p`.

    What both models explain equally well, such as how plain a picture is, cancels. The background model :math:`p_0`
    is usually the same model trained on disturbed data.

    Args:
        log_prob: Log-likelihoods under the model, ``(num,)`` in nats.
        log_prob_background: Those of the same data under the background model, ``(num,)``.

    Returns:
        Log-ratios, ``(num,)``.

    Raises:
        ValueError: If the log-likelihoods are empty, of another shape, of different lengths or NaN, or those of one
            datum are infinite in both.

    Example:
        >>> from pyrodgm import metrics
        >>> metrics.likelihood_ratio(torch.randn(5), torch.randn(5)).shape
        torch.Size([5])

    References:
        Ren and others (2019), Likelihood Ratios for Out-of-Distribution Detection, section 3,
        https://arxiv.org/abs/1906.02845
    """
    check_scores("log_prob", log_prob)
    check_scores("log_prob_background", log_prob_background)
    if len(log_prob) != len(log_prob_background):
        raise ValueError(
            "Expected log_prob and log_prob_background of the same data; "
            f"got {len(log_prob)} and {len(log_prob_background)} rows. Score the same rows by both models."
        )
    ratio = log_prob - log_prob_background
    undefined = torch.isnan(ratio).nonzero()
    if len(undefined):
        raise ValueError(
            f"Expected a finite log-likelihood by one model at least; got infinite ones by both in row "
            f"{int(undefined[0])}. Remove that datum."
        )
    return ratio
