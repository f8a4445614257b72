"""The command, end to end with tiny settings, and what it says to mistakes."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from pyrodgm import cli, models
from pyrodgm.train.config import find_recipes, override, parse_yaml, read_config, with_data_root

Said = tuple[int, str, str]
RECIPES = Path(__file__).parents[1] / "recipes"
TINY = ["--trainer.max_epochs", "2", "--trainer.accelerator", "cpu", "--training.batch_size", "400"]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run the command; return its exit code, output and errors, each with single spaces."""

    def run(*arguments: object) -> Said:
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, " ".join(out.split()), " ".join(err.split())

    torch.set_default_dtype(torch.float32)  # as in a process of its own
    return run


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    config = {
        "description": "a small VAE",
        "seed": 1,
        "data": {"class_path": "pyrodgm.data.digits", "init_args": {"num_levels": 2}},
        "model": {
            "class_path": "pyrodgm.models.vae",
            "init_args": {"input_dim": 64, "latent_dim": 2, "hidden_dims": [8]},
        },
        "training": {"lr": 1e-2},
    }
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def test_fit_evaluate_sample_compare(call: Callable[..., Said], recipe: Path, tmp_path: Path) -> None:
    runs = [tmp_path / "a", tmp_path / "b"]
    for seed, folder in enumerate(runs):
        code, out, err = call("fit", recipe, "--out", folder, *TINY, "--seed", seed)
        assert (code, err) == (0, "")
        assert f"{folder}: best validation" in out
        assert "stopped by max_epochs" in out
        names = {path.name for path in folder.iterdir()}
        assert names >= {"config.yaml", "metrics.csv", "model.safetensors", "config.json", "fit.json", "curves.png"}
        assert "samples.png" in names
        assert read_config(folder / "config.yaml")["trainer"]["max_epochs"] == 2
        code, out, err = call("evaluate", folder, "--num_particles", 20, "--chunk_size", 10, "--limit", 30)
        assert (code, err) == (0, "")
        assert "digits, 30" in out
        assert "20 particles" in out
    result = json.loads((runs[0] / "evaluation.json").read_text())
    nll = np.load(runs[0] / "evaluation.npy", allow_pickle=False)
    assert nll.shape == (30,)
    assert result["nll_nats"] == pytest.approx(nll.mean())
    assert result["nll_nats_standard_error"] == pytest.approx(nll.std(ddof=1) / math.sqrt(30))
    assert result["bits_per_dim"] == pytest.approx(nll.mean() / 64 / math.log(2))
    assert result["command"].startswith("pyrodgm evaluate ")
    assert result["machine"]["torch"] == torch.__version__
    difference = np.load(runs[1] / "evaluation.npy") - nll
    code, out, _ = call("compare", *runs)
    assert code == 0
    assert "likelihood: digits, 30" in out
    assert all(f"│ {run.name} " in out for run in runs)
    assert f"{difference.mean():+.2f} ± {difference.std(ddof=1) / math.sqrt(30):.2f}" in out
    code, out, _ = call("sample", runs[0], "--num", 5)
    assert code == 0
    assert np.load(runs[0] / "samples.npy").shape == (5, 64)


def test_draws_of_a_text_are_written_as_text(call: Callable[..., Said], tmp_path: Path, data_root: Path) -> None:
    settings = ["--data.length", 16, "--data.stride", 5000, "--data.root", data_root]
    settings += ["--model.conditional.max_length", 16, "--model.conditional.hidden_dim", 8]
    code, _, err = call("fit", RECIPES / "shakespeare_char_rnn.yaml", "--out", tmp_path / "run", *TINY, *settings)
    assert code == 0, err
    assert call("sample", tmp_path / "run", "--num", 3)[0] == 0
    parts = (tmp_path / "run" / "samples.txt").read_text().split("\n\n----\n\n")
    assert [len(part) for part in parts] == [16, 16, 16]


def test_other_test_data_are_not_paired(call: Callable[..., Said], recipe: Path, tmp_path: Path) -> None:
    call("fit", recipe, "--out", tmp_path / "a", *TINY)
    call("fit", recipe, "--out", tmp_path / "b", *TINY, "--data.seed", 5)
    for name in ("a", "b"):
        call("evaluate", tmp_path / name, "--num_particles", 2, "--limit", 5)
    code, out, _ = call("compare", tmp_path / "a", tmp_path / "b")
    assert code == 0
    assert "other test data" in out


def test_a_finished_run_says_so(call: Callable[..., Said], recipe: Path, tmp_path: Path) -> None:
    for _ in range(2):
        code, out, _ = call("fit", recipe, "--out", tmp_path / "run", *TINY)
        assert code == 0
    assert f"{tmp_path / 'run'} is finished already" in out
    code, _, err = call("fit", recipe, "--out", tmp_path / "run", *TINY, "--training.lr", "1e-4")
    assert code == 2
    assert "Expected the configuration of the run in" in err
    assert "got another training.lr; choose another folder" in err


def test_same_numbers_again(call: Callable[..., Said], recipe: Path, tmp_path: Path) -> None:
    files = []
    for name in ("a", "b"):
        call("fit", recipe, "--out", tmp_path / name, *TINY)
        call("evaluate", tmp_path / name, "--num_particles", 3, "--limit", 5)
        files.append([(tmp_path / name / file).read_bytes() for file in ("model.safetensors", "evaluation.npy")])
    assert files[0] == files[1]


@pytest.mark.parametrize("name", sorted(path.stem for path in RECIPES.glob("*.yaml")))
def test_recipe_builds(name: str) -> None:
    from pyrodgm import train
    from pyrodgm.train.fit import check_trainer, split_settings

    config = read_config(RECIPES / f"{name}.yaml")
    split_settings(config["training"])
    check_trainer(config["trainer"])
    model = train.build(config["model"])
    assert config["description"]
    shape = model.conditional.context_shape if isinstance(model, models.Density) else ()
    context = torch.zeros(2, *shape) if shape else None
    assert model.sample(2, context).shape == (2, *model.event_shape)


def test_recipes_are_listed(call: Callable[..., Said]) -> None:
    code, out, _ = call("recipes")
    assert code == 0
    for name in find_recipes():
        assert name in out


def test_digits_recipe_by_name(call: Callable[..., Said], tmp_path: Path) -> None:
    code, out, err = call("fit", "digits_vae_flow_prior", "--out", tmp_path / "run", *TINY)
    assert (code, err) == (0, "")
    assert "digits_vae_flow_prior: digits, 1197 rows" in out


ERRORS = {
    "recipe": (["fit", "digits_vaee", "--out", "run"], "got 'digits_vaee'; did you mean 'digits_vae'?"),
    "section": (["fit", "RECIPE", "--out", "run", "--trainin.lr", "1"], "got 'trainin'; did you mean 'training'?"),
    "training": (["fit", "RECIPE", "--out", "run", "--training.patienc", "1"], "did you mean 'patience'?"),
    "trainer": (["fit", "RECIPE", "--out", "run", "--trainer.max_epoch", "1"], "did you mean 'max_epochs'?"),
    "data": (["fit", "RECIPE", "--out", "run", "--data.num_level", "2"], "did you mean 'num_levels'?"),
    "model": (["fit", "RECIPE", "--out", "run", "--model.hiden_dims", "[3]"], "did you mean 'hidden_dims'?"),
    "no number": (["fit", "RECIPE", "--out", "run", "--trainer.max_epochs", "ten"], "Expected trainer.max_epochs to"),
    "value": (["fit", "RECIPE", "--out", "run", "--training.lr"], "Expected a value after --training.lr"),
    "override": (["fit", "RECIPE", "--out", "run", "lr"], "Expected an override such as --training.lr 1e-3; got 'lr'"),
    "into a value": (["fit", "RECIPE", "--out", "run", "--training.lr.x", "1"], "Expected a section at lr"),
    "class path": (["fit", "RECIPE", "--out", "run", "--model.class_path", "os.system"], "got 'os.system'"),
    "data path": (["fit", "RECIPE", "--out", "run", "--data.class_path", "os.system"], "under pyrodgm.data.; got"),
    "num": (["sample", "RUN", "--num", "0"], "Expected --num of at least 1; got 0"),
    "no run": (["evaluate", "RUN"], "Expected a YAML file; got"),
    "no evaluation": (["compare", "RUN"], "Expected evaluation.json in"),
}


@pytest.mark.parametrize("name", ERRORS)
def test_mistakes(call: Callable[..., Said], recipe: Path, tmp_path: Path, name: str) -> None:
    arguments, message = ERRORS[name]
    names = {"RECIPE": str(recipe), "RUN": str(tmp_path / "nothing"), "run": str(tmp_path / "run")}
    code, _, err = call(*(names.get(argument, argument) for argument in arguments))
    assert code == 2
    assert err.startswith("error: ")
    assert message in err


def test_misspelt_key_in_yaml(call: Callable[..., Said], recipe: Path, tmp_path: Path) -> None:
    recipe.write_text(recipe.read_text().replace("latent_dim", "latentdim"))
    code, _, err = call("fit", recipe, "--out", tmp_path / "run")
    assert code == 2
    assert "got 'latentdim'; did you mean 'latent_dim'?" in err
    recipe.write_text("model: {")
    code, _, err = call("fit", recipe, "--out", tmp_path / "run")
    assert (code, err[:26]) == (2, "error: Expected YAML; got ")


def test_missing_data_folder(call: Callable[..., Said], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYRODGM_DATA", str(tmp_path / "from_environment"))
    code, _, err = call("fit", "mnist_vae", "--out", tmp_path / "run")
    assert code == 2
    assert "from_environment/binarized_mnist" in err
    code, _, err = call("fit", "mnist_vae", "--out", tmp_path / "run", "--data.root", tmp_path / "from_argument")
    assert code == 2
    assert "from_argument/binarized_mnist" in err
    assert not (tmp_path / "run").exists()


def test_the_data_root_reaches_every_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    mnist = {"class_path": "pyrodgm.data.mnist"}
    nested = {"class_path": "pyrodgm.data.with_label_context", "init_args": {"splits": mnist}}
    digits = {"class_path": "pyrodgm.data.digits", "init_args": None}
    monkeypatch.delenv("PYRODGM_DATA", raising=False)
    assert with_data_root({"data": nested}) == {"data": nested}
    monkeypatch.setenv("PYRODGM_DATA", "there")
    assert with_data_root({"data": mnist})["data"]["init_args"] == {"root": "there"}
    assert with_data_root({"data": mnist}, "here")["data"]["init_args"] == {"root": "here"}
    inner = with_data_root({"data": nested})["data"]["init_args"]
    assert inner == {"splits": {**mnist, "init_args": {"root": "there"}}}
    assert with_data_root({"data": digits})["data"] == digits
    assert "init_args" not in mnist


def test_draws_given_the_test_contexts(call: Callable[..., Said], tmp_path: Path) -> None:
    digits = {"class_path": "pyrodgm.data.digits"}
    flow = {"class_path": "pyrodgm.flows.realnvp", "init_args": {"input_dim": 64, "context_dim": 10, "num_layers": 2}}
    config = {
        "data": {"class_path": "pyrodgm.data.with_label_context", "init_args": {"splits": digits}},
        "model": {
            "class_path": "pyrodgm.models.Dequantized",
            "init_args": {"conditional": flow, "num_levels": 2},
        },
    }
    (tmp_path / "given.yaml").write_text(yaml.safe_dump(config))
    code, _, err = call("fit", tmp_path / "given.yaml", "--out", tmp_path / "run", *TINY)
    assert (code, err) == (0, "")
    code, _, err = call("sample", tmp_path / "run", "--num", 1000)
    assert (code, err) == (0, "")
    assert np.load(tmp_path / "run" / "samples.npy").shape == (1000, 64)


def test_ctrl_c_is_exit_code_130(
    call: Callable[..., Said], recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pyrodgm.train.training.Training.training_step", interrupt)
    code, _, err = call("fit", recipe, "--out", tmp_path / "run", *TINY)
    assert (code, err) == (130, "stopped; the same command goes on from the last checkpoint")


def test_overrides_of_an_empty_section() -> None:
    config = {"data": {"class_path": "x", "init_args": None}, "trainer": None}
    changed = override(config, ["--data.root", "there", "--trainer.max_epochs", "3"])
    assert changed == {"data": {"class_path": "x", "init_args": {"root": "there"}}, "trainer": {"max_epochs": 3}}


def test_overrides() -> None:
    config = {"data": {"class_path": "x", "init_args": {"root": "data"}}, "training": {}}
    changed = override(config, ["--data.root", "there", "--training.lr=1e-3", "--seed", "3"])
    assert changed["data"]["init_args"] == {"root": "there"}
    assert changed["training"] == {"lr": 0.001}
    assert changed["seed"] == 3
    assert config["training"] == {}


@pytest.mark.parametrize(("text", "value"), [("1e-3", 1e-3), ("-2E5", -2e5), ("1.5e3", 1500.0), ("e3", "e3"), ("3", 3)])
def test_numbers(text: str, value: object) -> None:
    assert parse_yaml(text) == value


def test_as_a_module() -> None:
    command = [sys.executable, "-m", "pyrodgm.cli", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "recipes" in done.stdout


def test_classes_of_a_users_own_package(call: Callable[..., Said], recipe: Path, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "mypackage.py").write_text(
        "from pyrodgm import models\n\n\ndef small(width):\n    return models.vae(64, 2, hidden_dims=(width,))\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    config = yaml.safe_load(recipe.read_text())
    config["model"] = {"class_path": "mypackage.small", "init_args": {"width": 8}}
    recipe.write_text(yaml.safe_dump(config))
    code, _, err = call("fit", recipe, "--out", tmp_path / "run", *TINY)
    assert (code, "Expected class_path under" in err) == (2, True)
    allow = ("--allow", "mypackage.")
    assert call("fit", recipe, "--out", tmp_path / "run", *allow, *TINY)[0] == 0
    assert call("sample", tmp_path / "run", "--num", 2)[0] == 2
    assert call("sample", tmp_path / "run", "--num", 2, *allow)[0] == 0
    assert call("evaluate", tmp_path / "run", "--num_particles", 2, "--limit", 3, *allow)[0] == 0


def test_a_device_that_is_not_there(call: Callable[..., Said], recipe: Path, tmp_path: Path) -> None:
    assert call("fit", recipe, "--out", tmp_path / "run", *TINY)[0] == 0
    for command in ("evaluate", "sample"):
        code, _, err = call(command, tmp_path / "run", "--device", "cudda")
        assert code == 2
        assert "Expected a device of this machine, such as cpu; got 'cudda'" in err
