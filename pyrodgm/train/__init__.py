"""Training with Lightning, resuming, and sharing models; needs `pip install "pyrodgm[train]"`."""

import importlib.util

_MISSING = [name for name in ("lightning", "jsonargparse", "rich", "safetensors") if not importlib.util.find_spec(name)]
if _MISSING:
    raise ImportError(f'pyrodgm.train needs {", ".join(_MISSING)}: pip install "pyrodgm[train]"')

from pyrodgm.train.batches import Batches, IndexBatches  # noqa: E402
from pyrodgm.train.build import build  # noqa: E402
from pyrodgm.train.compare_posteriors import compare_posteriors  # noqa: E402
from pyrodgm.train.evaluate import compare, evaluate  # noqa: E402
from pyrodgm.train.export import export, load  # noqa: E402
from pyrodgm.train.fit import fit  # noqa: E402
from pyrodgm.train.fit_gan import fit_gan  # noqa: E402
from pyrodgm.train.gan_training import GANTraining  # noqa: E402
from pyrodgm.train.posteriors import PosteriorSettings  # noqa: E402
from pyrodgm.train.score_posterior import Score, score_posterior  # noqa: E402
from pyrodgm.train.training import Training  # noqa: E402

__all__ = [
    "Batches",
    "GANTraining",
    "IndexBatches",
    "PosteriorSettings",
    "Score",
    "Training",
    "build",
    "compare",
    "compare_posteriors",
    "evaluate",
    "export",
    "fit",
    "fit_gan",
    "load",
    "score_posterior",
]
