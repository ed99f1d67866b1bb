"""The training tab: choose a network and a recipe, start, watch, stop, resume, use."""

from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr
from markupsafe import Markup

from imgrec.data import cifar10
from imgrec.errors import ImgrecError
from imgrec.files.paths import runs_dir
from imgrec.models import registry, run_control
from imgrec.training import time_estimate
from imgrec.training.head_job import head_trainer
from imgrec.training.process import trainer
from imgrec.ui.components import html, verdict_cards
from imgrec.ui.components.cifar10_download import fetch_layout
from imgrec.ui.components.errors import as_gradio_error, error_html
from imgrec.ui.components.formatting import duration
from imgrec.ui.components.listeners import AT_ONCE, IN_TURN, LATEST, QUIET
from imgrec.ui.components.model_choosers import Choosers, use
from imgrec.ui.train import curves, endpoints, texts
from imgrec.ui.train.refresh import Picks, Seen, View, refresh_view
from imgrec.ui.train.settings import (
    SCRATCH_FIELDS,
    Controls,
    build_head_settings,
    build_scratch_settings,
    head_recipe,
    scratch_recipe,
)

POLL_SECONDS = 1.0
ESTIMATING: dict[str, Any] = {**IN_TURN, "concurrency_id": "estimate"}

ENDPOINTS = (
    endpoints.train_scratch,
    endpoints.train_head,
    endpoints.train_control,
    endpoints.train_status,
    endpoints.fetch_cifar10,
    endpoints.runs,
)


class Parts(NamedTuple):
    """The components that listeners connect, besides those that follow a run."""

    kind: gr.Radio
    boxes: tuple[gr.Column, gr.Column]
    scratch: Controls
    head: Controls
    estimate: gr.HTML
    notice: gr.HTML
    over: gr.Radio
    run_notice: gr.HTML
    rename_box: gr.Row
    new_name: gr.Textbox
    rename: gr.Button
    delete_box: gr.Row
    delete: gr.Button
    keep: gr.Button
    zip: gr.Button
    zip_file: gr.DownloadButton
    view: View


def build_train(tabs: gr.Tabs, tab: gr.Tab, choosers: Choosers) -> None:
    """Builds the tab and connects it; trained networks are offered in the `choosers`."""
    parts = _layout()
    view, seen, picks = parts.view, gr.State({}), gr.State(Picks())
    timer = gr.Timer(POLL_SECONDS, active=False)
    tabs.select(_poll_while_shown, None, timer, trigger_mode="always_last", **AT_ONCE)
    looking: dict[str, Any] = {
        "fn": refresh_view,
        "inputs": [seen, picks, parts.over],
        "outputs": [seen, *view],
        **QUIET,
    }
    gr.on([tab.select, timer.tick, parts.over.input], **looking)
    gr.on(
        [view.shown.input, view.chosen.input],
        lambda seen, shown, chosen: Picks(seen["run"], tuple(shown or ()), chosen or ""),
        [seen, view.shown, view.chosen],
        picks,
        **LATEST,
    ).then(**looking)
    parts.kind.input(_boxes, parts.kind, parts.boxes, **AT_ONCE)
    gr.on(
        [tab.select, *(control.change for control in parts.scratch[:-1])],  # type: ignore[attr-defined]
        estimate,
        parts.scratch[:-1],
        parts.estimate,
        trigger_mode="always_last",
        **ESTIMATING,
    )
    tab.select(
        offer_precision,
        None,
        parts.scratch[SCRATCH_FIELDS.index("mixed_precision")],
        **ESTIMATING,
    )
    _connect_training(parts, seen)
    _connect_runs(parts, choosers)
    for endpoint in ENDPOINTS:
        gr.api(endpoint)


# Layout


def _layout() -> Parts:
    kinds = [(title, kind) for kind, title in texts.KINDS.items()]
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            kind = gr.Radio(kinds, value="scratch", label=texts.WHAT_LEARNS)
            with gr.Column() as scratch_box:
                scratch_controls = build_scratch_settings()
                estimate = gr.HTML(_off())
                fetching = fetch_layout()
                with gr.Row(elem_classes="controls"):
                    training = [
                        _button(texts.START, variant="primary"),
                        _button(texts.PAUSE),
                        _button(texts.STOP),
                        _button(texts.FINISH),
                    ]
            with gr.Column(visible=False) as head_box:
                head_controls = build_head_settings()
                with gr.Row(elem_classes="controls"):
                    head = [_button(texts.START_HEAD, variant="primary"), _button(texts.STOP)]
                head_text = gr.HTML()
            notice = gr.HTML()
        with gr.Column(scale=3, min_width=320):
            status = gr.HTML(html.panel(*texts.NO_RUN_YET))
            with gr.Row(equal_height=False):
                shown = gr.Dropdown([], multiselect=True, label=texts.CURVES_OF, min_width=200)
                over = gr.Radio(
                    ["epochs", "minutes"], value="epochs", label=texts.OVER, min_width=220
                )
            plots = curves.plots()
            sprite, strip = gr.HTML(elem_classes="sprite"), gr.HTML()
            with gr.Accordion(texts.LOG, open=False):
                log = gr.Textbox(lines=8, max_lines=8, show_label=False, interactive=False)
    table, choice, rest = _runs_layout()
    chosen, *actions = choice
    following = [status, *training, *head, head_text, *fetching, sprite, strip, log, *plots]
    view = View._make([*following, table, shown, chosen, *actions])
    boxes, controls = (scratch_box, head_box), (scratch_controls, head_controls)
    return Parts._make([kind, boxes, *controls, estimate, notice, over, *rest, view])


def _runs_layout() -> tuple[gr.HTML, tuple[Any, ...], tuple[Any, ...]]:
    """Builds the table; the selected run and its buttons; and the remaining components."""
    gr.Markdown(texts.RUNS)
    table = gr.HTML()
    with gr.Row(equal_height=False, elem_classes="actions"):
        chosen = gr.Dropdown([], label=texts.RUN, min_width=240, scale=3)
        use = _button(texts.USE, variant="primary")
        resume, measure = _button(texts.RESUME), _button(texts.FINISH)
        rename = _button(texts.RENAME)
        zip_button = gr.Button(texts.DOWNLOAD, min_width=90)
        delete = _button(texts.DELETE)
    zip_file = gr.DownloadButton(visible="hidden", elem_id="run-zip")
    with gr.Row(visible=False, elem_classes="actions") as rename_box:
        new_name = gr.Textbox(label=texts.NEW_NAME, max_length=60, min_width=240, scale=3)
        rename_now = gr.Button(texts.RENAME_NOW, variant="primary", min_width=90)
    with gr.Row(visible=False, elem_classes="actions") as delete_box:
        delete_now = gr.Button(texts.DELETE_NOW, variant="stop", min_width=160)
        keep = gr.Button(texts.KEEP, min_width=90)
    notice = gr.HTML()
    following = (chosen, use, resume, measure, rename, delete)
    others = (notice, rename_box, new_name, rename_now, delete_box, delete_now, keep)
    return table, following, (*others, zip_button, zip_file)


def _button(label: str, **options: Any) -> gr.Button:
    """Builds a button that is disabled until `refresh_view` enables it."""
    return gr.Button(label, interactive=False, min_width=90, **options)


def _offer(text: str) -> Markup:
    return Markup('<p class="offer">{}</p>').format(text)


def _off() -> str:
    """Says that training is off; empty if it isn't."""
    return "" if trainer.permissions.train else _offer(texts.TRAINING_IS_OFF)


# Listeners


def _poll_while_shown(event: gr.SelectData) -> gr.Timer:
    """Polls every second while this tab is selected."""
    return gr.Timer(active=event.value == "Train")


def _boxes(kind: str) -> list[gr.Column]:
    return [gr.Column(visible=kind == "scratch"), gr.Column(visible=kind == "transfer")]


def estimate(*values: Any) -> str:
    """Estimates how long the scratch network's recipe takes here; empty if it can't be trained."""
    if not cifar10.has_cifar10() or not trainer.permissions.train:
        return _off()
    try:
        recipe = time_estimate.with_supported_precision(scratch_recipe(*values))
        seconds = time_estimate.estimated_seconds(recipe)
    except ImgrecError as error:
        return _offer(str(error))
    return _offer(texts.estimated(duration(seconds)))


def offer_precision() -> gr.Checkbox:
    """Offers bfloat16 if the processor benefits from it."""
    if not cifar10.has_cifar10() or not trainer.permissions.train:
        return gr.skip()
    return gr.Checkbox(visible=time_estimate.gains_by_bfloat16())


@as_gradio_error
def start_scratch(*values: Any) -> str:
    """Starts a training with these settings; the run's name is last."""
    *settings, name = values
    return trainer.start(scratch_recipe(*settings), name)


@as_gradio_error
def start_head(*values: Any) -> str:
    """Starts a training with these settings; the photos and the run's name are last."""
    *settings, source, name = values
    return head_trainer.start(head_recipe(*settings), source, name)


def pause(seen: Seen) -> str:
    """Pauses the followed run, or resumes it."""
    paused = run_control.pending_command(runs_dir() / seen["run"]) == "pause"
    return endpoints.train_control(seen["run"], "continue" if paused else "pause")


def _connect_training(parts: Parts, seen: gr.State) -> None:
    view = parts.view

    def act(button: gr.Button, handler: Callable[..., Any], given: list[Any]) -> None:
        """Runs the handler and displays its error, if any; the next poll updates the rest."""
        button.click(lambda *values: error_html(handler, *values), given, parts.notice, **IN_TURN)

    act(view.start, start_scratch, parts.scratch)
    act(view.pause, pause, [seen])
    act(view.stop, lambda seen: endpoints.train_control(seen["run"], "stop"), [seen])
    act(view.finish, lambda seen: endpoints.train_control(seen["run"], "finish"), [seen])
    act(view.head_start, start_head, parts.head)
    act(view.head_stop, head_trainer.work.cancel, [])
    act(view.fetch, endpoints.fetch_cifar10, [])
    act(view.fetch_stop, cifar10.cifar10_download.cancel, [])


def _connect_runs(parts: Parts, choosers: Choosers) -> None:
    view, chosen, notice = parts.view, parts.view.chosen, parts.run_notice
    closed = [parts.rename_box, parts.delete_box]

    def act(button: gr.Button, handler: Callable[..., Any], given: list[Any]) -> None:
        button.click(lambda *values: error_html(handler, *values), given, notice, **IN_TURN).then(
            _close, None, closed, **AT_ONCE
        )

    act(view.resume, lambda run: endpoints.train_control(run, "resume"), [chosen])
    act(view.measure, lambda run: endpoints.train_control(run, "measure"), [chosen])
    act(parts.rename, endpoints.rename_run, [chosen, parts.new_name])
    act(parts.delete, endpoints.delete_run, [chosen])
    view.rename.click(
        lambda run: [gr.Row(visible=True), gr.Row(visible=False), run],
        chosen,
        [*closed, parts.new_name],
        **AT_ONCE,
    )
    view.delete.click(
        lambda: [gr.Row(visible=False), gr.Row(visible=True)], None, closed, **AT_ONCE
    )
    gr.on([parts.keep.click, chosen.change], _close, None, closed, **AT_ONCE)
    zipped = parts.zip.click(endpoints.zip_run, chosen, parts.zip_file, **IN_TURN)
    zipped.success(None, js="() => document.querySelector('#run-zip').click()")
    zipped.failure(lambda run: error_html(endpoints.zip_run, run), chosen, notice, **AT_ONCE)
    dropdowns = [*choosers.scratch, *choosers.transfer]
    view.use.click(lambda run: use_run(run, choosers), chosen, [notice, *dropdowns], **AT_ONCE)


def _close() -> list[gr.Row]:
    return [gr.Row(visible=False), gr.Row(visible=False)]


def use_run(run: str, choosers: Choosers) -> list[Any]:
    """Returns a message, then the other tabs' dropdowns with this run selected where it belongs."""
    try:
        kind = registry.find(run).kind
        said = texts.used(run, verdict_cards.TITLES[kind])
        return [html.panel(texts.CHOSEN, said), *use(run, choosers)]
    except ImgrecError as error:  # it has just been deleted or renamed
        skipped = [gr.skip() for dropdowns in choosers for _ in dropdowns]
        return [html.failed(error), *skipped]
