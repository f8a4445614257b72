"""Every example runs with tiny settings and leaves pictures; one without settings here fails."""

import re
import runpy
from pathlib import Path

import pytest
import torch
from PIL import Image

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [
    DOCS.parent / "README.md",
    DOCS / "index.md",
    *sorted((DOCS / "concepts").glob("*.md")),
    # Importing zuko switches validation off for the whole process: tests/peers runs its page in one of its own.
    *sorted(set((DOCS / "how-to").glob("*.md")) - {DOCS / "how-to" / "zuko.md"}),
]
EXAMPLES = Path(__file__).parents[1] / "examples"
SETTINGS = {
    "00_fit_a_flow": ["--steps", "3", "--points", "300"],
    "10_vae": ["--steps", "3", "--particles", "2"],
    "20_flow_prior_vae": ["--steps", "3", "--particles", "2"],
    "30_your_own_pyro_model": ["--steps", "3", "--nuts", "4"],
    "40_mode_covering_mode_seeking": ["--steps", "3", "--points", "300"],
    "42_three_divergences": ["--steps", "3", "--distances", "2"],
    "43_bayes_net": ["--records", "100", "--steps", "3"],
    "44_generative_or_discriminative": ["--repeats", "2", "--steps", "3"],
    "45_principal_components": ["--steps", "3"],
    "46_map_or_posterior": ["--steps", "3", "--nuts", "4", "--points", "10"],
    "47_bayesian_density": ["--steps", "3", "--digits", "20", "--nuts", "4"],
    "50_text": ["--steps", "3"],
    "52_receptive_fields": ["--layers", "3"],
    "55_speech": ["--steps", "3", "--length", "200"],
    "60_anomalies": ["--steps", "3"],
    "61_optimal_discriminator": ["--steps", "3"],
    "62_likelihood_and_samples": ["--steps", "3"],
    "65_pixel_defend": ["--steps", "3"],
    "70_priors": ["--steps", "3", "--particles", "2"],
    "72_missing_pixels": ["--steps", "3", "--particles", "2"],
    "74_pixel_vae": ["--steps", "3"],
    "75_estimators": ["--steps", "3", "--draws", "10", "--digits", "5"],
    "76_toy_flows": ["--steps", "3", "--points", "300", "--resolution", "20"],
    "78_parallel_wavenet": ["--steps", "3", "--length", "400"],
    "80_vq_vae": ["--steps", "3"],
    "85_small_dall_e": ["--steps", "3"],
    "87_mode_collapse": ["--steps", "4", "--frames", "2", "--points", "50"],
    "88_gan_digits": ["--steps", "6", "--looks", "1"],
    "demo": ["--steps", "3", "--particles", "2"],
}


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_example_runs_and_draws(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert path.stem in SETTINGS, f"give {path.name} tiny settings in {Path(__file__).name}"
    assert len(path.read_text().splitlines()) <= 120, f"{path.name} is too long to be read from top to bottom"
    torch.set_default_dtype(torch.float32)  # as for whoever runs it
    runpy.run_path(str(path))["main"]([*SETTINGS[path.stem], "--seed", "1", "--out", str(tmp_path)])
    pictures = list(tmp_path.glob("*.png"))
    assert pictures
    for picture in pictures:
        with Image.open(picture) as image:
            assert min(image.size) > 100
    assert capsys.readouterr().out.strip()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_the_code_on_a_page_runs_and_prints_what_it_says(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.set_default_dtype(torch.float32)
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    code = "\n".join(blocks)
    exec(compile(code, str(page), "exec"), {"__name__": "__page__"})
    said = re.findall(r"^print\(.*\) +# (.*)$", code, re.MULTILINE)
    printed = capsys.readouterr().out.splitlines()
    for line in said:
        assert line in printed or line.startswith("nats"), f"{page.name} says {line!r}; printed {printed}"
