"""The plays, on the real file: nothing lost, nothing in two splits; and what is said about another file."""

from pathlib import Path

import pytest
import torch

from pyrodgm import data
from pyrodgm.data import Characters
from pyrodgm.data.tinyshakespeare import NUM_CHARACTERS

# 90 % of 1,115,394 and 5 % of that, rounded down
NUM_TRAIN, NUM_VALID, NUM_TEST = 953_662, 50_192, 111_540


def read(characters: Characters | None, x: torch.Tensor) -> str:
    assert characters is not None
    return characters.decode(x.flatten())


def test_windows_are_the_text(data_root: Path) -> None:
    text = (data_root / "tinyshakespeare" / "input.txt").read_text()
    splits = data.tinyshakespeare(data_root)
    assert splits.characters == Characters(text)
    assert (splits.shape, splits.num_levels, splits.name) == ((256,), 65, "tinyshakespeare")
    assert splits.train.x.dtype == torch.get_default_dtype()
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [(NUM_TRAIN - 256) // 64 + 1, 196, 435]
    assert read(splits.characters, splits.train.x[::4]) == text[: NUM_TRAIN // 256 * 256]
    assert read(splits.characters, splits.train.x[5]) == text[5 * 64 : 5 * 64 + 256]
    assert read(splits.characters, splits.valid.x) == text[NUM_TRAIN:][: 196 * 256]
    assert read(splits.characters, splits.test.x) == text[-NUM_TEST:][: 435 * 256]
    assert len(text) == NUM_TRAIN + NUM_VALID + NUM_TEST


def write(root: Path, content: bytes) -> Path:
    path = root / "tinyshakespeare" / "input.txt"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("length", "stride", "num_train"), [(100, 100, 9536), (3, None, NUM_TRAIN - 2), (50_192, 100_000, 10)]
)
def test_training_windows_begin_every_stride(length: int, stride: int | None, num_train: int, tmp_path: Path) -> None:
    torch.set_default_dtype(torch.float32)
    write(tmp_path, (b"abcdefg" * NUM_CHARACTERS)[:NUM_CHARACTERS])
    splits = data.tinyshakespeare(tmp_path, length=length, stride=stride)
    assert splits.train.x.shape == (num_train, length)
    starts = torch.arange(num_train) * (stride or 1) % 7
    assert torch.equal(splits.train.x[:, 0], starts.to(torch.float32))
    assert splits.valid.x.shape == (NUM_VALID // length, length)
    assert splits.test.x.shape == (NUM_TEST // length, length)


def test_a_file_that_is_not_the_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"input\.txt for tinyshakespeare; got no such file\. Put there .*char-rnn"
    ):
        data.tinyshakespeare(tmp_path)
    for content, message in (
        (b"", r"Expected 1115394 characters at .*input\.txt; got 0\. Fetch"),
        (b"a" * (NUM_CHARACTERS - 1), r"got 1115393\."),
        (b"\xff" * NUM_CHARACTERS, r"Expected text at .*input\.txt; got .*Fetch"),
    ):
        write(tmp_path, content)
        with pytest.raises(ValueError, match=message):
            data.tinyshakespeare(tmp_path)


@pytest.mark.parametrize("length", [0, -1, NUM_VALID + 1])
def test_length_has_a_range(length: int, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"Expected length from 1 to 50192; got {length}\."):
        data.tinyshakespeare(tmp_path, length=length)
    with pytest.raises(ValueError, match=r"Expected stride of at least 1; got 0\."):
        data.tinyshakespeare(tmp_path, stride=0)
