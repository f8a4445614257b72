"""Spectrograms show a tone at its frequency and time, and say what is wrong."""

import pytest
import torch
from PIL import Image

from pyrodgm import plots

RATE = 8000
TIME = torch.arange(4000) / RATE


def shown(sound):
    return plots.spectrograms({"sound": sound}, RATE).axes[0].images[0]


@pytest.mark.parametrize("frequency", [500.0, 1000.0, 3000.0])
def test_a_tone_is_bright_at_its_frequency_alone(frequency):
    image = shown((2 * torch.pi * frequency * TIME).sin())
    values = torch.from_numpy(image.get_array().filled())[:, 4:-4]  # windows that lie inside the sound
    left, right, bottom, top = image.get_extent()
    assert (left, right, bottom, top) == (0.0, 0.5, 0.0, 4.0)
    spacing = 1000 * top / (len(values) - 1)  # Hz
    assert (values.argmax(0) == round(frequency / spacing)).all()
    near = (torch.arange(len(values)) * spacing - frequency).abs() <= 2 * spacing  # where a Hann window ends
    assert values[~near].max() < -30


def test_what_is_silent_is_dark():
    sound = (2 * torch.pi * 1000 * TIME).sin() * (TIME > 0.25)
    values = torch.from_numpy(shown(sound).get_array().filled())
    half = values.shape[1] // 2
    assert values[:, : half - 2].max() == -60
    assert values[:, half + 2 : -2].amax(0).min() > -1
    assert torch.from_numpy(shown(torch.zeros(4000)).get_array().filled()).max() == -60


def test_sounds_stand_in_rows(tmp_path):
    sounds = {str(digit): torch.randn(400 + 100 * digit) for digit in range(7)}
    figure = plots.spectrograms(sounds, RATE, tmp_path / "sounds.png", num_columns=4)
    visible = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in visible] == list(sounds)
    assert len(figure.axes) == 8
    with Image.open(tmp_path / "sounds.png") as image:
        assert min(image.size) > 300


@pytest.mark.parametrize(
    ("sounds", "columns", "message"),
    [
        ({}, 5, r"Expected sounds and num_columns >= 1; got \[\] and 5\."),
        ({"a": torch.zeros(800)}, 0, r"Expected sounds and num_columns >= 1; got \['a'\] and 0\."),
        ({"a": torch.zeros(100)}, 5, r"Expected finite samples .* for 'a', at least 128, .*; got \(100,\)"),
        ({"a": torch.full((800,), torch.nan)}, 5, r"got \(800,\), 0 of them finite\."),
        ({"a": torch.zeros(2, 800)}, 5, r"got \(2, 800\)"),
    ],
)
def test_messages(sounds, columns, message):
    with pytest.raises(ValueError, match=message):
        plots.spectrograms(sounds, RATE, num_columns=columns)
