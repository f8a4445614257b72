"""Metrics of a GAN's samples, in place of the likelihood that it does not have."""

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyro
import torch
from torch import Tensor, nn

from pyrodgm import metrics, models
from pyrodgm.conditional import Neural
from pyrodgm.likelihood_free import GAN
from pyrodgm.nn import DCGANDiscriminator, ResNetDiscriminator
from pyrodgm.train.batches import rows_of
from pyrodgm.train.config import read_config
from pyrodgm.train.export import load
from pyrodgm.train.files import read_json, write_json
from pyrodgm.train.fit_gan import modes_of
from pyrodgm.train.machine import check_device, describe_machine

CHUNK = 500  # samples drawn between two calls of `progress`
NUM_TRAIN = 10_000  # training data that samples are compared with
SAMPLES = "samples"  # the method of such an evaluation
FeatureNet = DCGANDiscriminator | ResNetDiscriminator


def evaluate_gan(
    gan: GAN,
    splits: Any,
    folder: Path,
    *,
    features: str | Path | None = None,
    num_samples: int = 10_000,
    limit: int | None = None,
    seed: int = 0,
    name: str = "evaluation",
    device: str = "cpu",
    allow: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, Any]:
    """Compare samples with test data; writes `NAME.json`.

    Args:
        gan: The GAN of the run.
        splits: Its data.
        folder: Its folder.
        features: The run of a classifier, such as that of `recipes/mnist_classifier.yaml`, whose features the distances
            are between. Without it they are between the data themselves.
        num_samples: How many are drawn, with the contexts of the test data in turn where there are contexts.
        limit: Compare with only the first so many test data.
        seed: Seed of the samples.
        name: Stem of the file.
        device: Where the GAN and the classifier run.
        allow: Import-path prefixes trusted besides ours, see `load`.
        progress: Called with the samples drawn and their number.

    Returns:
        What the JSON holds. For all data: energy distance; Frechet distance (None where there are not more data than
        features), kernel inception distance, precision, recall, density, coverage, and the share of samples closer to
        the training data than test data are, each between features, with the feature network, its weights' hash, the
        scale that they are divided by, the preprocessing and the numbers of data and samples. Where the modes are
        known: how many were found, of how many, the share of good samples, the KL divergence of their shares, nats;
        for pictures of several channels and a classifier of one, the same by the classifier, with what it says of test
        data beside.

    Raises:
        ValueError: If there are too few data or samples, or the run of features does not suit the data.
    """
    start = time.monotonic()
    config = read_config(folder / "config.yaml")
    x, context = rows_of(splits.test, gan.event_shape)
    x, context = x[:limit], None if context is None else context[:limit]
    gan.check_data(x)
    net = None if features is None else feature_net(features, config, allow=allow).to(check_device(device))
    gan.to(check_device(device))
    pyro.set_rng_seed(seed)
    parts: list[Tensor] = []
    for first in range(0, num_samples, CHUNK):
        rows = torch.arange(first, min(first + CHUNK, num_samples))
        parts.append(gan.sample(len(rows), None if context is None else context[rows % len(x)].to(device)).cpu())
        if progress is not None:
            progress(int(rows[-1]) + 1, num_samples)
    fake = torch.cat(parts)
    fitted = read_json(folder / "fit.json") if (folder / "fit.json").is_file() else {}
    result = {
        "run": folder.name,
        "description": config.get("description"),
        "data": splits.name,
        "num_data": len(x),
        "test_sha256": hashlib.sha256(x.double().contiguous().numpy().tobytes()).hexdigest(),
        "method": SAMPLES,
        "num_samples": num_samples,
        "preprocessing": splits.description,
        **mode_figures(splits, x, fake, net),
        **distances(rows_of(splits.train, gan.event_shape).x[:NUM_TRAIN], x, fake, net, features),
        "training_minutes": fitted.get("minutes"),
        "stopped_by": fitted.get("stopped_by"),
        "evaluation_minutes": round((time.monotonic() - start) / 60, 3),
        "seed": seed,
        "device": device,
        "machine": describe_machine(),
    }
    write_json(folder / f"{name}.json", result)
    return result


def distances(
    train: Tensor, real: Tensor, fake: Tensor, net: FeatureNet | None, run: str | Path | None
) -> dict[str, Any]:
    """Return distances between features of data and samples, and what the features are.

    Features of a network are divided by their root mean square over the test data, `feature_scale`.

    A network of fewer channels than the data (a classifier of digits, and stacked ones) gives no features of them.
    """
    parts: list[metrics.Features | Tensor] = [real, fake, train]
    source: dict[str, Any] = {"features": "the data themselves", "num_features": real[0].numel(), "feature_scale": 1.0}
    if net is not None and net.input_shape == tuple(real.shape[1:]):
        named = f"{type(net).__name__}.features of {Path(run or '').name}"
        found = [metrics.features(net.features, part, name=named) for part in parts if isinstance(part, Tensor)]
        scale = found[0].values.square().mean().sqrt().cpu()  # a kernel of third degree knows no units
        parts = [metrics.Features(part.values.cpu() / scale, part.source) for part in found]
        source = {"features": str(found[0].source), "num_features": net.feature_dim, "feature_scale": float(scale)}
    x, y, seen = parts
    count = min(len(real), len(fake))
    result = source | {"frechet_distance": None}
    if count > source["num_features"]:
        result["frechet_distance"] = metrics.frechet_distance(x, y).value
    inception = metrics.kid(x, y)
    equal = metrics.prdc(first(x, count), first(y, count))
    result |= {"kid": inception.value, "kid_standard_error": inception.standard_error}
    result |= {key: getattr(equal, key) for key in ("precision", "recall", "density", "coverage")}
    result["num_for_precision"] = count
    result["energy_distance"] = metrics.energy_distance(first(x, count), first(y, count), num_permutations=0).value
    result["num_training_data"] = len(train)
    result["closer_to_training_data"] = metrics.memorisation(first(y, count), seen, x).closer_share
    return result


def first(samples: Tensor | metrics.Features, num: int) -> Tensor | metrics.Features:
    """Return the first rows of data or features."""
    if isinstance(samples, metrics.Features):
        return metrics.Features(samples.values[:num], samples.source)
    return samples[:num]


def mode_figures(splits: Any, real: Tensor, fake: Tensor, net: FeatureNet | None) -> dict[str, Any]:
    """Return what there is to say of modes: by their centres, by a classifier of channels, or nothing."""
    modes = modes_of(splits)
    channels = real.shape[1] if real.dim() == 4 else 1
    if modes is not None:
        found, of_data = metrics.mode_count(fake, *modes), metrics.mode_count(real, *modes)
    elif net is not None and net.input_shape == (1, *real.shape[2:]) and channels > 1:
        classifier = net.eval().cpu()
        found, of_data = (
            metrics.mode_count_by_classifier(part, classifier, num_channels=channels) for part in (fake, real)
        )
    else:
        return {}
    return {
        "modes_found": found.modes_found,
        "num_modes": found.num_modes,
        "high_quality_share": found.high_quality_share,
        "mode_kl_nats": found.kl,
        "modes_found_in_data": of_data.modes_found,
        "mode_kl_nats_of_data": of_data.kl,
    }


def feature_net(run: str | Path, config: Mapping[str, Any], *, allow: Sequence[str] = ()) -> FeatureNet:
    """Load the network of a classifier's run.

    Raises:
        ValueError: If the run is no classifier with features, or took pictures of another range than the GAN.
    """
    folder = Path(run)
    classifier = load(folder, allow=allow)
    neural = classifier.conditional if isinstance(classifier, models.Density) else None
    net: nn.Module | None = neural.net if isinstance(neural, Neural) else None
    if not isinstance(net, FeatureNet):
        raise ValueError(
            f"Expected the run of a classifier with features, such as mnist_classifier's; got {folder}, which holds "
            f"a {type(net or classifier).__name__}."
        )
    theirs, ours = scaling(read_config(folder / "config.yaml")["data"]), scaling(config["data"])
    if theirs != ours:
        raise ValueError(
            f"Expected features of data scaled as the GAN's are, {ours}; got {theirs} in {folder}. Train the "
            "classifier on data of the same data.rescaled."
        )
    return net.eval()


def scaling(section: Any) -> dict[str, Any] | None:
    """Return the arguments of the `data.rescaled` in a data section, its data left out; None where there is none."""
    if isinstance(section, Mapping):
        arguments = section.get("init_args") or {}
        if section.get("class_path") == "pyrodgm.data.rescaled":
            return {"low": -1.0, "high": 1.0} | {key: arguments[key] for key in ("low", "high") if key in arguments}
        return next((found for value in section.values() if (found := scaling(value)) is not None), None)
    return None
