"""The command on GANs: fit, evaluate with and without a classifier's features, sample, compare; every recipe builds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

from pyrodgm import cli, data, likelihood_free, models, train
from pyrodgm.train.config import read_config
from pyrodgm.train.settings import split_settings

Said = tuple[int, str, str]
RECIPES = Path(__file__).parents[2] / "recipes"
GANS = sorted(path.stem for path in RECIPES.glob("*.yaml") if "likelihood_free.GAN" in path.read_text())
CLASSIFIERS = ("mnist_classifier", "cifar_features")
TINY = ["--trainer.max_epochs", "1", "--trainer.accelerator", "cpu", "--training.batch_size", "400"]
DIGITS = {
    "class_path": "pyrodgm.data.rescaled",
    "init_args": {"splits": {"class_path": "pyrodgm.data.digits", "init_args": {"num_levels": 17}}},
}
NORMAL = {"class_path": "pyrodgm.distributions.StandardNormal", "init_args": {"event_shape": 3}}


def net(name: str, **init_args: object) -> dict[str, Any]:
    return {"class_path": f"pyrodgm.nn.{name}", "init_args": {"shape": [1, 8, 8], "num_channels": 4, **init_args}}


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def run(*arguments: object) -> Said:
        code = cli.main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, " ".join(out.split()), " ".join(err.split())

    torch.set_default_dtype(torch.float32)  # as in a process of its own
    return run


def write(path: Path, section: Any, model: dict[str, Any], training: dict[str, Any]) -> Path:
    path.write_text(yaml.safe_dump({"description": "small", "data": section, "model": model, "training": training}))
    return path


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    head = {"class_path": "pyrodgm.heads.Delta", "init_args": {"event_shape": [1, 8, 8]}}
    generator = {"net": net("DCGANGenerator", latent_dim=3), "head": head}
    arguments = {
        "prior": {"class_path": "pyrodgm.Fixed", "init_args": {"distribution": NORMAL}},
        "generator": {"class_path": "pyrodgm.Neural", "init_args": generator},
        "discriminator": net("ResNetDiscriminator"),
        "value_range": [-1.0, 1.0],
    }
    game = {"class_path": "pyrodgm.likelihood_free.Hinge"}
    training = {"game": game, "regularizers": [{"class_path": "pyrodgm.likelihood_free.SpectralNorm"}]}
    model = {"class_path": "pyrodgm.likelihood_free.GAN", "init_args": arguments}
    return write(tmp_path / "gan.yaml", DIGITS, model, training)


@pytest.fixture
def classifier(tmp_path: Path) -> Path:
    head = {"class_path": "pyrodgm.heads.Categorical", "init_args": {"num_classes": 10, "event_shape": 1}}
    neural = {"net": net("DCGANDiscriminator", output_dim=10), "head": head, "context_shape": [64]}
    density = {"conditional": {"class_path": "pyrodgm.Neural", "init_args": neural}}
    section = {"class_path": "pyrodgm.data.labels_of", "init_args": {"splits": DIGITS}}
    return write(
        tmp_path / "classifier.yaml", section, {"class_path": "pyrodgm.models.Density", "init_args": density}, {}
    )


def test_fit_evaluate_sample_compare(call: Callable[..., Said], recipe: Path, classifier: Path, tmp_path: Path) -> None:
    run, judge = tmp_path / "run", tmp_path / "judge"
    code, out, err = call("fit", recipe, "--out", run, *TINY)
    assert (code, err) == (0, "")
    assert f"{run}: losses D " in out
    assert "stopped by max_epochs" in out
    assert (run / "samples.png").is_file()
    assert isinstance(train.load(run), likelihood_free.GAN)
    code, out, err = call("fit", classifier, "--out", judge, *TINY)
    assert (code, err) == (0, "")

    code, out, err = call("evaluate", run, "--num_samples", 100, "--limit", 120)
    assert (code, err) == (0, "")
    assert "100 samples against 120 test data of digits" in out
    assert "the data themselves, 64 of them" in out
    assert "levels 0..16 as -1..1" in out
    code, out, err = call("evaluate", run, "--num_samples", 100, "--limit", 120, "--features", judge, "--name", "by")
    assert (code, err) == (0, "")
    result = json.loads((run / "by.json").read_text())
    assert result["features"].startswith("DCGANDiscriminator.features of judge (weights ")
    assert (result["num_samples"], result["num_data"], result["num_for_precision"]) == (100, 120, 100)
    assert result["frechet_distance"] > 0
    assert result["feature_scale"] > 0
    assert 0 <= result["precision"] <= 1
    assert result["command"].startswith("pyrodgm evaluate ")
    again = train.evaluate(run, features=judge, num_samples=100, limit=120)
    assert again["kid"] == pytest.approx(result["kid"], rel=1e-5)

    code, out, _ = call("sample", run, "--num", 7)
    assert code == 0
    assert np.load(run / "samples.npy").shape == (7, 1, 8, 8)
    code, out, _ = call("compare", run, run, "--name", "by")
    assert code == 0
    assert "kernel inception distance" in out
    code, _, err = call("evaluate", run, "--features", run)
    assert code == 2
    assert "Expected the run of a classifier with features" in err
    code, _, err = call("fit", recipe, "--out", tmp_path / "other", "--trainer.gradient_clip_val", 1.0)
    assert code == 2
    assert "Expected one device and no accumulate_grad_batches, gradient_clip_val" in err


def test_modes_of_stacked_pictures_by_a_classifier_of_one(
    call: Callable[..., Said], classifier: Path, tmp_path: Path
) -> None:
    from pyrodgm.train.evaluate_gan import feature_net, mode_figures

    call("fit", classifier, "--out", tmp_path / "judge", *TINY)
    judge = feature_net(tmp_path / "judge", {"data": DIGITS})
    pictures = data.rescaled(data.digits(num_levels=17)).test.x.reshape(-1, 1, 8, 8)[:30].expand(-1, 3, 8, 8)
    found = mode_figures(data.digits(), pictures, pictures[:1], judge)
    assert (found["modes_found"], found["num_modes"], found["high_quality_share"]) == (1, 1000, 1.0)
    assert mode_figures(data.digits(), pictures[:, :1], pictures[:1, :1], judge) == {}


def test_likelihoods_and_samples_are_not_compared(tmp_path: Path) -> None:
    for name, method in (("a", "exact"), ("b", "samples")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "evaluation.json").write_text(json.dumps({"method": method, "test_sha256": "1"}))
        np.save(tmp_path / name / "evaluation.npy", np.zeros(3))
    with pytest.raises(ValueError, match="Expected evaluations all of likelihoods or all of samples"):
        train.compare([tmp_path / "a", tmp_path / "b"])


@pytest.mark.parametrize("name", GANS)
def test_every_recipe_of_a_gan_builds_and_takes_a_step(name: str) -> None:
    torch.set_default_dtype(torch.float32)
    config = read_config(RECIPES / f"{name}.yaml")
    gan = train.build(config["model"])
    assert isinstance(gan, likelihood_free.GAN)
    settings, run = split_settings(config["training"])
    module = train.GANTraining(gan, **settings)
    module.adversary.backward = torch.Tensor.backward
    batch = 4
    x = torch.rand(batch, *gan.event_shape) * 2 - 1
    figures = module.adversary.step(x)
    assert all(value.isfinite() for value in figures.values())
    assert run["batch_size"] % 4 == 0


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_recipe_of_features_builds(name: str) -> None:
    torch.set_default_dtype(torch.float32)
    model = train.build(read_config(RECIPES / f"{name}.yaml")["model"])
    assert isinstance(model, models.Density)
    shape = model.conditional.net.input_shape
    context = torch.zeros(2, int(np.prod(shape)))
    model.check_data(torch.zeros(2, 1), context)
    assert model.conditional.net.features(context).shape == (2, model.conditional.net.feature_dim)
