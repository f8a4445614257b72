"""Posteriors of a recipe side by side: the command, what it leaves, what it does not do twice, and the scores."""

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from pyrodgm import Neural, cli, heads, infer, metrics, nn, train
from pyrodgm.train.compare_posteriors import with_differences
from pyrodgm.train.posteriors import POSTERIORS
from pyrodgm.train.score_posterior import with_noise

Said = tuple[int, str, str]
MADE = {"class_path": "pyrodgm.autoregressive.made", "init_args": {"input_dim": 64, "hidden_dims": [4]}}
TINY = ("--num_steps", 3, "--num_draws", 4, "--test_limit", 30)
RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run `pyrodgm compare`; return its exit code, output and errors, each with single spaces."""

    def run(*arguments: object) -> Said:
        code = cli.main(["compare", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, " ".join(out.split()), " ".join(err.split())

    torch.set_default_dtype(torch.float32)  # as in a process of its own
    return run


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    config = {
        "data": {"class_path": "pyrodgm.data.digits"},
        "model": {"class_path": "pyrodgm.models.Density", "init_args": {"conditional": MADE}},
        "training": {"lr": 2e-2, "batch_size": 50, "patience": 3},
    }
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def forbid(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    def fail(*_: object) -> None:
        raise ValueError("fitted")

    for name in names:
        monkeypatch.setitem(POSTERIORS, name, fail)


def test_the_command_on_a_density(call: Callable[..., Said], recipe: Path, tmp_path: Path) -> None:
    names = "map,laplace,mean-field,low-rank,flow,ensemble"
    code, out, err = call("--posterior", names, recipe, "--out", tmp_path / "out", "--limit", 40, *TINY)
    assert (code, err) == (0, "")
    assert "Test log predictive density: digits, 40 training and 30 test rows, 580 parameters" in out
    assert "ECE error" in out
    assert "RMSE" not in out
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"rows.jsonl", "comparison.json", "reliability.png"}
    result = json.loads((tmp_path / "out" / "comparison.json").read_text())
    rows = {row["posterior"]: row for row in result["rows"]}
    assert list(rows) == names.split(",")
    assert rows["map"]["log_density"] == pytest.approx(rows["map"]["dirac"], abs=1e-4)
    assert rows["mean-field"]["log_density"] != rows["mean-field"]["dirac"]
    assert all(math.isfinite(row["log_density"]) and row["calibration"] == "ECE" for row in rows.values())
    assert (result["limit"], result["num_draws"], result["prior"], result["num_test"]) == (40, 4, 1.0, 30)
    assert result["machine"]["torch"] == torch.__version__
    with Image.open(tmp_path / "out" / "reliability.png") as image:
        assert min(image.size) > 500


def test_the_command_on_a_regression_recipe(call: Callable[..., Said], tmp_path: Path, data_root: Path) -> None:
    overrides = ("--data.root", data_root, "--model.conditional.net.hidden_dims", "[3]")
    sizes = (*TINY, "--max_tree_depth", 2, "--prior", 0.5)
    recipe = RECIPES / "concrete_regression.yaml"
    code, out, err = call("--posterior", "laplace, nuts", recipe, "--out", tmp_path, *overrides, *sizes)
    assert (code, err) == (0, "")
    assert "concrete, 835 training and 30 test rows, 35 parameters" in out
    assert "RMSE" in out
    assert "PIT error" in out
    rows = json.loads((tmp_path / "comparison.json").read_text())["rows"]
    assert [row["calibration"] for row in rows] == ["PIT", "PIT"]
    assert all(0 < row["rmse"] < 5 for row in rows)


def test_a_row_that_is_there_is_not_computed_again(
    call: Callable[..., Said], recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = (recipe, "--out", tmp_path / "out", "--limit", 40, *TINY)
    assert call("--posterior", "map", *arguments)[0] == 0
    forbid(monkeypatch, "map", "ensemble")
    code, _, err = call("--posterior", "map,mean-field,ensemble", *arguments)
    assert (code, err) == (2, "error: fitted")
    lines = (tmp_path / "out" / "rows.jsonl").read_text().splitlines()
    assert [json.loads(line)["posterior"] for line in lines] == ["map", "mean-field"]
    forbid(monkeypatch, "mean-field")
    code, out, _ = call("--posterior", "mean-field,map", *arguments)
    assert code == 0
    assert "fitting" not in out
    rows = json.loads((tmp_path / "out" / "comparison.json").read_text())["rows"]
    assert [row["posterior"] for row in rows] == ["mean-field", "map"]
    # other settings, or an override, are another row
    for other in (("--prior", 2), ("--data.seed", 1)):
        assert call("--posterior", "map", *arguments, *other)[::2] == (2, "error: fitted")


def test_a_line_that_was_cut_is_computed_again(call: Callable[..., Said], recipe: Path, tmp_path: Path) -> None:
    arguments = ("--posterior", "map", recipe, "--out", tmp_path / "out", "--limit", 40, *TINY)
    call(*arguments)
    file = tmp_path / "out" / "rows.jsonl"
    whole = json.loads(file.read_text())
    file.write_text(file.read_text()[:50])
    assert call(*arguments)[0] == 0
    again = json.loads(file.read_text())
    assert again["log_densities"] == whole["log_densities"]


def test_all_are_judged_on_the_same_noise(
    call: Callable[..., Said], recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def record(*arguments: object) -> tuple:
        seen.append(with_noise(*arguments))
        return seen[-1]

    monkeypatch.setattr(sys.modules["pyrodgm.train.score_posterior"], "with_noise", record)
    call("--posterior", "map,mean-field,ensemble", recipe, "--out", tmp_path / "out", "--limit", 40, *TINY)
    assert len(seen) == 3
    assert all(torch.equal(x, seen[0][0]) for x, _ in seen)


ERRORS = {
    "name": (["--posterior", "map,mean-feld", "RECIPE"], "among map, laplace, mean-field, low-rank, flow, nuts, ensem"),
    "near name": (["--posterior", "map,mean-feld", "RECIPE"], "got 'mean-feld'; did you mean 'mean-field'?"),
    "no name": (["--posterior", "", "RECIPE"], "Expected posteriors among"),
    "twice": (["--posterior", "map,map", "RECIPE"], "Expected one or more posteriors, each once; got map, map."),
    "two recipes": (["--posterior", "map", "RECIPE", "RECIPE"], "Expected one recipe with --posterior; got"),
    "recipe": (["--posterior", "map", "digits_mav"], "got 'digits_mav'; did you mean 'digits_maf'?"),
    "steps": (["--posterior", "map", "RECIPE", "--num_steps", "0"], "Expected --num_steps above 0; got 0."),
    "prior": (["--posterior", "map", "RECIPE", "--prior", "-1"], "Expected --prior above 0; got -1.0."),
    "section": (["--posterior", "map", "RECIPE", "--modell.x", "1"], "got 'modell'; did you mean 'model'?"),
    "no density": (
        ["--posterior", "map", "digits_vae"],
        "Expected a recipe whose model is a pyrodgm.models.Density; got",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_mistakes(call: Callable[..., Said], recipe: Path, tmp_path: Path, name: str) -> None:
    arguments, message = ERRORS[name]
    code, _, err = call(*(recipe if part == "RECIPE" else part for part in arguments), "--out", tmp_path / "out")
    assert code == 2
    assert message in err
    assert not (tmp_path / "out").exists()


def test_overrides_belong_to_posteriors(call: Callable[..., Said], recipe: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        call(recipe, "--training.lr", 1)


def exact(conditional: Neural, x: torch.Tensor, context: torch.Tensor) -> infer.Posterior:
    """Return the posterior of one point that is the module as it stands."""
    return infer.map_estimate(infer.bayesian(conditional, 1.0), x, context, num_steps=1, lr=1e-300)


def test_scores_of_real_targets() -> None:
    conditional = Neural(nn.MLP(3, 2, hidden_dims=(8,)), heads.Normal(1))
    context = torch.randn(2500, 3)
    x = conditional(context).sample()
    score = train.score_posterior(exact(conditional, x, context), x, context)
    with torch.no_grad():
        p = conditional(context)
        torch.testing.assert_close(score.log_density, p.log_prob(x))
        torch.testing.assert_close(score.dirac, p.log_prob(x))
        rmse = (p.mean - x).square().mean().sqrt().item()
    assert score.rmse == pytest.approx(rmse, rel=0.01)  # 400 draws for each mean add an eighth of a per cent
    # the largest of 19 shares of 2,500 that differs by five standard errors: fails once in 90,000
    curve = score.calibration.curve
    assert (curve[0] - curve[1]).abs().max() < 5 * 0.5 / 50
    assert score.other.mean() < score.log_density.mean()


def test_scores_of_classes_are_the_conditional_probabilities() -> None:
    conditional = Neural(nn.MLP(2, 3, hidden_dims=(8,)), heads.Categorical(3, 1))
    context = 2 * torch.randn(400, 2)
    x = conditional(context).sample()
    score = train.score_posterior(exact(conditional, x, context), x, context, num_levels=3)
    probabilities = conditional.net(context).softmax(-1).detach()
    expected = metrics.calibration_error(probabilities, x[:, 0])
    assert score.calibration.value == pytest.approx(expected.value, abs=1e-9)
    assert score.calibration.counts.tolist() == expected.counts.tolist()
    assert score.rmse is None


def test_rows_come_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    conditional = Neural(nn.MLP(3, 2, hidden_dims=(8,)), heads.Normal(1))
    x, context = torch.randn(50, 1), torch.randn(50, 3)
    posterior = infer.mean_field(infer.bayesian(conditional, 1.0), x, context, num_steps=2, initial_scale=0.5)
    state = torch.get_rng_state()
    whole = train.score_posterior(posterior, x, context, num_draws=7)
    monkeypatch.setattr(sys.modules["pyrodgm.train.score_posterior"], "ROWS", 20)  # the name is also the function's
    torch.set_rng_state(state)
    parts = train.score_posterior(posterior, x, context, num_draws=7)
    torch.testing.assert_close(parts.log_density, whole.log_density)  # the same draws of the weights for every part
    assert parts.calibration.coverage.shape == whole.calibration.coverage.shape


def test_noise_changes_what_is_known_and_not_the_target() -> None:
    x, context = torch.randn(2000, 1), 3 * torch.randn(2000, 2)
    same, other = with_noise(x, context, None)
    assert same is x
    # six standard errors of a standard deviation
    torch.testing.assert_close((other - context).std(0), context.std(0), rtol=6 / 4000**0.5, atol=0)
    bits = torch.zeros(500, 20)
    changed, none = with_noise(bits, None, 2)
    assert none is None
    assert changed.mean().item() == pytest.approx(0.05, abs=6 * (0.05 * 0.95 / 10_000) ** 0.5)


def test_differences_are_paired() -> None:
    rows = [{"log_densities": [1.0, 5.0, 3.0]}, {"log_densities": [2.0, 6.0, 4.0]}]
    _, second = with_differences(rows)
    assert (second["difference"], second["difference_standard_error"]) == (1.0, 0.0)
