"""The project keeps the rules of the house, and each rule catches a deliberate breach."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import architecture

ROOT = Path(__file__).parents[1]
Rule = Callable[[Path], list[str]]
EXAMPLE = '"""A header."""\n\n\ndef main(argv=None):\n    """--seed --out."""\n'

# Rule, file that is written into a copy of the project, its text, what the rule says.
BREACHES: dict[str, tuple[Rule, str, str, str]] = {
    "upward": (architecture.import_flow, "heads/bad.py", "from pyrodgm.flows import maf", "heads imports flows"),
    "upward in a function": (
        architecture.import_flow,
        "nn/bad.py",
        "def f():\n    from pyrodgm import models",
        "nn imports models",
    ),
    "upward and relative": (
        architecture.import_flow,
        "nn/bad.py",
        "from ..conditional import Neural",
        "nn imports conditional",
    ),
    "upward by name": (architecture.import_flow, "infer/bad.py", "import pyrodgm.train.files", "infer imports train"),
    "through the root": (
        architecture.import_flow,
        "models/bad.py",
        "from pyrodgm import Neural",
        "models imports Neural",
    ),
    "data in a model": (architecture.import_flow, "models/bad.py", "from pyrodgm import data", "models imports data"),
    "model in data": (architecture.import_flow, "data/bad.py", "from pyrodgm import models", "data imports models"),
    "plots in data": (architecture.import_flow, "data/bad.py", "from pyrodgm import plots", "data imports plots"),
    "train at the root": (
        architecture.import_flow,
        "__init__.py",
        "from pyrodgm import train",
        "__init__ imports train",
    ),
    "testing in the library": (
        architecture.import_flow,
        "infer/bad.py",
        "import pyrodgm.testing",
        "infer imports testing",
    ),
    "both ways in a layer": (
        architecture.import_flow,
        "flows/bad.py",
        "from pyrodgm import priors",
        "flows imports priors, and priors imports flows",
    ),
    "no layer": (architecture.import_flow, "tools/bad.py", "", "tools stands in no layer"),
    "long file": (architecture.file_length, "nn/bad.py", "x = 1\n" * 401, "401 lines, at most 400"),
    "drawer": (architecture.names_of_files, "nn/utils.py", "", "'utils' names nothing"),
    "drawer folder": (architecture.names_of_files, "common/norms.py", "", "'common' names nothing"),
    "private module": (architecture.names_of_files, "nn/_norms.py", "", "'_norms' is private"),
    "no case": (architecture.covered_by_cases, "bad/__init__.py", '__all__ = ["Zebra"]', "Zebra has no case"),
    "optional at import": (
        architecture.optional_imports,
        "nn/bad.py",
        "import scipy.linalg",
        "imports scipy outside a function",
    ),
    "optional in a class": (
        architecture.optional_imports,
        "plots/bad.py",
        "class A:\n    from matplotlib import cm",
        "imports matplotlib outside a function",
    ),
    "absence unexplained": (
        architecture.optional_imports,
        "data/bad.py",
        "def f():\n    import sklearn",
        'the absence of sklearn does not name "pyrodgm[extra]"',
    ),
    "assert": (architecture.asserts, "nn/bad.py", "assert 1 > 0", "raise a ValueError"),
    "unfinished": (architecture.words, "nn/bad.py", "x = 1  # TO" + "DO", "unfinished"),
    "machine path": (architecture.words, "nn/bad.py", "root = '/ho" + "me/me/data'", "a path of one machine"),
    "example without header": (architecture.examples, "../examples/99_bad.py", EXAMPLE[16:], "no header"),
    "example without main": (architecture.examples, "../examples/99_bad.py", '"""A header."""', "no main(argv=None)"),
    "example without options": (
        architecture.examples,
        "../examples/99_bad.py",
        EXAMPLE.replace("--", ""),
        "no option --seed",
    ),
    "example too long": (
        architecture.examples,
        "../examples/99_bad.py",
        EXAMPLE + "x = 1\n" * 120,
        "125 lines, at most 120",
    ),
    "example without number": (architecture.examples, "../examples/bad.py", EXAMPLE, "not named NN_name.py"),
    "examples not run": (architecture.examples, "../tests/test_examples.py", "", "does not run the examples by glob"),
}

GLOBALS = """
import random, warnings
import numpy, pyro, torch
import matplotlib
torch.set_default_dtype(torch.float64)
torch.set_num_threads(torch.get_num_threads() + 1)
torch.set_grad_enabled(False)
torch.use_deterministic_algorithms(True)
torch.distributions.Distribution.set_default_validate_args(False)
pyro.enable_validation(False)
pyro.param("weight", torch.zeros(3))
warnings.simplefilter("ignore")
torch.manual_seed(0)
random.seed(0)
"""


CHANGED = (
    "torch default dtype",
    "torch threads",
    "torch grad mode",
    "torch deterministic algorithms",
    "torch generator",
    "torch.distributions validation",
    "pyro settings",
    "pyro parameter store",
    "warning filters",
    "python generator",
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the project's code."""
    ignored = shutil.ignore_patterns("__pycache__")
    for folder in ("pyrodgm", "tests", "examples"):
        if (ROOT / folder).is_dir():
            shutil.copytree(ROOT / folder, tmp_path / folder, ignore=ignored)
    return tmp_path


@pytest.mark.parametrize("rule", architecture.RULES, ids=lambda rule: rule.__name__)
def test_the_project_keeps(rule: Rule) -> None:
    breaches = rule(ROOT)
    assert not breaches, "\n".join([str(rule.__doc__), *breaches])


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_caught(name: str, copy: Path) -> None:
    rule, file, text, message = BREACHES[name]
    if "priors" in message:
        write(copy / "pyrodgm" / "priors" / "bad.py", "from pyrodgm.flows import maf")
    assert not any(message in breach for breach in rule(copy))
    write(copy / "pyrodgm" / file, text)
    assert any(message in breach for breach in rule(copy)), rule(copy)


def test_an_unclean_import_is_caught(copy: Path) -> None:
    init = copy / "pyrodgm" / "__init__.py"
    write(init, init.read_text() + GLOBALS)
    write(copy / "pyrodgm" / "cli.py", "import rich")
    breaches = "\n".join(architecture.import_is_clean(copy))
    for name in CHANGED:
        assert f"import changes {name}" in breaches
    assert "import needs the optional matplotlib" in breaches
    assert "pyrodgm.cli: without its extra it says" in breaches


def test_every_rule_has_a_breach() -> None:
    shown = {rule for rule, *_ in BREACHES.values()} | {architecture.import_is_clean}
    assert shown == set(architecture.RULES)


def write(path: Path, text: str) -> None:
    """Write a file, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_page_of_the_design_is_true() -> None:
    """Its line of imports is the one that is checked, and its table names every folder."""
    page = (ROOT / "docs" / "design.md").read_text()
    folders = {path.stem for path in (ROOT / "pyrodgm").iterdir() if path.stem in architecture.RANK}
    layers = [{*layer} & folders for layer in architecture.LAYERS]
    (line,) = (line for line in page.splitlines() if line.startswith("heads, distributions"))
    assert [set(layer.split(", ")) for layer in line.split(" <- ")] == [layer for layer in layers if layer]
    table = "\n".join(line for line in page.splitlines() if line.startswith("| `"))
    assert all(f"`{name}" in table for name in folders | architecture.LEAVES)
