"""KL warm-up in the trainer."""

import pytest
import torch
from pyro.infer import Trace_ELBO

from pyrodgm import models
from pyrodgm.train import Training


def test_weight_of_latents_rises_and_validation_is_at_one(monkeypatch):
    training = Training(models.vae(4, 2, hidden_dims=(8,)), beta_steps=10)
    seen = []
    monkeypatch.setattr(training, "loss", lambda *batch: seen.append(training.objective.beta) or torch.zeros(()))
    for step in (0, 5, 20):
        monkeypatch.setattr(Training, "global_step", step)
        training.training_step((torch.zeros(3, 4), None), 0)
        training.validation_step((torch.zeros(3, 4), None), 0)
    assert seen == [0.0, 1.0, 0.5, 1.0, 1.0, 1.0]


def test_needs_an_objective_with_a_weight():
    with pytest.raises(
        ValueError, match=r"Expected infer\.ReparameterizedELBO as the objective with beta=1\.0, beta_steps=10"
    ):
        Training(models.vae(4, 2, hidden_dims=(8,)), objective=Trace_ELBO(), beta_steps=10)
