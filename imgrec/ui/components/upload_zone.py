"""An upload zone for files, whole folders, zips, pasted pictures and webcam shots.

gradio's own file component loses a file's path within its folder. Here the browser uploads the
files one by one and then sends their paths in the folder.
"""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import gradio as gr

from imgrec.errors import DataError, UploadError
from imgrec.images.decode import MAX_BYTES
from imgrec.ui.access.uploaded_files import NOT_UPLOADED, uploaded_file
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
    attributes: str  # of the input


WAYS = {
    "files": Way("Choose pictures", 'multiple accept="image/*,.heic,.heif"'),
    "zip": Way("Choose a zip", 'accept=".zip,application/zip"'),
    "folder": Way("Choose a folder", "webkitdirectory multiple"),
}
SHOOT = f"""
  <div class="camera" hidden>
    <video muted playsinline aria-label="What the webcam sees"></video>
    <div class="choose">
      <button type="button" data-shoot="hold" data-most="{MAX_SHOTS}" data-side="{SHOT_SIDE}"
        data-every="{MILLISECONDS}">Hold to take pictures</button>
      <button type="button" data-shoot="close">Close the webcam</button>
    </div>
  </div>"""

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
    buttons = "".join(
        f'<button type="button" data-choose="{way}">{WAYS[way].label}</button>' for way in ways
    )
    inputs = "".join(
        f'<input type="file" data-input="{way}" {WAYS[way].attributes} '
        f'aria-label="{WAYS[way].label}" hidden>'
        for way in ways
    )
    if more:
        buttons += '<button type="button" data-shoot="open">Webcam</button>'
    html = f"""
<div class="drop" data-most="{max_files}" data-bytes="{MAX_BYTES}" data-at-once="{AT_ONCE}">
  <p><b>{escape(heading)}</b></p>
  <div class="choose">{buttons}</div>{SHOOT if more else ""}
  <p class="note">{escape(note)}</p>
  <p class="told" role="status"></p>
  {inputs}
</div>"""
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
