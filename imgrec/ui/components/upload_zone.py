"""An upload zone for files, whole folders, zips, pasted pictures and webcam shots.

gradio's own file component loses a file's path within its folder. Here the browser uploads the
files one by one and then sends their paths in the folder.
"""

from collections.abc import Sequence
from typing import NamedTuple

import gradio as gr
from markupsafe import Markup

from imgrec.errors import DataError, UploadError
from imgrec.images.decode import MAX_BYTES
from imgrec.ui.access.uploaded_files import NOT_UPLOADED, uploaded_file
from imgrec.ui.components import texts
from imgrec.ui.components.templates import render
from imgrec.ui.components.webcam import CAMERA
from imgrec.ui.scripts import script

Upload = tuple[str, str]  # a file's path on the visitor's side, and the path it was uploaded to
AT_ONCE = 6  # parallel uploads: as many as a browser sends to one server
MAX_NAME_LENGTH = 400  # characters of a displayed path
MAX_SHOTS = 50  # per burst
MILLISECONDS = 200  # between two shots
SHOT_SIDE = 512  # pixels, the shorter side of a shot


class Way(NamedTuple):
    """A way to choose files."""

    label: str  # of the button
    attributes: Markup  # of the input


WAYS = {
    "files": Way(texts.CHOOSE_FILES, Markup('multiple accept="image/*,.heic,.heif"')),
    "zip": Way(texts.CHOOSE_ZIP, Markup('accept=".zip,application/zip"')),
    "folder": Way(texts.CHOOSE_FOLDER, Markup("webkitdirectory multiple")),
}

GATHER = script(__file__, "upload_zone.js")
PASTE = script(__file__, "upload_zone_paste.js")
BURST = script(__file__, "upload_zone_burst.js")


def drop_zone(
    heading: str,
    note: str,
    max_files: int,
    ways: Sequence[str] = ("zip", "folder"),
    more: bool = False,
) -> gr.HTML:
    """Builds the zone; its `.upload` listener reads up to `max_files` files with `uploaded(event)`.

    `ways` are keys of WAYS. With `more`, pictures can also be pasted, or taken with the webcam.
    """
    html = render(
        __file__,
        "upload_zone.jinja",
        heading=heading,
        note=note,
        max_files=max_files,
        max_bytes=MAX_BYTES,
        at_once=AT_ONCE,
        ways={way: WAYS[way] for way in ways},
        more=more,
        max_shots=MAX_SHOTS,
        shot_side=SHOT_SIDE,
        milliseconds=MILLISECONDS,
    )
    return gr.HTML(html, js_on_load=GATHER + (PASTE + CAMERA + BURST if more else ""))


def uploaded(event: gr.EventData, max_files: int) -> list[Upload]:
    """Returns the files that the browser reports.

    A visitor can send anything: raises DataError or UploadError.
    """
    data = event._data
    files = data.get("files") if isinstance(data, dict) else None
    if not isinstance(files, list) or not files:
        raise DataError("There is no file in it; choose a zip or a folder of pictures.")
    if len(files) > max_files:
        raise DataError(f"These are more than {max_files:,} files; choose fewer.")
    return [_checked(file) for file in files]


def into(event: gr.EventData) -> str:
    """Returns `data-into` of the element that files were dropped onto; empty if it has none."""
    data = event._data
    named = data.get("into") if isinstance(data, dict) else None
    return named if isinstance(named, str) else ""


def _checked(file: object) -> Upload:
    """Returns a file once it is known to be uploaded to this server. Raises UploadError."""
    name = file.get("name") if isinstance(file, dict) else None
    if not (isinstance(name, str) and 0 < len(name) <= MAX_NAME_LENGTH):
        raise UploadError(NOT_UPLOADED)
    return name, str(uploaded_file(file))
