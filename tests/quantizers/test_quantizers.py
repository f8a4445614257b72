"""What every quantizer keeps."""

import copy
import pickle

import pytest
import torch

from pyrodgm.quantizers import Quantized
from tests.quantizer_cases import QUANTIZERS

BATCHES = [(), (5,), (2, 5), (2, 1, 3), (0,)]


def state(module):
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(first, second):
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", QUANTIZERS)
def test_shapes_values_and_gradients(name, dtype, training):
    quantizer = QUANTIZERS[name]().to(dtype).train(training)
    for batch in BATCHES:
        z = torch.randn(*batch, quantizer.code_dim, dtype=dtype, requires_grad=True)
        quantized = quantizer(z)
        assert isinstance(quantized, Quantized)
        codes, indices, commitment, perplexity, dead_fraction = quantized
        assert codes.shape == z.shape
        assert indices.shape == batch
        assert indices.dtype == torch.long
        for scalar in (commitment, perplexity, dead_fraction):
            assert scalar.shape == ()
            assert scalar.dtype == dtype
        assert commitment >= 0
        assert 1 - 1e-6 <= perplexity <= min(quantizer.num_codes, max(1, indices.numel())) + 1e-4
        assert 0 <= dead_fraction <= 1
        assert codes.dtype == dtype
        assert torch.equal(quantizer.indices_of(codes), indices)
        assert torch.equal(quantizer.indices_of(codes.detach().clone()), quantizer.indices_of(codes)) or training
        if codes.requires_grad:
            (gradient,) = torch.autograd.grad((codes * torch.randn_like(codes)).sum(), z)
            assert gradient.isfinite().all()
            assert not z.numel() or gradient.abs().sum() > 0
        else:
            assert name.startswith("Relaxed")
            assert not training


@pytest.mark.parametrize("name", QUANTIZERS)
def test_evaluation_changes_nothing_and_codes_decode_to_themselves(name):
    quantizer = QUANTIZERS[name]().eval()
    before = state(quantizer)
    codes, indices, *_ = quantizer(torch.randn(50, quantizer.code_dim))
    assert same(state(quantizer), before)
    assert torch.equal(quantizer.lookup(indices), codes)
    assert torch.equal(quantizer.lookup(indices.double()), codes)  # as autoregressive models draw them
    assert torch.equal(quantizer.indices_of(codes.clone()), indices)


@pytest.mark.parametrize("name", QUANTIZERS)
def test_copies_and_saved_states_go_on_alike(name):
    quantizer = QUANTIZERS[name]()
    batches = torch.randn(6, 40, quantizer.code_dim)
    for z in batches[:3]:
        quantizer(z)
    other = QUANTIZERS[name]()
    other.load_state_dict(quantizer.state_dict())
    twins = [quantizer, other, copy.deepcopy(quantizer), pickle.loads(pickle.dumps(quantizer))]
    ends = []
    for twin in twins:
        torch.manual_seed(1)
        ends.append([twin(z) for z in batches[3:]])
    for twin, end in zip(twins[1:], ends[1:], strict=True):
        assert same(state(twin), state(quantizer))
        for mine, its in zip(ends[0], end, strict=True):
            assert all(torch.equal(a, b) for a, b in zip(mine, its, strict=True))


@pytest.mark.parametrize("name", QUANTIZERS)
def test_all_codes_have_indices(name):
    quantizer = QUANTIZERS[name]()
    indices = torch.arange(quantizer.num_codes).reshape(1, -1)
    codes = quantizer.lookup(indices)
    assert codes.shape == (1, quantizer.num_codes, quantizer.code_dim)
    assert len(codes[0].unique(dim=0)) == quantizer.num_codes
    assert torch.equal(quantizer.indices_of(codes), indices)
    assert quantizer.lookup(indices[:, :0]).shape == (1, 0, quantizer.code_dim)


def test_perplexity_counts_codes_in_use():
    quantizer = QUANTIZERS["VectorQuantizer"]().eval()
    for used in (1, 4, 11):
        z = quantizer.codebook[:used].repeat(3, 1)
        torch.testing.assert_close(quantizer(z).perplexity, torch.tensor(float(used)))
    z = quantizer.codebook[[0, 0, 0, 1]]
    torch.testing.assert_close(quantizer(z).perplexity, torch.tensor(4 / 3**0.75))
