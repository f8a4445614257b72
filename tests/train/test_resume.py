"""A run that was killed and goes on ends with the weights of the run that was not."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pyro
import pytest
import torch

from pyrodgm import infer, models, train
from pyrodgm.data import Dataset, Splits
from pyrodgm.train.checkpoints import checkpoints, latest_checkpoint, read_checkpoint
from pyrodgm.train.export import read_weights

SCRIPT = """
    import os, signal, sys
    import pyro, torch
    from pyrodgm import data, infer, models, train

    class Objective:
        calls = 0
        def __call__(self, model, guide):
            loss = infer.ReparameterizedELBO()(model, guide)
            def call(x):
                Objective.calls += 1
                if Objective.calls == int(sys.argv[2]):
                    os.kill(os.getpid(), signal.SIGKILL)
                return loss(x)
            return call

    pyro.set_rng_seed(0)
    vae = models.vae(64, 2, hidden_dims=(8,))
    settings = {"objective": Objective(), "batch_size": 200, "checkpoint_every": 2, "ema_decay": 0.9}
    settings |= {"schedule": "cosine", "lr": 0.01}
    train.fit(vae, data.digits(), sys.argv[1], training=settings, trainer={"max_epochs": 3, "accelerator": "cpu"})
"""


class StoppedError(Exception):
    pass


class StopAt:
    """An objective that raises at its n-th batch, validation counted: what is on disk is what SIGKILL would leave."""

    def __init__(self, at: int) -> None:
        self.at, self.calls = at, 0

    def __call__(self, model, guide):
        loss = infer.ReparameterizedELBO()(model, guide)

        def call(x):
            self.calls += 1
            if self.calls == self.at:
                raise StoppedError
            return loss(x)

        return call


def tiny_splits(num: int) -> Splits:
    x = (torch.arange(num * 6).reshape(num, 6) % 5 < 2).to(torch.get_default_dtype())
    part = Dataset(x)
    return Splits(part, part, part, name="stripes", description="", licence="", shape=(6,), num_levels=2)


def run(folder: Path, *, num: int = 14, stop_at: int = -1, ema_decay: float | None = 0.9, max_epochs: int = 4) -> None:
    pyro.set_rng_seed(0)
    vae = models.vae(6, 2, hidden_dims=(4,))
    training = {"objective": StopAt(stop_at), "lr": 0.05, "batch_size": 4, "checkpoint_every": 1, "schedule": "linear"}
    training |= {"ema_decay": ema_decay}
    trainer = {"max_epochs": max_epochs, "accelerator": "cpu", "gradient_clip_val": 10.0}
    train.fit(vae, tiny_splits(num), folder, training=training, trainer=trainer)


def same(a: Path, b: Path) -> bool:
    first, second = read_weights(a / "model.safetensors"), read_weights(b / "model.safetensors")
    return all(torch.equal(first[name], second[name]) for name in first) and first.keys() == second.keys()


def last_weights(folder: Path) -> dict[str, torch.Tensor]:
    return read_checkpoint(checkpoints(folder / "checkpoints")[-1])["state_dict"]


def test_sigkill_in_mid_epoch(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(SCRIPT))

    def call(folder: str, kill_at: int) -> int:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, "-W", "error", str(script), str(tmp_path / folder), str(kill_at)]
        return subprocess.run(command, env=environment, check=False).returncode

    assert call("killed", 10) == -signal.SIGKILL
    assert not (tmp_path / "killed" / "fit.json").exists()
    assert call("killed", -1) == 0
    assert call("whole", -1) == 0
    assert same(tmp_path / "killed", tmp_path / "whole")


@pytest.mark.parametrize(
    ("num", "stops"),
    [(14, range(2, 21)), (4, range(2, 9)), (7, range(2, 13))],
    ids=["4 batches", "1 batch", "2 batches"],
)
def test_stopped_anywhere(tmp_path: Path, num: int, stops: range) -> None:
    """Four epochs of four batches, of one or of two, stopped in each of their steps and validations."""
    run(tmp_path / "whole", num=num)
    for stop in stops:
        folder = tmp_path / str(stop)
        with pytest.raises(StoppedError):
            run(folder, num=num, stop_at=stop)
        run(folder, num=num)
        assert same(folder, tmp_path / "whole"), stop
        mine, whole = last_weights(folder), last_weights(tmp_path / "whole")
        assert all(torch.equal(mine[name], whole[name]) for name in whole), stop
        metrics = [(path / "metrics.csv").read_text().splitlines() for path in (folder, tmp_path / "whole")]
        valid = [[row.split(",")[4] for row in rows if row.split(",")[4]] for rows in metrics]
        assert valid[0] == valid[1], stop


def test_truncated_checkpoint_falls_back(tmp_path: Path) -> None:
    run(tmp_path / "whole")
    with pytest.raises(StoppedError):
        run(tmp_path / "torn", stop_at=8)
    folder = tmp_path / "torn" / "checkpoints"
    before, last = checkpoints(folder)
    content = last.read_bytes()
    last.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"Expected a complete checkpoint at .*; got a torn or foreign file of \d+"):
        read_checkpoint(last)
    with pytest.warns(UserWarning, match=rf"Expected a complete checkpoint.*Going on from {before.name}"):
        run(tmp_path / "torn")
    assert same(tmp_path / "torn", tmp_path / "whole")


def test_all_checkpoints_truncated(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        run(tmp_path, stop_at=8)
    for path in checkpoints(tmp_path / "checkpoints"):
        path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r"Expected a complete checkpoint at .*step=000000006\.ckpt; got a torn"):
        latest_checkpoint(tmp_path / "checkpoints")


def test_no_checkpoint_is_none(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path) is None
    with pytest.raises(ValueError, match=r"Expected a complete checkpoint at .*; got no file"):
        read_checkpoint(tmp_path / "step=1.ckpt")


def test_finished_run_stays(tmp_path: Path) -> None:
    run(tmp_path)
    before = (tmp_path / "fit.json").stat().st_mtime_ns
    run(tmp_path, stop_at=1)  # would raise if it trained
    assert (tmp_path / "fit.json").stat().st_mtime_ns == before


def test_other_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoppedError):
        run(tmp_path, stop_at=3)
    with pytest.raises(ValueError, match=r"got another trainer\.max_epochs; choose another folder"):
        run(tmp_path, max_epochs=9)
