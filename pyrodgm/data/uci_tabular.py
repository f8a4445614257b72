"""Continuous columns of UCI tables, prepared as for RNADE."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pyrodgm.data.checks import check_finite, check_index, check_name
from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.files import find_file, shuffled, to_tensor

# file, columns kept, licence
TABLES: dict[str, tuple[str, list[int], str]] = {
    "red_wine": ("winequality-red.csv", list(range(11)), "CC BY 4.0 (UCI)"),
    "white_wine": ("winequality-white.csv", list(range(11)), "CC BY 4.0 (UCI)"),
    "ionosphere": ("ionosphere.csv", list(range(2, 34)), "CC BY 4.0 (UCI)"),
    "housing": ("housing.csv", [0, 2, 4, 5, 6, 7, 10, 11, 12, 13], "UCI, no licence stated"),
    "abalone": ("abalone.csv", [1, 3, 4, 5, 6, 7], "CC BY 4.0 (UCI)"),
    "banknote": ("banknote_authentication.csv", list(range(4)), "CC BY 4.0 (UCI)"),
    "phoneme": ("phoneme.csv", list(range(5)), "ELENA project, no licence stated"),
}
NUM_FOLDS = 10


def uci_tabular(name: str, root: str | Path, *, fold: int = 0) -> Splits:
    """Continuous columns of a UCI table, in one of ten folds: a tenth for test, a tenth for validation.

    Prepared as for RNADE: columns with discrete values are left out, of two columns with a correlation above 0.98
    the second is left out, each column is standardized with mean and standard deviation of the training rows, and ten
    folds have 90 % and 10 % of the rows. The folds of the paper are not public; these are random and the same at every
    call, and the validation rows are taken from the 90 %. The widths of the sets that the paper has are its widths:
    wine 11, ionosphere 32 (without its first two columns), housing 10 (without ZN, CHAS, RAD, TAX; the paper does not
    say which it left out). The others: abalone 6 (without sex, diameter, rings), banknote 4, phoneme 5.
    Some tables hold equal rows, which may fall on both sides of a split.

    Args:
        name: ``"red_wine"``, ``"white_wine"``, ``"ionosphere"``, ``"housing"``, ``"abalone"``, ``"banknote"`` or
            ``"phoneme"``.
        root: Folder with ``uci_tabular/winequality-red.csv`` and so on.
        fold: Which tenth is the test set, 0..9; the tenth after it is the validation set.

    Returns:
        ``x`` of shape (N, D), ``shape`` (D,); ``shift`` and ``scale`` lead back to the units of the table.

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If the name is unknown (with the nearest one), ``fold`` is out of range, or the table has something
            that is no finite number (with its row).

    References:
        Uria, Murray, Larochelle (2013), RNADE: The real-valued neural autoregressive density-estimator, section 4.1,
        https://arxiv.org/abs/1306.0186. The tables: https://archive.ics.uci.edu
    """
    check_name(name, TABLES)
    check_index(fold, NUM_FOLDS, "fold")
    file, columns, licence = TABLES[name]
    source = f"the table {file} of the UCI repository, https://archive.ics.uci.edu, rows of values between commas"
    path = find_file(root, [f"uci_tabular/{file}"], f"uci_tabular {name}", source)
    table = to_tensor(_read_columns(path, columns))
    check_finite(table, str(path))
    blocks = np.array_split(shuffled(len(table), 0), NUM_FOLDS)
    test, valid = blocks[fold], blocks[(fold + 1) % NUM_FOLDS]
    train = np.setdiff1d(np.arange(len(table)), np.concatenate([test, valid]))
    shift, scale = table[train].mean(0), table[train].std(0)
    x = (table - shift) / scale
    return Splits(
        Dataset(x[torch.tensor(train)]),
        Dataset(x[torch.tensor(valid)]),
        Dataset(x[torch.tensor(test)]),
        name=name,
        description=f"UCI {name}, {len(columns)} continuous columns, standardized by the training rows, "
        f"fold {fold} of {NUM_FOLDS}",
        licence=licence,
        shape=(len(columns),),
        shift=shift,
        scale=scale,
    )


def _read_columns(path: Path, columns: list[int]) -> NDArray[np.float64]:
    lines = path.read_text().splitlines()
    delimiter = ";" if lines and ";" in lines[0] else ","
    headed = bool(lines) and lines[0].startswith('"')
    try:
        return np.loadtxt(lines, delimiter=delimiter, usecols=columns, skiprows=int(headed), ndmin=2)
    except (ValueError, IndexError) as error:
        raise ValueError(f"Expected numbers in columns {columns} of {path}; got: {error}. Repair that row.") from error
