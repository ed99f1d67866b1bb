"""The machine and the library versions that a measured figure belongs to."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import Any


def machine(environment: dict[str, Any]) -> str:
    """Describes the machine of a measurement: `2 cores of an AMD EPYC`."""
    article = "an" if environment["processor"][:1] in "AEIOU" else "a"
    return f"{environment['cores']} cores of {article} {environment['processor']}"


def environment() -> dict[str, Any]:
    """Returns the machine and the library versions that a measured figure belongs to."""
    libraries = ("tensorflow", "keras", "numpy", "pillow")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in libraries},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
