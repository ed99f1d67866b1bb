"""The panel that downloads CIFAR-10 and displays its progress."""

from html import escape
from typing import Any

import gradio as gr

from imgrec.background_job import Status
from imgrec.data import cifar10
from imgrec.training.process import trainer
from imgrec.ui.components import html


def start_fetching() -> None:
    """Starts the download of CIFAR-10, also to replace a damaged file; only if that is allowed."""
    if trainer.permissions.download:
        cifar10.start_fetching_cifar10()


def fetch(status: Status, allowed: bool) -> str:
    """Renders the panel's text while CIFAR-10 is missing."""
    if status.running:
        total = max(status.done, status.total or 1)
        text = f"{status.done / 1e6:.0f} of {total / 1e6:.0f} MB"
        where = f"CIFAR-10 from {status.what}" if status.what else "Asking for CIFAR-10"
        return f'<div class="scratch">{html.progress(where, status.done, total, text)}</div>'
    text = (
        "The scratch network learns from CIFAR-10, 60,000 small pictures, which are not here yet."
    )
    if not allowed:
        text += " Downloads are off on this server."
    problem = f'<p class="offer problem">{escape(status.problem)}</p>' if status.problem else ""
    return f'<p class="offer">{text}</p>{problem}'


def fetch_panel(here: bool) -> list[Any]:
    """Returns the panel's updates: its visibility, the progress, start and stop button."""
    fetching, allowed = cifar10.cifar10_download.status, trainer.permissions.download
    return [
        gr.Column(visible=not here),
        fetch(fetching, allowed),
        gr.Button(visible=not fetching.running and allowed),
        gr.Button(visible=fetching.running),
    ]


def fetch_layout() -> list[Any]:
    """Builds the components that `fetch_panel` updates."""
    with gr.Column(visible=False, elem_classes="vgg16-offer") as box:
        text = gr.HTML()
        with gr.Row():
            fetch = gr.Button("Fetch CIFAR-10 (140 MB)", size="sm", variant="primary")
            stop = gr.Button("Stop fetching", size="sm", visible=False)
    return [box, text, fetch, stop]
