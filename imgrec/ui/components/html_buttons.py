"""HTML with buttons of our own: pressed by mouse, finger or keyboard, told to a listener."""

from typing import Any

import gradio as gr

from imgrec.errors import ImgrecError
from imgrec.ui.scripts import script

TELL = script(__file__, "html_buttons.js")


def pressable(value: str = "", **options: Any) -> gr.HTML:
    """A gr.HTML whose `.select` fires when a `<button data-press="…">` in it is pressed."""
    return gr.HTML(value, js_on_load=TELL, **options)


def pressed(event: gr.EventData) -> str:
    """The `data-press` of the button. A visitor can send anything: raises ImgrecError if none."""
    data = event._data
    value = data.get("value") if isinstance(data, dict) else None
    if not isinstance(value, str):
        raise ImgrecError("That was no button of the page; press one.")
    return value
