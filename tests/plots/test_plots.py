"""Pictures: what they show, what they leave alone, and the errors."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from pyrodgm import plots

NORMAL = torch.distributions.MultivariateNormal(torch.zeros(2), torch.eye(2))
LIMITS = (-3.0, 3.0, -3.0, 3.0)


def draw_all(folder: Path) -> dict[str, Figure]:
    """Draw each kind of picture once into a folder that does not exist yet."""
    csv = folder.parent / "metrics.csv"
    csv.write_text("epoch,step,train/loss,valid/nll\n0,10,5.0,\n0,20,4.0,\n0,20,,4.5\n1,40,3.0,\n1,40,,3.5\n")
    x = torch.rand(10, 64)
    z = torch.randn(40, 5)
    return {
        "samples": plots.samples_grid(x, (1, 8, 8), folder / "samples.png"),
        "rgb": plots.samples_grid(torch.rand(3, 3, 4, 5), (3, 4, 5), folder / "rgb.png", num_columns=8),
        "two": plots.samples_grid({"data": x, "a model": x[:4]}, (1, 8, 8), folder / "two.png", num_columns=5),
        "reconstructions": plots.reconstructions(x, 1 - x, (1, 8, 8), folder / "reconstructions.png", num_columns=4),
        "density": plots.density_2d(
            {"points": z[:, :2], "exact": NORMAL, "function": lambda p: NORMAL.log_prob(p)}, LIMITS, folder / "d.png"
        ),
        "curves": plots.training_curves(csv, folder / "curves.png"),
        "latent": plots.latent_space(z, torch.arange(40) % 10, folder / "latent.png", title="z"),
        "histograms": plots.histograms({"data": z[:, 0], "a model": z[:, 1]}, folder / "histograms.png", x_label="z"),
        "scale": plots.latent_space(z[:, :2], torch.linspace(0, 1, 40), folder / "scale.png"),
    }


def test_every_picture_is_a_readable_file_with_something_on_it(tmp_path: Path) -> None:
    figures = draw_all(tmp_path / "pictures")
    files = sorted((tmp_path / "pictures").iterdir())
    assert len(files) == len(figures)
    assert not [file for file in files if file.name.startswith(".")]
    for file in files:
        with Image.open(file) as image:
            assert min(image.size) >= 150, file.name
            assert len(set(image.convert("L").get_flattened_data())) > 3, file.name


def test_pictures_leave_backend_and_settings_alone(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib, pyrodgm.plots; assert 'matplotlib' not in sys.modules\n"
        "import matplotlib\n"
        "def settings(): return {k: matplotlib.rcParams[k] for k in matplotlib.rcParams if k != 'backend'}\n"
        "before = settings()\n"
        "from tests.plots.test_plots import draw_all; draw_all(pathlib.Path(sys.argv[1]) / 'out')\n"
        "assert settings() == before; assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, cwd=root)


def test_without_matplotlib_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=re.escape('pip install "pyrodgm[train]"')):
        plots.samples_grid(torch.rand(2, 4), (1, 2, 2))


def test_pixels_stand_where_they_belong() -> None:
    x = torch.tensor([[0.0, 1.0, 2.0, 4.0]])
    pixels = plots.samples_grid(x, (1, 2, 2)).axes[0].images[0].get_array()
    torch.testing.assert_close(torch.tensor(pixels[1:3, 1:3, 0]), torch.tensor([[0.0, 0.25], [0.5, 1.0]]).float())
    clipped = plots.samples_grid(x, (1, 2, 2), value_range=(0, 1)).axes[0].images[0].get_array()
    assert clipped[1:3, 1:3, 0].tolist() == [[0.0, 1.0], [1.0, 1.0]]


def test_a_constant_picture_is_black_not_nan() -> None:
    pixels = plots.samples_grid(torch.full((1, 4), 7.0), (1, 2, 2)).axes[0].images[0].get_array()
    assert (pixels[1:3, 1:3] == 0).all()


def test_the_density_is_drawn_the_right_way_up() -> None:
    shifted = torch.distributions.MultivariateNormal(torch.tensor([2.0, -1.0]), 0.05 * torch.eye(2))
    values = torch.tensor(plots.density_2d(shifted, LIMITS, resolution=60).axes[0].images[0].get_array())
    row, column = divmod(int(values.argmax()), 60)
    assert abs(-3 + (column + 0.5) / 10 - 2) < 0.1
    assert abs(-3 + (row + 0.5) / 10 + 1) < 0.1
    torch.testing.assert_close(values.sum() * 0.01, torch.tensor(1.0), rtol=1e-3, atol=0)


def test_curves_read_a_csv_with_holes_and_keep_the_burn_in_out_of_view(tmp_path: Path) -> None:
    axes = draw_all(tmp_path / "out")["curves"].axes[0]
    assert [(line.get_label(), list(line.get_xdata())) for line in axes.lines] == [
        ("train/loss", [10.0, 20.0, 40.0]),
        ("valid/nll", [20.0, 40.0]),
    ]
    axes = plots.training_curves({"loss": [1e6, *([2.0, 1.0] * 10)]}).axes[0]
    assert axes.get_ylim()[1] < 3


def test_principal_components_do_not_depend_on_the_order_of_rows() -> None:
    z = torch.randn(50, 4) * torch.tensor([1.0, 2.0, 3.0, 4.0])
    first, second = (plots.latent_space(x).axes[0].collections[0].get_offsets() for x in (z, z.flip(0)))
    torch.testing.assert_close(torch.tensor(first.data), torch.tensor(second.data).flip(0))


def test_classes_are_named_in_order_of_appearance() -> None:
    axes = plots.latent_space(torch.randn(4, 2), ["prior", "data", "prior", "data"]).axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["prior", "data"]
    assert [len(drawn.get_offsets()) for drawn in axes.collections] == [2, 2]


def test_histograms_share_bins_and_count_what_lies_beyond_at_the_ends() -> None:
    values = {"a": torch.tensor([0.0, 0.1, 0.9, 1.0]), "b": torch.tensor([-7.0, 0.5, 0.5, 7.0])}
    figure = plots.histograms(values, num_bins=4, value_range=(0.0, 1.0))
    heights = [[bar.get_height() for bar in axes.patches] for axes in figure.axes]
    assert heights == [[0.5, 0.0, 0.0, 0.5], [0.25, 0.0, 0.5, 0.25]]
    assert [axes.get_ylabel() for axes in figure.axes] == ["a", "b"]
    wide = plots.histograms(values).axes
    assert [axes.get_xlim() for axes in wide] == [(-7.0, 7.0)] * 2
    assert [sum(bar.get_height() for bar in axes.patches) for axes in wide] == pytest.approx([1.0, 1.0])
    assert plots.histograms({"constant": torch.ones(3)}).axes[0].get_xlim() == (0.5, 1.5)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plots.samples_grid(torch.rand(2, 5), (1, 2, 2)), "Expected pictures of shape (num, 4)"),
        (lambda: plots.samples_grid(torch.rand(0, 4), (1, 2, 2)), "num >= 1; got (0, 4)"),
        (lambda: plots.samples_grid(torch.rand(2, 8), (2, 2, 2)), "1 or 3 channels; got (2, 2, 2)"),
        (lambda: plots.samples_grid(torch.rand(2, 4), (1, 2, 2), num_columns=0), "at least 1; got 0"),
        (lambda: plots.samples_grid(torch.rand(2, 4), (1, 2, 2), "picture.xyz"), "got 'picture.xyz'. Use .png."),
        (lambda: plots.reconstructions(torch.rand(2, 4), torch.rand(3, 4), (1, 2, 2)), "got 3 and 2"),
        (lambda: plots.density_2d(NORMAL, (1, 0, 0, 1)), "that increase; got (1, 0, 0, 1)"),
        (lambda: plots.density_2d(lambda p: p, LIMITS), "got (10000, 2)"),
        (lambda: plots.density_2d(torch.rand(5, 3), LIMITS), "Expected points of shape (num, 2); got (5, 3)"),
        (lambda: plots.training_curves({}), "Expected names of series among []"),
        (lambda: plots.training_curves({"a": [1.0]}, names=["b"]), "among ['a']; got ['b']"),
        (lambda: plots.histograms({}), "Expected something to draw and num_bins >= 1; got [] and 40"),
        (
            lambda: plots.histograms({"a": torch.rand(3, 2)}),
            "num > 0, for 'a'; got (3, 2)",
        ),
        (lambda: plots.histograms({"a": torch.tensor([1.0, torch.nan])}), "got (2,) of which 1 are finite"),
        (lambda: plots.histograms({"a": torch.rand(3)}, value_range=(1, 1)), "that increases; got (1, 1)"),
        (lambda: plots.latent_space(torch.rand(5, 1)), "got (5, 1)"),
        (lambda: plots.latent_space(torch.rand(5, 2), torch.rand(4)), "got (4,)"),
    ],
)
def test_errors_say_what_was_expected(call, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        call()


def test_a_csv_without_steps_is_named(tmp_path: Path) -> None:
    file = tmp_path / "metrics.csv"
    file.write_text("loss\n1.0\n")
    with pytest.raises(ValueError, match=re.escape("got columns ['loss'] in ")):
        plots.training_curves(file)
