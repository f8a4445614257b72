"""Captions as integers, and pictures of digits that they describe."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from pyrodgm import data
from pyrodgm.data import Words
from pyrodgm.data.captions import HELD_OUT, NAMES, digit_words


def test_words_are_sorted_and_zero_fills_up() -> None:
    words = Words(["a seven left of a three", "a handwritten Seven"])
    assert words.vocabulary == ("a", "handwritten", "left", "of", "seven", "three")
    assert (len(words), words.length) == (7, 6)
    assert words.encode("a  handwritten\tSEVEN").tolist() == [1, 2, 5, 0, 0, 0]
    assert words.encode(["a three", "a seven left of a three"]).shape == (2, 6)
    assert words.encode([]).shape == (0, 6)
    assert words.encode("a").dtype == torch.long


@pytest.mark.parametrize("caption", ["a", "a seven left of a three", "three of three"])
def test_decoding_undoes_encoding(caption: str) -> None:
    words = Words(["a seven left of a three"], length=7)
    tokens = words.encode(caption)
    assert tokens.shape == (7,)
    assert words.decode(tokens) == words.decode(tokens.float()) == words.decode(tokens.tolist()) == caption


def test_vocabulary_and_length_are_all_there_is() -> None:
    words = Words(["a seven left of a three"], length=9)
    assert Words(words.vocabulary, length=words.length) == words
    assert pickle.loads(pickle.dumps(words)) == words
    assert hash(Words(words.vocabulary, length=9)) == hash(words)
    assert Words(words.vocabulary, length=8) != words


def pictures(part: data.Dataset) -> torch.Tensor:
    return part.x.reshape(len(part), 8, 16)


def test_pictures_show_what_captions_and_labels_say() -> None:
    source = data.digits()
    splits = data.captioned_digits(source, num_train=400, num_held_aside=100)
    assert (splits.shape, splits.num_levels) == ((1, 8, 16), 2)
    for name in ("train", "valid", "test"):
        part, singles = getattr(splits, name), getattr(source, name)
        assert part.context is not None
        assert part.labels is not None
        assert singles.labels is not None
        known: dict[bytes, set[int]] = {}
        for row, digit in zip(singles.x.byte().numpy(), singles.labels.tolist(), strict=True):
            known.setdefault(row.tobytes(), set()).add(digit)
        for canvas, tokens, label in zip(pictures(part), part.context, part.labels.tolist(), strict=True):
            caption = splits.words.decode(tokens)
            if label >= 100:
                assert caption == f"a handwritten {NAMES[label - 100]}"
                assert label - 100 in known[canvas[:, 4:12].reshape(-1).byte().numpy().tobytes()]
                assert canvas[:, :4].sum() == canvas[:, 12:].sum() == 0
                continue
            left, right = divmod(label, 10)
            assert caption in (
                f"a {NAMES[left]} left of a {NAMES[right]}",
                f"a {NAMES[right]} right of a {NAMES[left]}",
            )
            for digit, half in ((left, canvas[:, :8]), (right, canvas[:, 8:])):
                assert digit in known[half.reshape(-1).byte().numpy().tobytes()]


def test_held_out_pairs_are_seen_in_the_test_split_alone() -> None:
    splits = data.captioned_digits(data.digits(), num_train=3000, num_held_aside=1500)
    held_out = {10 * left + right for left, right in HELD_OUT}
    assert len(held_out) == 10
    assert sorted(left for left, _ in HELD_OUT) == sorted(right for _, right in HELD_OUT) == list(range(10))
    for part in (splits.train, splits.valid):
        assert part.labels is not None
        assert not held_out & set(part.labels.tolist())
    assert splits.train.labels is not None
    # 90 pairs and 10 singles, the rarest of probability 0.8 / 90: it is missing with probability 2e-12
    assert len(splits.train.labels.unique()) == 100
    assert splits.test.labels is not None
    # one of ten pairs of probability 0.8 / 100 each is missing with probability 6e-5, for the one seed that is used
    assert held_out <= set(splits.test.labels.tolist())
    share = (splits.train.labels >= 100).double().mean()
    assert abs(share - 0.2) < 5.5 * (0.2 * 0.8 / 3000) ** 0.5
    everything = data.captioned_digits(data.digits(), num_train=3000, num_held_aside=1, held_out_pairs=()).train.labels
    assert everything is not None
    assert held_out <= set(everything.tolist())  # but with probability 4e-10


def test_the_choice_depends_on_its_seed_alone() -> None:
    options = {"num_train": 20, "num_held_aside": 5}
    first = data.captioned_digits(data.digits(), **options)
    state, own = torch.get_rng_state(), np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    again = data.captioned_digits(data.digits(), **options)
    assert torch.equal(first.train.x, again.train.x)
    assert torch.equal(state, torch.get_rng_state())
    assert own == np.random.get_state()[1].tolist()  # type: ignore[index, union-attr]
    assert not torch.equal(first.train.x, data.captioned_digits(data.digits(), seed=1, **options).train.x)


def test_words_of_digits_say_every_caption() -> None:
    words = digit_words()
    assert (len(words), words.length) == (16, 6)
    for left in NAMES:
        for right in NAMES:
            words.encode([f"a {left} left of a {right}", f"a {right} right of a {left}", f"a handwritten {left}"])


def test_captioned_mnist(data_root: Path) -> None:
    torch.set_default_dtype(torch.float32)
    splits = data.captioned_mnist(data_root, num_train=300, num_held_aside=50)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [300, 50, 50]
    assert (splits.shape, splits.num_levels, splits.train.x.dtype) == ((1, 12, 24), 2, torch.float32)
    assert splits.train.labels is not None
    pairs = splits.train.x[splits.train.labels < 100]
    assert 0.15 < pairs.mean() < 0.35
    grey = data.mnist(data_root).test.x.reshape(-1, 14, 2, 14, 2).mean((2, 4)) >= 90
    assert grey[:, 1:-1, 1:-1].sum() > 0.995 * grey.sum()  # what is cut off is hardly ever ink
    assert splits.words == digit_words()
    assert "averaged over 2 x 2 pixels" in splits.description
