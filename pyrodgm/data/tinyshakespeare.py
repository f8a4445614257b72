"""A megabyte of Shakespeare's plays, a character at a time."""

from pathlib import Path

import torch

from pyrodgm.data.characters import Characters
from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.files import find_file

FILE = "tinyshakespeare/input.txt"
SOURCE = "the file of that name from https://github.com/karpathy/char-rnn, folder data/tinyshakespeare"
NUM_CHARACTERS = 1_115_394


def tinyshakespeare(root: str | Path, *, length: int = 256, stride: int | None = None) -> Splits:
    """Plays of Shakespeare, 1,115,394 characters of 65 kinds, in windows of ``length`` characters.

    The text is split in order: the first 90 % (1,003,854 characters) are for training and the last 10 % (111,540) for
    test, as usual; the last 5 % of the former (50,192) are kept for validation, which leaves 953,662 to be trained on.
    Validation and test are cut into consecutive windows, whose remainder is dropped: with 256 characters a window, 196
    and 435 windows, or 50,176 and 111,360 scored characters. A model that takes each window for itself predicts its
    first characters with little before them, so that bits per character fall with ``length``: compare at one length.

    Args:
        root: Folder with ``tinyshakespeare/input.txt``.
        length: Characters in a window.
        stride: Training windows begin every so many characters, and overlap where it is below ``length``. By default
            a quarter of ``length``: each character is met at four places of a window, and an epoch reads the text
            four times.

    Returns:
        ``x`` of shape (N, length) with values 0..64, ``shape`` (length,); ``characters`` turns them into text.

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If the file is not the whole text, or ``length`` or ``stride`` is out of range.

    References:
        Karpathy (2015), The Unreasonable Effectiveness of Recurrent Neural Networks,
        https://karpathy.github.io/2015/05/21/rnn-effectiveness
    """
    num_fitted = NUM_CHARACTERS * 9 // 10
    sizes = [num_fitted - num_fitted // 20, num_fitted // 20, NUM_CHARACTERS - num_fitted]
    if not 1 <= length <= min(sizes):
        raise ValueError(f"Expected length from 1 to {min(sizes)}; got {length}. Give the characters in a window.")
    stride = max(1, length // 4) if stride is None else stride
    if stride < 1:
        raise ValueError(f"Expected stride of at least 1; got {stride}. Give the characters between two windows.")
    path = find_file(root, [FILE], "tinyshakespeare", SOURCE)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"Expected text at {path}; got {error}. Fetch the file again.") from error
    if len(text) != NUM_CHARACTERS:
        raise ValueError(f"Expected {NUM_CHARACTERS} characters at {path}; got {len(text)}. Fetch the file again.")
    characters = Characters(text)
    train, valid, test = characters.encode(text).to(torch.get_default_dtype()).split(sizes)
    return Splits(
        Dataset(train.unfold(0, length, stride).clone()),
        Dataset(valid.unfold(0, length, length).clone()),
        Dataset(test.unfold(0, length, length).clone()),
        name="tinyshakespeare",
        description=f"Plays of Shakespeare in windows of {length} characters, for training one every {stride}; in the "
        "order of the text, the last 10 % for test and the last 5 % of the rest for validation",
        licence="public domain",
        shape=(length,),
        num_levels=len(characters),
        characters=characters,
    )
