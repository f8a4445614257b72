"""Patches of natural photographs: BSDS300."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.files import DAMAGED, find_file

SOURCE = "the folder images of BSDS300-images.tgz from https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds"
# a photograph of each half, by which the folder is found, and how many there are
HALVES = {"train": ("100075.jpg", 200), "test": ("101085.jpg", 100)}
SIDE = 8
CHUNK = 50_000  # patches cut at once, which bounds the memory beside the result


def bsds300(
    root: str | Path,
    *,
    num_train: int = 1_000_000,
    num_valid: int = 50_000,
    num_test: int = 250_000,
    seed: int = 0,
) -> Splits:
    r"""Grey patches of 8 x 8 pixels from natural photographs, as 63 continuous variables.

    Photograph and place of a patch are uniform; with :math:`e \sim U[0, 1)^{64}` its bytes become
    :math:`y = (\text{bytes} + e) / 256`, and :math:`x` is :math:`y` minus its mean, without the last pixel, which the
    others determine. Training and validation patches come from the 200 training photographs, test patches from the
    100 test photographs. The data are not standardized, so that log-densities (in nats) are on the scale of the
    published ones; the papers drew other patches, so expect agreement to about 0.3 nats and say "BSDS300
    (re-extracted)". A Gaussian with full covariance has 96.5 nats on test, published 96.67.

    Args:
        root: Folder with ``bsds300/images/train/*.jpg`` and ``bsds300/images/test/*.jpg``, or the unpacked archive as
            ``BSDS300/images``.
        num_train: Number of training patches.
        num_valid: Number of validation patches.
        num_test: Number of test patches.
        seed: Draws places and noise; the same patches at every call.

    Returns:
        ``x`` of shape (N, 63), ``shape`` (63,). The default numbers take 330 MB in float32 and about ten seconds.

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If a number is below 1, photographs are missing, or one is damaged or smaller than a patch.
        ImportError: Without pillow.

    References:
        Papamakarios, Pavlakou, Murray (2017), Masked Autoregressive Flow for Density Estimation, appendix D,
        https://arxiv.org/abs/1705.07057, after Uria, Murray, Larochelle (2013), RNADE, section 4.2,
        https://arxiv.org/abs/1306.0186. The photographs: Martin, Fowlkes, Tal, Malik (2001), A Database of Human
        Segmented Natural Images, https://doi.org/10.1109/ICCV.2001.937655
    """
    for role, number in {"num_train": num_train, "num_valid": num_valid, "num_test": num_test}.items():
        if number < 1:
            raise ValueError(f"Expected {role} of at least 1; got {number}. Ask for some patches.")
    train, test = (_read_photographs(root, half) for half in HALVES)
    parts = [(train, num_train), (train, num_valid), (test, num_test)]
    return Splits(
        *(Dataset(_cut(*photographs, number, [seed, i])) for i, (photographs, number) in enumerate(parts)),
        name="bsds300",
        description="BSDS300 (re-extracted): grey 8 x 8 patches with uniform noise, in [0, 1), without their mean "
        f"and the last pixel; official halves of the photographs; seed {seed}",
        licence="research and education",
        shape=(SIDE * SIDE - 1,),
    )


def _read_photographs(root: str | Path, half: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return the pixels of all photographs one after the other, and (first pixel, height, width) of each."""
    try:
        from PIL import Image
    except ImportError as error:
        raise ImportError('Photographs need pillow; pip install "pyrodgm[train]".') from error
    name, count = HALVES[half]
    found = find_file(root, [f"{top}/images/{half}/{name}" for top in ("bsds300", "BSDS300")], "bsds300", SOURCE)
    paths = sorted(found.parent.glob("*.jpg"))
    if len(paths) != count:
        raise ValueError(f"Expected {count} photographs in {found.parent}; got {len(paths)}. Unpack the archive again.")
    pictures = []
    for path in paths:
        try:
            with Image.open(path) as picture:
                pictures.append(np.asarray(picture.convert("L")))
        except (*DAMAGED, SyntaxError) as error:
            raise ValueError(f"Expected a photograph at {path}; got {error}. Fetch the file again.") from error
        if min(pictures[-1].shape) < SIDE:
            raise ValueError(
                f"Expected at least {SIDE} x {SIDE} pixels in {path}; got {pictures[-1].shape}. Fetch it again."
            )
    shapes = np.array([picture.shape for picture in pictures])
    ends = shapes.prod(1).cumsum()
    return np.concatenate([picture.ravel() for picture in pictures]), np.column_stack([ends - shapes.prod(1), shapes])


def _cut(pixels: NDArray[np.uint8], photographs: NDArray[np.int64], number: int, seed: list[int]) -> torch.Tensor:
    """Draw patches: shape (number, 63)."""
    rng = np.random.RandomState(seed)  # the same with every version of NumPy
    across = np.arange(SIDE)
    x = torch.empty(number, SIDE * SIDE - 1)
    for start in range(0, number, CHUNK):
        size = min(CHUNK, number - start)
        first, height, width = photographs[rng.randint(len(photographs), size=size)].T
        top, left = (np.floor(rng.random_sample(size) * (side - SIDE + 1)).astype(int) for side in (height, width))
        rows = (first + top * width + left)[:, None] + across * width[:, None]  # (size, 8): where each row begins
        y = pixels[rows[:, :, None] + across].reshape(size, -1) + rng.random_sample((size, SIDE * SIDE))
        y /= 256
        x[start : start + size] = torch.from_numpy(y - y.mean(1, keepdims=True))[:, :-1]
    return x
