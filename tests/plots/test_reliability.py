"""The reliability picture: of classes with counts, of intervals without, as a file."""

from pathlib import Path

import torch
from PIL import Image

from pyrodgm import metrics, plots


def test_it_draws_both_kinds(tmp_path: Path) -> None:
    probabilities = torch.rand(200)
    classes = metrics.calibration_error(probabilities, torch.bernoulli(probabilities), 5)
    intervals = metrics.pit_calibration(torch.rand(200), 9)
    figure = plots.reliability(
        {"classes": classes.curve, "intervals": intervals.curve}, tmp_path / "new" / "both.png", x_label="level"
    )
    (axes,) = figure.axes
    diagonal, first, second = axes.lines
    assert diagonal.get_xydata().tolist() == [[0, 0], [1, 1]]
    assert [len(line.get_xdata()) for line in (first, second)] == [5, 9]
    assert first.get_ydata().tolist() == classes.accuracy.tolist()
    areas = axes.collections[0].get_sizes()
    assert int(areas.argmax()) == int(classes.counts.argmax())
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["classes", "intervals"]
    assert axes.get_xlabel() == "level"
    with Image.open(tmp_path / "new" / "both.png") as image:
        assert min(image.size) > 500


def test_many_curves_and_one_point() -> None:
    curves = {f"model {i}": (torch.rand(1), torch.rand(1), torch.tensor([3])) for i in range(12)}
    assert len(plots.reliability(curves).axes[0].lines) == 13
