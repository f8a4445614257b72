"""The page for contributors is true: its skeletons run and keep the contracts, its files exist."""

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "contributing.md").read_text()
SKELETONS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    """Return what imports a text as a module, so that its classes can be pickled."""

    def load_text(text: str) -> ModuleType:
        (tmp_path / "contributed.py").write_text(text)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "contributed", raising=False)
        return importlib.import_module("contributed")

    yield load_text
    sys.modules.pop("contributed", None)


def test_the_skeletons_run_and_keep_the_contracts(load: Callable[[str], ModuleType]) -> None:
    assert all("\ntesting.check_" in skeleton for skeleton in SKELETONS)
    page = load("\n".join(SKELETONS))
    assert {"SinhArcsinh", "Laplace", "MovingAverages", "TwoLayerVAE"} <= set(vars(page))


def test_a_wrong_skeleton_is_caught(load: Callable[[str], ModuleType]) -> None:
    wrong = SKELETONS[0].replace("stretch + log_cosh(v)", "2 * stretch + log_cosh(v)")
    assert wrong != SKELETONS[0]
    with pytest.raises(AssertionError, match="log-derivative"):
        load(wrong)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:pyrodgm|tests|recipes)/[^`]*)`", PAGE))))
def test_the_files_exist(name: str) -> None:
    path = ROOT / name
    assert (path.parent if "<" in name else path).exists()
