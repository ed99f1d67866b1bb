"""The data tab: what CIFAR-10 is, and what the scratch network makes of it."""

import gradio as gr


def build_data(tab: gr.Tab, tabs: gr.Tabs, shared: gr.Image) -> None:
    """Lays the tab out; an image can be sent to `shared`, the picture of the first tab."""
