"""What the readers say about files that are missing, damaged or of the wrong kind, and names that do not exist."""

import gzip
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pyrodgm import data
from pyrodgm.data import Splits

READERS: dict[str, tuple[Callable[[Path], Splits], str, str]] = {
    "mnist": (data.mnist, "mnist/train-images-idx3-ubyte.gz", "cvdf-datasets"),
    "binarized_mnist": (data.binarized_mnist, "binarized_mnist/binarized_mnist.npz", "larocheh"),
    "caltech101_silhouettes": (data.caltech101_silhouettes, "caltech101_silhouettes_28_split1.mat", "marlin"),
    "omniglot": (data.omniglot, "omniglot/omniglot_28x28_bin.npz", "brendenlake"),
    "freyfaces": (data.freyfaces, "freyfaces/freyfaces.npz", "roweis"),
    "debd nltcs": (lambda root: data.debd("nltcs", root), "debd/nltcs.npz", "UCLA-StarAI"),
    "uci_tabular abalone": (lambda root: data.uci_tabular("abalone", root), "uci_tabular/abalone.csv", "archive.ics"),
    "uci_regression yacht": (lambda root: data.uci_regression("yacht", root), "uci_regression/yacht.npz", "yaringal"),
}


def write(root: Path, name: str, content: bytes) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("name", READERS)
def test_a_missing_file_says_what_goes_where(name: str, tmp_path: Path) -> None:
    reader, file, origin = READERS[name]
    pattern = rf"Expected .*{re.escape(file)}.* for {name}; got no such file\. Put there .*{re.escape(origin)}"
    with pytest.raises(FileNotFoundError, match=pattern) as caught:
        reader(tmp_path / "nowhere")
    assert caught.type is FileNotFoundError


@pytest.mark.parametrize("name", [name for name in READERS if "uci_tabular" not in name])
def test_a_damaged_file_is_named(name: str, tmp_path: Path) -> None:
    reader, file, _ = READERS[name]
    folder = "" if "/" in file else "caltech101_silhouettes/"
    for content in (b"", b"PK\x03\x04 not really", b"\x1f\x8b" + bytes(40)):
        path = write(tmp_path, folder + file, content)
        with pytest.raises(ValueError, match=rf"Expected .*{re.escape(str(path))}; got .*Fetch"):
            reader(tmp_path)


def test_a_truncated_or_foreign_idx_file_is_named(tmp_path: Path) -> None:
    header = bytes([0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 28, 0, 0, 0, 28])
    for content in (header + bytes(100), bytes(16) + bytes(2 * 784)):
        write(tmp_path, "mnist/train-images-idx3-ubyte.gz", gzip.compress(content))
        with pytest.raises(ValueError, match="Expected an idx file of bytes with 3 axes"):
            data.mnist(tmp_path)


def test_an_npz_without_its_arrays_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "debd/nltcs.npz", b"")
    np.savez(path, train=np.zeros((1, 2), np.uint8))
    with pytest.raises(ValueError, match=r"got \['train'\]. Write \['valid', 'test', 'n_dims'\] into it too"):
        data.debd("nltcs", tmp_path)
    np.savez(path, **{s: np.zeros((1, 3), np.uint8) for s in ("train", "valid", "test")}, n_dims=16)
    with pytest.raises(ValueError, match=r"Expected bits packed to shape \(N, 2\).*got \(1, 3\)"):
        data.debd("nltcs", tmp_path)


@pytest.mark.parametrize("value", ["nan", "inf"])
def test_a_row_with_no_number_is_named(value: str, tmp_path: Path) -> None:
    row = "M,0.1,0.2,0.3,0.4,0.5,0.6,0.7,8\n"
    write(tmp_path, "uci_tabular/abalone.csv", (row * 7 + row.replace("0.4", value) + row * 30).encode())
    with pytest.raises(ValueError, match=rf"Expected finite numbers in .*abalone.csv; got {value} in row 7"):
        data.uci_tabular("abalone", tmp_path)
    table = np.zeros((20, 3))
    table[5, 1] = float(value)
    masks = np.packbits(np.eye(2, 20, dtype=bool), axis=1)
    path = write(tmp_path, "uci_regression/yacht.npz", b"")
    np.savez(path, data=table, index_features=[0, 1], index_target=2, test_mask=masks)
    with pytest.raises(ValueError, match=rf"Expected finite numbers in .*yacht.npz; got {value} in row 5"):
        data.uci_regression("yacht", tmp_path)


def test_a_word_in_a_column_of_numbers_is_named(tmp_path: Path) -> None:
    write(tmp_path, "uci_tabular/banknote_authentication.csv", b"1,2,3,4,0\n1,2,x,4,0\n")
    with pytest.raises(ValueError, match=r"Expected numbers in columns .*Repair that row"):
        data.uci_tabular("banknote", tmp_path)


def test_the_nearest_name_is_suggested(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"got 'nlcts'. Did you mean 'nltcs'"):
        data.debd("nlcts", tmp_path)
    with pytest.raises(ValueError, match=r"got 'redwine'. Did you mean 'red_wine'"):
        data.uci_tabular("redwine", tmp_path)
    with pytest.raises(ValueError, match=r"got 'boston'. Did you mean 'bostonHousing'"):
        data.uci_regression("boston", tmp_path)


@pytest.mark.parametrize("number", [-1, 10, 20])
def test_folds_and_splits_have_a_range(number: int, data_root: Path) -> None:
    with pytest.raises(ValueError, match=rf"Expected fold from 0 to 9; got {number}"):
        data.uci_tabular("housing", data_root, fold=number)
    if number != 10:
        with pytest.raises(ValueError, match=rf"Expected split from 0 to 19; got {number}"):
            data.uci_regression("yacht", data_root, split=number)


@pytest.mark.parametrize("reader", [data.caltech101_silhouettes, data.freyfaces])
def test_without_scipy_the_extra_is_named(
    reader: Callable[[Path], Splits], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "caltech101_silhouettes/caltech101_silhouettes_28_split1.mat", b"")
    write(tmp_path, "freyfaces/frey_rawface.mat", b"")
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ImportError, match=r'pip install "pyrodgm\[train\]"'):
        reader(tmp_path)
