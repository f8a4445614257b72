"""The table of `pyrodgm compare --posterior`."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Column, Table


def print_posteriors(console: Console, result: Mapping[str, Any]) -> None:
    """Print the table; columns that no row has are left out."""
    rows = result["rows"]
    kind = next((row["calibration"] for row in rows if row["calibration"]), None)
    columns = ["log density, nats", "difference", "Dirac, nats"]
    columns += ["RMSE"] if rows[0]["rmse"] is not None else []
    columns += [f"{kind} error"] if kind else []
    columns += ["with noise, nats", "fit, s"]
    table = Table(
        *(Column(name, overflow="fold") for name in ("posterior", *columns)),
        title=f"Test log predictive density: {result['data']}, {result['num_train']} training and "
        f"{result['num_test']} test rows, {result['num_parameters']} parameters",
    )
    for row in rows:
        entries = [both(row, "log_density"), "" if row is rows[0] else both(row, "difference", "+"), both(row, "dirac")]
        entries += [f"{row['rmse']:.3f}"] if rows[0]["rmse"] is not None else []
        entries += [f"{row['calibration_error']:.3f}"] if kind else []
        table.add_row(row["posterior"], *entries, both(row, "other"), f"{row['seconds']:.1f}")
    console.print(table)


def both(row: Mapping[str, Any], name: str, sign: str = "") -> str:
    """Return "value ± standard error"."""
    error = row[f"{name}_standard_error"]
    digits = 3 if abs(row[name]) < 100 else 0
    return f"{row[name]:{sign}.{digits}f}" + ("" if error is None else f" ± {error:.{digits}f}")
