"""The first tab: one picture, three verdicts side by side."""

from typing import Any, NamedTuple

import gradio as gr

from imgrec import approaches
from imgrec.approaches import scratch, transfer
from imgrec.approaches.verdict import answer
from imgrec.evaluation import reports
from imgrec.ui.approaches import texts
from imgrec.ui.approaches.tab import CALIBRATED, probabilities_switch, wants_calibrated
from imgrec.ui.components import html, verdict_cards
from imgrec.ui.components.errors import as_gradio_error, listen
from imgrec.ui.components.explanation.panel import build_why, offer_endpoint
from imgrec.ui.components.html_buttons import pressable
from imgrec.ui.components.model_choosers import scratch_chooser, transfer_chooser
from imgrec.ui.components.picture import Source, example_files, open_source, picture
from imgrec.ui.components.vgg16_download import Panel, build_panel

CLASSES_SHOWN = 3  # per card

EMPTY = html.panel(texts.IS_THERE_A_DOG, texts.COMPARE_EMPTY)


class CompareTab(NamedTuple):
    """The components that the other tabs and the page connect to."""

    picture: gr.Image
    panel: Panel
    weights: gr.Dropdown
    head: gr.Dropdown


@as_gradio_error
def compare(
    source: Source,
    weights: str = scratch.DEFAULT,
    head: str = transfer.DEFAULT,
    probabilities: str = CALIBRATED,
) -> tuple[dict[str, Any], str, str]:
    """Classifies one picture with all three approaches.

    `weights` names the trained scratch network, `head` the trained transfer head. Returns
    `{"file", "verdicts": [{"approach", "model", "stand_in", "classes": [{"label", "probability",
    "calibrated"}], "dog", "dog_calibrated", "unfamiliar", "looks", "milliseconds"}]}` with the top
    5 classes of each approach. `probability` and `dog` are the network's raw probabilities,
    `calibrated` and `dog_calibrated` the calibrated ones, or null if no calibration was measured;
    `unfamiliar` is true for a picture that is flagged as out-of-distribution, null if the network
    can't tell; `looks` is the number of views averaged (test-time augmentation). Two pieces of HTML
    follow: the answers to the dog question, and the cards with the chosen `probabilities`
    (calibrated or raw).
    """
    calibrated = wants_calibrated(probabilities)
    if source is None:
        return {}, EMPTY, ""
    image, name = open_source(source)
    (verdicts,) = approaches.compare([image], weights=weights, head=head)
    shown = [verdict.calibrated() for verdict in verdicts] if calibrated else verdicts
    return (
        answer(name, verdicts),
        verdict_cards.question(shown, reports.dogs(calibrated)),
        verdict_cards.cards(verdicts, CLASSES_SHOWN, calibrated),
    )


def build_compare(page: gr.Blocks, arrived: gr.State) -> CompareTab:
    """Builds the tab, which answers when the page opens or the picture changes."""
    files = example_files()
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            shown = picture(files[0])
            gr.Examples(files, shown, label=texts.EXAMPLES, elem_id="examples")
        with gr.Column(scale=2, min_width=320):
            question = gr.HTML(html.panel(texts.IS_THERE_A_DOG, texts.COMPARE_LOADING))
            probabilities = probabilities_switch()
            panel = build_panel()
            with gr.Accordion(texts.WHICH_NETWORKS, open=False), gr.Row():
                weights, head = scratch_chooser(), transfer_chooser()
    verdicts = pressable(verdict_cards.skeleton())
    chosen = [weights, head]
    build_why("compare", shown, verdicts, chosen, lambda w, h: {"weights": w, "head": h}, [arrived])
    with gr.Accordion(texts.AS_JSON, open=False):
        gr.Markdown(texts.COMPARE_API)
        as_json = gr.JSON(show_label=False)

    answers = [as_json, question, verdicts]
    inputs = [shown, weights, head, probabilities]
    changes = [shown.change, weights.change, head.change, probabilities.change]
    triggers = [page.load, arrived.change, *changes]
    listen(triggers, compare, inputs, answers, lambda reason: ({}, reason, ""), "compare")
    offer_endpoint(shown, weights, head)
    return CompareTab(shown, panel, weights, head)
