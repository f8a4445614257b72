import copy
import itertools
import math
import pickle
import sys

import pytest
import torch
from torch import nn

from pyrodgm.quantizers import VectorQuantizer, vector_quantizer
from pyrodgm.quantizers.nearest import CPU_ROWS, nearest, put_smallest


def search(z, codebook):
    """The nearest code by all distances."""
    return torch.cdist(z, codebook, compute_mode="donot_use_mm_for_euclid_dist").argmin(-1)


def test_nearest_equals_all_distances():
    for num_rows in (0, 1, CPU_ROWS, 3 * CPU_ROWS + 7):
        rows, codebook = torch.randn(num_rows, 5), torch.randn(37, 5)
        assert torch.equal(nearest(rows, codebook), search(rows, codebook))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_the_smallest_score_is_found_in_any_precision(dtype):
    scores, indices = torch.randn(50, 37).to(dtype), torch.empty(50, dtype=torch.long)
    put_smallest(scores, indices)
    assert torch.equal(scores.gather(1, indices[:, None])[:, 0], scores.amin(1))
    put_smallest(scores[:0], indices[:0])


def test_nearest_tells_codes_apart_far_from_zero():
    rows, codebook = torch.randn(500, 5), torch.randn(37, 5)
    far = nearest((rows + 3e3).float(), (codebook + 3e3).float())
    # In single precision values near 3000 are known to 1.2e-4, so only near ties may change: about 0.1 % of the rows.
    assert (far != search(rows, codebook)).double().mean() < 0.02


def loop(z, codebook, counts, sums, decay, smoothing=1e-5):
    """Running means as van den Oord et al. (2017) define them, one row at a time."""
    new_counts, new_sums = torch.zeros_like(counts), torch.zeros_like(sums)
    indices = []
    for row in z:
        k = min(range(len(codebook)), key=lambda k: float((row - codebook[k]).square().sum()))
        indices.append(k)
        new_counts[k] += 1
        new_sums[k] += row
    counts, sums = decay * counts + (1 - decay) * new_counts, decay * sums + (1 - decay) * new_sums
    total, num_codes = counts.sum(), len(codebook)
    smoothed = torch.stack([(n + smoothing) / (total + num_codes * smoothing) * total for n in counts])
    return torch.tensor(indices), sums / smoothed[:, None], counts, sums


@pytest.mark.parametrize("decay", [0.0, 0.6, 0.99])
def test_running_means_equal_a_loop(decay):
    quantizer = VectorQuantizer(7, 3, decay=decay, restart=False)
    codebook, counts, sums = (t.clone() for t in (quantizer.codebook, quantizer.counts, quantizer.sums))
    for z in torch.randn(5, 4, 6, 3):
        before = codebook
        indices, codebook, counts, sums = loop(z.reshape(-1, 3), codebook, counts, sums, decay)
        codes, found, commitment, *_ = quantizer(z)
        assert torch.equal(found.flatten(), indices)
        torch.testing.assert_close(codes.reshape(-1, 3), before[indices])
        torch.testing.assert_close(commitment, 0.25 * (z - codes).square().sum(-1).mean())
        for actual, expected in zip(
            (quantizer.codebook, quantizer.counts, quantizer.sums), (codebook, counts, sums), strict=True
        ):
            torch.testing.assert_close(actual, expected)
    codebook, end = quantizer.codebook.clone(), quantizer.eval()(z)
    torch.testing.assert_close(end.codes, codebook[end.indices])


def test_an_unused_code_stays():
    """Not so where counts start at zero beside sums that do not: the quotient throws such codes far away."""
    quantizer = VectorQuantizer(4, 2, restart=False)
    quantizer.codebook.copy_(torch.tensor([[0.0, 1.0], [5.0, 5.0], [-5.0, 5.0], [5.0, -5.0]]))
    quantizer.sums.copy_(quantizer.codebook)
    before = quantizer.codebook.clone()
    for _ in range(100):
        quantizer(torch.randn(20, 2) * 0.1)
    torch.testing.assert_close(quantizer.codebook[1:], before[1:], rtol=1e-4, atol=0.0)
    assert (quantizer.codebook[0] - before[0]).norm() > 0.5


@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_values_are_codes_to_the_bit(update):
    quantizer = VectorQuantizer(64, 3, update=update).float()
    z = (torch.randn(500, 3) * 10.0 ** torch.randint(-8, 9, (500, 1))).float()
    codebook = quantizer.codebook.detach().clone()
    codes, indices, *_ = quantizer(z.requires_grad_())
    assert torch.equal(codes, codebook[indices])


def test_straight_through_gradient_is_the_lectures():
    """d log p(x | z_q) / dz is d log p(x | z_q) / dz_q, plus 2 beta (z - e) / N of the commitment."""
    quantizer, w = VectorQuantizer(7, 3, commitment_weight=0.4), torch.randn(3, 2)
    z = torch.randn(10, 3, requires_grad=True)
    codes, _, commitment, *_ = quantizer(z)
    (gradient,) = torch.autograd.grad((codes @ w).sin().sum(), z, retain_graph=True)
    e = codes.detach()
    torch.testing.assert_close(gradient, (e @ w).cos() @ w.t())
    (gradient,) = torch.autograd.grad(commitment, z)
    torch.testing.assert_close(gradient, 2 * 0.4 * (z - e).detach() / 10)


def test_gradient_update_is_the_papers_codebook_loss():
    quantizer = VectorQuantizer(7, 3, update="gradient", commitment_weight=0.4)
    z = torch.randn(10, 3, requires_grad=True)
    codes, indices, commitment, *_ = quantizer(z)
    torch.testing.assert_close(commitment, 1.4 * (z - codes).square().sum(-1).mean())
    to_z, to_codes = torch.autograd.grad(commitment + codes.sin().sum(), (z, quantizer.codebook))
    torch.testing.assert_close(to_z, (2 * 0.4 * (z - codes) / 10 + codes.cos()).detach())
    expected = torch.zeros(7, 3).index_add_(0, indices, 2 * (codes - z).detach() / 10)
    torch.testing.assert_close(to_codes, expected)  # nothing of the decoder's


def with_dead_code(update="ema", **options):
    """A quantizer of which the last code lies far from all data, and data."""
    quantizer = VectorQuantizer(4, 2, update=update, decay=0.5, dead_below=0.3, **options)
    with torch.no_grad():
        quantizer.codebook.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0], [-1.0, 0.0], [90.0, 90.0]]))
    if update == "ema":
        quantizer.sums.copy_(quantizer.codebook)
    return quantizer, torch.randn(40, 2) * 0.5


def is_row(code, rows):
    return bool((rows == code).all(-1).any())


@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_a_dead_code_starts_again_at_a_vector_of_the_batch(update):
    quantizer, z = with_dead_code(update)
    assert quantizer(z).dead_fraction == 0.25
    assert is_row(quantizer.codebook[3], z)
    assert quantizer.counts[3] == quantizer.num_rows / 4
    if update == "ema":
        torch.testing.assert_close(quantizer.sums[3], quantizer.codebook[3] * quantizer.counts[3])
    assert quantizer.eval()(z).dead_fraction == 0


def test_a_code_that_started_again_stays_where_it_is_put():
    """It fails where sums are not reset: the next mean of sums and counts is then the old code, or far away."""
    quantizer, z = with_dead_code()
    quantizer(z)
    code = quantizer.codebook[3].clone()
    away = torch.tensor([[-1.0, 0.0]]).expand(40, 2) * 30  # a batch that does not choose it
    assert 3 not in quantizer(away).indices
    torch.testing.assert_close(quantizer.codebook[3], code, rtol=1e-4, atol=1e-4)


def test_a_code_that_started_again_does_not_die_at_once():
    """It fails where counts are not reset. Here it lives 21 batches: log 0.1 / log 0.9."""
    quantizer = VectorQuantizer(2, 1, decay=0.9, dead_below=0.1)
    z = torch.zeros(50, 1)
    quantizer.codebook.copy_(torch.tensor([[0.0], [9.0]]))
    quantizer.sums.copy_(quantizer.codebook)
    for _ in range(200):  # the running number of rows has settled by then
        quantizer(z)
    deaths = []
    for _ in range(70):
        quantizer.codebook[1], quantizer.sums[1] = 9.0, 9.0 * quantizer.counts[1]  # so that no batch chooses it
        deaths.append(float(quantizer(z).dead_fraction) > 0)
    steps = [i for i, dead in enumerate(deaths) if dead]
    assert len(steps) >= 2
    assert {b - a for a, b in itertools.pairwise(steps)} == {22}


def test_no_restarts_unless_wanted():
    quantizer, z = with_dead_code(restart=False)
    before = quantizer.codebook[3].clone()
    assert quantizer(z).dead_fraction == 0.25
    assert quantizer(z).dead_fraction == 0.25
    torch.testing.assert_close(quantizer.codebook[3], before, rtol=1e-3, atol=0.0)
    quantizer, z = with_dead_code(restart=True)
    quantizer.dead_below = 0.0
    assert quantizer(z).dead_fraction == 0


def test_restarts_bring_all_codes_into_use():
    z = torch.randn(4000, 2) + 10.0  # far from the codes, so that all choose the same few
    used = {}
    for restart in (False, True):
        quantizer = VectorQuantizer(64, 2, decay=0.9, restart=restart)
        for start in range(0, 4000 * 60, 400):
            quantizer(z[start % 4000 :][:400])
        used[restart] = len(quantizer.eval()(z).indices.unique())
    assert used[False] < 32
    assert used[True] >= 61  # 95 %


def refuse(*_):
    raise AssertionError("searched")


@pytest.fixture
def no_search(monkeypatch):
    """Return a function after which a search fails."""
    return lambda: monkeypatch.setattr(vector_quantizer, "nearest", refuse)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_what_was_just_quantized_is_not_searched_again(no_search, update, training):
    quantizer = VectorQuantizer(50, 3, update=update, decay=0.5).train(training)
    codes, indices, *_ = quantizer(torch.randn(4, 7, 7, 3))
    no_search()
    for view in (codes, codes.expand(4, 7, 7, 3), codes.movedim(-1, 1).movedim(1, -1), codes.detach()):
        assert torch.equal(quantizer.indices_of(view), indices)
    other = codes.detach().clone()
    for value in (other, codes[1:], codes.transpose(1, 2)):
        with pytest.raises(AssertionError, match="searched"):
            quantizer.indices_of(value)
    for twin in (copy.deepcopy(quantizer), pickle.loads(pickle.dumps(quantizer))):
        with pytest.raises(AssertionError, match="searched"):
            twin.indices_of(codes)


def test_pickles_hold_no_batch():
    quantizer = VectorQuantizer(50, 3).eval()
    before = len(pickle.dumps(quantizer))
    quantizer(torch.randn(5000, 3))
    assert len(pickle.dumps(quantizer)) == before
    assert len(pickle.dumps(copy.deepcopy(quantizer))) == before


def permute_codes(quantizer):
    with torch.no_grad():
        quantizer.codebook.copy_(quantizer.codebook.flip(0).clone())


def permute_silently(quantizer):
    quantizer.codebook.data = quantizer.codebook.data.flip(0).clone()


def load_another(quantizer):
    state = {name: t.flip(0) if name == "codebook" else t for name, t in quantizer.state_dict().items()}
    quantizer.load_state_dict(state)


def train_on(quantizer):
    quantizer.train()
    for _ in range(20):
        quantizer(torch.randn(50, 3))


def change_precision(quantizer):
    permute_codes(quantizer)
    quantizer.float()


@pytest.mark.parametrize("change", [permute_codes, permute_silently, load_another, train_on, change_precision])
@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_what_is_remembered_is_never_stale(update, change):
    quantizer = VectorQuantizer(50, 3, update=update, decay=0.5).eval()
    codes, indices, *_ = quantizer(torch.randn(200, 3))
    change(quantizer)
    found = quantizer.indices_of(codes)
    assert torch.equal(found, search(codes.to(quantizer.codebook.dtype), quantizer.codebook.detach()))
    if update == "ema" or change is not train_on:
        assert not torch.equal(found, indices)


def test_nothing_stale_after_a_fused_step_and_changed_values():
    quantizer = VectorQuantizer(50, 3, update="gradient")
    optimizer = torch.optim.Adam(quantizer.parameters(), lr=1.0, fused=True)  # which torch does not count
    z = torch.randn(200, 3)
    codes, indices, commitment, *_ = quantizer(z)
    commitment.backward()
    optimizer.step()
    found = quantizer.indices_of(codes)
    assert torch.equal(found, search(codes.detach(), quantizer.codebook.detach()))
    assert not torch.equal(found, indices)
    codes, indices, *_ = quantizer.eval()(z)
    with torch.no_grad():
        codes.copy_(codes.flip(0).clone())
    assert torch.equal(quantizer.indices_of(codes), indices.flip(0))


def test_inference_mode_and_functional_transforms():
    quantizer = VectorQuantizer(50, 3).eval()
    z = torch.randn(20, 3)
    with torch.inference_mode():
        codes, indices, *_ = quantizer(z)
        assert torch.equal(quantizer.indices_of(codes), indices)
    codes, indices, *_ = quantizer(z)
    assert torch.equal(quantizer.indices_of(codes), indices)


def test_training_resumes_exactly():
    batches = torch.randn(20, 60, 3)
    whole = VectorQuantizer(32, 3, decay=0.8, dead_below=0.3)
    deaths = 0.0
    for z in batches[:10]:
        deaths += float(whole(z).dead_fraction)
    rest = VectorQuantizer(32, 3, decay=0.8, dead_below=0.3)
    rest.load_state_dict(whole.state_dict())
    for part in (whole, rest):
        torch.manual_seed(5)
        for z in batches[10:]:
            deaths += float(part(z).dead_fraction)
    assert deaths > 0
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, rest.state_dict()[name]), name


@pytest.mark.parametrize("update", ["ema", "gradient"])
def test_codes_start_from_clusters(update):
    centres = torch.tensor([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0], [-10.0, 0.0], [0.0, -10.0]])
    z = centres.repeat(40, 1) + 0.1 * torch.randn(200, 2)
    quantizer = VectorQuantizer(5, 2, update=update)
    quantizer(z)
    quantizer.initialize(z.reshape(2, 100, 2))
    found = quantizer.codebook.detach()
    order = search(centres, found)
    assert sorted(order.tolist()) == [
        0,
        1,
        2,
        3,
        4,
    ]
    means = torch.stack([z[i::5].mean(0) for i in range(5)])
    torch.testing.assert_close(found[order], means, rtol=0.0, atol=0.1)
    assert (quantizer.counts == 1).all()
    quantized = quantizer.eval()(z)
    assert quantized.dead_fraction == 0
    torch.testing.assert_close(quantized.perplexity, torch.tensor(5.0))
    if update == "ema":
        assert torch.equal(quantizer.sums, quantizer.codebook)


def test_clusters_follow_torchs_generator():
    z, books = torch.randn(5000, 2), []
    for seed in (1, 1, 2):
        quantizer = VectorQuantizer(8, 2)
        torch.manual_seed(seed)
        quantizer.initialize(z)
        books.append(quantizer.codebook)
    assert torch.equal(books[0], books[1])
    assert not torch.equal(books[0], books[2])


def test_clusters_need_scikit_learn(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.cluster", None)
    with pytest.raises(ImportError, match=r'pip install "pyrodgm\[train\]"'):
        VectorQuantizer(8, 2).initialize(torch.randn(50, 2))


def test_a_refused_batch_teaches_nothing():
    quantizer = VectorQuantizer(7, 3)
    before = {name: tensor.clone() for name, tensor in quantizer.state_dict().items()}
    z = torch.randn(10, 3)
    z[4, 1] = math.nan
    with pytest.raises(ValueError, match="Expected finite z"):
        quantizer(z)
    for name, tensor in quantizer.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_an_empty_batch_starts_no_code_again():
    quantizer, z = with_dead_code()
    quantizer(z)
    for _ in range(10):
        quantizer(z[:0])
    assert quantizer.codebook.isfinite().all()


def test_mixed_precision_finds_the_same_codes():
    quantizer, z = VectorQuantizer(64, 8).float(), torch.randn(300, 8).float()
    expected = copy.deepcopy(quantizer)(z)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        actual = quantizer(z)
    assert torch.equal(actual.indices, expected.indices)
    assert actual.codes.dtype == torch.float32
    half = copy.deepcopy(quantizer).eval()(z.bfloat16())
    assert half.codes.dtype == torch.float32


def test_a_gradient_codebook_learns_under_an_optimiser():
    quantizer = nn.Sequential(nn.Linear(2, 2), VectorQuantizer(16, 2, update="gradient"))
    x = torch.randn(500, 2)
    optimizer = torch.optim.Adam(quantizer.parameters(), lr=1e-2)
    losses = []
    for _ in range(200):
        quantized = quantizer(x)
        losses.append(float((quantized.codes.detach() - x).square().sum(-1).mean()))
        optimizer.zero_grad()
        ((quantized.codes - x).square().sum(-1).mean() + quantized.commitment).backward()
        optimizer.step()
    assert losses[-1] < 0.35 < losses[0]  # 16 codes leave about 0.2 of a variance of 2; one code leaves 2
