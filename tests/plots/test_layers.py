"""The picture of a flow's layers: what the panels hold, and in which order."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from pyrodgm import flows, plots, testing, transforms
from pyrodgm.plots.layers import layers_of, stages, window


def drawn(axes) -> torch.Tensor:
    return torch.tensor(axes.collections[0].get_offsets().data)


def test_panels_go_from_the_data_to_the_base(tmp_path: Path) -> None:
    flow = testing.perturb(flows.gaussianization(2, num_layers=3), 0.3)
    x = torch.randn(60, 2) * torch.tensor([1.0, 3.0]) + 5
    file = tmp_path / "new" / "layers.png"
    figure = plots.layers(flow, x, file, num_columns=4)
    assert [axes.get_title() for axes in figure.axes] == [
        "data",
        *(f"after {index} of 6" for index in range(1, 6)),
        "base",
    ]
    torch.testing.assert_close(drawn(figure.axes[0]), x)
    torch.testing.assert_close(drawn(figure.axes[-1]), flow.bijection.inverse_and_ladj(x)[0].detach())
    once = flow.bijection.parts[-1].inverse_and_ladj(x)[0].detach()
    torch.testing.assert_close(drawn(figure.axes[1]), once)
    with Image.open(file) as image:
        assert min(image.size) > 300
        assert len(set(image.convert("L").get_flattened_data())) > 50


def test_every_second_panel() -> None:
    flow, x = flows.gaussianization(2, num_layers=2), torch.randn(30, 2)
    titles = [axes.get_title() for axes in plots.layers(flow, x, every=2).axes]
    assert titles == ["data", "after 2 of 4", "base"]
    assert [axes.get_title() for axes in plots.layers(flow, x, every=9).axes] == ["data", "base"]


def test_colours_follow_the_points() -> None:
    flow, x = testing.perturb(flows.maf(2, num_layers=2), 0.3), torch.randn(30, 2)
    first, *others = (axes.collections[0].get_array() for axes in plots.layers(flow, x).axes)
    assert len(others) == 2
    assert all((first == other).all() for other in others)


def test_layers_within_layers_and_a_single_one() -> None:
    inner = flows.maf(2, num_layers=2)
    flow = flows.extend(inner, [transforms.LULinear(2)])
    assert layers_of(flow.bijection) == [*inner.bijection.parts, flow.bijection.parts[-1]]
    alone = flows.Flow(transforms.LULinear(2), inner.base)
    assert [axes.get_title() for axes in plots.layers(alone, torch.randn(9, 2)).axes] == ["data", "base"]


def test_a_conditional_flow_takes_its_context() -> None:
    flow = testing.perturb(flows.maf(2, 3, num_layers=2), 0.5)
    x, context = torch.randn(20, 2), torch.randn(20, 3)
    last = plots.layers(flow, x, context=context).axes[-1]
    torch.testing.assert_close(drawn(last), flow.bijection.inverse_and_ladj(x, context)[0].detach())


def test_outliers_do_not_widen_the_window_and_what_is_no_number_is_left_out() -> None:
    points = torch.randn(10_000, 2)
    (x, y), half = window(points)
    inside = ((points - torch.tensor([x, y])).abs() < half).all(1)
    assert inside.double().mean() > 0.98
    points[:5] = 1e6
    assert window(points)[1] < 2 * half
    points[5:10] = torch.nan
    assert window(points)[1] < 2 * half
    assert window(points[5:10]) == ((0.0, 0.0), 1.0)
    assert window(torch.ones(3, 2)) == ((1.0, 1.0), 1e-6)


def test_no_graph_is_kept() -> None:
    flow = flows.maf(2, num_layers=1)
    panels = stages(layers_of(flow.bijection), torch.randn(5, 2, requires_grad=True), None, 1)
    assert not any(points.requires_grad for points in panels.values())


def test_numbers_of_panels_are_checked() -> None:
    for wrong in ({"every": 0}, {"num_columns": 0}):
        with pytest.raises(ValueError, match=r"Expected every and num_columns of at least 1; got"):
            plots.layers(flows.maf(2), torch.randn(5, 2), **wrong)
