"""Run the code of ``docs/how-to/zuko.md``, as ``python -m tests.peers.zuko_page``; see that it prints what it says."""

import contextlib
import io
import re
import warnings
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "zuko.md"


def main() -> None:
    """Run all blocks as one script, then look at what they left."""
    import pyro
    import torch

    warnings.simplefilter("error")
    torch.set_num_threads(1)
    code = "\n".join(re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE))
    before, left = pyro.settings.get("validate_distributions_pyro"), {"__name__": "__page__"}
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        exec(compile(code, str(PAGE), "exec"), left)
    said = re.findall(r"^print\(.*\) +# (.*)$", code, re.MULTILINE)
    if output.getvalue().splitlines() != said:
        raise SystemExit(f"the page says {said}; it printed {output.getvalue().splitlines()}")
    for setting in ("validate_distributions_pyro", "validate_distributions_torch"):
        if not (before and pyro.settings.get(setting)):
            raise SystemExit(f"{setting} is off after the page")
    used = [left["prior"], left["posterior"], left["vae"], left["weights"]]
    for name, parameter in torch.nn.ModuleList(used).named_parameters():
        if parameter.grad is None or not parameter.grad.isfinite().all():
            raise SystemExit(f"{name} got no finite gradient")
    print("the page runs, and its zuko flows have learned")


if __name__ == "__main__":
    main()
