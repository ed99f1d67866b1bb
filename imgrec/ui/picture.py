"""The picture that a visitor hands over."""

import base64
import binascii
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData
from PIL import Image

from imgrec.errors import ImageError
from imgrec.images import open_image

Source = str | bytes | None  # a file's path, a file's content, or no picture

NOT_IN_BROWSERS = {".heic", ".heif", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"}


def picture(value: str | None = None) -> gr.Image:
    """The picture component of every tab; its listeners get a `Source`."""
    component = gr.Image(
        value,
        format="png",  # what we show must be what the networks get: no lossy copy
        label="Picture",
        show_label=False,
        sources=["upload", "clipboard", "webcam"],
        buttons=["fullscreen"],
        height=300,
        elem_classes="picture",
        placeholder="Drop a picture here, paste one, or click to choose",
    )
    # gr.Image would decode the file itself, without our limits and sentences: the door must do it.
    component.preprocess = _as_it_came  # type: ignore[method-assign, assignment]
    component.upload(
        _displayable, component, component, show_progress="hidden", api_visibility="private"
    )
    return component


def _displayable(source: Source) -> Any:
    """The picture itself in place of a file that browsers can't show."""
    if not isinstance(source, str) or Path(source).suffix.lower() not in NOT_IN_BROWSERS:
        return gr.skip()
    try:
        return open_image(source)
    except ImageError:
        return gr.skip()  # the tab's own listener will say why


def _as_it_came(payload: ImageData | None) -> Source:
    if payload is None:
        return None
    if payload.path is not None:
        return payload.path
    try:
        return base64.b64decode((payload.url or "").partition(",")[2], validate=True)
    except binascii.Error:
        return b""  # which the door refuses as empty


def opened(source: str | bytes) -> tuple[Image.Image, str]:
    """The picture through the door, and its file's name. Raises ImageError."""
    name = Path(source).name if isinstance(source, str) else "picture"
    return open_image(source), name
