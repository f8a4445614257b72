"""What ``import pyrodgm`` adds to ``import pyro``, each time in a fresh process."""

import subprocess
import sys

from tests.benchmarks.report import Table, Target
from tests.benchmarks.timing import Timing

GROUPS = (("pyrodgm",),)
ROUNDS = 10
PYRO = "import pyro"
OURS = "import pyrodgm after it"
SCRIPT = """
import time
start = time.perf_counter()
import pyro
middle = time.perf_counter()
import pyrodgm
print(middle - start, time.perf_counter() - middle)
"""


def measure(group: tuple[str, ...], *, rounds: int, quick: bool) -> dict[str, list[Timing]]:
    """Import both in fresh processes, after one that fills the caches."""
    pyro, ours = Timing(PYRO), Timing(OURS)
    for turn in range(rounds + 1):
        output = subprocess.run([sys.executable, "-c", SCRIPT], check=True, capture_output=True, text=True).stdout
        first, added = map(float, output.split())
        if turn:
            pyro.milliseconds.append(1e3 * first)
            ours.milliseconds.append(1e3 * added)
            pyro.ratios.append(1.0)
            ours.ratios.append(added / first)
    return {"import": [pyro, ours]}


def tables(timings: dict[str, list[Timing]]) -> list[Table]:
    """One table."""
    text = "Fresh processes; the floor is `import pyro`."
    return [Table("Import", text, timings["import"], {OURS: Target(milliseconds=300)})]
