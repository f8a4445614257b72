"""How the gallery runs an example: into a folder of its own, whose PNG files appear on the page."""

import shutil
from pathlib import Path
from typing import Any

import torch
from sphinx_gallery.scrapers import figure_rst

OUT = Path(__file__).parent / "_build" / "examples"


def arguments(gallery_conf: dict[str, Any], script_vars: dict[str, Any]) -> list[str]:
    """Return the example's command line: its default settings, and an empty folder to write to."""
    folder = folder_of(script_vars["src_file"])
    shutil.rmtree(folder, ignore_errors=True)
    torch.set_num_threads(1)  # networks this small gain nothing from more, and wait where cores are shared
    return ["--out", str(folder)]


def scrape(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """Move the pictures that a block wrote into the gallery, in the order in which they were written."""
    pictures = sorted(folder_of(block_vars["src_file"]).glob("*.png"), key=lambda path: path.stat().st_mtime_ns)
    targets = [next(block_vars["image_path_iterator"]) for _ in pictures]
    for picture, target in zip(pictures, targets, strict=True):
        shutil.move(picture, target)
    return figure_rst([str(target) for target in targets], gallery_conf["src_dir"])


def folder_of(example: str | Path) -> Path:
    """Return the folder that an example writes to."""
    return OUT / Path(example).stem
