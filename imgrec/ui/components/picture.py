"""The picture component and how its listeners open what a visitor provides."""

import base64
import functools
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.media import get_image
from PIL import Image

from imgrec.errors import ImgrecError, UploadError
from imgrec.files.paths import IMAGES
from imgrec.images.decode import MAX_BYTES, open_image
from imgrec.ui.access.uploaded_files import uploaded_file
from imgrec.ui.components import texts
from imgrec.ui.components.html import failed
from imgrec.ui.components.listeners import AT_ONCE, PRIVATE
from imgrec.ui.components.templates import render
from imgrec.ui.components.upload_zone import uploaded
from imgrec.ui.components.webcam import CAMERA
from imgrec.ui.scripts import script

# An uploaded picture as gradio describes it (`gradio.data_classes.ImageData`), or none. Listeners
# use `preprocess=False`, because gr.Image would decode the file itself, without our limits and
# messages: `open_image` is the only door.
Source = dict[str, Any] | None

NOT_IN_BROWSERS = {".heic", ".heif", ".tif", ".tiff"}

MAX_DECODED = 8  # cached pictures, of 12 MB at most

PHOTOGRAPHS = ("lion.jpg", "cheetah1.jpg", "tower.jpg", "bus.png")
CIFAR10_TEST = ("cifar10_dog.png", "cifar10_ship.png", "cifar10_horse.png")

WAYS_IN = CAMERA + script(__file__, "picture.js")


def picture(value: str | None = None) -> gr.Image:
    """Builds the picture component of every tab, and the ways in to it, which stand in its column.

    Its listeners get a `Source`. A picture that is refused leaves the one that is there, and the
    reason stands below.
    """
    component = gr.Image(
        value,
        format="png",  # lossless: what is displayed must be what the networks get
        label=texts.PICTURE,
        alt_text=texts.PICTURE_ALT,
        show_label=False,
        sources=["upload"],
        buttons=["fullscreen"],
        height=300,
        elem_classes="picture",
        placeholder=texts.PICTURE_PLACEHOLDER,
    )
    component.upload(_displayable, component, component, preprocess=False, **PRIVATE)
    ways = gr.HTML(render(__file__, "picture.jinja", max_bytes=MAX_BYTES), js_on_load=WAYS_IN)
    refusal = gr.HTML(visible=False)
    ways.upload(_take, None, [component, refusal], **AT_ONCE)
    component.change(lambda: gr.HTML(visible=False), None, refusal, **AT_ONCE)
    return component


def _take(event: gr.EventData) -> tuple[Any, Any]:
    """Returns the picture that the browser uploaded, in place of the old one, or why not.

    A visitor can send anything.
    """
    try:
        ((name, path),) = uploaded(event, max_files=1)
        image, _ = open_source({"path": path, "orig_name": name})
    except ImgrecError as error:
        return gr.skip(), gr.HTML(failed(error), visible=True)
    data = event._data
    displayable = isinstance(data, dict) and data.get("displayable") is True
    return path if displayable else image, gr.HTML(visible=False)


def bring_along(tab: gr.Tab, shared: gr.Image, shown: gr.Image) -> None:
    """Copies the picture of the first tab, `shared`, to `shown` when the tab is selected."""
    brought = gr.State("")
    tab.select(
        _bring, [shared, brought], [shown, brought], preprocess=False, api_visibility="private"
    )


def _bring(source: Source, brought: str) -> tuple[Any, str]:
    """Returns the first tab's picture, unless it has been copied before.

    gradio serves whatever path is returned, so only uploaded files may be.
    """
    try:
        path = str(uploaded_file(source))
    except UploadError:  # or there is no picture
        return gr.skip(), brought
    return (gr.skip() if path == brought else path), path


def open_source(source: dict[str, Any]) -> tuple[Image.Image, str]:
    """Returns the checked picture and its file's name. Raises ImageError or UploadError."""
    if source.get("path") is None:
        return open_image(_decoded(source.get("url") or "")), "picture"
    path = uploaded_file(source)
    status = path.stat()
    image = _decoded_file(path, status.st_mtime_ns, status.st_size)
    return image, source.get("orig_name") or path.name


@functools.lru_cache(MAX_DECODED)
def _decoded_file(path: Path, changed: int, size: int) -> Image.Image:
    """Returns a file's decoded picture, cached because the tabs and their parts open it repeatedly.

    It is shared, so callers must not change it. gradio names an upload's folder by its content;
    `changed` and `size` still distinguish a file that was rewritten.
    """
    return open_image(path)


def _decoded(address: str) -> bytes:
    """Returns the content of a `data:` address, or nothing, which `open_image` rejects."""
    try:
        return base64.b64decode(address.partition(",")[2], validate=True)
    except ValueError:
        return b""


def _displayable(source: Source) -> Any:
    """Returns the picture itself in place of a file that browsers can't display."""
    if not source or Path(source.get("path") or "").suffix.lower() not in NOT_IN_BROWSERS:
        return gr.skip()
    try:
        return open_source(source)[0]
    except ImgrecError:
        return gr.skip()  # the tab's own listener reports the reason


def example_files() -> list[str]:
    """Returns the example files, photographs first."""
    photographs = [get_image(name) for name in PHOTOGRAPHS]
    return photographs + [str(IMAGES / "examples" / name) for name in CIFAR10_TEST]
