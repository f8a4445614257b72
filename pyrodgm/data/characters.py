"""Text as integers, a character at a time."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Characters:
    """The characters of a text in their order, and the integers 0, 1, ... that stand for them.

    ``Characters(characters.symbols)`` is equal to ``characters``, so that the plain string ``symbols`` is all there is
    to save.

    Args:
        symbols: A text that has every character; repetitions and order do not matter.

    Raises:
        ValueError: If the text is empty.

    Example:
        >>> characters = Characters("to be, or not to be")
        >>> characters.symbols, len(characters)
        (' ,benort', 8)
        >>> characters.encode("bone").shape
        torch.Size([4])
        >>> characters.decode(characters.encode("bone"))
        'bone'
    """

    symbols: str

    def __post_init__(self) -> None:
        if not self.symbols:
            raise ValueError("Expected at least one character; got an empty text. Give the text to be modelled.")
        object.__setattr__(self, "symbols", "".join(sorted(set(self.symbols))))

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> Tensor:
        """Return the integers of a text, ``(len(text),)``.

        Raises:
            ValueError: If it has a character that is none of the symbols, named with its position, from 0.
        """
        indices = {symbol: index for index, symbol in enumerate(self.symbols)}
        try:
            return torch.tensor([indices[symbol] for symbol in text], dtype=torch.long)
        except KeyError as error:
            unknown = error.args[0]
            raise ValueError(
                f"Expected the {len(self)} characters of symbols; got {unknown!r} at position {text.index(unknown)}. "
                "Replace it, or build Characters of a text that has it."
            ) from None

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """Return the text of integers ``(length,)``, whatever their dtype.

        Raises:
            ValueError: If they have another shape, or one stands for no symbol.
        """
        values = torch.as_tensor(tokens)
        if values.dim() != 1:
            raise ValueError(
                f"Expected tokens of shape (length,); got {tuple(values.shape)}. Decode one text at a time."
            )
        wrong = ((values < 0) | (values >= len(self)) | (values != values.floor())).nonzero()
        if len(wrong):
            position = int(wrong[0])
            raise ValueError(
                f"Expected integers from 0 to {len(self) - 1}; got {values[position].item():g} at position {position}. "
                "Decode with the characters that encoded the text."
            )
        return "".join(self.symbols[index] for index in values.long().tolist())
