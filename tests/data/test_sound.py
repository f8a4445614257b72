"""The mu-law scale and wav files: formulas, round trips, refusals."""

import math
import wave
from pathlib import Path

import pytest
import torch

from pyrodgm.data import inverse_mu_law, mu_law, read_wav, write_wav


def compress(x: torch.Tensor, mu: int) -> torch.Tensor:
    return x.sign() * (1 + mu * x.abs()).log() / math.log(1 + mu)


def test_levels_by_hand() -> None:
    # f(0.01) = log(3.55) / log(256) = 0.22847, and (1.22847 * 127.5) = 156.63 rounds to 157
    assert mu_law(torch.tensor([-1.0, 0.0, 0.01, 1.0])).tolist() == [0, 128, 157, 255]
    assert mu_law(torch.tensor([[-0.3], [0.3]]), 2).tolist() == [[0], [1]]
    # level 157: y = 314 / 255 - 1 = 0.23137, (256 ** y - 1) / 255 = 0.010225
    torch.testing.assert_close(inverse_mu_law(torch.tensor([157])), torch.tensor([0.010225]), rtol=0, atol=1e-6)


@pytest.mark.parametrize("num_levels", [2, 3, 16, 256, 65536])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_level_is_that_of_its_sample(num_levels: int, dtype: torch.dtype) -> None:
    levels = torch.arange(num_levels)
    samples = inverse_mu_law(levels.to(dtype), num_levels)
    assert samples.dtype == dtype
    assert 1 - 4 * torch.finfo(dtype).eps <= samples.abs().max() <= 1
    assert (samples.diff() > 0).all()
    assert torch.equal(mu_law(samples, num_levels), levels)


def test_a_sample_moves_by_half_a_step_at_most() -> None:
    """Half a step is 1 / mu on the compressed scale; the slack is for rounding in float64."""
    x = torch.linspace(-1, 1, 100_001)
    for num_levels in (2, 17, 256):
        restored = inverse_mu_law(mu_law(x, num_levels), num_levels)
        mu = num_levels - 1
        assert (compress(restored, mu) - compress(x, mu)).abs().max() <= 1 / mu + 1e-12


def test_any_shape_is_kept() -> None:
    x = torch.zeros(2, 0, 3)
    assert mu_law(x).shape == inverse_mu_law(mu_law(x)).shape == (2, 0, 3)
    assert mu_law(torch.tensor(0.0)).shape == ()
    assert inverse_mu_law(torch.tensor([3])).dtype == torch.get_default_dtype()


@pytest.mark.parametrize(("rate", "dtype"), [(8000, torch.float32), (44_100, torch.float64)])
def test_every_sixteen_bit_number_survives_a_file(rate: int, dtype: torch.dtype, tmp_path: Path) -> None:
    torch.set_default_dtype(dtype)
    samples = torch.arange(-32768, 32768) / 32768
    path = tmp_path / "new" / "folder" / "all.wav"
    write_wav(path, samples, rate)
    assert torch.equal(read_wav(path, rate), samples)
    assert [file.name for file in path.parent.iterdir()] == ["all.wav"]
    write_wav(str(path), torch.ones(3), rate)  # full scale is one step beyond the greatest number
    assert read_wav(str(path), rate).tolist() == [32767 / 32768] * 3
    write_wav(path, torch.tensor([0.6, -0.6, 0.4]) / 32768, rate)  # to the nearest number
    assert (read_wav(path, rate) * 32768).tolist() == [1, -1, 0]


def write(path: Path, *, channels: int = 1, width: int = 2, rate: int = 8000, num_bytes: int = 8) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(bytes(num_bytes))
    return path


@pytest.mark.parametrize(
    ("made", "message"),
    [
        ({"channels": 2}, r"Expected one channel in .*clip\.wav; got 2\. Mix them to mono first\."),
        ({"width": 1}, r"Expected 16 bits a sample in .*clip\.wav; got 8\."),
        ({"width": 4}, r"got 32\. Convert"),
        ({"rate": 16_000}, r"Expected 8000 samples a second in .*clip\.wav; got 16000\. Resample"),
        ({"num_bytes": 0}, r"Expected some samples in .*clip\.wav; got 0\."),
    ],
)
def test_another_kind_of_sound_is_refused(made: dict[str, int], message: str, tmp_path: Path) -> None:
    path = write(tmp_path / "clip.wav", **made)
    with pytest.raises(ValueError, match=message):
        read_wav(path, 8000)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"not a wav file at all", bytes(100)])
def test_another_file_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "clip.wav"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"Expected a wav file of plain PCM samples at .*clip\.wav; got \S.*Convert"):
        read_wav(path, 8000)


def test_a_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "clip.wav", num_bytes=200)
    path.write_bytes(path.read_bytes()[:-101])
    with pytest.raises(ValueError, match=r"Expected 100 samples in .*clip\.wav; got 49\. Fetch the file again\."):
        read_wav(path, 8000)
    with pytest.raises(FileNotFoundError):
        read_wav(tmp_path / "none.wav", 8000)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"Expected samples within \[-1, 1\]; got 1\.5\."):
        write_wav(tmp_path / "clip.wav", torch.tensor([0.0, 1.5]), 8000)
    assert not list(tmp_path.iterdir())
