"""Categorical variables whose probabilities are changed, so that likely values become likelier."""

import torch
from torch import Tensor

from pyrodgm.heads.categorical import Categorical


class BiasedCategorical(Categorical):
    r"""A categorical of changed probabilities, :math:`q(k) \propto p(k)^{1/T}` on a set of likely values.

    First the temperature changes the probabilities, then all but the ``top_k`` likeliest values are cut, then all but
    the fewest likeliest that together have a probability of at least ``top_p``. Among equally likely values the
    smaller come first. With none of the three it is :class:`Categorical`, draw for draw.

    Args:
        num_classes: Number of values.
        temperature: :math:`T > 0`; below one sharpens, towards zero only the likeliest value is left.
        top_k: How many values are kept; all by default.
        top_p: How much probability is kept at least; all by default.

    Raises:
        ValueError: If ``temperature`` is not positive, ``top_k`` below one, or ``top_p`` outside (0, 1].

    Example:
        >>> import torch
        >>> from pyrodgm import heads
        >>> head = heads.BiasedCategorical(5, temperature=0.5, top_k=2)
        >>> int((head(torch.arange(5.0)).probs > 0).sum())
        2

    References:
        Fan, Lewis, Dauphin (2018), Hierarchical Neural Story Generation (the k likeliest),
        https://arxiv.org/abs/1805.04833;
        Holtzman et al. (2020), The Curious Case of Neural Text Degeneration (the nucleus),
        https://arxiv.org/abs/1904.09751
    """

    def __init__(
        self, num_classes: int, *, temperature: float = 1.0, top_k: int | None = None, top_p: float | None = None
    ) -> None:
        super().__init__(num_classes)
        if not temperature > 0:
            raise ValueError(
                f"Expected temperature > 0; got {temperature}. A small one, such as 1e-6, takes the likeliest value."
            )
        if top_k is not None and top_k < 1:
            raise ValueError(f"Expected top_k of at least 1; got {top_k}. 1 takes the likeliest value.")
        if top_p is not None and not 0 < top_p <= 1:
            raise ValueError(f"Expected top_p in (0, 1]; got {top_p}. 1 keeps every value.")
        self.temperature = temperature
        self.top_k = top_k if top_k is not None and top_k < num_classes else None
        self.top_p = top_p if top_p is not None and top_p < 1 else None

    def from_noise(self, params: Tensor, noise: Tensor) -> Tensor:
        """Invert the changed cumulative distribution at the uniforms."""
        if self.top_k is None and self.top_p is None:
            return super().from_noise(params, noise)
        cumulative = self._logits(params).softmax(-1).cumsum(-1)
        # By rounding, the sum may stay below a uniform, which would draw the last value of all, though it is cut.
        cumulative = cumulative / cumulative[..., -1:]
        return (noise.unsqueeze(-1) >= cumulative[..., :-1]).sum(-1)

    def _logits(self, params: Tensor) -> Tensor:
        logits = super()._logits(params)
        if self.temperature != 1:
            logits = logits - logits.amax(-1, keepdim=True)  # so that no quotient overflows to a difference of two
            logits = logits / max(self.temperature, torch.finfo(logits.dtype).tiny)
        if self.top_k is None and self.top_p is None:
            return logits
        ordered, index = logits.sort(dim=-1, descending=True, stable=True)
        if self.top_k is not None:
            ordered[..., self.top_k :] = -torch.inf
        if self.top_p is not None:
            probs = ordered.softmax(-1)
            ordered = ordered.masked_fill(probs.cumsum(-1) - probs >= self.top_p, -torch.inf)
        return torch.empty_like(ordered).scatter(-1, index, ordered)

    def __repr__(self) -> str:
        cuts = f"temperature={self.temperature}, top_k={self.top_k}, top_p={self.top_p}"
        return f"BiasedCategorical({self.num_classes}, {cuts})"
