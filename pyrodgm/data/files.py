"""Finding and opening the files of the data sets; nothing is ever downloaded."""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

DAMAGED = (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error)


def find_file(root: str | Path, names: list[str], dataset: str, source: str) -> Path:
    """Return the first of several files that exists.

    Args:
        root: Folder that holds the sets.
        names: Paths below ``root`` under which the file is looked for, best first.
        dataset: Name of the set, for the error.
        source: What belongs there and where it comes from, for the error.

    Returns:
        Path of the file.

    Raises:
        FileNotFoundError: If none exists; the text says what goes where.
    """
    paths = [Path(root) / name for name in names]
    for path in paths:
        if path.is_file():
            return path
    wanted = " or ".join(str(path) for path in paths)
    raise FileNotFoundError(f"Expected {wanted} for {dataset}; got no such file. Put there {source}.")


def read_npz(path: Path, keys: list[str]) -> dict[str, NDArray]:
    """Read the named arrays of an npz file, never unpickling.

    Raises:
        ValueError: If the file is damaged or lacks one of the arrays.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except DAMAGED as error:
        raise ValueError(f"Expected a readable npz file at {path}; got {error}. Fetch the file again.") from error
    missing = [key for key in keys if key not in arrays]
    if missing:
        raise ValueError(f"Expected arrays {keys} in {path}; got {sorted(arrays)}. Write {missing} into it too.")
    return arrays


def read_numbers(path: Path) -> NDArray[np.float64]:
    """Read a table of numbers in text, separated by blanks or commas.

    Returns:
        Array of shape (N, D).

    Raises:
        ValueError: If a line has another number of columns or something that is no number.
    """
    with path.open() as file:
        delimiter = "," if "," in file.readline() else None
    try:
        return np.loadtxt(path, delimiter=delimiter, ndmin=2)
    except ValueError as error:
        raise ValueError(f"Expected a table of numbers in {path}; got: {error}. Repair that line.") from error


def unpack_bits(packed: NDArray[np.uint8], num_dims: int, source: str) -> Tensor:
    """Spread packed bits over 0s and 1s.

    Args:
        packed: Bytes of shape (N, ceil(D / 8)), highest bit first.
        num_dims: D.
        source: What the error calls them.

    Returns:
        Tensor of shape (N, D) in the default dtype.

    Raises:
        ValueError: If the width does not fit ``num_dims``.
    """
    if packed.ndim != 2 or packed.shape[1] != -(-num_dims // 8):
        raise ValueError(
            f"Expected bits packed to shape (N, {-(-num_dims // 8)}) in {source}; got {packed.shape}. "
            "Pack each row with numpy.packbits(rows, axis=1)."
        )
    return to_tensor(np.unpackbits(packed, axis=1, count=num_dims))


def to_tensor(array: NDArray) -> Tensor:
    """Copy an array to a tensor of the default dtype."""
    return torch.tensor(np.ascontiguousarray(array)).to(torch.get_default_dtype())


def shuffled(num: int, seed: int) -> NDArray[np.int64]:
    """Return a permutation of 0..num - 1 that is the same with every version and leaves all global state alone."""
    return np.random.RandomState(seed).permutation(num)
