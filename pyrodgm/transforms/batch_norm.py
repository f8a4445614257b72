"""Batch normalisation as a bijection."""

import torch
from torch import Tensor, nn

from pyrodgm.transforms.bijection import Bijection, check_input_dim
from pyrodgm.transforms.bounded import bounded
from pyrodgm.transforms.moments import check_spread, rows_of

MAX_LOG_SCALE = 3.0  # the values that it scales have unit variance


class BatchNorm(Bijection):
    r""":math:`x = e^{\gamma} (y - m) / \sqrt{v + \epsilon} + \beta` from data to base, with its Jacobian.

    In training mode, the direction from data to base takes mean :math:`m` and variance :math:`v` (the biased one) of
    the batch, all leading dimensions together, and moves their running averages towards them; gradients run through
    :math:`m` and :math:`v`. Its log-determinant :math:`\sum_i \gamma_i - \tfrac12 \log(v_i + \epsilon)` is that of the
    map of one row with :math:`m` and :math:`v` held constant. In evaluation mode, from base to data, and for a batch of
    one, the running averages serve. Hence the two directions are inverses of each other in evaluation mode only, and a
    density in training mode depends on the other rows.

    Args:
        input_dim: Number of features.
        momentum: Weight of the batch in the running averages.
        eps: The constant :math:`\epsilon > 0` beside the variance.

    Raises:
        ValueError: If ``input_dim`` or ``eps`` is not positive, or ``momentum`` outside (0, 1].

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> y, ladj = transforms.BatchNorm(3).forward_and_ladj(torch.randn(5, 3))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))

    References:
        Dinh, Sohl-Dickstein, Bengio (2017), Density estimation using Real NVP, section 3.7 and appendix E,
        https://arxiv.org/abs/1605.08803; Papamakarios, Pavlakou, Murray (2017), Masked Autoregressive Flow for Density
        Estimation, appendix on batch normalization, https://arxiv.org/abs/1705.07057
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, input_dim: int, momentum: float = 0.1, eps: float = 1e-5) -> None:
        super().__init__()
        check_input_dim(input_dim)
        if not 0 < momentum <= 1:
            raise ValueError(f"Expected momentum in (0, 1]; got {momentum}. Give the weight of one batch.")
        if not eps > 0:
            raise ValueError(f"Expected eps > 0; got {eps}. Give a small positive variance.")
        self.input_dim, self.momentum, self.eps = input_dim, momentum, eps
        self.raw_log_scale = nn.Parameter(torch.zeros(input_dim))
        self.shift = nn.Parameter(torch.zeros(input_dim))
        self.register_buffer("running_mean", torch.zeros(input_dim))
        self.register_buffer("running_var", torch.ones(input_dim))

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Unscale, then give the running mean and variance."""
        log_scale = 0.5 * (self.running_var + self.eps).log() - bounded(self.raw_log_scale, MAX_LOG_SCALE)
        return (x - self.shift) * log_scale.exp() + self.running_mean, log_scale.sum().expand(x.shape[:-1])

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Take mean and variance away, then scale."""
        mean, variance = self.running_mean, self.running_var
        if self.training and y.shape[:-1].numel() >= 2:
            variance, mean = torch.var_mean(y.reshape(-1, self.input_dim), 0, correction=0)
            self._follow(mean.detach(), variance.detach(), y.shape[:-1].numel())
        log_scale = bounded(self.raw_log_scale, MAX_LOG_SCALE) - 0.5 * (variance + self.eps).log()
        return (y - mean) * log_scale.exp() + self.shift, log_scale.sum().expand(y.shape[:-1])

    def _follow(self, mean: Tensor, variance: Tensor, num: int) -> None:
        unbiased = variance * (num / (num - 1))
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), self.momentum)
        self.running_var.lerp_(unbiased.to(self.running_var.dtype), self.momentum)

    @torch.no_grad()
    def initialize(self, y: Tensor, context: Tensor | None = None) -> None:
        """Set the running averages to the data's mean and variance.

        Args:
            y: Data, ``(num, input_dim)``.
            context: Not used.

        Raises:
            ValueError: If there are fewer than two rows, or constant columns.
        """
        rows = rows_of(y, self.input_dim, what=type(self).__name__)
        check_spread(rows, what=type(self).__name__)
        variance, mean = torch.var_mean(rows, 0)
        self.running_mean.copy_(mean)
        self.running_var.copy_(variance)
