"""What every test shares: float64, a fixed seed, validation on, one thread, and where the real data lie."""

import os
from collections.abc import Iterator
from pathlib import Path

import pyro
import pytest
import torch

DATA_ROOT = Path(os.environ.get("PYRODGM_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(autouse=True)
def reproducible() -> Iterator[None]:
    """Fix seed, dtype and threads, and give every test an empty parameter store."""
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)  # the workers of the test run share the cores
    pyro.enable_validation(True)
    pyro.clear_param_store()
    pyro.set_rng_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture
def data_root() -> Path:
    """Return the folder of real data sets; skip the test where it is absent."""
    if not DATA_ROOT.is_dir():
        pytest.skip(f"no real data at {DATA_ROOT}; set PYRODGM_DATA to the folder that holds them")
    return DATA_ROOT
