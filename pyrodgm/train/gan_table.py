"""What the command prints of a GAN: how a run ended, and evaluations of samples side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Column, Table

ROWS = {  # name: key of an evaluation
    "good samples": "high_quality_share",
    "KL of the modes, nats": "mode_kl_nats",
    "Frechet distance": "frechet_distance",
    "kernel inception distance": "kid",
    "precision": "precision",
    "recall": "recall",
    "density": "density",
    "coverage": "coverage",
    "energy distance": "energy_distance",
    "closer to training data than test data": "closer_to_training_data",
    "training, minutes": "training_minutes",
}


def outcome(result: Mapping[str, Any]) -> str:
    """Return the losses at the end of a run, and the modes found where they are known."""
    text = f"losses D {result.get('discriminator_loss', 0.0):.3f}, G {result.get('generator_loss', 0.0):.3f}"
    if "modes_found" in result:
        text += f", {result['modes_found']:.0f} modes, {result['high_quality_share']:.0%} good samples"
    return text


def print_samples(console: Console, results: Sequence[Mapping[str, Any]], names: Sequence[str]) -> None:
    """Print a table of evaluations of samples, and what they were computed from below.

    Args:
        console: Where to.
        results: What `evaluate` returned for GANs.
        names: What to call them.
    """
    table = Table("", *(Column(name, overflow="fold") for name in names), title="Samples against test data")
    rows = {"modes found (in the data)": [modes(result) for result in results]}
    rows |= {row: [figure(result, key) for result in results] for row, key in ROWS.items()}
    for row, cells in rows.items():
        if any(cells):
            table.add_row(row, *cells)
    console.print(table)
    for name, result in zip(names, results, strict=True):
        line = (
            f"{name}: {result['num_samples']} samples against {result['num_data']} test data of {result['data']}; "
            f"distances between features: {result['features']}, {result['num_features']} of them; precision to "
            f"coverage of {result['num_for_precision']} each; data: {result['preprocessing']}"
        )
        console.print(line, highlight=False, soft_wrap=True)


def modes(result: Mapping[str, Any]) -> str:
    """Return modes found of those there are, and as many data's, or nothing."""
    if "modes_found" not in result:
        return ""
    return f"{result['modes_found']} of {result['num_modes']} ({result['modes_found_in_data']})"


def figure(result: Mapping[str, Any], key: str) -> str:
    """Return three digits, with a standard error where there is one; nothing where there is no figure."""
    value, error = result.get(key), result.get(f"{key}_standard_error")
    return "" if value is None else f"{value:.3g}" + ("" if error is None else f" ± {error:.2g}")
