"""The lesson on max pooling, dropout and dense layers."""

import gradio as gr


def build_parts(tab: gr.Tab, shown: gr.Image) -> None:
    """Lays the lesson out; it answers for the picture `shown`, whenever that changes."""
