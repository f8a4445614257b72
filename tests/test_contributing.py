"""The page for contributors is true: its skeletons run and keep the contracts, its files exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "contributing.md").read_text()
SKELETONS = re.findall(r"^```python\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def test_the_skeletons_run_and_keep_the_contracts() -> None:
    page: dict[str, object] = {}
    for skeleton in SKELETONS:
        exec(compile(skeleton, "docs/contributing.md", "exec"), page)
        assert "testing.check_" in skeleton
    assert {"SinhArcsinh", "Laplace", "TwoLayerVAE"} <= set(page)


def test_a_wrong_skeleton_is_caught() -> None:
    wrong = SKELETONS[0].replace("stretch + log_cosh(v)", "2 * stretch + log_cosh(v)")
    assert wrong != SKELETONS[0]
    with pytest.raises(AssertionError):
        exec(compile(wrong, "docs/contributing.md", "exec"), {})


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:pyrodgm|tests|recipes)/[^`]*)`", PAGE))))
def test_the_files_exist(name: str) -> None:
    path = ROOT / name
    assert (path.parent if "<name>" in name else path).exists()
