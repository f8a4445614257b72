"""The picture of a multi-scale flow's scales: what each row keeps."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from pyrodgm import flows, plots, transforms
from pyrodgm.plots.scales import multiscale_of, redrawn
from pyrodgm.testing import perturb


def flow(context_dim=0, **kwargs):
    return perturb(flows.realnvp_image((1, 8, 8), context_dim, num_scales=2, hidden_channels=4, num_blocks=0, **kwargs))


def test_a_row_a_scale_and_a_readable_file(tmp_path: Path) -> None:
    figure = plots.scales(flow(), torch.rand(5, 1, 8, 8), tmp_path / "new" / "scales.png")
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels == ["kept: all", "kept: 1 of 2", "kept: none"]
    with Image.open(tmp_path / "new" / "scales.png") as image:
        assert min(image.size) > 300
        assert len(set(image.convert("L").get_flattened_data())) > 50


def test_the_first_row_shows_the_images_themselves() -> None:
    x = torch.rand(2, 1, 8, 8)
    pixels = torch.tensor(plots.scales(flow(), x, value_range=(0.0, 1.0)).axes[0].images[0].get_array())
    torch.testing.assert_close(pixels[1:9, 1:9, 0], x[0, 0].float())


@pytest.mark.parametrize("context_dim", [0, 3])
def test_each_row_keeps_the_coarser_scales(context_dim: int) -> None:
    density = flow(context_dim)
    multiscale = multiscale_of(density)
    x, context = torch.rand(5, 1, 8, 8), torch.randn(5, 3) if context_dim else None
    rows = redrawn(density, x, context)
    latents = [multiscale.unpack(density.to_base(row, context)) for row in rows]
    assert torch.equal(rows[0], x)
    assert len(rows) == 3
    for num_new, row in enumerate(latents):
        for scale, (latent, own) in enumerate(zip(row, latents[0], strict=True)):
            assert torch.allclose(latent, own) == (scale >= num_new)


def test_scales_are_found_behind_other_parts_and_at_any_temperature() -> None:
    density = flows.extend(flow(logit=None), [transforms.LogitTransform(event_dim=3)])
    assert isinstance(multiscale_of(density), transforms.Multiscale)
    x = torch.rand(50, 1, 8, 8)
    cold = redrawn(density.at_temperature(0.1), x)[-1]
    assert density.to_base(cold).abs().mean() < 0.2


def test_it_draws_as_many_as_asked_for() -> None:
    assert plots.scales(flow(), 3).axes[0].images[0].get_array().shape[1] == 3 * 9 + 1
    assert plots.scales(flow(2), context=torch.randn(4, 2)).axes[0].images[0].get_array().shape[1] == 4 * 9 + 1
