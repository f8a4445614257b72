"""The picture of aggregated posterior and prior: what its densities are, and what lies where."""

from pathlib import Path

import torch
from PIL import Image

from pyrodgm import plots
from pyrodgm.plots.aggregated_posterior import estimate, on_plane, window


def test_columns_titles_and_a_readable_file(tmp_path: Path) -> None:
    z = torch.randn(2000, 3)
    file = tmp_path / "new" / "picture.png"
    figure = plots.aggregated_posterior({"a": (0.5 * z, z), "b": (z + 1, z)}, file, resolution=40)
    assert [axes.get_title() for axes in figure.axes] == ["a", "b", "", ""]
    assert [axes.get_ylabel() for axes in figure.axes] == ["aggregated posterior", "", "prior", ""]
    with Image.open(file) as image:
        assert min(image.size) > 300
        assert len(set(image.convert("L").get_flattened_data())) > 50


def test_the_estimate_is_a_density_the_right_way_up() -> None:
    points = torch.randn(100_000, 2) * torch.tensor([0.5, 1.0]) + torch.tensor([1.0, -1.0])
    limits, resolution = (-5.0, 5.0, -5.0, 5.0), 100
    density = estimate(points, limits, resolution)
    torch.testing.assert_close(density.sum() * 0.1**2, torch.tensor(1.0), rtol=1e-3, atol=0)
    row, column = divmod(int(density.argmax()), resolution)
    assert abs(-5 + (column + 0.5) / 10 - 1) < 0.4
    assert abs(-5 + (row + 0.5) / 10 + 1) < 0.6
    peak = 1 / (2 * torch.pi * 0.5)
    assert abs(float(density.max()) / peak - 1) < 0.15


def test_both_kinds_of_draws_are_seen_in_the_same_directions() -> None:
    z = torch.randn(500, 4) * torch.tensor([1.0, 5.0, 0.1, 3.0])
    (posterior, prior), names = on_plane(z[:200], z[200:], None, "a")
    assert names == "two principal components"
    again, _ = on_plane(z, z, (1, 3), "a")
    torch.testing.assert_close(again[0], z[:, [1, 3]])
    centred = torch.cat((posterior, prior)) + z[:, [1, 3]].mean(0)
    correlation = torch.corrcoef(torch.cat((centred, z[:, [1, 3]]), 1).T)[:2, 2:].abs()
    assert correlation[0, 0] > 0.99
    assert correlation[1, 1] > 0.99
    (same, _), names = on_plane(z[:, :2], z[:, :2], None, "a")
    assert torch.equal(same, z[:, :2])
    assert names == "$z_1$, $z_2$"


def test_nearly_all_draws_are_in_the_window_and_outliers_do_not_widen_it() -> None:
    points = torch.randn(10_000, 2)
    (x, y), half = window(points)
    inside = ((points - torch.tensor([x, y])).abs() < half).all(1)
    assert inside.double().mean() > 0.98
    points[:10] = 1e3
    assert window(points)[1] < 1.5 * half


def test_a_collapsed_posterior_is_drawn(tmp_path: Path) -> None:
    z = torch.zeros(100, 2)
    plots.aggregated_posterior({"a point": (z, torch.randn(100, 2)), "two points": (z, z)}, tmp_path / "p.png")
    assert (tmp_path / "p.png").is_file()
