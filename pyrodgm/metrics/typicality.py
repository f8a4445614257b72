"""Whether a datum is as likely as those that a model was trained on."""

import torch
from torch import Tensor

from pyrodgm.metrics.checks import check_scores


def typicality(log_prob_train: Tensor, log_prob_test: Tensor, *, two_sided: bool = False) -> Tensor:
    r"""p-values :math:`p_j = (T_j + 1) / (N + 1)`, :math:`T_j = \#\{i: \log p(x_i) \le \log p(x'_j)\}`, of test data.

    This is the lower tail: a small p-value says that hardly any training datum is as unlikely. If the datum comes from
    the distribution of the :math:`N` training data, :math:`P(p \le \alpha) \le \alpha`; that holds where the model
    knows the training data no better than others, so after overfitting give it held-out data instead. Data of another
    kind can also be *more* likely, as plain pictures often are: ``two_sided`` takes twice the smaller of both tails,
    at most 1.

    Args:
        log_prob_train: Log-likelihoods of the training data, ``(num_train,)`` in nats; any increasing function of them
            gives the same result. Minus infinity is allowed.
        log_prob_test: Those of the data in question, ``(num_test,)``.
        two_sided: Whether a likelihood that is too high counts against a datum too.

    Returns:
        p-values in (0, 1], ``(num_test,)``.

    Raises:
        ValueError: If the log-likelihoods are empty, of another shape, or NaN.

    Example:
        >>> from pyrodgm import metrics
        >>> metrics.typicality(torch.randn(99), torch.randn(5)).shape
        torch.Size([5])

    References:
        Song, Kim, Nowozin, Ermon, Kushman (2018), PixelDefend, section 3, https://arxiv.org/abs/1710.10766
    """
    check_scores("log_prob_train", log_prob_train)
    check_scores("log_prob_test", log_prob_test)
    # half precision holds neither the ranks nor their shares
    dtype = torch.promote_types(torch.promote_types(log_prob_train.dtype, log_prob_test.dtype), torch.float32)
    ranked = log_prob_train.detach().to(dtype).sort().values
    values = log_prob_test.detach().to(dtype)
    num_below = torch.searchsorted(ranked, values, right=True)  # equal ones included
    p = (num_below + 1).to(dtype) / (len(ranked) + 1)
    if not two_sided:
        return p
    num_above = len(ranked) - torch.searchsorted(ranked, values)
    return (2 * torch.minimum(p, (num_above + 1).to(dtype) / (len(ranked) + 1))).clamp(max=1)
