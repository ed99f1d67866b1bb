"""What the tabs of the three approaches have in common: a picture, controls, a card, the layers."""

from collections.abc import Callable, Iterable, Sequence
from types import ModuleType
from typing import Any

import gradio as gr

from imgrec.approaches.verdict import Verdict, answer
from imgrec.errors import ImgrecError
from imgrec.models import calibration_file, registry
from imgrec.models.registry import Kind
from imgrec.ui.components import html, verdict_cards
from imgrec.ui.components.errors import listen
from imgrec.ui.components.explanation_panel import Names, build_why
from imgrec.ui.components.html_buttons import pressable
from imgrec.ui.components.picture import Source, bring_along, open_source, picture

TOP_K = 10  # at most so many classes, for scratch knows no more

CALIBRATED, RAW = "calibrated", "raw"  # which probabilities are shown
CHOICES = [("calibrated", CALIBRATED), ("as the network says them", RAW)]

Answer = tuple[dict[str, Any], str]
EMPTY = html.panel("No picture yet", "Drop a picture, paste one, or take one with the webcam.")


def probabilities_switch() -> gr.Radio:
    """Where the probabilities that are shown are chosen."""
    return gr.Radio(CHOICES, value=CALIBRATED, label="Probabilities")


def wants_calibrated(choice: str) -> bool:
    """Whether the choice of the switch is the calibrated ones. Raises ImgrecError if it is none."""
    if choice not in (CALIBRATED, RAW):
        raise ImgrecError(f"There are no such probabilities; choose {CALIBRATED} or {RAW}.")
    return choice == CALIBRATED


def how_sure(who: str, name: str, kind: Kind) -> str:
    """How far a trained network is to be believed, in words; empty where that was not measured.

    `who` is what the sentence calls it.
    """
    measured = calibration_file.load_calibration(registry.find(name, kind))
    if measured is None:
        return ""
    mistake = "too sure" if measured.temperature > 1 else "not sure enough"
    return f"""
### How sure is it, really?

{who} is {mistake} of itself. On {measured.n:,} pictures ({measured.split}), how sure it was
and how often it was right lay **{100 * measured.ece_before:.1f} percentage points** apart on
average. Its results are divided by one number, the *temperature* {measured.temperature:.2f}, before
they are turned into probabilities; then the gap is **{100 * measured.ece_after:.1f}**. The order
of the answers stays. Such probabilities are called *calibrated*; the switch below the picture shows
them, or what the network says by itself.
"""


def answer_picture(
    source: Source,
    predict: Callable[..., list[Verdict]],
    top: float,
    probabilities: str = CALIBRATED,
) -> Answer:
    """The JSON answer and the card of one approach; `predict` takes one picture and the top k.

    Raises ImgrecError for a picture that can't be used, a top k that is not from 1 to TOP_K, or
    probabilities that can't be chosen.
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
    """The layer table of a trained network of an approach; empty where it can't be loaded."""
    try:
        return verdict_cards.layers(approach.architecture(name))
    except ImgrecError:  # the verdict says why
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
    """Lays out one approach's tab and returns its controls.

    `handler(source, *controls)` answers, as the endpoint `/name`, whenever the picture or a control
    changes, or a state in `again` does; where the approach `calibrates`, it is also told which
    probabilities to show, and answers when they are chosen. `more` are controls that come behind
    all these and matter to the answer alone. `layers(*controls)` is the layer table;
    `names(*controls)` which trained network the card's *Why?* explains (see `build_why`). Choosing
    the tab brings the picture of the first tab along.
    """
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=300):
            shown = picture()
            chosen: list[Any] = list(controls())
            switch = [probabilities_switch()] if calibrates else []
            last: list[Any] = list(more())
        with gr.Column(scale=2, min_width=320):
            verdict = pressable(EMPTY)
            with gr.Accordion("The answer as JSON", open=False):
                as_json = gr.JSON(show_label=False)
    build_why(name, shown, verdict, chosen, names, again)
    with gr.Row(equal_height=False):
        with gr.Column(scale=2, min_width=300):
            gr.Markdown(text)
        with gr.Column(scale=3, min_width=320):
            gr.Markdown("### Layers")
            table = gr.HTML(html.panel("Layers", "The network is loading."))

    inputs = [shown, *chosen, *switch, *last]
    triggers = [part.change for part in (*inputs, *again)]
    listen(triggers, handler, inputs, [as_json, verdict], lambda reason: ({}, reason), name)
    bring_along(tab, shared, shown)
    gr.on(
        [tab.select, *(part.change for part in chosen)],
        layers,
        chosen,
        table,
        preprocess=False,
        show_progress="hidden",
        api_visibility="private",
    )
    return chosen
