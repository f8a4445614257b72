"""The gaps against closed forms."""

import pytest
import torch

from pyrodgm import infer, models
from tests.infer.linear_gaussian import LinearGaussian


def test_all_parts_in_closed_form():
    # 900 draws a datum, 60 data: standard errors of the means below 0.01; within 0.06 fails once in 10^8 seeds.
    known = LinearGaussian(shift=1.0, num_rows=60)
    refined = infer.SemiAmortized(known.vae, num_steps=100, lr=0.2, num_particles=16)
    found = infer.inference_gap(*known.args, refined=refined, num_particles=900)
    assert found.elbo == pytest.approx(known.elbo().mean().item(), abs=0.06)
    assert found.log_evidence == pytest.approx(known.evidence.mean().item(), abs=0.06)
    assert found.inference_gap == pytest.approx((known.evidence - known.elbo()).mean().item(), abs=0.06)
    assert found.approximation_gap == pytest.approx(known.approximation_gap.mean().item(), abs=0.06)
    assert found.approximation_gap + found.amortization_gap == pytest.approx(found.inference_gap)
    assert "approximation" in str(found)
    assert "60 data" in str(found)


def test_the_caller_says_which_evidence():
    known = LinearGaussian()
    found = infer.inference_gap(*known.args, evidence=known.evidence, num_particles=200)
    assert found.log_evidence == pytest.approx(known.evidence.mean().item())
    assert found.refined_elbo is None
    assert found.approximation_gap is None
    assert found.amortization_gap is None
    assert "approximation" not in str(found)


def test_by_default_that_of_the_same_draws_and_of_the_refined_guide():
    known = LinearGaussian(shift=6.0, widen=0.5)
    guide_alone = infer.inference_gap(*known.args, num_particles=500)
    assert guide_alone.inference_gap > 0
    refined = infer.inference_gap(*known.args, refined=infer.SemiAmortized(known.vae, num_steps=200), num_particles=500)
    assert guide_alone.log_evidence < refined.log_evidence - 3
    assert refined.log_evidence == pytest.approx(known.evidence.mean().item(), abs=0.2)


def test_memory_is_bounded():
    vae, seen = models.vae(4, 2, hidden_dims=(8,)), []
    vae.likelihood.net.register_forward_hook(lambda module, args, output: seen.append(args[0].shape[:-1].numel()))
    infer.inference_gap(vae.model, vae.guide, torch.rand(10, 4).round(), num_particles=250, batch_size=3)
    assert max(seen) == 300
    assert sum(seen) == 2500


def test_standard_error_is_over_the_data():
    known = LinearGaussian(num_rows=10)  # the gap of this model is one number, and the evidence is moved by others
    moved = torch.arange(10.0).double()
    found = infer.inference_gap(*known.args, evidence=known.evidence + moved, num_particles=500)
    assert found.standard_error == pytest.approx((moved.std() / 10**0.5).item(), rel=0.1)
