"""The picture of a continuous flow: what its panels hold, and that the densities are densities."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from pyrodgm import flows, plots, testing

LIMITS = (-5.0, 5.0, -4.0, 4.0)


def test_eight_times_two_rows_and_a_readable_file(tmp_path: Path) -> None:
    flow = testing.perturb(flows.cnf(2, hidden_dims=(8,), solver="rk4", step_size=0.25), 0.3)
    file = tmp_path / "new" / "picture.png"
    figure = plots.trajectories(flow, LIMITS, file, resolution=30, num_particles=50)
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:2] == ["t = 0", "t = 0.143"]
    assert titles[7] == "t = 1"
    assert titles[8:] == [""] * 8
    assert [len(axes.lines) for axes in figure.axes[8:]] == [50] * 8
    assert [len(axes.lines[0].get_xdata()) for axes in figure.axes[8:]] == list(range(1, 9))
    with Image.open(file) as image:
        assert min(image.size) > 300
        assert len(set(image.convert("L").get_flattened_data())) > 50


def test_densities_go_from_the_base_to_the_data() -> None:
    flow = testing.perturb(flows.cnf(2, hidden_dims=(8,)), 0.3)
    figure = plots.trajectories(flow, (-8.0, 8.0, -8.0, 8.0), num_times=3, resolution=80, num_particles=10)
    cell = (16 / 80) ** 2
    panels = [torch.tensor(axes.images[0].get_array().data) for axes in figure.axes[:3]]
    for panel in panels:
        assert abs(panel.sum() * cell - 1) < 0.02
    centres = -8 + 16 * (torch.arange(80) + 0.5) / 80
    y, x = torch.meshgrid(centres, centres, indexing="ij")
    points = torch.stack((x, y), -1).reshape(-1, 2)
    with torch.no_grad():
        first, last = flow.base().log_prob(points).exp(), flow().log_prob(points).exp()
    torch.testing.assert_close(panels[0].flatten(), first, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(panels[2].flatten(), last, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_context_and_a_type_of_its_own(dtype: torch.dtype) -> None:
    flow = flows.cnf(2, 3, hidden_dims=(8,), solver="euler", step_size=0.5).to(dtype)
    figure = plots.trajectories(flow, LIMITS, context=torch.randn(3), num_times=2, resolution=10, num_particles=20)
    assert len(figure.axes) == 4
