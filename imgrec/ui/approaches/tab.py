"""What the tabs of the three approaches share: a picture, controls, a card, the layer table."""

from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any

import gradio as gr

from imgrec.approaches.verdict import Verdict, answer
from imgrec.errors import ImgrecError
from imgrec.ui.approaches import texts
from imgrec.ui.components import html, verdict_cards
from imgrec.ui.components.errors import listen
from imgrec.ui.components.explanation.panel import Names, build_why
from imgrec.ui.components.html_buttons import pressable
from imgrec.ui.components.listeners import PRIVATE
from imgrec.ui.components.picture import Source, bring_along, open_source, picture

TOP_K = 10  # the scratch network has no more classes

CALIBRATED, RAW = "calibrated", "raw"  # which probabilities are displayed
CHOICES = [(texts.CALIBRATED, CALIBRATED), (texts.RAW, RAW)]

Answer = tuple[dict[str, Any], str]
EMPTY = html.panel(texts.NO_PICTURE, texts.NO_PICTURE_TEXT)


def probabilities_switch() -> gr.Radio:
    """Builds the switch between calibrated and raw probabilities."""
    return gr.Radio(CHOICES, value=CALIBRATED, label=texts.PROBABILITIES)


def wants_calibrated(choice: str) -> bool:
    """Returns whether the switch is set to calibrated. Raises ImgrecError for an unknown choice."""
    if choice not in (CALIBRATED, RAW):
        raise ImgrecError(f"There are no such probabilities; choose {CALIBRATED} or {RAW}.")
    return choice == CALIBRATED


def answer_picture(
    source: Source,
    predict: Callable[..., list[Verdict]],
    top: float,
    probabilities: str = CALIBRATED,
) -> Answer:
    """Returns the JSON answer and the card of one approach.

    `predict` takes a list with one picture, and the top k. Raises ImgrecError for an unusable
    picture, a top k outside 1 to TOP_K, or an unknown choice of probabilities.
    """
    calibrated = wants_calibrated(probabilities)
    if source is None:
        return {}, EMPTY
    if top not in range(1, TOP_K + 1):
        raise ImgrecError(f"{top} classes can't be shown; choose a whole number up to {TOP_K}.")
    image, name = open_source(source)
    (verdict,) = predict([image], int(top))
    return answer(name, [verdict]), verdict_cards.card(verdict, int(top), calibrated)


def architecture(approach: ModuleType, name: str) -> str:
    """Returns the layer table of an approach's trained network; empty if it can't be loaded."""
    try:
        return verdict_cards.layers(approach.architecture(name))
    except ImgrecError:  # the verdict reports the reason
        return ""


def build_tab(
    tab: gr.Tab,
    shared: gr.Image,
    *,
    handler: Callable[..., Answer],
    name: str,
    controls: Callable[[], Iterable[gr.components.Component]],
    layers: Callable[..., str],
    text: str,
    names: Names,
    again: Sequence[gr.State] = (),
    calibrates: bool = False,
    more: Callable[[], Iterable[gr.components.Component]] = tuple,
) -> list[Any]:
    """Builds one approach's tab and returns its controls.

    `handler(source, *controls)` answers whenever the picture, a control or a state in `again`
    changes; it is also the endpoint `/name`. If the approach `calibrates`, the handler also
    receives the choice of probabilities, and answers when that changes. `more` are controls that
    follow all these and affect only the answer. `layers(*controls)` returns the layer table;
    `names(*controls)` the trained network that the card's *Why?* explains (see `build_why`).
    Selecting the tab copies the first tab's picture to it.
    """
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            shown = picture()
            chosen: list[Any] = list(controls())
            switch = [probabilities_switch()] if calibrates else []
            last: list[Any] = list(more())
        with gr.Column(scale=2, min_width=320):
            verdict = pressable(EMPTY)
            with gr.Accordion(texts.AS_JSON, open=False):
                as_json = gr.JSON(show_label=False)
    build_why(name, shown, verdict, chosen, names, again)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            gr.Markdown(text)
        with gr.Column(scale=3, min_width=320):
            gr.Markdown(texts.LAYERS_HEADING)
            table = gr.HTML(html.panel(texts.LAYERS, texts.LAYERS_LOADING))

    inputs = [shown, *chosen, *switch, *last]
    triggers = [part.change for part in (*inputs, *again)]
    listen(triggers, handler, inputs, [as_json, verdict], lambda reason: ({}, reason), name)
    bring_along(tab, shared, shown)
    showing = [tab.select, *(part.change for part in chosen)]
    gr.on(showing, layers, chosen, table, preprocess=False, **PRIVATE)
    return chosen
