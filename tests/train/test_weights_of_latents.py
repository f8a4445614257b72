"""The trainer's beta and free bits: set for a step of training, given back, and no part of validation."""

import pytest
import torch
from pyro.infer import Trace_ELBO

from pyrodgm import infer, models
from pyrodgm.train import Training, fit


def small():
    return models.vae(4, 2, hidden_dims=(8,))


def test_training_has_the_settings_and_validation_the_bound(monkeypatch):
    objective = infer.ReparameterizedELBO()
    training = Training(small(), objective=objective, beta=2.0, beta_steps=10, free_bits=0.5)
    seen = []

    def loss(*batch):
        seen.append((objective.beta, objective.free_bits))
        return torch.zeros(())

    monkeypatch.setattr(training, "loss", loss)
    batch = (torch.zeros(3, 4), None)
    for step in (0, 5, 20):
        monkeypatch.setattr(Training, "global_step", step)
        training.training_step(batch, 0)
        training.validation_step(batch, 0)
    assert seen == [(0.0, 0.5), (1.0, 0.0), (1.0, 0.5), (1.0, 0.0), (2.0, 0.5), (1.0, 0.0)]


@pytest.mark.parametrize("settings", [{"beta": 3.0}, {"free_bits": 2.0}])
def test_the_loss_is_that_of_the_objective_with_the_same_settings(settings):
    model, x = small(), torch.rand(5, 4).round()
    torch.manual_seed(0)
    loss = Training(model, **settings).training_step((x, None), 0)
    torch.manual_seed(0)
    expected = infer.ReparameterizedELBO(**settings)(model.model, model.guide)(x) / 5
    torch.testing.assert_close(loss, expected)
    torch.manual_seed(0)
    bound = infer.ReparameterizedELBO()(model.model, model.guide)(x) / 5
    assert not torch.equal(loss, bound)


def test_settings_come_back_after_an_error():
    training = Training(small(), beta=3.0, free_bits=2.0)
    with pytest.raises(ValueError, match="Expected finite x"):
        training.training_step((torch.full((3, 4), torch.nan), None), 0)
    assert (training.objective.beta, training.objective.free_bits) == (1.0, 0.0)


@pytest.mark.parametrize("settings", [{"beta": 2.0}, {"free_bits": 1.0}])
def test_need_an_objective_that_has_them(settings):
    with pytest.raises(ValueError, match=r"Expected infer\.ReparameterizedELBO as the objective with beta="):
        Training(small(), objective=Trace_ELBO(), **settings)


@pytest.mark.parametrize("settings", [{"beta": -1.0}, {"free_bits": -1.0}])
def test_negative_ones_are_refused(settings):
    with pytest.raises(ValueError, match=r"beta, beta_steps and free_bits >= 0; got lr=0\.001"):
        Training(small(), **settings)


def test_the_run_says_them(tmp_path):
    torch.set_default_dtype(torch.float32)
    x = torch.rand(20, 4).round()
    part = type("Part", (), {"x": x, "context": None})
    splits = type("Splits", (), {"train": part, "valid": part})
    settings = {"beta": 0.5, "free_bits": 1.5, "beta_steps": 7}
    fit(small(), splits, tmp_path / "run", training=settings, trainer={"max_steps": 2, "accelerator": "cpu"})
    text = (tmp_path / "run" / "config.yaml").read_text()
    assert all(f"{name}: {value}" in text for name, value in settings.items())
