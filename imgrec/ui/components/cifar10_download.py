"""The panel that downloads CIFAR-10 and displays its progress."""

from typing import Any

import gradio as gr
from markupsafe import Markup

from imgrec.background_job import Status
from imgrec.data import cifar10
from imgrec.training.process import trainer
from imgrec.ui.components import texts
from imgrec.ui.components.templates import render


def start_fetching() -> None:
    """Starts the download of CIFAR-10, also to replace a damaged file; only if that is allowed."""
    if trainer.permissions.download:
        cifar10.start_fetching_cifar10()


def fetch(status: Status, allowed: bool) -> Markup:
    """Renders the panel's text while CIFAR-10 is missing."""
    total = max(status.done, status.total or 1)
    source = texts.CIFAR10_FROM.format(source=status.what)
    return render(
        __file__,
        "download.jinja",
        approach="scratch",
        running=status.running,
        allowed=allowed,
        title=source if status.what else texts.ASKING_FOR_CIFAR10,
        done=status.done,
        total=total,
        text=f"{status.done / 1e6:.0f} of {total / 1e6:.0f} MB",
        missing=texts.NO_CIFAR10,
        off=texts.CIFAR10_OFF,
        problem=status.problem,
    )


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
            fetch = gr.Button(texts.FETCH_CIFAR10, size="sm", variant="primary")
            stop = gr.Button(texts.STOP_FETCHING, size="sm", visible=False)
    return [box, text, fetch, stop]
