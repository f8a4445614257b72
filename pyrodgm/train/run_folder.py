"""What makes a folder that of a run."""

import warnings
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pyrodgm.train.config import SECTIONS, format_yaml, parse_yaml
from pyrodgm.train.export import CONFIG, WEIGHTS, Exported, export, save_weights
from pyrodgm.train.files import write_json, write_text


def finished(folder: str | Path) -> bool:
    """Return whether the run in a folder has ended."""
    return (Path(folder) / "fit.json").is_file()


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write `config.yaml`, which makes a folder that of a run; one that is there stays."""
    if not (folder / "config.yaml").is_file():
        write_text(folder / "config.yaml", config_text(config))


def config_text(config: Mapping[str, Any]) -> str:
    """Return what `config.yaml` holds."""
    return format_yaml(plain({section: config.get(section) for section in SECTIONS}))


def check_folder(folder: Path, config: Mapping[str, Any]) -> None:
    """Check that a folder is a new one, or holds a run of the same configuration.

    Raises:
        ValueError: If the folder holds a run of another configuration, or files but no run.
    """
    text = config_text(config)
    path = folder / "config.yaml"
    if not path.is_file():
        if (folder / "metrics.csv").exists() or (folder / CONFIG).exists():
            raise ValueError(f"Expected a run folder or a new one; got {folder}, which has files but no config.yaml.")
    elif path.read_text() != text:
        old, new = flat(parse_yaml(path.read_text())), flat(parse_yaml(text))
        if changed := [key for key in {**old, **new} if old.get(key) != new.get(key)]:
            raise ValueError(
                f"Expected the configuration of the run in {folder}; got another {', '.join(changed)}; "
                "choose another folder for a new run."
            )


def finish(
    model: Exported, folder: Path, config: Mapping[str, Any], result: dict[str, Any], draw: Callable[[], None]
) -> dict[str, Any]:
    """Export a model, draw the pictures, and say last that the run is finished."""
    if config["model"] is None:
        save_weights(model, folder / WEIGHTS)
    else:
        export(config["model"], model, folder)
    failure = None
    try:
        draw()
    except Exception as error:  # a picture must not cost a training
        failure = error
    write_json(folder / "fit.json", result)
    if failure is not None:
        warnings.warn(f"The run is finished, but not its pictures: {failure}", stacklevel=3)
    return result


def plain(value: Any) -> Any:
    """Return a configuration as plain YAML values; an object stands as its type's name."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, timedelta):
        return str(value)
    return value if value is None or isinstance(value, str | int | float | bool) else type(value).__name__


def flat(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a nested configuration with dotted keys."""
    result: dict[str, Any] = {}
    for key, value in config.items():
        result |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) and value else {f"{prefix}{key}": value}
    return result
