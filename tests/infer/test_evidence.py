import builtins

import pytest
import torch

from pyrodgm import infer
from tests.infer.conjugate import CASES, LinearRegression


def test_it_prefers_the_model_that_made_the_data():
    regression = LinearRegression(num_rows=60)
    irrelevant = torch.randn(60, 3)
    fits = [
        infer.laplace(regression.bayes, regression.x, context, structure="full", num_steps=20)
        for context in (regression.context, irrelevant)
    ]
    true, other = (
        infer.evidence(fit, regression.x, context)
        for fit, context in zip(fits, (regression.context, irrelevant), strict=True)
    )
    assert true.value > other.value + 10
    for fit, found in zip(fits, (true, other), strict=True):
        assert found.value == pytest.approx(fit.log_evidence)  # exact, as the posterior is normal
        assert found.effective_sample_size == pytest.approx(1000)


def test_a_bad_proposal_is_seen():
    regression = LinearRegression()
    fit = infer.mean_field(regression.bayes, regression.x, regression.context, num_steps=300, lr=0.05)
    fit.log_scale = fit.log_scale - 1.5
    found = infer.evidence(fit, regression.x, regression.context)
    assert found.k_hat > 0.7
    assert found.effective_sample_size < 200
    assert "k-hat" in str(found)


def test_without_arviz_there_is_no_tail(monkeypatch):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name == "arviz":
            raise ImportError("no arviz")
        return real(name, *args, **kwargs)

    case = CASES["NormalNormal"]()
    fit = infer.laplace(case.bayes, case.x, num_steps=100, lr=0.05)
    monkeypatch.setattr(builtins, "__import__", absent)
    found = infer.evidence(fit, case.x)
    assert found.k_hat is None
    assert "k-hat" not in str(found)
    with pytest.raises(ImportError, match=r"InferenceData needs ArviZ; pip install \"pyrodgm\[train\]\""):
        fit.to_inference_data(case.x)
    with torch.no_grad():
        assert infer.evidence(fit, case.x, num_draws=50).k_hat is None
