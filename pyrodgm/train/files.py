"""Files that appear whole or not at all: a temporary name, fsync, then a rename."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO


def write_whole(path: str | Path, write: Callable[[BinaryIO], Any]) -> Path:
    """Write a file so that a crash at any moment leaves the old file or the new one, never a part.

    Args:
        path: The file; its folder is made.
        write: Called with the open binary file.

    Returns:
        The path.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def write_text(path: str | Path, text: str) -> Path:
    """Write text whole or not at all; see `write_whole`."""
    return write_whole(path, lambda file: file.write(text.encode()))


def write_json(path: str | Path, value: Any) -> Path:
    """Write JSON whole or not at all; see `write_whole`."""
    return write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON.

    Raises:
        ValueError: If the file is absent, torn or no JSON.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"Expected a file {path.name} in {path.parent}; got none.")
    try:
        return json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"Expected JSON in {path}; got a torn or foreign file ({error}).") from error
