"""The offer to download VGG16's own weights, with progress, in every tab that needs them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr
from markupsafe import Markup

from imgrec.approaches.vgg16_weights import Status, weights
from imgrec.ui.components import texts
from imgrec.ui.components.listeners import PRIVATE
from imgrec.ui.components.templates import render

POLL_SECONDS = 0.5


class Panel(NamedTuple):
    """One place where the offer appears."""

    box: gr.Column
    status: gr.HTML
    start: gr.Button
    stop: gr.Button


def build_panel() -> Panel:
    """Builds the offer; `connect` adds its behaviour."""
    with gr.Column(visible=False, elem_classes="vgg16-offer") as box:
        status = gr.HTML()
        with gr.Row():
            start = gr.Button(texts.DOWNLOAD_VGG16, size="sm")
            stop = gr.Button(texts.STOP_DOWNLOAD, size="sm", visible=False)
    return Panel(box, status, start, stop)


def connect(page: gr.Blocks, panels: Sequence[Panel], arrived: gr.State) -> None:
    """Lets the panels start, follow and stop the one download; increments `arrived` at its end."""
    timer = gr.Timer(POLL_SECONDS, active=False)
    parts = [part for panel in panels for part in panel]
    # In the queue, since gradio reports changed states only from there, but without a limit.
    hidden = {**PRIVATE, "concurrency_limit": None}

    def show() -> list[Any]:
        status = weights.status()
        return _updates(status) * len(panels) + [gr.Timer(active=status.state == "downloading")]

    def follow(arrivals: int) -> list[Any]:
        return [*show(), arrivals + (weights.status().state == "ready")]

    page.load(show, None, [*parts, timer], **hidden)
    timer.tick(follow, arrived, [*parts, timer, arrived], **hidden)
    for action, name in ((weights.download, "start"), (weights.cancel, "stop")):
        gr.on(
            [getattr(panel, name).click for panel in panels],
            action,
            api_name=f"vgg16_{name}",
            queue=False,
        ).then(show, None, [*parts, timer], **hidden)


def vgg16_status() -> dict[str, Any]:
    """Returns VGG16's download status: `{"state", "done", "total", "message"}`, in bytes."""
    return vars(weights.status())


def _updates(status: Status) -> list[Any]:
    """Returns a panel's updates: box, text, start and stop button."""
    running = status.state == "downloading"
    return [
        gr.Column(visible=status.state != "ready"),
        download(status, weights.may_download),
        gr.Button(visible=not running and weights.may_download),
        gr.Button(visible=running),
    ]


def download(status: Status, allowed: bool) -> Markup:
    """Renders the text beside the offer to download VGG16's own weights."""
    total = max(status.done, status.total)  # a server may not report the exact size
    done_mb, total_mb = status.done / 1e6, total / 1e6
    return render(
        __file__,
        "download.jinja",
        approach="pretrained",
        running=status.state == "downloading",
        allowed=allowed,
        title=texts.VGG16_RUNNING,
        done=status.done,
        total=total,
        text=f"{done_mb:.0f} of {total_mb:.0f} MB, {100 * status.done / total:.0f} %",
        missing=texts.NO_VGG16,
        off=texts.VGG16_OFF,
        problem=status.message,
    )
