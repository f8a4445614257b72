"""The face of Brendan Frey in 1,965 frames."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.files import DAMAGED, find_file, read_npz, shuffled, to_tensor

SOURCE = (
    "frey_rawface.mat from https://cs.nyu.edu/~roweis/data.html, "
    "or an npz file with its bytes as x of shape (1965, 560)"
)


def freyfaces(root: str | Path) -> Splits:
    """Grey pictures of one face, 28 x 20 pixels: 1,565/200/200 frames.

    No official split exists; this one is random and the same at every call. Neighbouring frames of the film are much
    alike and fall on both sides, so that the test set measures interpolation.

    Args:
        root: Folder with ``freyfaces/freyfaces.npz`` or ``freyfaces/frey_rawface.mat``.

    Returns:
        ``x`` of shape (N, 560) with values 0..255, ``shape`` (1, 28, 20).

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If the file is damaged or of another shape.
        ImportError: Without scipy, for the Matlab file only.

    References:
        Roweis, Saul, Hinton (2001), Global Coordination of Local Linear Models; the film is Brendan Frey's.
    """
    path = find_file(root, ["freyfaces/freyfaces.npz", "freyfaces/frey_rawface.mat"], "freyfaces", SOURCE)
    frames = read_npz(path, ["x"])["x"] if path.suffix == ".npz" else _read_mat(path)
    if frames.ndim != 2 or frames.shape[1] != 560 or len(frames) <= 400:
        raise ValueError(f"Expected frames of shape (1965, 560) in {path}; got {frames.shape}. Fetch the file again.")
    x = to_tensor(frames)[torch.tensor(shuffled(len(frames), 0))]
    train, valid, test = (Dataset(part.clone()) for part in x.split([len(x) - 400, 200, 200]))
    return Splits(
        train,
        valid,
        test,
        name="freyfaces",
        description="Frey faces, 28 x 20 grey pixels 0..255, frames of one film in a fixed random split",
        licence="none stated (Roweis)",
        shape=(1, 28, 20),
        num_levels=256,
    )


def _read_mat(path: Path) -> NDArray[np.uint8]:
    try:
        from scipy.io import loadmat
        from scipy.io.matlab import MatReadError
    except ImportError as error:
        raise ImportError('Matlab files need scipy; pip install "pyrodgm[train]".') from error
    try:
        return loadmat(path)["ff"].T
    except (*DAMAGED, MatReadError, KeyError) as error:
        raise ValueError(f"Expected a Matlab file with the array ff at {path}; got {error}. Fetch it again.") from error
