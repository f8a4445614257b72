"""Captions as integers, a word at a time."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

PADDING = 0  # the token that fills captions up


@dataclass(frozen=True, init=False)
class Words:
    """The words of captions in alphabetical order, and the integers 1, 2, ... that stand for them; 0 fills up.

    Words are what blanks separate, in lower case. ``Words(words.vocabulary, length=words.length)`` is equal to
    ``words``, so that these two are all there is to save.

    Args:
        captions: Texts that together have every word.
        length: Number of words up to which captions are filled up; by default that of the longest.

    Attributes:
        vocabulary: The words.
        length: Number of tokens of one caption.

    Raises:
        ValueError: If there is no word, or a caption is longer than ``length``.

    Example:
        >>> words = Words(["a handwritten seven", "a seven left of a three"])
        >>> len(words), words.length
        (7, 6)
        >>> words.encode(["a handwritten three", "a three left of a seven"]).shape
        torch.Size([2, 6])
        >>> words.decode(words.encode("a handwritten three"))
        'a handwritten three'
    """

    vocabulary: tuple[str, ...]
    length: int

    def __init__(self, captions: Sequence[str], *, length: int | None = None) -> None:
        texts = [captions] if isinstance(captions, str) else list(captions)
        split = [text.lower().split() for text in texts]
        vocabulary = tuple(sorted({word for text in split for word in text}))
        if not vocabulary:
            raise ValueError("Expected at least one word; got none. Give the captions to be modelled.")
        object.__setattr__(self, "vocabulary", vocabulary)
        longest = max(map(len, split))
        object.__setattr__(self, "length", longest if length is None else length)
        if self.length < longest:
            raise ValueError(f"Expected length of at least {longest}, the longest caption; got {length}. Give more.")

    def __len__(self) -> int:
        """Return the number of tokens, the one that fills up included."""
        return 1 + len(self.vocabulary)

    def encode(self, captions: str | Sequence[str]) -> Tensor:
        """Return the tokens of one caption, ``(length,)``, or of several, ``(num, length)``.

        Raises:
            ValueError: If a caption has no word, a word that is unknown, which is named with the one nearest to it, or
                too many words.
        """
        if isinstance(captions, str):
            return torch.tensor(self._tokens(captions), dtype=torch.long)
        return torch.tensor([self._tokens(caption) for caption in captions], dtype=torch.long).reshape(-1, self.length)

    def decode(self, tokens: Tensor | Sequence[int]) -> str:
        """Return the caption of tokens ``(length,)``, whatever their dtype; what fills up is left out.

        Raises:
            ValueError: If they have another shape, or one stands for no word.
        """
        values = torch.as_tensor(tokens)
        if values.dim() != 1:
            raise ValueError(
                f"Expected tokens of shape (length,); got {tuple(values.shape)}. Decode one caption at a time."
            )
        wrong = ((values < 0) | (values >= len(self)) | (values != values.floor())).nonzero()
        if len(wrong):
            position = int(wrong[0])
            raise ValueError(
                f"Expected integers from 0 to {len(self) - 1}; got {values[position].item():g} at position {position}. "
                "Decode with the words that encoded the caption."
            )
        return " ".join(self.vocabulary[token - 1] for token in values.long().tolist() if token != PADDING)

    def _tokens(self, caption: str) -> list[int]:
        split = caption.lower().split()
        if not 1 <= len(split) <= self.length:
            raise ValueError(
                f"Expected a caption of 1 to {self.length} words; got {len(split)} in {caption!r}. Reword it, or build "
                "Words of captions as long."
            )
        indices = {word: index + 1 for index, word in enumerate(self.vocabulary)}
        for word in split:
            if word not in indices:
                nearest = difflib.get_close_matches(word, self.vocabulary, n=1, cutoff=0.0)[0]
                raise ValueError(
                    f"Expected the {len(self.vocabulary)} words of vocabulary; got {word!r} in {caption!r}. Did you "
                    f"mean {nearest!r}?"
                )
        return [indices[word] for word in split] + [PADDING] * (self.length - len(split))
