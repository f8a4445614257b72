"""Patches of photographs: the Gaussian that everyone reports, what a patch is, and what broken folders say."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.distributions import MultivariateNormal

from pyrodgm import data
from pyrodgm.data.bsds300 import CHUNK, HALVES

Image = pytest.importorskip("PIL.Image")


def jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels.astype(np.uint8)).save(file, "JPEG", quality=100)
    return file.getvalue()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Photographs in the layout of the archive: each falls by 5 a row and rises by 3 a column; some tall, some wide."""
    for half, (name, count) in HALVES.items():
        folder = tmp_path / "BSDS300" / "images" / half
        folder.mkdir(parents=True)
        for i in range(count):
            height, width = (8, 12) if i % 2 else (12, 8)
            pixels = 100 - 5 * np.arange(height)[:, None] + 3 * np.arange(width)
            (folder / (f"{1000 + i}.jpg" if i else name)).write_bytes(jpeg(pixels))
    return tmp_path


def test_a_gaussian_has_the_published_density(data_root: Path) -> None:
    """The full sizes give 96.48 nats; at these the standard error is 0.45 and 100,000 training rows cost about 0.02."""
    splits = data.bsds300(data_root, num_train=100_000, num_valid=10, num_test=20_000)
    assert splits.shape == (63,)
    assert "BSDS300 (re-extracted)" in splits.description
    assert splits.train.x.dtype == torch.get_default_dtype()
    x = splits.train.x
    gaussian = MultivariateNormal(x.mean(0), x.T.cov())
    log_prob = gaussian.log_prob(splits.test.x)
    assert abs(log_prob.mean() - 96.5) < 1.5
    assert log_prob.std() / 20_000**0.5 < 0.6
    last = -x.sum(1)  # the pixel left out: a patch has mean 0
    assert abs(last.var() / x[:, 0].var() - 1) < 0.1  # a corner like the first
    assert x.min() > -1
    assert x.max() < 1


def test_patches_lie_inside_one_photograph_row_after_row(root: Path) -> None:
    splits = data.bsds300(root, num_train=CHUNK + 3, num_valid=5, num_test=4000)
    assert [len(part) for part in (splits.train, splits.valid, splits.test)] == [CHUNK + 3, 5, 4000]
    expected = (-5 * torch.arange(8.0)[:, None] + 3 * torch.arange(8.0)).flatten() / 256
    error = splits.test.x - (expected - expected.mean())[:-1]
    noise = 1 / 12**0.5 / 256
    assert error.abs().max() < 4 / 256  # noise of up to 1 and its mean, and the rounding of the codec
    assert abs(error.std() / noise - 1) < 0.5
    assert error.mean(0).abs().max() < 2 / 256


def test_one_seed_gives_the_same_patches_and_leaves_the_global_state_alone(root: Path) -> None:
    state = torch.get_rng_state()
    first, again, other = (data.bsds300(root, num_train=9, num_valid=9, num_test=9, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(state, torch.get_rng_state())
    for split in ("train", "valid", "test"):
        assert torch.equal(getattr(first, split).x, getattr(again, split).x)
        assert not torch.equal(getattr(first, split).x, getattr(other, split).x)
    assert not torch.equal(first.train.x, first.valid.x)


def test_the_other_sizes_leave_a_split_as_it_is(root: Path) -> None:
    few, many = (data.bsds300(root, num_train=size, num_valid=7, num_test=7) for size in (1, 20))
    assert torch.equal(few.valid.x, many.valid.x)
    assert torch.equal(few.test.x, many.test.x)


def test_a_missing_folder_says_what_goes_where(root: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"images/train/100075.jpg or .* for bsds300; .* Put there .*berkeley"):
        data.bsds300(root / "nowhere")
    (root / "BSDS300" / "images" / "test").rename(root / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"images/test/101085.jpg"):
        data.bsds300(root)


def test_a_broken_photograph_is_named(root: Path) -> None:
    path = root / "BSDS300" / "images" / "train" / "1007.jpg"
    whole = path.read_bytes()
    for content in (b"", b"no picture", whole[:-300]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"Expected a photograph at .*1007.jpg; got .*Fetch"):
            data.bsds300(root)
    path.write_bytes(jpeg(np.zeros((7, 9))))
    with pytest.raises(ValueError, match=r"Expected at least 8 x 8 pixels in .*1007.jpg; got \(7, 9\)"):
        data.bsds300(root)
    path.unlink()
    with pytest.raises(ValueError, match=r"Expected 200 photographs in .*train; got 199"):
        data.bsds300(root)


@pytest.mark.parametrize("role", ["num_train", "num_valid", "num_test"])
def test_numbers_below_one_are_refused(role: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=rf"Expected {role} of at least 1; got 0"):
        data.bsds300(tmp_path, **{role: 0})


def test_without_pillow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r'pillow; pip install "pyrodgm\[train\]"'):
        data.bsds300(tmp_path)
