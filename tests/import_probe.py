"""Run in a fresh process: what importing the package changes. Arguments: the root, then the parts to import."""

import importlib
import logging
import os
import random
import sys
import warnings
from pathlib import Path
from typing import Any

OPTIONAL = {
    *(
        "lightning",
        "pytorch_lightning",
        "torchmetrics",
        "jsonargparse",
        "yaml",
        "rich",
        "matplotlib",
        "sklearn",
        "scipy",
    ),
    *("safetensors", "arviz", "pandas", "xarray", "PIL", "zuko", "nflows", "normflows", "pytest", "sphinx"),
}


def state() -> dict[str, str]:
    """Return every global that an import could change, as text."""
    import numpy
    import pyro
    import torch

    return {
        "torch default dtype": str(torch.get_default_dtype()),
        "torch default device": str(torch.get_default_device()),
        "torch threads": str((torch.get_num_threads(), torch.get_num_interop_threads())),
        "torch grad mode": str(
            (torch.is_grad_enabled(), torch.is_inference_mode_enabled(), torch.is_anomaly_enabled())
        ),
        "torch deterministic algorithms": str(
            (torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled())
        ),
        "torch cudnn flags": str((torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic)),
        "torch matmul precision": torch.get_float32_matmul_precision(),
        "torch generator": str(torch.get_rng_state().tolist()),
        "torch print options": str(vars(torch._tensor_str.PRINT_OPTS)),
        "torch sharing strategy": torch.multiprocessing.get_sharing_strategy(),
        "torch safe globals": str(torch.serialization.get_safe_globals()),
        "torch.distributions validation": str(torch.distributions.Distribution._validate_args),
        "pyro settings": str(pyro.settings.get()),
        "pyro parameter store": str(sorted(pyro.get_param_store().keys())),
        "pyro handlers": str(pyro.poutine.runtime._PYRO_STACK),
        "numpy generator": str(numpy.random.get_state()),
        "numpy print options": str(numpy.get_printoptions()),
        "python generator": str(random.getstate()),
        "warning filters": str(warnings.filters),
        "logging": str((logging.getLogger().level, logging.getLogger().handlers)),
        "environment": str(sorted(os.environ.items())),
        "hooks": str((sys.excepthook, sys.displayhook, sys.meta_path)),
    }


class Without:
    """A finder that knows nothing of the optional dependencies."""

    def __init__(self, finder: Any) -> None:
        self.finder = finder

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """Find what is not optional."""
        return None if name.split(".")[0] in OPTIONAL else self.finder.find_spec(name, path, target)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)


def absence(part: str) -> str | None:
    """Use a part of the package without its optional dependencies; return what is wrong with the outcome."""
    module = f"pyrodgm.{part}"
    try:
        used = importlib.import_module(module)
        if part == "data":
            used.digits()
        if part == "plots":
            used.samples_grid(sys.modules["torch"].zeros(4, 64), (1, 8, 8))
    except ImportError as error:
        return None if "pyrodgm[" in str(error) else f"{module}: without its extra it says {str(error)!r}"
    return None if part not in {"data", "plots"} else f"{module}: works although its dependencies are absent"


def main(root: str, *parts: str) -> None:
    """Print one line for each breach."""
    import numpy  # noqa: F401
    import pyro  # noqa: F401
    import torch  # noqa: F401

    before, loaded = state(), set(sys.modules)
    package = importlib.import_module("pyrodgm")
    for part in parts:
        importlib.import_module(f"pyrodgm.{part}")
    after = state()
    if Path(str(package.__file__)).parents[1].resolve() != Path(root).resolve():
        print(f"imported {package.__file__} instead of the copy")
    for name, value in after.items():
        if value != before[name]:
            print(f"import changes {name}: {before[name][:80]} -> {value[:80]}")
    for name in sorted(OPTIONAL.intersection(sys.modules) - loaded):
        print(f"import needs the optional {name}")

    for name in [name for name in sys.modules if name.split(".")[0] in OPTIONAL]:
        del sys.modules[name]
    sys.meta_path[:] = [Without(finder) for finder in sys.meta_path]
    known = {
        path.stem
        for path in (Path(root) / "pyrodgm").iterdir()
        if path.suffix == ".py" or (path / "__init__.py").is_file()
    }
    for part in ("data", "plots", "train", "cli"):
        if part in known and (message := absence(part)):
            print(message)


if __name__ == "__main__":
    main(*sys.argv[1:])
