"""Our flows agree with other libraries' under copied weights; each check runs in a process of its own.

Importing zuko switches Pyro's and torch's validation off, which no other test should see. A library that is not
installed (zuko comes with the extra ``dev``, the others with ``bench``) skips its checks.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from tests.peers.compare import report

HERE = Path(__file__).parent
CHECKS = sorted(path for path in HERE.glob("*.py") if '\nif __name__ == "__main__"' in path.read_text())


@pytest.mark.parametrize("path", CHECKS, ids=lambda path: path.stem)
def test_a_peer_agrees(path: Path) -> None:
    peer = path.stem.split("_")[0]
    if importlib.util.find_spec(peer) is None:
        pytest.skip(f'{peer} is not installed; pip install "pyrodgm[bench]"')
    command = [sys.executable, "-m", f"tests.peers.{path.stem}"]
    done = subprocess.run(command, cwd=HERE.parents[1], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.strip(), f"{path.name} compared nothing"


@pytest.mark.parametrize(
    ("ours", "moved", "message"),
    [
        (torch.tensor([1.0, 1.00002]), 1.0, "disagrees"),
        (torch.tensor([1.0, float("nan")]), 1.0, "disagrees"),
        (torch.ones(2), 0.0, "moves nothing"),
    ],
)
def test_a_disagreement_is_reported(ours: torch.Tensor, moved: float, message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        report("a case", [("log_prob", (ours, torch.ones(2)))], moved=moved)
