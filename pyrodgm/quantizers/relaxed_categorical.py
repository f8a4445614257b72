"""Categories drawn by the Gumbel-max trick, relaxed so that gradients pass."""

import torch
from torch import Tensor, nn

from pyrodgm.quantizers.quantized import (
    Quantized,
    check_indices,
    check_num_codes,
    check_width,
    count,
    perplexity_of,
    straight_through,
)
from pyrodgm.quantizers.remembered import Remembered


class RelaxedCategorical(nn.Module):
    r"""Draws of a categorical distribution, in training relaxed to points of the simplex.

    With :math:`g_k` of Gumbel's distribution, :math:`\arg\max_k (\ell_k + g_k)` is an exact draw of the category, and
    :math:`\mathrm{softmax}((\ell + g) / \tau)` its relaxation, which becomes one-hot as the temperature
    :math:`\tau` falls. In training mode codes are the relaxation, or, straight through, its one-hot limit with the
    gradient of the relaxation; in evaluation mode they are one-hot. ``indices`` are exact draws in either.

    Args:
        num_codes: Number :math:`K` of categories, the width of a code.
        temperature: :math:`\tau`, at the start.
        final_temperature: :math:`\tau` at the end of the annealing.
        anneal_steps: Number of calls in training mode over which the temperature falls, geometrically; a buffer counts
            them, so that a run resumes. 0 keeps the first one.
        straight_through: Whether codes are one-hot in training too.

    Raises:
        ValueError: If there is one category only, a temperature is not positive, or one of ``final_temperature`` and
            ``anneal_steps`` comes without the other; when called, if logits have another width or are not finite.

    Example:
        >>> import torch
        >>> from pyrodgm import quantizers
        >>> quantizer = quantizers.RelaxedCategorical(16, final_temperature=0.1, anneal_steps=1000)
        >>> codes, indices, *_ = quantizer(torch.randn(5, 7, 7, 16))
        >>> codes.shape, indices.shape
        (torch.Size([5, 7, 7, 16]), torch.Size([5, 7, 7]))

    References:
        Jang, Gu, Poole (2017), Categorical Reparameterization with Gumbel-Softmax, eq. 1-2 and section 2.2 (straight
        through), https://arxiv.org/abs/1611.01144;
        Maddison, Mnih, Teh (2017), The Concrete Distribution, section 3.2, https://arxiv.org/abs/1611.00712
    """

    steps: Tensor
    _zero: Tensor

    def __init__(
        self,
        num_codes: int,
        *,
        temperature: float = 1.0,
        final_temperature: float | None = None,
        anneal_steps: int = 0,
        straight_through: bool = False,
    ) -> None:
        super().__init__()
        self.num_codes = self.code_dim = check_num_codes(num_codes)
        final = temperature if final_temperature is None else final_temperature
        for name, value in (("temperature", temperature), ("final_temperature", final)):
            if not value > 0:
                raise ValueError(f"Expected {name} > 0; got {value}. Draws become one-hot as it nears 0.")
        if anneal_steps < 0 or (anneal_steps > 0) != (final_temperature is not None):
            raise ValueError(
                f"Expected final_temperature together with anneal_steps >= 1; got {final_temperature} and "
                f"{anneal_steps}. Give both, or neither."
            )
        self.first_temperature, self.final_temperature = temperature, final
        self.anneal_steps = anneal_steps
        self.straight_through = straight_through
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.register_buffer("_zero", torch.zeros(()), persistent=False)  # carries the dtype, and follows a move
        self._remembered = Remembered()

    @property
    def temperature(self) -> Tensor:
        """The temperature of the next call in training mode, a scalar tensor."""
        share = self.steps.clamp(max=self.anneal_steps) / max(1, self.anneal_steps)
        return self.first_temperature * (self.final_temperature / self.first_temperature) ** share

    def forward(self, logits: Tensor) -> Quantized:
        """Draw.

        Args:
            logits: ``(*batch, num_codes)``; minus infinity rules a category out.

        Returns:
            Codes, points of the simplex; ``commitment`` is 0, ``dead_fraction`` the share of categories that the batch
            does not use.

        Raises:
            ValueError: If logits have another width, or a row is NaN, plus infinity, or rules out all.
        """
        check_width(logits, self.num_codes, "logits")
        scores = logits - torch.empty_like(logits).exponential_().log()
        largest, indices = scores.detach().max(-1)
        if not largest.isfinite().all():
            raise ValueError(
                "Expected logits with a finite maximum in each row; got NaN or inf. Look for the encoder's NaN."
            )
        if self.training:
            relaxed = (scores / self.temperature).softmax(-1)
            codes = straight_through(one_hot(indices, scores), relaxed) if self.straight_through else relaxed
            self.steps += 1
        else:
            codes = one_hot(indices, scores)
        self._remembered.keep(codes, indices, self._zero)
        counts = count(indices, self.num_codes, logits.dtype)
        dead_fraction = (counts == 0).to(logits.dtype).mean()
        return Quantized(codes, indices, logits.new_zeros(()), perplexity_of(counts), dead_fraction)

    def lookup(self, indices: Tensor) -> Tensor:
        """Return one-hot codes by their indices.

        Args:
            indices: ``(*batch,)``, integers, as floating numbers too.

        Returns:
            ``(*batch, num_codes)``, of the module's dtype.

        Raises:
            ValueError: If an index is no integer, or out of range.
        """
        indices = check_indices(indices, self.num_codes)
        return one_hot(indices, self._zero.expand(*indices.shape, self.num_codes))

    def indices_of(self, codes: Tensor) -> Tensor:
        """Return the indices of the largest entries; of what was just drawn, those that were drawn.

        Args:
            codes: ``(*batch, num_codes)``.

        Returns:
            ``(*batch,)``.

        Raises:
            ValueError: If codes have another width.
        """
        check_width(codes, self.num_codes, "codes")
        indices = self._remembered.recall(codes, self._zero)
        return codes.argmax(-1) if indices is None else indices

    def extra_repr(self) -> str:
        """Name the sizes and the temperatures."""
        return f"{self.num_codes}, temperature={self.first_temperature} .. {self.final_temperature}"


def one_hot(indices: Tensor, like: Tensor) -> Tensor:
    """Return ones at indices ``(*batch)`` and zeros elsewhere, ``(*batch, num_codes)`` like another tensor."""
    return torch.zeros_like(like, memory_format=torch.contiguous_format).scatter_(-1, indices.unsqueeze(-1), 1.0)
