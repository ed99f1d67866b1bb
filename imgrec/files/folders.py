"""A visitor's temporary folder: made, and measured."""

import contextlib
import os
import tempfile
from pathlib import Path

from imgrec.errors import TeachError


def bytes_below(folder: Path) -> int:
    """The bytes of the files in a folder, of which some may go meanwhile."""
    total = 0
    for inside, _, names in os.walk(folder):  # passes over what it cannot list
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(inside) / name).stat().st_size
    return total


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes with the object, or when the process ends. Raises TeachError."""
    try:
        return tempfile.TemporaryDirectory(prefix="imgrec-teach-", ignore_cleanup_errors=True)
    except OSError as error:
        raise TeachError(f"There is no room for pictures here ({error.strerror}).") from error
