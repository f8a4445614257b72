"""GANs in run folders: what a run leaves, the step that it takes, resuming bit for bit, NaN and divergence."""

import copy
import csv
import math
from pathlib import Path

import pytest
import torch
from PIL import Image

from pyrodgm import likelihood_free, metrics, train
from pyrodgm.train.batches import Batches
from pyrodgm.train.checkpoints import checkpoints, read_checkpoint
from pyrodgm.train.export import read_weights
from pyrodgm.train.files import read_json
from pyrodgm.train.fit_gan import bake, modes_of, whole_batches
from pyrodgm.train.snapshots import fixed_samples
from tests.train.gan_runs import few_digits, fit, picture_gan, ring, vector_gan


class StoppedError(Exception):
    pass


class StopAt(likelihood_free.NonSaturating):
    """Raises at its n-th loss of the generator: what is on disk is what SIGKILL would leave."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def generator_loss(self, fake_scores: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if self.calls == self.at:
            raise StoppedError
        return super().generator_loss(fake_scores)


class Spoilt(likelihood_free.NonSaturating):
    """Multiplies the discriminator's n-th loss by a factor."""

    def __init__(self, at: int, factor: float) -> None:
        self.at, self.factor, self.calls = at, factor, 0

    def discriminator_loss(self, real_scores: torch.Tensor, fake_scores: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return super().discriminator_loss(real_scores, fake_scores) * (self.factor if self.calls == self.at else 1.0)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open() as file:
        return list(csv.DictReader(file))


def test_a_run_leaves_figures_a_film_and_its_weights(tmp_path: Path) -> None:
    gan = vector_gan()
    result = fit(gan, ring(), tmp_path, max_epochs=3)
    assert result["steps"] == 15  # 22 data, 5 whole batches of 4
    names = {path.name for path in tmp_path.iterdir()}
    assert names >= {"config.yaml", "metrics.csv", "model.safetensors", "fit.json", "curves.png", "samples.png"}
    with Image.open(tmp_path / "training.gif") as film:
        assert film.n_frames == 3
    trained = [row for row in rows(tmp_path) if row["discriminator_loss"]]
    for key in ("generator_loss", "real_accuracy", "fake_accuracy", "penalty", "generator_gradient_norm"):
        assert all(math.isfinite(float(row[key])) for row in trained), key
    validated = [row for row in rows(tmp_path) if row["modes_found"]]
    assert len(validated) == 3
    assert all(0 <= float(row["modes_found"]) <= 8 for row in validated)
    assert read_json(tmp_path / "fit.json")["modes_found"] == float(validated[-1]["modes_found"])
    weights = read_weights(tmp_path / "model.safetensors")
    assert weights.keys() == gan.state_dict().keys()


def test_a_step_is_the_adversarys(tmp_path: Path) -> None:
    """One epoch by the trainer is as many steps of `Adversary` on the same batches and noise."""
    splits, gan = ring(), vector_gan()
    plain = copy.deepcopy(gan)
    fit(gan, splits, tmp_path, max_epochs=1)
    adversary = likelihood_free.Adversary(plain, likelihood_free.NonSaturating())
    torch.manual_seed(0)
    loader = Batches(splits, batch_size=4, seed=0).train_dataloader()
    for x, context in list(loader)[:5]:
        adversary.step(x, context)
    for mine, theirs in zip(gan.parameters(), plain.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize(
    ("settings", "stop"),
    [
        ({}, 2),
        ({}, 6),
        ({"regularizers": (likelihood_free.SpectralNorm(3.0), likelihood_free.InstanceNoise(0.1))}, 7),
        ({"regularizers": (likelihood_free.GradientPenalty(1.0),), "num_critic_steps": 2}, 4),
    ],
    ids=["in the first epoch", "at the second epoch", "spectral norm and noise", "penalty, two steps of the critic"],
)
def test_a_stopped_run_goes_on_to_the_same_weights(tmp_path: Path, settings: dict, stop: int) -> None:
    fit(vector_gan(), ring(), tmp_path / "whole", **settings, game=StopAt(-1))
    with pytest.raises(StoppedError):
        fit(vector_gan(), ring(), tmp_path / "stopped", **settings, game=StopAt(stop))
    fit(vector_gan(), ring(), tmp_path / "stopped", **settings, game=StopAt(-1))
    first, second = (read_weights(tmp_path / name / "model.safetensors") for name in ("whole", "stopped"))
    assert all(torch.equal(first[name], second[name]) for name in first)
    one, two = (read_checkpoint(checkpoints(tmp_path / name / "checkpoints")[-1]) for name in ("whole", "stopped"))
    for a, b in zip(one["optimizer_states"], two["optimizer_states"], strict=True):
        for key, state in a["state"].items():
            assert all(torch.equal(state[name], b["state"][key][name]) for name in state)
    films = [(tmp_path / name / "training.gif").read_bytes() for name in ("whole", "stopped")]
    assert films[0] == films[1]
    seen = [[row["valid_energy_distance"] for row in rows(tmp_path / n)] for n in ("whole", "stopped")]
    assert [v for v in seen[0] if v] == [v for v in seen[1] if v]


def test_pictures_of_digits_given_their_labels(tmp_path: Path) -> None:
    fit(picture_gan(10), few_digits(labels=True), tmp_path, batch_size=8, max_epochs=2)
    assert [path.name for path in sorted((tmp_path / "samples").iterdir())] == [
        "step=000000003.png",
        "step=000000006.png",
    ]
    assert (tmp_path / "samples.png").is_file()
    assert not (tmp_path / "training.gif").exists()


def test_spectral_norms_end_in_plain_weights(tmp_path: Path) -> None:
    gan, regularizers = vector_gan(), (likelihood_free.SpectralNorm(),)
    fit(gan, ring(), tmp_path, regularizers=regularizers)
    fresh = vector_gan()
    fresh.load_state_dict(read_weights(tmp_path / "model.safetensors"))
    x = torch.randn(5, 2)
    assert torch.equal(fresh.score(x), gan.score(x))


@pytest.mark.parametrize("bound", [1.0, 3.0])
def test_baking_changes_no_score(bound: float) -> None:
    gan, x = vector_gan(), torch.randn(5, 2)
    likelihood_free.SpectralNorm(bound).prepare(gan.discriminator)
    for _ in range(100):
        gan.score(x)  # a power iteration each
    before = gan.eval().score(x)
    bake(gan)
    assert torch.equal(gan.score(x), before)
    assert torch.linalg.matrix_norm(gan.discriminator.layers[0].weight, 2).item() == pytest.approx(bound)


def test_a_finished_run_stays_and_gives_its_weights(tmp_path: Path) -> None:
    gan = vector_gan()
    fit(gan, ring(), tmp_path)
    fresh = vector_gan()
    fit(fresh, ring(), tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(gan.parameters(), fresh.parameters(), strict=True))


@pytest.mark.parametrize(("factor", "says"), [(math.nan, "nan"), (1e9, r"\d\.?\d*e\+0[89]")])
def test_nan_and_divergence_name_the_step_and_keep_a_checkpoint(tmp_path: Path, factor: float, says: str) -> None:
    with pytest.raises(FloatingPointError, match=rf"got discriminator_loss {says} at step 7; the last good checkpoint"):
        fit(vector_gan(), ring(), tmp_path, game=Spoilt(7, factor), checkpoint_every=3)
    kept = read_checkpoint(checkpoints(tmp_path / "checkpoints")[-1])
    assert kept["global_step"] <= 6
    assert all(value.isfinite().all() for value in kept["state_dict"].values())


def test_objectives_without_an_adversary(tmp_path: Path) -> None:
    result = fit(vector_gan(), ring(), tmp_path, game=likelihood_free.EnergyObjective())
    assert result["steps"] == 10
    assert "discriminator_loss" not in result


def test_a_longer_run_finds_modes(tmp_path: Path) -> None:
    """Wide modes: 100 steps of a small GAN reached 2 to 8 of them in 20 seeds, and it begins with none."""
    from pyrodgm import data

    splits = data.draws_of(data.toy.gaussian_ring(scale=0.5), num_train=2000, num_held_aside=500)
    rates = {"lr_generator": 1e-2, "lr_discriminator": 1e-2}
    result = fit(vector_gan(), splits, tmp_path, batch_size=100, max_epochs=5, **rates)
    assert result["modes_found"] >= 2


def test_latents_of_a_snapshot_stay_and_nothing_moves() -> None:
    gan = vector_gan()
    gan.train()
    before = torch.get_rng_state()
    first, second = (fixed_samples(gan, 5, None, 3) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), before)
    assert gan.training


def test_modes_are_those_of_the_density() -> None:
    centres, scale = modes_of(ring())
    assert centres.shape == (8, 2)
    assert metrics.mode_count(centres, centres, scale).modes_found == 8
    assert modes_of(few_digits()) is None


@pytest.mark.parametrize(("limit", "num"), [(None, 5), (3, 3), (9, 5), (0.5, 2), (0.01, 1)])
def test_whole_batches(limit: float | None, num: int) -> None:
    assert whole_batches(22, 4, limit) == num


def test_epoch_without_a_whole_batch_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"batch_size of at most 22, the number of training data.*got 23"):
        fit(vector_gan(), ring(), tmp_path, batch_size=23)
    assert not tmp_path.joinpath("config.yaml").exists()


def test_the_settings_of_a_gan_are_a_gans() -> None:
    module = train.GANTraining(vector_gan(), game=likelihood_free.Hinge(), lr_generator=1e-3, lr_discriminator=4e-3)
    first, second = module.configure_optimizers()
    assert (first.param_groups[0]["lr"], second.param_groups[0]["lr"]) == (4e-3, 1e-3)
