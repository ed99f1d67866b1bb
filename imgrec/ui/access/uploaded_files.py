"""What a visitor uploaded to this page: the only files that a client may name.

gradio checks a path only where the client sends the right `meta` beside it, so nothing here relies
on that: `GuardedBlocks` checks all that comes in, and each place that opens a file asks again.
"""

import contextlib
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from imgrec.errors import UploadError

NOT_UPLOADED = "That file was not uploaded here; choose it again."


def uploaded_file(file: object) -> Path:
    """The resolved path of a file that a client describes as `{"path": …}`.

    It is a regular file inside gradio's upload folder. Raises UploadError, with one and the same
    sentence, for any other, so that nobody learns which files the server has.
    """
    path = file.get("path") if isinstance(file, dict) else None
    if isinstance(path, str):
        with contextlib.suppress(OSError, ValueError):  # a path that no file can have
            place = Path(path).resolve()
            if place.is_relative_to(Path(get_upload_folder()).resolve()) and place.is_file():
                return place
    raise UploadError(NOT_UPLOADED)


def check_uploads(value: Any) -> None:
    """Checks each file that is described anywhere in a client's value. Raises UploadError."""
    if isinstance(value, dict):
        if value.get("path") is not None:
            uploaded_file(value)
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            check_uploads(part)
