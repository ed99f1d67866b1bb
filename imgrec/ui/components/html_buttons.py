"""HTML with custom buttons, for mouse, touch and keyboard, that notify a listener."""

from typing import Any

import gradio as gr

from imgrec.errors import ImgrecError
from imgrec.ui.scripts import script

TELL = script(__file__, "html_buttons.js")


def pressable(value: str = "", **options: Any) -> gr.HTML:
    """Returns a gr.HTML whose `.select` fires when a `<button data-press="…">` in it is pressed."""
    return gr.HTML(value, js_on_load=TELL, **options)


def pressed(event: gr.EventData) -> str:
    """Returns the button's `data-press`.

    A visitor can send anything: raises ImgrecError if there is none.
    """
    data = event._data
    value = data.get("value") if isinstance(data, dict) else None
    if not isinstance(value, str):
        raise ImgrecError("That was no button of the page; press one.")
    return value
