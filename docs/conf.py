"""Settings of the documentation: `sphinx-build -W docs docs/_build/html`."""

import re
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))  # for gallery_pictures

import pyrodgm  # noqa: F401 -- fails here, with a clear error, where the package is not installed

project = "pyrodgm"
author = "The pyrodgm authors"
project_copyright = "The pyrodgm authors"

extensions = [
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "myst_parser",
    "sphinx_gallery.gen_gallery",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "reference/templates"]
templates_path = ["reference/templates"]
default_role = "code"

myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3

autosummary_generate = True
autosummary_generate_overwrite = True
autosummary_imported_members = True
autosummary_ignore_module_all = False
autosummary_filename_map = {
    "pyrodgm.models.vae": "pyrodgm.models.vae_builder"
}  # not VAE.html where case is no difference
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

# What runs here, all of it in the tests too: seconds each. "sphinx-build -t quick" runs what other pages show alone.
examples_run = r"/52_" if tags.has("quick") else r"/([0-4]\d|52)_"  # noqa: F821 -- Sphinx puts the tags there

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": examples_run,
    "ignore_pattern": r"demo\.py",  # the main job has a command of its own
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("gallery_pictures.scrape",),
    "reset_argv": "gallery_pictures.arguments",
    "reset_modules": (),
    "capture_repr": (),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "write_computation_times": False,
    "min_reported_time": 10_000,
    "show_signature": False,
}

html_theme = "furo"
html_title = "pyrodgm"
html_show_sphinx = False

SHAPE = re.compile(r"\(\*[^()]*(?:\([^()]*\)[^()]*)*\)")


def shapes_as_code(app: Any, what: str, name: str, obj: object, options: Any, lines: list[str]) -> None:
    """Set shapes such as (*batch, 2) as code, so that their star starts no emphasis."""
    for number, line in enumerate(lines):
        parts = line.split("`")  # what stands at even places is text
        parts[::2] = [SHAPE.sub(r"``\g<0>``", part) for part in parts[::2]]
        lines[number] = "`".join(parts)


def setup(app: Any) -> None:
    """Connect what Sphinx calls."""
    app.connect("autodoc-process-docstring", shapes_as_code)
