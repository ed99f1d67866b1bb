"""A visitor's own test: a zip or folder of labelled pictures, evaluated like the shipped sets."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
from markupsafe import Markup

from imgrec.approaches import scratch, transfer
from imgrec.background_job import BackgroundJob, Report, Status
from imgrec.data import labelled_images, labels
from imgrec.data.labelled_images import LabelledSet
from imgrec.errors import DataError, ImgrecError
from imgrec.evaluation import evaluate as evaluation
from imgrec.evaluation.figures import Evaluation, ScratchFigures
from imgrec.images.decode import MAX_BYTES
from imgrec.ui.access.uploaded_files import uploaded_file
from imgrec.ui.components.errors import as_gradio_error
from imgrec.ui.components.html import failed, panel
from imgrec.ui.components.listeners import QUIET
from imgrec.ui.components.model_choosers import (
    Choosers,
    keep_fresh,
    scratch_chooser,
    transfer_chooser,
)
from imgrec.ui.components.picture import Source
from imgrec.ui.components.templates import render
from imgrec.ui.components.upload_zone import Upload, drop_zone, uploaded
from imgrec.ui.results import disagreements_html, html, reliability_diagram, texts
from imgrec.ui.results.disagreements import build_disagreements, tiles

MAX_PICTURES = 1000  # per test: some minutes on two cores
POLL_SECONDS = 0.25
STOPPED = panel(*texts.STOPPED)
HOW_TO_LABEL = render(__file__, "labelling.jinja", kinds=labels.CIFAR10, most=MAX_PICTURES)

_jobs: dict[str, BackgroundJob] = {}  # by session: the test that is running or waiting


def build_custom_test_set(page: gr.Blocks, tab: gr.Tab, tabs: gr.Tabs, shared: gr.Image) -> None:
    """Builds the part; a picture can be sent to `shared`, the picture of the first tab."""
    files = gr.State([])  # what was uploaded
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            note = texts.NOTE.format(most=MAX_PICTURES, mebibytes=MAX_BYTES // 2**20)
            zone = drop_zone(texts.HEADING, note, MAX_PICTURES)
            with gr.Accordion(texts.WHICH_NETWORKS, open=False):
                weights, head = scratch_chooser(), transfer_chooser()
        with gr.Column(scale=2, min_width=320):
            status = gr.HTML(HOW_TO_LABEL)
            stop = gr.Button(texts.STOP, visible=False, variant="stop")
    figures = gr.HTML()
    with gr.Column(visible=False) as disputed:
        gr.Markdown(texts.WHAT_THEY_DISAGREE_ON)
        shown, large = build_disagreements(tabs, shared, open_test_set, files, [weights, head])
    outputs = [status, stop, figures, disputed, shown, large]
    zone.upload(take, None, [files, *outputs], queue=False, **QUIET).then(
        run,
        [files, weights, head],
        outputs,
        # A stopped test may still be ending when the next one starts.
        **{**QUIET, "concurrency_limit": 1, "trigger_mode": "multiple"},
        concurrency_id="evaluate",
    )
    stop.click(stop_test, None, [status, stop], queue=False, **QUIET)
    page.unload(leave)
    keep_fresh([tab.select], Choosers((weights,), (head,)))
    _offer_endpoint(weights, head)


def _offer_endpoint(weights: gr.Dropdown, head: gr.Dropdown) -> None:
    gr.Button(visible=False).click(
        evaluate,
        [gr.File(label="A zip", visible=False), weights, head],
        gr.JSON(visible=False),
        preprocess=False,
        api_name="evaluate",
        concurrency_limit=1,
        concurrency_id="evaluate",
    )


def open_test_set(files: Sequence[Upload]) -> LabelledSet:
    """Opens the uploaded set: a zip, or a folder's files. Raises DataError."""
    if len(files) == 1 and files[0][0].lower().endswith(".zip"):
        return check_size(labelled_images.open_zip(Path(files[0][1])))
    around = {name.partition("/")[0] for name, _ in files}
    name = around.pop() if len(around) == 1 else "The folder"
    return check_size(replace(labelled_images.open_uploads(files), name=name))


def check_size(chosen: LabelledSet) -> LabelledSet:
    """Returns the set itself. Raises DataError if it is too large for one test."""
    if chosen.count > MAX_PICTURES:
        raise DataError(
            f"{chosen.name} has {chosen.count:,} pictures and a test here at most "
            f"{MAX_PICTURES:,}; use fewer, or scripts/evaluate.py."
        )
    return chosen


def take(event: gr.EventData, request: gr.Request) -> list[Any]:
    """Accepts an upload, which replaces this visitor's test and waits for its turn."""
    leave(request)
    try:
        files = uploaded(event, MAX_PICTURES)
        chosen = open_test_set(files)
    except ImgrecError as error:
        return [[], *_view(failed(error) + HOW_TO_LABEL)]
    _jobs[_session(request)] = BackgroundJob("evaluation")
    return [files, *_view(html.waiting(chosen.name, chosen.count), stop=True)]


def run(files: list[Upload], weights: str, head: str, request: gr.Request) -> Iterator[list[Any]]:
    """Evaluates the uploaded set, with progress, until it is done, stopped or replaced."""
    session = _session(request)
    work = _jobs.get(session)
    if work is None:  # it was stopped while it waited
        yield [gr.skip()] * 6
        return
    started = time.monotonic()
    found: list[Evaluation] = []
    view: list[Any] = []
    try:
        chosen = open_test_set(files)
        for step in _steps(chosen, weights, head, work, found):
            if _jobs.get(session) is not work:
                break
            seconds = time.monotonic() - started
            told = html.progress(chosen.name, step, seconds)
            yield [told, gr.Button(visible=True), *[gr.skip()] * 4]
        else:
            view = _result(chosen, found[0])
    except ImgrecError as error:
        view = _view(failed(error))
    finally:
        current = _jobs.get(session)
        _end(session, work)
    if current is work:
        yield view
    elif current is None:
        yield _view(STOPPED)


def _steps(
    chosen: LabelledSet, weights: str, head: str, work: BackgroundJob, found: list[Evaluation]
) -> Iterator[Status]:
    """Runs the evaluation and yields its progress; appends its result to `found`.

    Raises ImgrecError if it fails or is stopped.
    """

    def measure(report: Report, cancelled: Any) -> None:
        found.append(
            evaluation.measure(
                chosen,
                weights=weights,
                head=head,
                on_progress=lambda done, total: report(chosen.name, done, total),
                cancelled=cancelled,
            )
        )

    work.start(measure)
    while (status := work.status).running:
        yield status
        time.sleep(POLL_SECONDS)
    if status.problem:
        raise DataError(status.problem)


def _view(status: str, *, stop: bool = False) -> list[Any]:
    """Returns the view without a result: status, stop, figures, disagreements."""
    return [status, gr.Button(visible=stop), "", gr.Column(visible=False), "", ""]


def _result(chosen: LabelledSet, measured: Evaluation) -> list[Any]:
    return [
        html.summary_panel(chosen.name, measured),
        gr.Button(visible=False),
        figures(measured),
        gr.Column(visible=True),
        tiles(chosen, measured),
        disagreements_html.NOTHING_ENLARGED if measured.disagreement_count else "",
    ]


def figures(measured: Evaluation) -> Markup:
    """Renders the sheet and the diagrams of an evaluation."""
    own = measured.approaches["scratch"].own
    ten_kinds = own if isinstance(own, ScratchFigures) else None
    drawn = reliability_diagram.diagrams(ten_kinds, measured.dog_answers())
    return html.custom_sheet(measured) + drawn


@as_gradio_error
def evaluate(
    source: Source,
    weights: str = scratch.DEFAULT,
    head: str = transfer.DEFAULT,
    request: gr.Request = None,  # type: ignore[assignment]
) -> dict[str, Any]:
    """Evaluates the three approaches on a zip of labelled pictures.

    Labels come from folder or file names: `dog/` and another folder, CIFAR-10's classes, or
    WordNet ids. `weights` names the trained scratch network, `head` the trained transfer head.
    Returns `{"n", "dogs", "data_sha256", "approaches": {"scratch" | "pretrained" | "transfer":
    {"model", "stand_in", "dog": {"accuracy", "low", "high", "recall", "specificity", "auc", "ece",
    ...}, "own": {...}}}, "disagreements", "unusable", ...}`; null if the labels don't answer it.
    """
    if source is None:
        raise DataError("There is no file; send a zip of labelled pictures.")
    session, work = _session(request), BackgroundJob("evaluation")
    _jobs[session] = work
    found: list[Evaluation] = []
    try:
        chosen = check_size(labelled_images.open_zip(uploaded_file(source)))
        for _ in _steps(chosen, weights, head, work, found):
            pass
    finally:
        _end(session, work)
    return found[0].as_json()


def stop_test(request: gr.Request) -> tuple[str, gr.Button]:
    """Stops this visitor's test."""
    leave(request)
    return STOPPED, gr.Button(visible=False)


def leave(request: gr.Request) -> None:
    """Stops this visitor's test, if there is one; also called when the visitor leaves the page."""
    work = _jobs.pop(_session(request), None)
    if work:
        work.cancel()


def _end(session: str, work: BackgroundJob) -> None:
    work.cancel()  # in case nobody waits for it any more
    if _jobs.get(session) is work:
        del _jobs[session]


def _session(request: gr.Request) -> str:
    return request.session_hash or ""
