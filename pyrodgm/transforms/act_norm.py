"""A scale and a shift per feature that start from data."""

import torch
from torch import Tensor, nn

from pyrodgm.transforms.bijection import Bijection, check_input_dim
from pyrodgm.transforms.bounded import WIDE, bounded, unbounded
from pyrodgm.transforms.moments import check_spread, rows_of

SMALLEST = 1e-4  # a standard deviation below it, of one mini-batch, is taken for that of a constant


class ActNorm(Bijection):
    r""":math:`y_i = x_i\, e^{s_i} + t_i`, with data-dependent start: after it, the inverse standardizes the data.

    :meth:`initialize` sets it from data. Without that, the first values that its inverse meets in training mode, at
    least two of each feature, set it; a batch of one waits for its turn at the identity. A buffer keeps in checkpoints
    that this is done. Nothing is set in evaluation mode, while :func:`torch.compile` traces, under functional
    transforms, from values that are not finite, or where the parameters were replaced. Processes that train in
    parallel would each set their own: there, call :meth:`initialize` first.

    Args:
        input_dim: Number of features.

    Raises:
        ValueError: If ``input_dim`` is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> act_norm = transforms.ActNorm(3)
        >>> act_norm.initialize(torch.randn(100, 3))
        >>> y, ladj = act_norm.forward_and_ladj(torch.randn(5, 3))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))

    References:
        Kingma, Dhariwal (2018), Glow, section 3.1, https://arxiv.org/abs/1807.03039
    """

    initialized: Tensor

    def __init__(self, input_dim: int) -> None:
        super().__init__()
        check_input_dim(input_dim)
        self.input_dim = input_dim
        self.raw_log_scale = nn.Parameter(torch.zeros(input_dim))
        self.shift = nn.Parameter(torch.zeros(input_dim))
        self.register_buffer("initialized", torch.tensor(False))
        self._known_initialized = False  # spares a look at the buffer, which a GPU would have to wait for

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Scale, then shift."""
        log_scale = bounded(self.raw_log_scale, WIDE)
        return x * log_scale.exp() + self.shift, log_scale.sum().expand(x.shape[:-1])

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Undo the shift, then the scale; the first time in training, set both from ``y``."""
        if self.training and not self._known_initialized:
            self._initialize_from_batch(y)
        log_scale = bounded(self.raw_log_scale, WIDE)
        return (y - self.shift) * (-log_scale).exp(), (-log_scale).sum().expand(y.shape[:-1])

    @torch.no_grad()
    def initialize(self, y: Tensor, context: Tensor | None = None) -> None:
        """Make the inverse give each feature mean zero and unit variance.

        Args:
            y: Data, ``(num, input_dim)``.
            context: Not used.

        Raises:
            ValueError: If there are fewer than two rows, or constant columns.
        """
        rows = rows_of(y, self.input_dim, what=type(self).__name__)
        check_spread(rows, what=type(self).__name__)
        self._set(rows)

    def _set(self, rows: Tensor, smallest: float = 0.0) -> None:
        variance, mean = torch.var_mean(rows, 0)
        self.shift.copy_(mean)
        self.raw_log_scale.copy_(unbounded(variance.sqrt().clamp_min(smallest).log(), WIDE))
        self.initialized.fill_(True)
        self._known_initialized = True

    @torch.no_grad()
    def _initialize_from_batch(self, y: Tensor) -> None:
        if torch.compiler.is_compiling() or not self._is_plain(y):
            return
        if self.initialized:
            self._known_initialized = True
            return
        rows = y.detach().reshape(-1, self.input_dim)
        if len(rows) >= 2 and rows.isfinite().all():
            self._set(rows, SMALLEST)

    def _is_plain(self, y: Tensor) -> bool:
        """Return whether parameters are the module's own, and values no tensors of a functional transform."""
        if not (isinstance(self.shift, nn.Parameter) and isinstance(self.raw_log_scale, nn.Parameter)):
            return False
        try:
            y.data_ptr()
        except RuntimeError:
            return False
        return True

    def _load_from_state_dict(self, *args: object, **kwargs: object) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        self._known_initialized = False
