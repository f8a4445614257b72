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

    Of images, ``event_dim=3``, features are channels: a channel's pixels share scale and shift, and the
    log-determinant counts each of them.

    Args:
        input_dim: Number of features, which lie along the first dimension of an event.
        event_dim: Number of dimensions of an event: 1 of vectors, 3 of images.

    Raises:
        ValueError: If ``input_dim`` or ``event_dim`` is not positive.

    Example:
        >>> import torch
        >>> from pyrodgm import transforms
        >>> act_norm = transforms.ActNorm(3)
        >>> act_norm.initialize(torch.randn(100, 3))
        >>> y, ladj = act_norm.forward_and_ladj(torch.randn(5, 3))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3]), torch.Size([5]))
        >>> y, ladj = transforms.ActNorm(3, event_dim=3).forward_and_ladj(torch.randn(5, 3, 8, 8))
        >>> y.shape, ladj.shape
        (torch.Size([5, 3, 8, 8]), torch.Size([5]))

    References:
        Kingma, Dhariwal (2018), Glow, section 3.1, https://arxiv.org/abs/1807.03039
    """

    initialized: Tensor

    def __init__(self, input_dim: int, *, event_dim: int = 1) -> None:
        check_input_dim(event_dim, what="event_dim")
        super().__init__(event_dim=event_dim)
        check_input_dim(input_dim)
        self.input_dim = input_dim
        self.raw_log_scale = nn.Parameter(torch.zeros(input_dim))
        self.shift = nn.Parameter(torch.zeros(input_dim))
        self.register_buffer("initialized", torch.tensor(False))
        self._known_initialized = False  # spares a look at the buffer, which a GPU would have to wait for

    def forward_and_ladj(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Scale, then shift."""
        log_scale = bounded(self.raw_log_scale, WIDE)
        scale, shift = self._along(log_scale.exp()), self._along(self.shift)
        return x * scale + shift, self._total(log_scale, x)

    def inverse_and_ladj(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Undo the shift, then the scale; the first time in training, set both from ``y``."""
        if self.training and not self._known_initialized:
            self._initialize_from_batch(y)
        log_scale = -bounded(self.raw_log_scale, WIDE)
        scale, shift = self._along(log_scale.exp()), self._along(self.shift)
        return (y - shift) * scale, self._total(log_scale, y)

    def _along(self, values: Tensor) -> Tensor:
        """Return a value for each feature as it multiplies events."""
        return values if self._event_dim == 1 else values.reshape(-1, *[1] * (self._event_dim - 1))

    def _total(self, log_scale: Tensor, x: Tensor) -> Tensor:
        """Return the log-determinant, ``(*batch)``."""
        total = log_scale.sum()
        if self._event_dim > 1:
            total = total * x.shape[1 - self._event_dim :].numel()
        return total.expand(x.shape[: -self._event_dim])

    @torch.no_grad()
    def initialize(self, y: Tensor, context: Tensor | None = None) -> None:
        """Make the inverse give each feature mean zero and unit variance.

        Args:
            y: Data, ``(num, input_dim)``, or ``(num, input_dim, height, width)`` of images.
            context: Not used.

        Raises:
            ValueError: If there are fewer than two values of a feature, or constant features.
        """
        rows = rows_of(self._features_last(y), self.input_dim, what=type(self).__name__)
        check_spread(rows, what=type(self).__name__)
        self._set(rows)

    def _features_last(self, y: Tensor) -> Tensor:
        if self._event_dim == 1 or y.dim() < self._event_dim:
            return y
        return y.movedim(-self._event_dim, -1)

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
        rows = self._features_last(y.detach()).reshape(-1, self.input_dim)
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
