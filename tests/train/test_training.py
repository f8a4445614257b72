"""The Lightning module and its callbacks: losses, average of the weights, schedules, bad settings and bad data."""

import csv
from pathlib import Path
from types import SimpleNamespace

import lightning
import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO

from pyrodgm import Conditional, data, flows, infer, models, train, transforms
from pyrodgm.train.batches import rows_of
from pyrodgm.train.checkpoints import checkpoints, read_checkpoint
from pyrodgm.train.ema import EVERY, WeightAverage
from pyrodgm.train.training import Training

CPU = {"accelerator": "cpu"}


def small_vae() -> models.VAE:
    pyro.set_rng_seed(0)
    return models.vae(64, 2, hidden_dims=(8,))


def test_loss_is_nats_per_datum() -> None:
    vae, x = small_vae(), data.digits().valid.x[:7]
    torch.manual_seed(0)
    loss = Training(vae).training_step((x, None), 0)
    torch.manual_seed(0)
    assert torch.allclose(loss * 7, torch.as_tensor(Trace_ELBO().loss(vae.model, vae.guide, x)))


def test_parameters_are_the_models() -> None:
    vae = small_vae()
    assert {id(p) for p in Training(vae).parameters()} == {id(p) for p in vae.parameters()}


@pytest.mark.parametrize("objective", [None, Trace_ELBO(), infer.ReparameterizedELBO(num_particles=2)])
def test_every_objective_learns(tmp_path: Path, objective: object) -> None:
    training = {"objective": objective, "lr": 1e-2, "batch_size": 200}
    train.fit(small_vae(), data.digits(), tmp_path, training=training, trainer={"max_epochs": 6, **CPU})
    with (tmp_path / "metrics.csv").open() as file:
        valid = [float(row["valid_nll"]) for row in csv.DictReader(file) if row["valid_nll"]]
    assert len(valid) == 6
    assert valid[-1] < valid[0] - 3


def test_density_validation_is_exact(tmp_path: Path) -> None:
    splits = data.digits(num_levels=17)
    density = models.Density(flows.realnvp(64, num_layers=2, hidden_dims=(8,)))
    result = train.fit(density, splits, tmp_path, trainer={"max_epochs": 1, **CPU}, training={"batch_size": 300})
    exact = -density.conditional().log_prob(splits.valid.x).mean().detach()
    assert result["valid_nll"] == pytest.approx(float(exact), rel=1e-9)


def test_context_reaches_the_model(tmp_path: Path) -> None:
    part = data.Dataset(torch.randn(40, 3), torch.randn(40, 2))
    splits = data.Splits(part, part, part, name="noise", description="", licence="", shape=(3,))
    density = models.Density(flows.maf(3, context_dim=2, num_layers=1, hidden_dims=(4,)))
    result = train.fit(density, splits, tmp_path, trainer={"max_epochs": 2, **CPU}, training={"batch_size": 16})
    assert result["steps"] == 6
    assert not (tmp_path / "samples.png").exists()


def test_average_of_the_weights() -> None:
    module = torch.nn.Linear(2, 1)
    average = WeightAverage(0.5)
    trainer = SimpleNamespace(global_step=0)
    average.on_train_start(trainer, module)
    with torch.no_grad():
        module.weight.fill_(1.0)
    start = average.average[0].clone()
    for step in range(1, 2 * EVERY + 1):
        trainer.global_step = step
        average.on_train_batch_end(trainer, module, None, None, step)
    decays = [min(0.5, (1 + t) / (10 + t)) ** EVERY for t in (1, 2)]
    assert torch.allclose(average.average[0], 1 + (start - 1) * decays[0] * decays[1])
    kept = average.average[0].clone()
    average.on_validation_start(trainer, module)
    assert torch.equal(module.weight, kept)
    average.on_validation_end(trainer, module)
    assert torch.equal(module.weight, torch.ones(1, 2))
    assert torch.equal(average.average[0], kept)


def test_average_is_what_is_exported(tmp_path: Path) -> None:
    vae, splits = small_vae(), data.digits()
    training = {"ema_decay": 0.9, "batch_size": 100, "checkpoint_every": 1, "lr": 0.01}
    result = train.fit(vae, splits, tmp_path, training=training, trainer={"max_epochs": 2, **CPU})
    raw = read_checkpoint(checkpoints(tmp_path / "checkpoints")[-1])["state_dict"]
    assert not torch.equal(
        raw["pyro_model.prior" if "pyro_model.prior" in raw else next(iter(raw))], next(vae.parameters())
    )
    module = Training(vae, seed=0)
    torch.manual_seed(0)
    with torch.no_grad():
        assert float(module.loss(splits.valid.x)) == pytest.approx(result["valid_nll"], rel=1e-9)


def test_patience_stops(tmp_path: Path) -> None:
    training = {"patience": 2, "lr": 1e-300, "batch_size": 600}
    result = train.fit(small_vae(), data.digits(), tmp_path, training=training, trainer={"max_epochs": 50, **CPU})
    assert result["stopped_by"] == "patience"
    assert result["epochs"] < 50


def test_time_stops(tmp_path: Path) -> None:
    training = {"max_minutes": 0.01}
    result = train.fit(small_vae(), data.digits(), tmp_path, training=training, trainer={"max_epochs": 10_000, **CPU})
    assert result["stopped_by"] == "max_minutes"


@pytest.mark.parametrize(("schedule", "middle"), [("none", 1.0), ("cosine", 0.5), ("linear", 0.5)])
def test_schedules(schedule: str, middle: float) -> None:
    module = Training(small_vae(), schedule=schedule, warmup_steps=4)
    assert module.factor(0, 100) == pytest.approx(0.25)
    assert module.factor(50, 100) == pytest.approx(middle)
    assert module.factor(100, 100) == pytest.approx(1.0 if schedule == "none" else 0.0)
    module.time_share = lambda: 0.5
    assert module.factor(10, 100) == pytest.approx(middle)


class NotANumberAt:
    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def __call__(self, model, guide):
        loss = infer.ReparameterizedELBO()(model, guide)

        def call(x):
            self.calls += 1
            return loss(x) * (float("nan") if self.calls == self.at else 1.0)

        return call


def test_nan_loss_names_the_step(tmp_path: Path) -> None:
    training = {"objective": NotANumberAt(9), "batch_size": 100, "checkpoint_every": 3}
    with pytest.raises(FloatingPointError, match="Expected finite weights after step 9; got NaN or inf in"):
        train.fit(small_vae(), data.digits(), tmp_path, training=training, trainer={"max_epochs": 2, **CPU})
    assert [path.name for path in checkpoints(tmp_path / "checkpoints")] == [
        "step=000000003.ckpt",
        "step=000000006.ckpt",
    ]
    training = {"objective": NotANumberAt(9), "batch_size": 100}
    with pytest.raises(FloatingPointError, match="Expected a finite loss; got nan at step 9; the last good checkpoint"):
        train.fit(small_vae(), data.digits(), tmp_path / "b", training=training, trainer={"max_epochs": 2, **CPU})


SETTINGS = {
    "misspelt": ({"schedul": "none"}, {}, r"Expected a key of training; got 'schedul'; did you mean 'schedule'\?"),
    "wrong type": ({"lr": "fast"}, {}, r"Expected training\.lr to be of type float; got 'fast'"),
    "unknown schedule": ({"schedule": "cosin"}, {}, "Expected schedule to be one of none, cosine, linear; got 'cosin'"),
    "negative step size": ({"lr": -1.0}, {}, "Expected lr > 0"),
    "decay": ({"ema_decay": 1.0}, {}, r"Expected ema_decay in \[0, 1\); got 1\.0"),
    "batch size": ({"batch_size": 0}, {}, "Expected batch sizes of at least 1; got 0 and 1000"),
    "patience": ({"patience": 0}, {}, "Expected patience to be at least 1 or none; got 0"),
    "misspelt trainer": (
        {},
        {"max_epoch": 3},
        r"Expected a key of trainer; got 'max_epoch'; did you mean 'max_epochs'",
    ),
    "no time": ({"schedule": "cosine", "max_minutes": 0}, {}, r"Expected training\.max_minutes above 0 or none; got 0"),
    "no number": ({}, {"max_epochs": "ten"}, r"Expected trainer\.max_epochs to be of type .*; got 'ten'"),
    "time": ({}, {"max_time": "00:00:01:00"}, r"Expected training\.max_minutes for a limit of time"),
    "ours": ({}, {"callbacks": []}, "Expected a key of trainer; got 'callbacks'"),
    "no end": ({"schedule": "cosine"}, {"max_epochs": -1}, r"Expected trainer\.max_epochs or max_steps with schedule"),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_bad_settings(tmp_path: Path, name: str) -> None:
    training, trainer, message = SETTINGS[name]
    with pytest.raises(ValueError, match=message):
        train.fit(small_vae(), data.digits(), tmp_path, training=training, trainer={**CPU, **trainer})


def test_bad_data(tmp_path: Path) -> None:
    good = data.digits().train.x[:5]
    nan = good.clone()
    nan[3, 2] = float("nan")
    for x, message in ((nan, "3"), (good[:0], "Expected"), (good[:, :5], "64"), (good + 0.5, "Expected")):
        part = SimpleNamespace(x=x, context=None)
        with pytest.raises(ValueError, match=message):
            train.fit(small_vae(), SimpleNamespace(train=part, valid=part, shape=(1, 8, 8)), tmp_path, trainer=CPU)


def test_foreign_folder(tmp_path: Path) -> None:
    (tmp_path / "metrics.csv").write_text("mine")
    with pytest.raises(ValueError, match=r"Expected a run folder or a new one; got .*no config.yaml"):
        train.fit(small_vae(), data.digits(), tmp_path)


def test_svi_is_refused() -> None:
    vae = small_vae()
    svi = SVI(vae.model, vae.guide, pyro.optim.Adam({"lr": 1e-3}), Trace_ELBO())
    with pytest.raises(ValueError, match=r"Expected an objective such as Trace_ELBO\(\); got an SVI"):
        Training(vae, objective=svi)


def test_stray_parameters_are_refused_on_many_devices() -> None:
    module = Training(small_vae())
    module._trainer = SimpleNamespace(world_size=2)
    pyro.param("stray", torch.ones(2))
    with pytest.raises(ValueError, match=r"when training on 2 devices; got pyro.param stray"):
        module.on_train_start()


def test_a_users_own_trainer() -> None:
    vae = small_vae()
    trainer = lightning.Trainer(
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **CPU,
    )
    with pytest.warns(FutureWarning, match="LeafSpec"):
        trainer.fit(Training(vae, ema_decay=0.9), train.Batches(data.digits(), batch_size=300))
    assert trainer.global_step == 4


def test_orders_depend_on_seed_and_epoch_only() -> None:
    batches = train.IndexBatches(torch.arange(10.0), batch_size=4, seed=3)
    assert len(batches) == 3
    first, second = [torch.cat([x for x, _ in batches]) for _ in range(2)]
    assert not torch.equal(first, second)
    assert torch.equal(first.sort().values, torch.arange(10.0))
    again = train.IndexBatches(torch.arange(10.0), batch_size=4, seed=3)
    again.load_state_dict({"epoch": 1, "position": 1})
    assert torch.equal(torch.cat([x for x, _ in again]), second[4:])


def test_processes_share_an_epoch() -> None:
    parts = [train.IndexBatches(torch.arange(7.0), batch_size=2, seed=0, rank=r, world_size=2) for r in range(2)]
    rows = [torch.cat([x for x, _ in part]) for part in parts]
    assert [len(part) for part in rows] == [4, 4]
    assert len(torch.cat(rows).unique()) == 7


def test_a_fresh_run_sets_the_flow_from_data_once(tmp_path: Path, monkeypatch) -> None:
    x = 7 + 2 * torch.randn(200, 2)
    part = data.Dataset(x)
    splits = data.Splits(part, part, part, name="shifted", description="", licence="", shape=(2,))
    calls = []
    original = models.Density.initialize
    monkeypatch.setattr(models.Density, "initialize", lambda *args: (calls.append(len(args[1])), original(*args)))

    def run(num_steps: int) -> models.Density:
        density = models.Density(flows.extend(flows.realnvp(2, num_layers=2), [transforms.LULinear(2)]))
        settings = {"training": {"lr": 1e-9, "batch_size": 100}, "trainer": {"max_steps": num_steps, **CPU}}
        train.fit(density, splits, tmp_path / str(num_steps), **settings)
        return density

    density = run(1)
    assert calls == [200]
    torch.testing.assert_close(density.conditional.bijection.parts[-1].bias, x.mean(0), rtol=1e-4, atol=1e-4)
    run(1)  # finished: nothing is set again
    assert calls == [200]


class Pixels(Conditional):
    """Independent pixels of a picture of 8 x 8."""

    event_shape = torch.Size((1, 8, 8))

    def __init__(self) -> None:
        super().__init__()
        self.logits = torch.nn.Parameter(torch.zeros(1, 8, 8))

    def distribution(self, context: torch.Tensor | None) -> dist.TorchDistribution:
        return dist.Bernoulli(logits=self.logits).to_event(3)


def test_flat_rows_take_the_shape_of_the_models_event(tmp_path: Path) -> None:
    splits = data.digits()
    result = train.fit(models.Density(Pixels()), splits, tmp_path, trainer=CPU | {"max_epochs": 2})
    rows = rows_of(splits.train, (1, 8, 8))
    assert torch.equal(rows.x.flatten(1), splits.train.x)
    assert rows_of(splits.train, (64,)).x is splits.train.x
    assert rows_of(splits.train, (5, 5)).x is splits.train.x  # for the model to refuse
    assert result["valid_nll"] < 64 * 0.6931
