"""A visitor's temporary folder: creation and size."""

import contextlib
import os
import tempfile
from pathlib import Path

from imgrec.errors import TeachError


def bytes_below(folder: Path) -> int:
    """Returns the size in bytes of the files in a folder, some of which may vanish meanwhile."""
    total = 0
    for inside, _, names in os.walk(folder):  # skips what it cannot list
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(inside) / name).stat().st_size
    return total


def temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """Creates a folder that is deleted with the object or at exit. Raises TeachError."""
    try:
        return tempfile.TemporaryDirectory(prefix="imgrec-teach-", ignore_cleanup_errors=True)
    except OSError as error:
        raise TeachError(f"There is no room for pictures here ({error.strerror}).") from error
