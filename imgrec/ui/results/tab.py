"""The last tab: the three approaches side by side, in reproducible figures."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import gradio as gr
from markupsafe import Markup

from imgrec.approaches import scratch, transfer
from imgrec.data import labelled_images
from imgrec.errors import ImgrecError
from imgrec.evaluation import comparison, reports
from imgrec.evaluation.comparison import Timing
from imgrec.evaluation.figures import DogsReport
from imgrec.images.decode import open_image
from imgrec.ui.components.html import failed
from imgrec.ui.components.listeners import PREDICTING, QUIET
from imgrec.ui.components.picture import example_files
from imgrec.ui.results import disagreements_html, html, reliability_diagram, texts
from imgrec.ui.results.custom_test_set import build_custom_test_set
from imgrec.ui.results.disagreements import build_disagreements, tiles

Timings = dict[str, Timing]


def all_results() -> dict[str, Any]:
    """Returns the measured comparison of the three approaches, as on the page.

    Returns `{"approaches": [{"approach", "model", "stand_in", "images", "seconds", "parameters",
    "bytes", ...}], "cifar10", "imagenet", "dogs", "sample", "unfamiliar"}`: each approach's
    training cost and size, then the reports of `scripts/evaluate.py`, each with the hash of the
    data, the command and the machine.
    """
    return {
        "approaches": [asdict(each) for each in comparison.facts()],
        **{name: report.as_json() for name, report in reports.all_reports().items()},
    }


def build_results(page: gr.Blocks, tab: gr.Tab, tabs: gr.Tabs, shared: gr.Image) -> None:
    """Builds the tab; a picture can be sent to `shared`, the picture of the first tab."""
    timings: gr.State = gr.State({})
    with gr.Tabs():
        with gr.Tab(texts.TABLE, render_children=True):
            words, table = gr.HTML(), gr.HTML()
            with gr.Row():
                measure = gr.Button(texts.MEASURE_TIME, min_width=260, scale=0)
            note, origin = gr.HTML(), gr.HTML()
        with gr.Tab(texts.HOW_SURE, render_children=True):
            gr.Markdown(texts.CALIBRATION_INTRO)
            diagrams, unfamiliar = gr.HTML(), gr.HTML()
        with gr.Tab(texts.DISPUTED, render_children=True):
            source, chosen = gr.State(), [gr.State(scratch.DEFAULT), gr.State(transfer.DEFAULT)]
            disputed, large = build_disagreements(
                tabs, shared, lambda _: labelled_images.sample_set(), source, chosen
            )
        with gr.Tab(texts.YOUR_TEST, render_children=True):
            build_custom_test_set(page, tab, tabs, shared)
    tab.select(show, timings, [words, table, origin, diagrams, unfamiliar], **QUIET).then(
        show_disagreements, None, [disputed, large], **QUIET
    )
    measure.click(time_here, None, [timings, table, note], **{**PREDICTING, "trigger_mode": "once"})
    gr.api(all_results, api_name="results")


def show(timings: Timings) -> list[Markup]:
    """Renders the summary, the sheet, the method, the diagrams, and the unfamiliar flag."""
    dogs = reports.dogs_report()
    return [
        html.summary_panel(texts.SUMMARY_TITLE, dogs),
        sheet(dogs, timings),
        html.source(dogs),
        reliability_diagram.diagrams(reports.cifar10_report(), dogs.dog_answers()),
        html.unfamiliar(reports.unfamiliar_report()),
    ]


def sheet(dogs: DogsReport, timings: Timings) -> Markup:
    """Renders the sheet: training cost, speed and accuracy of the approaches."""
    facts = comparison.facts()
    other = {
        each.approach: texts.MEASURED_WITH.format(model=dogs.approaches[each.approach].model)
        for each in facts
        if dogs.approaches[each.approach].model != each.model
    }
    columns = {each.approach: html.Column(each.model, each.stand_in) for each in facts}
    parts = {
        texts.COST: html.cost_rows(facts, timings),
        texts.dogs_among(dogs.n, dogs.dogs or 0): html.accuracy_rows(dogs.dog_answers(), other),
        texts.OWN_TASK: [html.task_row(reports.shipped_tasks())],
    }
    return html.sheet(texts.SHEET_LABEL, columns, parts)


def time_here() -> Iterator[tuple[Any, ...]]:
    """Measures and yields the timings, the sheet with them, and the method."""
    offer = Markup('<p class="offer">{}</p>')
    yield gr.skip(), gr.skip(), offer.format(texts.MEASURING)
    try:
        found = comparison.measure_timings(open_image(example_files()[0]))
    except ImgrecError as error:
        yield gr.skip(), gr.skip(), failed(error)
        return
    yield found, sheet(reports.dogs_report(), found), offer.format(texts.TIMED)


def show_disagreements() -> tuple[Markup, Markup]:
    """Renders the sample's pictures on which the approaches disagree, and what is beside them."""
    shown = tiles(labelled_images.sample_set(), reports.sample_report())
    return shown, disagreements_html.NOTHING_ENLARGED
