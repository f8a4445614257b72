"""The rules of the house. Each takes a project's root and returns its breaches, one line each."""

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = "pyrodgm"
MAX_LINES = 400
MAX_EXAMPLE_LINES = 120
# Imports point from a later row to an earlier one; within a row in one direction at most.
LAYERS = (
    {"heads", "distributions", "nn"},
    {"conditional"},
    {"transforms", "quantizers"},
    {"flows", "autoregressive", "priors"},
    {"models"},
    {"infer", "likelihood_free"},
    {"testing"},
    {"train"},
    {"cli"},
)
RANK = {name: rank for rank, layer in enumerate(LAYERS) for name in layer}
LEAVES = {"data", "metrics", "plots"}
LEAF_IMPORTERS = {"train", "cli"}
APPLICATIONS = {"train", "cli"}
CORE = {"torch", "pyro", "torchdiffeq", "numpy", "tqdm"}  # Pyro itself needs tqdm
DRAWERS = {"utils", "util", "common", "helpers", "helper", "misc"}
UNFINISHED = re.compile(
    "|".join(("TO" + "DO", "FIX" + "ME", "X" * 3, "HA" + "CK", "place" + "holder", "not implemented" + " yet"))
)
MACHINE_PATH = re.compile(r"/(?:home|root|work|farm|mnt|opt|Users)/")
TEXTS = {".py", ".md", ".rst", ".toml", ".yaml", ".yml", ".txt", ".cff", ".cfg"}
SCANNED = ("pyrodgm", "tests", "examples", "recipes", "docs", ".ci")
GENERATED = {"__pycache__", "_build", "generated", "gallery"}


def import_flow(root: Path) -> list[str]:
    """Imports between the parts of the package point one way."""
    breaches, edges = [], {}
    for path in sources(root):
        part = component(root, path)
        if part not in RANK and part not in LEAVES and part != "__init__":
            breaches.append(f"{where(root, path)}: {part} stands in no layer; give it its place in LAYERS")
            continue
        for line, target in package_imports(root, path):
            edges.setdefault((part, target), f"{where(root, path)}:{line}")
    for (part, target), place in edges.items():
        if target != part and not may_import(part, target):
            breaches.append(f"{place}: {part} imports {target}")
        elif (target, part) in edges and part < target:
            breaches.append(f"{place}: {part} imports {target}, and {target} imports {part} at {edges[target, part]}")
    return breaches


def may_import(part: str, target: str) -> bool:
    """Return whether one part of the package may import another."""
    if target in LEAVES:
        return part in LEAF_IMPORTERS
    if part in LEAVES:
        return target == "distributions"
    if target not in RANK or target == "testing":
        return False
    if part == "__init__":
        return target not in APPLICATIONS
    return RANK[target] <= RANK[part]


def file_length(root: Path) -> list[str]:
    """No file is longer than one can read at a sitting."""
    counts = {path: len(path.read_text().splitlines()) for path in texts(root) if path.suffix == ".py"}
    return [f"{where(root, path)}: {n} lines, at most {MAX_LINES}" for path, n in counts.items() if n > MAX_LINES]


def names_of_files(root: Path) -> list[str]:
    """No drawer named for nothing, no private module."""
    breaches = []
    for path in sources(root):
        parts = path.relative_to(root / PACKAGE).with_suffix("").parts
        breaches += [f"{where(root, path)}: {part!r} names nothing" for part in parts if part in DRAWERS]
        breaches += [
            f"{where(root, path)}: {part!r} is private" for part in parts if re.match(r"_(?!_init__|_main__)", part)
        ]
    return breaches


def covered_by_cases(root: Path) -> list[str]:
    """Every public name of a sub-package is mentioned in tests/cases.py or a family's tests/*_cases.py."""
    tables = [root / "tests" / "cases.py", *sorted((root / "tests").glob("*_cases.py"))]
    mentioned = {name for table in tables if table.is_file() for name in mentioned_names(parse(table))}
    return [
        f"{where(root, path)}: {name} has no case in tests/cases.py"
        for path in sources(root)
        if path.name == "__init__.py" and component(root, path) != "testing"
        for name in public_names(parse(path))
        if name not in mentioned | modules_of(root, path)
    ]


def optional_imports(root: Path) -> list[str]:
    """Optional dependencies are imported inside functions, and their absence names the extra."""
    breaches = []
    for path in sources(root):
        tree = parse(path)
        at_import = {id(node) for node in imports_at_import(tree)}
        found = [(node, name) for node in ast.walk(tree) for name in third_party(node) if name not in CORE]
        if component(root, path) in APPLICATIONS:
            continue
        typing_only = {id(node) for node in imports_for_typing(tree)}
        found = [(node, name) for node, name in found if id(node) not in typing_only]
        breaches += [
            f"{where(root, path)}:{node.lineno}: imports {name} outside a function"
            for node, name in found
            if id(node) in at_import
        ]
        inside = [(node, name) for node, name in found if id(node) not in at_import]
        if inside and not any(names_extra(source) for source in (path, *siblings(root, path))):
            node, name = inside[0]
            breaches.append(
                f'{where(root, path)}:{node.lineno}: the absence of {name} does not name "{PACKAGE}[extra]"'
            )
    return breaches


def asserts(root: Path) -> list[str]:
    """Users' mistakes raise; only the contracts assert."""
    return [
        f"{where(root, path)}:{node.lineno}: assert; raise a ValueError that says what to do"
        for path in sources(root)
        if component(root, path) != "testing"
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Assert)
    ]


def words(root: Path) -> list[str]:
    """No unfinished words in the code, no path of one machine anywhere."""
    breaches = []
    for path in texts(root):
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if path.suffix == ".py" and UNFINISHED.search(line):
                breaches.append(f"{where(root, path)}:{number}: unfinished: {line.strip()}")
            if MACHINE_PATH.search(line):
                breaches.append(f"{where(root, path)}:{number}: a path of one machine: {line.strip()}")
    return breaches


def examples(root: Path) -> list[str]:
    """Every example is short, has a header and ``main(argv=None)``, and is run by the tests."""
    breaches = []
    runner = root / "tests" / "test_examples.py"
    if not (runner.is_file() and "glob(" in runner.read_text()):
        breaches.append("tests/test_examples.py: does not run the examples by glob")
    for path in sorted((root / "examples").glob("*.py")):
        text, tree, place = path.read_text(), parse(path), where(root, path)
        numbered = re.fullmatch(r"\d\d_[a-z0-9_]+", path.stem)
        if not numbered and path.stem != "demo":
            breaches.append(f"{place}: not named NN_name.py")
        if numbered and len(text.splitlines()) > MAX_EXAMPLE_LINES:
            breaches.append(f"{place}: {len(text.splitlines())} lines, at most {MAX_EXAMPLE_LINES}")
        if not ast.get_docstring(tree):
            breaches.append(f"{place}: no header")
        if not any(is_main(node) for node in tree.body):
            breaches.append(f"{place}: no main(argv=None)")
        breaches += [f"{place}: no option {option}" for option in ("--seed", "--out") if option not in text]
    return breaches


def import_is_clean(root: Path) -> list[str]:
    """A fresh process: importing changes no global and needs no optional dependency, whose absence names the extra."""
    probe = Path(__file__).with_name("import_probe.py")
    parts = sorted({component(root, path) for path in sources(root)} - APPLICATIONS - {"testing", "__init__"})
    environment = os.environ | {"PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, str(probe), str(root), *parts]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    return done.stdout.splitlines() if done.returncode == 0 else [done.stderr]


RULES = (
    import_flow,
    file_length,
    names_of_files,
    covered_by_cases,
    optional_imports,
    asserts,
    words,
    examples,
    import_is_clean,
)


def sources(root: Path) -> list[Path]:
    """Return the package's modules."""
    return sorted((root / PACKAGE).rglob("*.py"))


def texts(root: Path) -> list[Path]:
    """Return the project's own text files."""
    found = [path for folder in SCANNED for path in (root / folder).rglob("*")] + list(root.glob("*"))
    return sorted(
        path
        for path in found
        if path.is_file()
        and (path.suffix in TEXTS or path.name in {"Makefile", "run"})
        and not GENERATED.intersection(path.relative_to(root).parts)
    )


def where(root: Path, path: Path) -> str:
    """Name a file from the root."""
    return path.relative_to(root).as_posix()


def parse(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return tree_of(path.read_text())


@cache
def tree_of(text: str) -> ast.Module:
    """Parse a text once, however many copies of it are read."""
    return ast.parse(text)


def component(root: Path, path: Path) -> str:
    """Return the part of the package that a file belongs to; ``__init__`` is the package itself."""
    return path.relative_to(root / PACKAGE).with_suffix("").parts[0]


def package_imports(root: Path, path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and part of every import of the package, however it is spelt and wherever it stands."""
    package = path.relative_to(root).parent.parts
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.Import):
            targets = [alias.name.split(".") for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = list(package[: len(package) - node.level + 1]) if node.level else []
            base += node.module.split(".") if node.module else []
            targets = [[*base, alias.name] for alias in node.names]
        else:
            continue
        for target in targets:
            if target[0] == PACKAGE and not (len(target) > 1 and target[1].startswith("__")):
                yield node.lineno, target[1] if len(target) > 1 else "__init__"


def siblings(root: Path, path: Path) -> list[Path]:
    """Return the modules of the same folder that a file imports."""
    found = []
    for node in ast.walk(parse(path)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            module = root.joinpath(*node.module.split(".")).with_suffix(".py")
            if module.is_file() and module.parent == path.parent:
                found.append(module)
    return found


def names_extra(path: Path) -> bool:
    """Return whether a file catches an absent dependency and names the extra."""
    caught = (node for node in ast.walk(parse(path)) if isinstance(node, ast.ExceptHandler) and node.type is not None)
    return any(re.search("ImportError|ModuleNotFoundError", ast.unparse(node.type)) for node in caught) and (
        f"{PACKAGE}[" in path.read_text()
    )


def third_party(node: ast.AST) -> list[str]:
    """Return the foreign packages that a statement imports."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        names = [node.module]
    else:
        names = []
    tops = [name.split(".")[0] for name in names]
    return [name for name in tops if name != PACKAGE and name not in sys.stdlib_module_names]


def imports_at_import(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield the statements that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            yield node
            yield from imports_at_import(node)


def imports_for_typing(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what stands under ``if TYPE_CHECKING``."""
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from (inner for statement in node.body for inner in ast.walk(statement))


def public_names(tree: ast.Module) -> list[str]:
    """Return what a module's ``__all__`` names itself; what it hands on from another package stands there."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
            elements = node.value.elts if isinstance(node.value, (ast.List, ast.Tuple)) else []
            names = [ast.literal_eval(element) for element in elements if not isinstance(element, ast.Starred)]
            return [name for name in names if not name.startswith("__")]
    return []


def modules_of(root: Path, path: Path) -> set[str]:
    """Return the modules that a package hands on; their own names are public in their turn."""
    package = ".".join(path.relative_to(root).parent.parts)
    nodes = (node for node in parse(path).body if isinstance(node, ast.ImportFrom) and node.module == package)
    return {alias.name for node in nodes for alias in node.names}


def mentioned_names(tree: ast.Module) -> set[str]:
    """Return identifiers, attributes and imported names, and the strings in the value of ``COVERED``."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names.add(node.id)
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
        elif isinstance(node, ast.Assign) and "COVERED" in ast.unparse(node.targets[0]):
            names |= {str(inner.value) for inner in ast.walk(node.value) if isinstance(inner, ast.Constant)}
    return names


def is_main(node: ast.stmt) -> bool:
    """Return whether a statement defines ``main(argv=None)``."""
    if not (isinstance(node, ast.FunctionDef) and node.name == "main" and [a.arg for a in node.args.args] == ["argv"]):
        return False
    return [ast.unparse(default) for default in node.args.defaults] == ["None"]
