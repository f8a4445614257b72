"""One transformer over a text and what it describes, as a causal network over the latter."""

import torch
from torch import Tensor

from pyrodgm.nn.causal import CausalNet, Stepper
from pyrodgm.nn.mlp import check_dim
from pyrodgm.nn.transformer import Transformer


class PromptedTransformer(CausalNet):
    r"""A transformer over tokens :math:`t_1 \dots t_T, k_1 \dots k_P`: words, then codes that attend to all of them.

    Words and codes share one vocabulary, words first, and one sequence with learned positions. What comes out at the
    positions of codes are numbers for codes alone, so that no word is ever drawn there; the text is context.

    Args:
        num_positions: Number :math:`P` of codes of one event.
        num_params: Number of outputs a position.
        num_words: Number of words; a text holds integers 0 .. num_words - 1.
        text_length: Number :math:`T` of words of one text; shorter ones are filled up.
        num_codes: Number of codes; an event holds integers 0 .. num_codes - 1.
        transformer_options: ``num_layers``, ``num_heads``, ``model_dim``, ``dropout`` of
            :class:`~pyrodgm.nn.Transformer`.

    Raises:
        ValueError: If a size is too small, or, when called, a text has other values than words.

    Example:
        >>> import torch
        >>> from pyrodgm import nn
        >>> net = nn.PromptedTransformer(6, 5, num_words=9, text_length=4, num_codes=5, num_layers=1, model_dim=32)
        >>> net(torch.randint(5, (7, 3, 6)), torch.randint(9, (3, 4))).shape
        torch.Size([7, 3, 6, 5])

    References:
        Ramesh et al. (2021), Zero-Shot Text-to-Image Generation, section 2.2, https://arxiv.org/abs/2102.12092
    """

    def __init__(
        self,
        num_positions: int,
        num_params: int,
        *,
        num_words: int,
        text_length: int,
        num_codes: int,
        **transformer_options: int | float,
    ) -> None:
        super().__init__()
        check_dim("num_positions", num_positions)
        self.num_words = check_dim("num_words", num_words)
        self.text_length = check_dim("text_length", text_length)
        check_dim("num_codes", num_codes)
        self.num_params = num_params
        self.grid_shape = (num_positions,)
        self.context_shape = (text_length,)
        self.register_buffer("order", torch.arange(num_positions), persistent=False)
        self.transformer = Transformer(
            text_length + num_positions,
            num_params,
            vocabulary_size=num_words + num_codes,
            rotary=False,
            **transformer_options,  # type: ignore[arg-type]
        )

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Return ``(*batch, num_positions, num_params)`` in one pass over text and codes.

        Args:
            x: Codes, ``(*batch, num_positions)``.
            context: Words, ``(*batch', text_length)``, whose batch broadcasts against that of ``x``.
        """
        words = self.words(context)
        batch = torch.broadcast_shapes(x.shape[:-1], words.shape[:-1])
        codes = x.long() + self.num_words
        tokens = torch.cat((words.expand(*batch, -1), codes.expand(*batch, -1)), -1)
        params: Tensor = self.transformer(tokens)[..., self.text_length :, :]
        return params

    def flat_stepper(self, batch: int, context: Tensor | None) -> Stepper:
        """Return what takes the text once, then code by code, keeping the keys and values of both."""
        words = self.words(context).unbind(1)
        step = self.transformer.flat_stepper(batch, None)

        def next_code(value: Tensor | None) -> Tensor:
            if value is not None:
                return step(value.long() + self.num_words)
            params = step(None)
            for word in words:
                params = step(word)
            return params

        return next_code

    def words(self, context: Tensor | None) -> Tensor:
        """Return a text as integers.

        Raises:
            ValueError: If it is missing, of another length, or holds a value that is no word, which is named.
        """
        self.check_context(context)
        words = torch.as_tensor(context)
        wrong = (words < 0) | (words >= self.num_words) | (words != words.floor())
        if bool(wrong.any()):
            place = wrong.nonzero()[0].tolist()
            raise ValueError(
                f"Expected words 0 .. {self.num_words - 1}; got {words[tuple(place)].item():g} at index {place}. "
                "Encode the text with the words that the model was built for."
            )
        return words.long()
