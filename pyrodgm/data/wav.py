"""Sound in files: mono, sixteen bits a sample."""

import os
import wave
from pathlib import Path

import numpy as np
from torch import Tensor

from pyrodgm.data.files import to_tensor
from pyrodgm.data.mu_law import check_samples

FULL_SCALE = 32768  # of sixteen bits with a sign


def read_wav(path: str | Path, rate: int) -> Tensor:
    """Read a wav file of one channel with sixteen bits a sample.

    Args:
        path: The file.
        rate: Samples a second that it must have.

    Returns:
        Samples within [-1, 1], ``(num_samples,)`` in the default dtype.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no such wav file, is cut off or holds no sample, or has another rate.
    """
    try:
        with wave.open(str(path), "rb") as file:
            found = file.getparams()
            content = file.readframes(found.nframes)
    except (wave.Error, EOFError) as error:
        raise ValueError(
            f"Expected a wav file of plain PCM samples at {path}; got {str(error) or 'one that is cut off'}. "
            "Convert it, or fetch it again."
        ) from error
    if found.nchannels != 1:
        raise ValueError(f"Expected one channel in {path}; got {found.nchannels}. Mix them to mono first.")
    if found.sampwidth != 2:
        raise ValueError(f"Expected 16 bits a sample in {path}; got {8 * found.sampwidth}. Convert the file first.")
    if found.framerate != rate:
        raise ValueError(f"Expected {rate} samples a second in {path}; got {found.framerate}. Resample the file first.")
    if not content or len(content) != 2 * found.nframes:
        raise ValueError(
            f"Expected {found.nframes or 'some'} samples in {path}; got {len(content) // 2}. Fetch the file again."
        )
    return to_tensor(np.frombuffer(content, np.int16)) / FULL_SCALE


def write_wav(path: str | Path, samples: Tensor, rate: int) -> None:
    """Write a wav file of one channel with sixteen bits a sample; it appears whole, and its folder is made if absent.

    Args:
        path: The file.
        samples: Within [-1, 1], ``(num_samples,)``.
        rate: Samples a second.

    Raises:
        ValueError: If there are no samples or they have another shape, one is outside [-1, 1] or NaN, or ``rate`` is
            not positive.
    """
    if samples.dim() != 1 or len(samples) == 0:
        raise ValueError(
            f"Expected samples of shape (num_samples,), num_samples > 0; got {tuple(samples.shape)}. "
            "Write one clip a file."
        )
    if rate < 1:
        raise ValueError(f"Expected rate of at least 1; got {rate}. Give the samples a second, such as 8000.")
    check_samples(samples)
    # in float64, where every sixteen-bit number fits whatever the dtype of the samples
    numbers = (samples.detach().cpu().double() * FULL_SCALE).round().clamp(max=FULL_SCALE - 1).numpy().astype(np.int16)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with wave.open(str(temporary), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate)
            file.writeframes(numbers.tobytes())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
