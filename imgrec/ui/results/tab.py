"""The last tab: the three approaches side by side, in reproducible figures."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import gradio as gr

from imgrec.approaches import scratch, transfer
from imgrec.data import labelled_images
from imgrec.errors import ImgrecError
from imgrec.evaluation import comparison, reports
from imgrec.evaluation.comparison import Timing
from imgrec.images.decode import open_image
from imgrec.ui.components.html import failed
from imgrec.ui.components.listeners import PREDICTING, QUIET
from imgrec.ui.components.picture import example_files
from imgrec.ui.results import disagreements_html, html, reliability_diagram
from imgrec.ui.results.custom_test_set import build_custom_test_set
from imgrec.ui.results.disagreements import build_disagreements, tiles

Timings = dict[str, Timing]

CALIBRATION_INTRO = """
### How far can they be believed?

A network doesn’t only answer, it says how sure it is. It can be believed if, of all pictures of
which it says 90 %, it is right on nine in ten. Each diagram shows for whole groups of answers what
the network says, and how many of them are right. On the dashed line it means what it says; below
it, it is surer than it should be; above it, it could be surer.

*Calibrating* mends that: what the network computes just before its answer is divided by one number,
its *temperature*, which is found on pictures that it did not learn from. How sure it is changes;
what it takes for most probable does not.
"""


def all_results() -> dict[str, Any]:
    """Returns the measured comparison of the three approaches, as on the page.

    Returns `{"approaches": [{"approach", "model", "stand_in", "images", "seconds", "parameters",
    "bytes", ...}], "cifar10", "imagenet", "dogs", "sample", "unfamiliar"}`: each approach's
    training cost and size, then the reports of `scripts/evaluate.py`, each with the hash of the
    data, the command and the machine.
    """
    return {
        "approaches": [asdict(each) for each in comparison.facts()],
        **{name: reports.load_report(name) for name in reports.REPORT_NAMES},
    }


def build_results(page: gr.Blocks, tab: gr.Tab, tabs: gr.Tabs, shared: gr.Image) -> None:
    """Builds the tab; a picture can be sent to `shared`, the picture of the first tab."""
    timings: gr.State = gr.State({})
    with gr.Tabs():
        with gr.Tab("Table", render_children=True):
            words, table = gr.HTML(), gr.HTML()
            with gr.Row():
                measure = gr.Button("Measure the time here", min_width=260, scale=0)
            note, origin = gr.HTML(), gr.HTML()
        with gr.Tab("How sure", render_children=True):
            gr.Markdown(CALIBRATION_INTRO)
            diagrams, unfamiliar = gr.HTML(), gr.HTML()
        with gr.Tab("Disputed", render_children=True):
            source, chosen = gr.State(), [gr.State(scratch.DEFAULT), gr.State(transfer.DEFAULT)]
            disputed, large = build_disagreements(
                tabs, shared, lambda _: labelled_images.sample_set(), source, chosen
            )
        with gr.Tab("Your test", render_children=True):
            build_custom_test_set(page, tab, tabs, shared)
    tab.select(show, timings, [words, table, origin, diagrams, unfamiliar], **QUIET).then(
        show_disagreements, None, [disputed, large], **QUIET
    )
    measure.click(time_here, None, [timings, table, note], **{**PREDICTING, "trigger_mode": "once"})
    gr.api(all_results, api_name="results")


def show(timings: Timings) -> list[str]:
    """Renders the summary, the sheet, the method, the diagrams, and the unfamiliar flag."""
    dogs, cifar10 = reports.load_report("dogs"), reports.load_report("cifar10")
    return [
        html.summary_panel("Somewhat, more, most accurate", dogs),
        sheet(dogs, timings),
        html.source(dogs),
        reliability_diagram.diagrams(cifar10, reports.dog_answers(dogs)),
        html.unfamiliar(reports.load_report("unfamiliar")),
    ]


def sheet(dogs: dict[str, Any], timings: Timings) -> str:
    """Renders the sheet: training cost, speed and accuracy of the approaches."""
    facts = comparison.facts()
    other = {
        each.approach: f"measured with {dogs['approaches'][each.approach]['model']}"
        for each in facts
        if dogs["approaches"][each.approach]["model"] != each.model
    }
    columns = {each.approach: html.network_name(each.model, each.stand_in) for each in facts}
    question = f"Is there a dog? {dogs['n']:,} photos, {dogs['dogs']:,} of them with a dog"
    parts = {
        "What it takes": html.cost_rows(facts, timings),
        question: html.accuracy_rows(reports.dog_answers(dogs), other),
        "What it was made for": [html.task_row(reports.shipped_task_figures())],
    }
    return html.sheet("The three approaches side by side", columns, parts)


def time_here() -> Iterator[tuple[Any, ...]]:
    """Measures and yields the timings, the sheet with them, and the method."""
    yield gr.skip(), gr.skip(), f'<p class="offer">Measuring: {comparison.ROUNDS} rounds …</p>'
    try:
        found = comparison.measure_timings(open_image(example_files()[0]))
    except ImgrecError as error:
        yield gr.skip(), gr.skip(), failed(error)
        return
    note = (
        f"The median of {comparison.ROUNDS} rounds with the first example, in which the three took "
        "turns; below it the fastest and the slowest."
    )
    yield found, sheet(reports.load_report("dogs"), found), f'<p class="offer">{note}</p>'


def show_disagreements() -> tuple[str, str]:
    """Renders the sample's pictures on which the approaches disagree, and what is beside them."""
    measured = reports.load_report("sample")
    return tiles(labelled_images.sample_set(), measured), disagreements_html.NOTHING_ENLARGED
