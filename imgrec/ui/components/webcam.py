"""The webcam in the browser, whose frames are sent to the server at intervals."""

import base64

import gradio as gr
from PIL import Image

from imgrec.errors import ImageError
from imgrec.images.decode import open_image
from imgrec.ui.components.templates import render
from imgrec.ui.scripts import script

MAX_LENGTH = 400_000  # characters of a frame: about ten times what a browser produces
LIVE_SIDE = 256  # pixels, the shorter side of a frame, from which VGG16's view is cropped
EVERY = 400  # milliseconds between two frames
MINUTES = 10  # after which the live webcam closes by itself

CAMERA = script(__file__, "webcam.js")
WATCH = script(__file__, "webcam_live.js")


def live_camera() -> gr.HTML:
    """Builds a webcam whose `.frame` listener reads frames with `frame(event)` until it closes."""
    html = render(
        __file__, "webcam.jinja", minutes=MINUTES, live_side=LIVE_SIDE, milliseconds=EVERY
    )
    return gr.HTML(html, js_on_load=CAMERA + WATCH)


def frame(event: gr.EventData) -> Image.Image:
    """Returns the webcam's frame. Raises ImageError, because a visitor can send anything."""
    data = event._data
    address = data.get("image") if isinstance(data, dict) else None
    try:
        if not isinstance(address, str) or len(address) > MAX_LENGTH:
            raise ValueError
        content = base64.b64decode(address.partition(",")[2], validate=True)
    except ValueError as error:
        raise ImageError("That was no picture of the webcam; start it again.") from error
    return open_image(content, "The webcam’s picture")
