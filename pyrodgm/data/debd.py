"""The binary density estimation benchmark."""

from pathlib import Path

from torch import Tensor

from pyrodgm.data.checks import check_name
from pyrodgm.data.dataset import Dataset, Splits
from pyrodgm.data.files import find_file, read_npz, read_numbers, to_tensor, unpack_bits

# fmt: off
NAMES = [
    "nltcs", "msnbc", "kdd", "plants", "baudio", "jester", "bnetflix",
    "accidents", "mushrooms", "adult", "connect4", "ocr_letters", "rcv1", "tretail",
    "pumsb_star", "dna", "kosarek", "msweb", "nips", "book", "tmovie",
    "cwebkb", "cr52", "c20ng", "moviereview", "bbc", "voting", "ad",
]
# fmt: on


def debd(name: str, root: str | Path) -> Splits:
    """One of the binary density estimation benchmark sets, in their official split.

    Args:
        name: Such as ``"nltcs"`` (16 variables), ``"plants"`` (69), ``"baudio"`` (100), ``"accidents"`` (111),
            ``"mushrooms"`` (112), ``"adult"`` (123), ``"dna"`` (180).
        root: Folder with ``debd/NAME.npz``, or the original ``debd/NAME/NAME.train.data`` and its two companions.

    Returns:
        ``x`` of shape (N, D) with values 0 and 1, ``shape`` (D,).

    Raises:
        FileNotFoundError: Saying what goes where.
        ValueError: If the name is unknown (with the nearest one), or a file is damaged.

    References:
        Lowd, Davis (2010), Learning Markov Network Structure with Decision Trees; Van Haaren, Davis (2012), Markov
        Network Structure Learning; Bekker and others (2015), Tractable Learning for Complex Probability Queries;
        Larochelle, Murray (2011), The Neural Autoregressive Distribution Estimator. The files:
        https://github.com/UCLA-StarAI/Density-Estimation-Datasets
    """
    check_name(name, NAMES)
    source = (
        f"{name}.train.data, {name}.valid.data and {name}.test.data from "
        "https://github.com/UCLA-StarAI/Density-Estimation-Datasets, or an npz file with the same rows packed by "
        "numpy.packbits(rows, axis=1) under train, valid, test, and n_dims"
    )
    packed, text = f"debd/{name}.npz", f"debd/{name}/{name}.{{}}.data"
    parts: dict[str, Tensor] = {}
    path = find_file(root, [packed, text.format("train")], f"debd {name}", source)
    if path.suffix == ".npz":
        arrays = read_npz(path, ["train", "valid", "test", "n_dims"])
        parts = {s: unpack_bits(arrays[s], int(arrays["n_dims"]), str(path)) for s in ("train", "valid", "test")}
    else:
        for split in ("train", "valid", "test"):
            path = find_file(root, [text.format(split)], f"debd {name}", source)
            parts[split] = to_tensor(read_numbers(path))
    return Splits(
        Dataset(parts["train"]),
        Dataset(parts["valid"]),
        Dataset(parts["test"]),
        name=name,
        description=f"{name} of the density estimation benchmark, {parts['train'].shape[1]} binary variables, "
        "official split",
        licence="none stated; cite the papers named in its repository",
        shape=(parts["train"].shape[1],),
        num_levels=2,
    )
