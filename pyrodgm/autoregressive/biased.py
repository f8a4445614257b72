"""Generation that favours what is likely: not draws of the model."""

from collections.abc import Sequence

from torch import Tensor

from pyrodgm.autoregressive.autoregressive import Autoregressive
from pyrodgm.heads.biased_categorical import BiasedCategorical
from pyrodgm.heads.categorical import Categorical


def sample_biased(
    model: Autoregressive,
    sample_shape: Sequence[int] = (),
    context: Tensor | None = None,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    condition_on: Tensor | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    r"""Generate from :math:`\prod_i q(x_i \mid x_{<i}, c)`, where :math:`q` favours values that the model finds likely.

    These are **not draws of the model**: they vary less, and no average over them estimates one of the model's. They
    are draws of another model, position by position as :class:`~pyrodgm.heads.BiasedCategorical` says, which has the
    same network and a density of its own. Without a temperature and cuts they are :meth:`Autoregressive.sample`'s,
    bit for bit.

    Args:
        model: A model with one :class:`~pyrodgm.heads.Categorical` variable a position.
        sample_shape: How many sequences.
        context: ``(*batch, *context_shape)`` or ``None``.
        temperature: Divides the logits; towards zero every choice is the likeliest.
        top_k: How many of the likeliest values are kept at each position; all by default.
        top_p: How much probability is kept at least, in the fewest likeliest values; all by default.
        condition_on: What is known beforehand, such as a prompt, as :meth:`Autoregressive.sample` takes it.
        mask: True where ``condition_on`` is known; by default everywhere but where it is NaN.

    Returns:
        ``(*sample_shape, *batch, *event_shape)``.

    Raises:
        ValueError: If the model has another head, a setting is out of range, or known values do not fit.

    Example:
        >>> import torch
        >>> from pyrodgm import autoregressive as ar
        >>> model = ar.char_rnn(27, 12, hidden_dim=32)
        >>> prompt = torch.tensor([8.0, 5.0] + 10 * [torch.nan])
        >>> ar.sample_biased(model, (3,), temperature=0.7, top_k=5, condition_on=prompt).shape
        torch.Size([3, 12])
    """
    head = model.head
    if not isinstance(head, Categorical) or head.event_shape:
        raise ValueError(
            f"Expected a model with one categorical variable a position; got {head!r}. Draw exactly, by model.sample."
        )
    biased = BiasedCategorical(head.num_classes, temperature=temperature, top_k=top_k, top_p=top_p)
    return Autoregressive(model.net, biased, end=model.end).sample(
        sample_shape, context, condition_on=condition_on, mask=mask
    )
