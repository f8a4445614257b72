"""What a number was measured on."""

import platform
from importlib.metadata import version
from pathlib import Path

import torch


def describe_machine() -> dict[str, str | int]:
    """Return the processor, its threads in use, the accelerator and the versions that a result depends on.

    Example:
        >>> sorted(describe_machine())
        ['accelerator', 'processor', 'pyro', 'python', 'threads', 'torch']
    """
    processor = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        names = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        processor = names[0] if names else processor
    return {
        "processor": processor,
        "threads": torch.get_num_threads(),
        "accelerator": torch.cuda.get_device_name(0) if torch.cuda.is_available() else "none",
        "python": platform.python_version(),
        "torch": torch.__version__,
        "pyro": version("pyro-ppl"),
    }


def check_device(device: str) -> torch.device:
    """Return the device of a name.

    Raises:
        ValueError: If there is none of that name here.
    """
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:  # torch says AssertionError where it was built without CUDA
        reason = str(error).splitlines()[0]
        raise ValueError(f"Expected a device of this machine, such as cpu; got {device!r} ({reason}).") from error
    return found
