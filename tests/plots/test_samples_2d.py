"""Points in the plane with their modes: what the panels hold."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from pyrodgm import data, plots

LIMITS = (-3.0, 3.0, -2.0, 4.0)


def test_panels_points_and_modes(tmp_path: Path) -> None:
    ring = data.toy.gaussian_ring()
    samples = {"data": ring.sample((40,)) / 2, "model": torch.tensor([[0.0, 0.0], [9.0, 0.0], [0.0, -3.0]])}
    file = tmp_path / "new" / "picture.png"
    figure = plots.samples_2d(samples, LIMITS, file, centres=ring.centres, radius=0.06)
    first, second = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["data", "model"]
    for axes, points in zip(figure.axes, samples.values(), strict=True):
        modes, drawn = axes.collections
        torch.testing.assert_close(torch.tensor(modes.get_offsets().data), ring.centres)
        torch.testing.assert_close(torch.tensor(drawn.get_offsets().data), points)
        assert [patch.radius for patch in axes.patches] == [0.06] * 8
        assert (axes.get_xlim(), axes.get_ylim()) == (LIMITS[:2], LIMITS[2:])
    assert first.get_xlabel().strip() == ""
    assert second.get_xlabel() == "2 of 3 beyond"
    with Image.open(file) as image:
        assert min(image.size) > 300


@pytest.mark.parametrize("centres", [None, torch.zeros(1, 2)])
def test_one_set_without_circles(centres: torch.Tensor | None) -> None:
    figure = plots.samples_2d(torch.randn(5, 2, requires_grad=True), LIMITS, centres=centres)
    assert len(figure.axes) == 1
    assert not figure.axes[0].patches


def test_many_sets_fill_rows_of_five() -> None:
    figure = plots.samples_2d({str(number): torch.randn(5, 2) for number in range(7)}, LIMITS)
    places = [axes.get_subplotspec() for axes in figure.axes]
    assert [(place.rowspan.start, place.colspan.start) for place in places] == [
        *((0, column) for column in range(5)),
        *((1, column) for column in range(2)),
    ]
