"""The files that visitors uploaded to this page, which are the only ones a client may name.

gradio checks a path only if the client sends the right `meta` with it, so nothing here relies on
that: `GuardedBlocks` checks everything that comes in, and each place that opens a file checks
again.
"""

import contextlib
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from imgrec.errors import UploadError

NOT_UPLOADED = "That file was not uploaded here; choose it again."


def uploaded_file(file: object) -> Path:
    """Returns the resolved path of a file that a client describes as `{"path": …}`.

    It is a regular file inside gradio's upload folder. Raises UploadError for any other, always
    with the same message, so that clients can't find out which files the server has.
    """
    path = file.get("path") if isinstance(file, dict) else None
    if isinstance(path, str):
        with contextlib.suppress(OSError, ValueError):  # a path that can't exist on this system
            place = Path(path).resolve()
            if place.is_relative_to(Path(get_upload_folder()).resolve()) and place.is_file():
                return place
    raise UploadError(NOT_UPLOADED)


def check_uploads(value: Any) -> None:
    """Checks every file described anywhere in a client's value. Raises UploadError."""
    if isinstance(value, dict):
        if value.get("path") is not None:
            uploaded_file(value)
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            check_uploads(part)
