"""The lesson on convolution: a kernel slides over the picture; the picture is shifted."""

import gradio as gr


def build_convolution(tab: gr.Tab, shown: gr.Image) -> None:
    """Lays the lesson out; it answers for the picture `shown`, whenever that changes."""
