"""What `fit` leaves: pictures given contexts, nothing after a refusal, weights that belong to the figures."""

import signal
from pathlib import Path

import pyro
import pyro.distributions as dist
import pytest
import torch

from pyrodgm import Conditional, data, infer, models, plots, train
from pyrodgm.train.export import read_weights
from pyrodgm.train.files import read_json

CPU = {"accelerator": "cpu"}


def small_vae() -> models.VAE:
    pyro.set_rng_seed(0)
    return models.vae(64, 2, hidden_dims=(8,))


class PixelsGivenLabel(Conditional):
    """Independent pixels given a one-hot label."""

    event_shape = torch.Size((64,))
    context_shape = torch.Size((10,))

    def __init__(self) -> None:
        super().__init__()
        self.logits = torch.nn.Linear(10, 64)

    def distribution(self, context: torch.Tensor | None) -> dist.TorchDistribution:
        return dist.Bernoulli(logits=self.logits(context)).to_event(1)


class At:
    """An objective that calls `act` at its n-th batch, validation counted; a sign below 0 trains for the worse."""

    def __init__(self, at: int, act, sign: int = 1) -> None:
        self.at, self.act, self.sign, self.calls = at, act, sign, 0

    def __call__(self, model, guide):
        loss = infer.ReparameterizedELBO()(model, guide)

        def call(x):
            self.calls += 1
            if self.calls == self.at:
                self.act()
            return loss(x) * (self.sign if torch.is_grad_enabled() else 1)

        return call


def kill() -> None:
    raise RuntimeError("killed")


def interrupt() -> None:
    raise KeyboardInterrupt


def exit_3() -> None:
    raise SystemExit(3)


def test_pictures_are_drawn_given_the_validation_contexts(tmp_path: Path) -> None:
    splits = data.with_label_context(data.digits())
    train.fit(models.Density(PixelsGivenLabel()), splits, tmp_path, trainer=CPU | {"max_epochs": 1})
    assert (tmp_path / "samples.png").is_file()


def test_a_failure_of_a_picture_leaves_a_finished_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr(plots, "samples_grid", fail)
    with pytest.warns(UserWarning, match="The run is finished, but not its pictures: no ink"):
        train.fit(small_vae(), data.digits(), tmp_path, trainer=CPU | {"max_epochs": 1})
    assert read_json(tmp_path / "fit.json")["epochs"] == 1


@pytest.mark.parametrize(
    ("training", "trainer"),
    [({"lr": -1.0}, {}), ({"batch_size": 0}, {}), ({"schedule": "cosine"}, {"max_epochs": -1}), ({}, {"devices": "x"})],
    ids=["Training", "Batches", "schedule", "Trainer"],
)
def test_a_refused_command_leaves_nothing(tmp_path: Path, training: dict, trainer: dict) -> None:
    with pytest.raises(Exception, match=r"\w"):
        train.fit(small_vae(), data.digits(), tmp_path / "run", training=training, trainer=CPU | trainer)
    assert not (tmp_path / "run").exists()


def test_exported_weights_are_those_of_the_figures(tmp_path: Path) -> None:
    """A run killed after a validation that no checkpoint knows of; what is trained anew validates worse."""
    splits = data.digits()  # 3 batches and a validation an epoch

    def fit(**objective: object) -> dict:
        training = {"batch_size": 400, "checkpoint_every": 4, "lr": 0.01, **objective}
        return train.fit(small_vae(), splits, tmp_path, training=training, trainer=CPU | {"max_epochs": 3})

    with pytest.raises(RuntimeError, match="killed"):
        fit(objective=At(9, kill))  # best after 6 steps; the checkpoint is that of step 4
    result = fit(objective=At(-1, kill, sign=-100))
    assert result["best_step"] == 3
    module = train.Training(model := small_vae(), seed=0)
    model.load_state_dict(read_weights(tmp_path / "model.safetensors"))
    torch.manual_seed(0)
    with torch.no_grad():
        assert float(module.loss(splits.valid.x)) == pytest.approx(result["valid_nll"], rel=1e-9)
    assert {path.suffix for path in (tmp_path / "checkpoints").iterdir()} == {".ckpt"}


def test_weights_are_the_average_before_its_first_update(tmp_path: Path) -> None:
    vae = small_vae()
    start = {name: value.clone() for name, value in vae.state_dict().items()}
    training = {"ema_decay": 0.999, "batch_size": 400}
    train.fit(vae, data.digits(), tmp_path, training=training, trainer=CPU | {"max_epochs": 1})
    assert not any(torch.equal(value, start[name]) for name, value in vae.state_dict().items() if value.numel() > 1)


def test_an_interrupt_is_an_interrupt(tmp_path: Path) -> None:
    handler = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        train.fit(small_vae(), data.digits(), tmp_path, training={"objective": At(2, interrupt)}, trainer=CPU)
    assert signal.getsignal(signal.SIGINT) is handler
    assert not (tmp_path / "fit.json").exists()


def test_an_exit_is_an_exit(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="3"):
        train.fit(small_vae(), data.digits(), tmp_path, training={"objective": At(2, exit_3)}, trainer=CPU)


def test_epochs_that_are_limited_are_equally_long(tmp_path: Path) -> None:
    trainer = CPU | {"max_epochs": 3, "limit_train_batches": 2}
    training = {"batch_size": 400, "checkpoint_every": 1}
    result = train.fit(small_vae(), data.digits(), tmp_path, training=training, trainer=trainer)
    assert (result["epochs"], result["steps"]) == (3, 6)


def test_a_limited_epoch_starts_with_a_new_order() -> None:
    batches = train.IndexBatches(torch.arange(10.0), batch_size=2, seed=3)
    seen = []
    for _ in range(3):
        seen.append(torch.cat([x for _, (x, _) in zip(range(3), batches, strict=False)]))
    for epoch, x in enumerate(seen):
        assert torch.equal(x, torch.arange(10.0)[batches.order(epoch)][:6])


def test_a_limited_run_goes_on_like_one_that_was_not_stopped(tmp_path: Path) -> None:
    def fit(folder: str, objective: object) -> bytes:
        training = {"objective": objective, "batch_size": 300, "checkpoint_every": 1}
        trainer = CPU | {"max_epochs": 3, "limit_train_batches": 2}
        train.fit(small_vae(), data.digits(), tmp_path / folder, training=training, trainer=trainer)
        return (tmp_path / folder / "model.safetensors").read_bytes()

    whole = fit("whole", At(-1, kill))
    for stop in range(2, 10):
        with pytest.raises(RuntimeError, match="killed"):
            fit(str(stop), At(stop, kill))
        assert fit(str(stop), At(-1, kill)) == whole, stop


def test_line_ends_of_the_metrics(tmp_path: Path) -> None:
    train.fit(small_vae(), data.digits(), tmp_path, trainer=CPU | {"max_epochs": 1})
    assert b"\r" not in (tmp_path / "metrics.csv").read_bytes()


def test_a_folder_without_a_model_configuration_says_so(tmp_path: Path) -> None:
    train.fit(small_vae(), data.digits(), tmp_path, trainer=CPU | {"max_epochs": 1})
    with pytest.raises(ValueError, match="not finished, or was fitted without a model configuration"):
        train.load(tmp_path)
