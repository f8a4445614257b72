"""Bad input to readers of text, sound and pictures and to metrics: a part of the table in tests/test_bad_input.py."""

import math
import tempfile
import wave
from pathlib import Path

import torch

from pyrodgm import data, metrics

NAN = math.nan


def read_sound(channels=1, width=2, rate=8000, num_bytes=8):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.wav"
        with wave.open(str(path), "wb") as file:
            file.setnchannels(channels)
            file.setsampwidth(width)
            file.setframerate(rate)
            file.writeframes(bytes(num_bytes))
        return data.read_wav(path, 8000)


def splits_with_characters():
    part = data.Dataset(torch.zeros(2, 3))
    about = {"name": "n", "description": "d", "licence": "l", "shape": (3,)}
    return data.Splits(part, part, part, **about, num_levels=4, characters=data.Characters("abc"))


CASES = {
    "no characters": (lambda: data.Characters(""), r"Expected at least one character; got an empty text\."),
    "unknown character": (
        lambda: data.Characters("abc").encode("cabbage"),
        r"Expected the 3 characters of symbols; got 'g' at position 5\. Replace it, or build Characters of a text that",
    ),
    "token beyond the characters": (
        lambda: data.Characters("abc").decode(torch.tensor([0, 3])),
        r"Expected integers from 0 to 2; got 3 at position 1\. Decode with the characters that encoded the text\.",
    ),
    "texts by the batch": (
        lambda: data.Characters("abc").decode(torch.zeros(2, 3)),
        r"Expected tokens of shape \(length,\); got \(2, 3\)\. Decode one text at a time\.",
    ),
    "characters of another text": (
        splits_with_characters,
        r"Expected as many characters as num_levels; got 3 and 4\. Give num_levels=len\(characters\)\.",
    ),
    "text of length 0": (
        lambda: data.tinyshakespeare("no_such_folder", length=0),
        r"Expected length from 1 to 50192; got 0\. Give the characters in a window\.",
    ),
    "windows that do not move": (
        lambda: data.tinyshakespeare("no_such_folder", stride=0),
        r"Expected stride of at least 1; got 0\. Give the characters between two windows\.",
    ),
    "clips of length 0": (
        lambda: data.fsdd("no_such_folder", length=0),
        r"Expected length of at least 1; got 0\. Give the samples in a row\.",
    ),
    "eleventh digit": (lambda: data.fsdd("no_such_folder", digit=10), r"Expected digit from 0 to 9; got 10\."),
    **{
        f"missing {reader.__name__}": (
            lambda reader=reader: reader("no_such_folder"),
            rf"Expected .* for {reader.__name__}; got no such file\. Put there ",
        )
        for reader in (data.tinyshakespeare, data.fsdd, data.cifar10_first4000)
    },
    "one level of sound": (
        lambda: data.mu_law(torch.zeros(2), 1),
        r"Expected num_levels of at least 2; got 1\. 256 is eight bits a sample\.",
    ),
    "sound beyond full scale": (
        lambda: data.mu_law(torch.tensor([0.5, -1.5])),
        r"Expected samples within \[-1, 1\]; got -1\.5\. Divide by the largest magnitude\.",
    ),
    "sound that is no number": (lambda: data.mu_law(torch.tensor([NAN])), r"Expected samples within .*; got nan\."),
    "level beyond the scale": (
        lambda: data.inverse_mu_law(torch.tensor([0, 256])),
        r"Expected integers from 0 to 255; got 256\. Give the num_levels of the levels\.",
    ),
    "half a level": (lambda: data.inverse_mu_law(torch.tensor([0.5])), r"Expected integers from 0 to 255; got 0\.5\."),
    "stereo": (
        lambda: read_sound(channels=2),
        r"Expected one channel in .*clip\.wav; got 2\. Mix them to mono first\.",
    ),
    "sound of eight bits": (
        lambda: read_sound(width=1),
        r"Expected 16 bits a sample in .*clip\.wav; got 8\. Convert the file first\.",
    ),
    "sound at another rate": (
        lambda: read_sound(rate=16_000),
        r"Expected 8000 samples a second in .*clip\.wav; got 16000\. Resample the file first\.",
    ),
    "no sound": (lambda: read_sound(num_bytes=0), r"Expected some samples in .*clip\.wav; got 0\. Fetch the file"),
    "no sound to write": (
        lambda: data.write_wav("clip.wav", torch.zeros(0), 8000),
        r"Expected samples of shape \(num_samples,\), num_samples > 0; got \(0,\)\. Write one clip a file\.",
    ),
    "sounds to one file": (lambda: data.write_wav("clip.wav", torch.zeros(2, 9), 8000), r"num_samples > 0; got \(2, 9"),
    "sound of no rate": (
        lambda: data.write_wav("clip.wav", torch.zeros(9), 0),
        r"Expected rate of at least 1; got 0\. Give the samples a second, such as 8000\.",
    ),
    "loud sound to write": (
        lambda: data.write_wav("clip.wav", torch.tensor([1.5]), 8000),
        r"Expected samples within \[-1, 1\]; got 1\.5\.",
    ),
    "nothing to rank among": (
        lambda: metrics.typicality(torch.zeros(0), torch.zeros(2)),
        r"Expected log_prob_train as floats of shape \(num,\), num > 0; got .* of shape \(0,\)\. Give one number a",
    ),
    "log-likelihoods by the pixel": (
        lambda: metrics.typicality(torch.zeros(3), torch.zeros(2, 5)),
        r"Expected log_prob_test as floats of shape \(num,\), num > 0; got .* of shape \(2, 5\)\.",
    ),
    "NaN to rank": (
        lambda: metrics.typicality(torch.tensor([0.0, NAN]), torch.zeros(2)),
        r"Expected numbers in log_prob_train; got NaN in row 1\. Look at that datum\.",
    ),
    "integers as scores": (
        lambda: metrics.auroc(torch.tensor([1, 2]), torch.zeros(2)),
        r"Expected score_in as floats of shape \(num,\), num > 0; got torch\.int64 of shape \(2,\)\.",
    ),
    "ratio of other data": (
        lambda: metrics.likelihood_ratio(torch.zeros(3), torch.zeros(2)),
        r"Expected log_prob and log_prob_background of the same data; got 3 and 2 rows\. Score the same rows by both",
    ),
    "ratio of the impossible": (
        lambda: metrics.likelihood_ratio(torch.full((2,), -math.inf), torch.tensor([0.0, -math.inf])),
        r"Expected a finite log-likelihood by one model at least; got infinite ones by both in row 1\. Remove that",
    ),
}
