"""Settings of the documentation: `sphinx-build -W docs docs/_build/html`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for gallery_pictures

import pyrodgm  # noqa: F401, E402 -- fails here, with a clear error, where the package is not installed

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
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True

sphinx_gallery_conf = {
    "examples_dirs": "../examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"/\d\d_",  # these run; each takes seconds
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
