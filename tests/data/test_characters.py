"""Text to integers and back."""

import pickle

import pytest
import torch

from pyrodgm.data import Characters


def test_symbols_are_sorted_and_each_stands_once() -> None:
    characters = Characters("banana bread")
    assert characters.symbols == " abdenr"
    assert len(characters) == 7
    assert characters.encode("nab").tolist() == [5, 1, 2]


@pytest.mark.parametrize("text", ["", "a", "\n\t x", "naïve café", "𝄞 and 漢字"])
def test_decoding_undoes_encoding(text: str) -> None:
    characters = Characters(text + "abc")
    tokens = characters.encode(text)
    assert tokens.dtype == torch.long
    assert tokens.shape == (len(text),)
    assert characters.decode(tokens) == text
    assert characters.decode(tokens.to(torch.float32)) == text
    assert characters.decode(tokens.tolist()) == text


def test_the_string_of_symbols_is_all_there_is() -> None:
    characters = Characters("to be, or not to be")
    assert Characters(characters.symbols) == characters
    assert Characters("to be") != characters
    assert pickle.loads(pickle.dumps(characters)) == characters
    assert hash(Characters(characters.symbols)) == hash(characters)


def test_the_first_unknown_character_is_named() -> None:
    with pytest.raises(ValueError, match=r"Expected the 3 characters of symbols; got 'd' at position 2\. Replace it,"):
        Characters("abc").encode("abde")


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (torch.tensor([0, 3]), r"Expected integers from 0 to 2; got 3 at position 1\."),
        (torch.tensor([-1]), r"got -1 at position 0\."),
        (torch.tensor([0.0, 1.0, 0.5]), r"got 0\.5 at position 2\."),
        (torch.tensor([0.0, float("nan")]), r"got nan at position 1\."),
        (torch.zeros(2, 3), r"Expected tokens of shape \(length,\); got \(2, 3\)\."),
    ],
)
def test_refuses_to_decode(tokens: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Characters("abc").decode(tokens)
