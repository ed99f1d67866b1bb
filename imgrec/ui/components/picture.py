"""The picture that a visitor hands over."""

import base64
import functools
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.media import get_image
from PIL import Image

from imgrec.errors import ImgrecError, UploadError
from imgrec.files.paths import IMAGES
from imgrec.images.decode import open_image
from imgrec.ui.access.uploaded_files import uploaded_file

# An uploaded picture as gradio describes it (`gradio.data_classes.ImageData`), or none. Listeners
# take it with `preprocess=False`, for gr.Image would decode the file itself, without our limits and
# sentences: `open_image` is the only door.
Source = dict[str, Any] | None

NOT_IN_BROWSERS = {".heic", ".heif", ".tif", ".tiff"}

MAX_DECODED = 8  # pictures kept, of 12 MB at most

PHOTOGRAPHS = ("lion.jpg", "cheetah1.jpg", "tower.jpg", "bus.png")
CIFAR10_TEST = ("cifar10_dog.png", "cifar10_ship.png", "cifar10_horse.png")


def picture(value: str | None = None) -> gr.Image:
    """The picture component of every tab; its listeners get a `Source`."""
    component = gr.Image(
        value,
        format="png",  # what we show must be what the networks get: no lossy copy
        label="Picture",
        alt_text="The picture that the networks look at",
        show_label=False,
        sources=["upload", "clipboard", "webcam"],
        buttons=["fullscreen"],
        height=300,
        elem_classes="picture",
        placeholder="Drop a picture here, paste one, or click to choose",
    )
    component.upload(
        _displayable,
        component,
        component,
        preprocess=False,
        show_progress="hidden",
        api_visibility="private",
    )
    return component


def bring_along(tab: gr.Tab, shared: gr.Image, shown: gr.Image) -> None:
    """Lets choosing the tab bring the picture of the first tab, `shared`, into `shown`."""
    brought = gr.State("")
    tab.select(
        _bring, [shared, brought], [shown, brought], preprocess=False, api_visibility="private"
    )


def _bring(source: Source, brought: str) -> tuple[Any, str]:
    """The first tab's picture, if it is another one than was brought along before.

    gradio makes a link to whatever path comes out of it, so only what was uploaded may.
    """
    try:
        path = str(uploaded_file(source))
    except UploadError:  # or there is no picture
        return gr.skip(), brought
    return (gr.skip() if path == brought else path), path


def open_source(source: dict[str, Any]) -> tuple[Image.Image, str]:
    """The picture through the door, and its file's name. Raises ImageError or UploadError."""
    if source.get("path") is None:
        return open_image(_decoded(source.get("url") or "")), "picture"
    path = uploaded_file(source)
    status = path.stat()
    image = _decoded_file(path, status.st_mtime_ns, status.st_size)
    return image, source.get("orig_name") or path.name


@functools.lru_cache(MAX_DECODED)
def _decoded_file(path: Path, changed: int, size: int) -> Image.Image:
    """The picture of a file, kept, for the tabs and their parts ask for it again and again.

    It is shared, so nobody may change it. gradio names an upload's folder by its content; `changed`
    and `size` tell a file that was written anew apart all the same.
    """
    return open_image(path)


def _decoded(address: str) -> bytes:
    """The content of a `data:` address; of anything else, nothing, which the door refuses."""
    try:
        return base64.b64decode(address.partition(",")[2], validate=True)
    except ValueError:
        return b""


def _displayable(source: Source) -> Any:
    """The picture itself in place of a file that browsers can't show."""
    if not source or Path(source.get("path") or "").suffix.lower() not in NOT_IN_BROWSERS:
        return gr.skip()
    try:
        return open_source(source)[0]
    except ImgrecError:
        return gr.skip()  # the tab's own listener will say why


def example_files() -> list[str]:
    """The files, photographs first."""
    photographs = [get_image(name) for name in PHOTOGRAPHS]
    return photographs + [str(IMAGES / "examples" / name) for name in CIFAR10_TEST]
