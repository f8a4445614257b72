"""Two processes with one codebook: equal to each other, and to one process with all data."""

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as multiprocessing
from torch.nn.parallel import DistributedDataParallel

from pyrodgm.quantizers import VectorQuantizer

SIZES = (9, 5)  # rows of each process
NUM_STEPS = 12


def batches(num_rows):
    return torch.randn(NUM_STEPS, num_rows, 3, generator=torch.Generator().manual_seed(0))


def share(z, rank):
    return z[:, : SIZES[0]] if rank == 0 else z[:, SIZES[0] :]


def train_means(z):
    """Running means, with many restarts."""
    quantizer = VectorQuantizer(16, 3, decay=0.5, dead_below=0.4)
    found = [quantizer(batch) for batch in z]
    return quantizer, torch.stack([torch.stack(quantized[3:]) for quantized in found])


def train_by_gradient(z, wrap=lambda module: module):
    quantizer = VectorQuantizer(16, 3, update="gradient", decay=0.5, dead_below=0.4)
    module = wrap(torch.nn.Sequential(torch.nn.Linear(3, 3), quantizer))
    optimizer = torch.optim.SGD(module.parameters(), lr=0.3)
    for batch in z:
        optimizer.zero_grad()
        quantized = module(batch)
        ((quantized.codes - batch).square().sum(-1).mean() + quantized.commitment).backward()
        optimizer.step()
    return quantizer


def run_all(z, even, rank=0, wrap=lambda module: module):
    """Do the same with this process's rows as with all rows."""
    torch.manual_seed(rank)  # processes start apart, also in their codebooks
    quantizer, figures = train_means(z)
    quantizer.initialize(z.transpose(0, 1).flatten(0, 1))  # in the order in which processes are gathered
    clusters = quantizer.codebook.clone()
    by_gradient = train_by_gradient(even, wrap)
    return {"figures": figures, "clusters": clusters, "gradient": by_gradient.state_dict()}


def run_means(z, rank=0):
    torch.manual_seed(rank)
    return train_means(z)[0].state_dict()


def work(rank, folder):
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    z, even = share(batches(sum(SIZES)), rank), batches(12)[:, 6 * rank : 6 * rank + 6]
    results = {"means": run_means(z, rank)} | run_all(z, even, rank, DistributedDataParallel)
    torch.save(results, Path(folder) / f"{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    multiprocessing.spawn(work, args=(str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def flat(tree):
    return {key: flat(value) if isinstance(value, dict) else value for key, value in tree.items()}


def test_processes_end_with_identical_codebooks(results):
    first, second = results
    for key in ("means", "gradient"):
        for name in first[key]:
            assert torch.equal(first[key][name], second[key][name]), (key, name)
    assert torch.equal(first["figures"], second["figures"])
    assert torch.equal(first["clusters"], second["clusters"])


def test_they_equal_one_process_with_all_rows(results):
    z, even = batches(sum(SIZES)), batches(12)
    means, alone = run_means(z), run_all(z, even)
    assert (alone["figures"][:, 1] > 0).sum() > 3  # steps at which codes started again
    torch.testing.assert_close(results[0]["figures"], alone["figures"])
    torch.testing.assert_close(results[0]["clusters"], alone["clusters"])
    for key, expected in (("means", means), ("gradient", alone["gradient"])):
        for name in expected:
            torch.testing.assert_close(results[0][key][name], expected[name])
