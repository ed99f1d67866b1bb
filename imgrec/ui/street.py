"""The lesson that walks a picture through a network, layer by layer."""

import gradio as gr


def build_street(tab: gr.Tab, shown: gr.Image) -> None:
    """Lays the lesson out; it answers for the picture `shown`, whenever that changes."""
