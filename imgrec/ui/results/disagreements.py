"""Pictures on which the approaches disagree, as buttons that display one with its verdicts."""

from collections.abc import Callable, Sequence
from typing import Any

import gradio as gr
from markupsafe import Markup

from imgrec import approaches
from imgrec.data.labelled_images import LabelledSet
from imgrec.errors import DataError, ImageError, ImgrecError
from imgrec.evaluation import disagreements
from imgrec.evaluation.figures import DogsReport, Evaluation
from imgrec.ui.components.html import failed
from imgrec.ui.components.html_buttons import pressable, pressed
from imgrec.ui.components.listeners import COMPARE, INTO_VIEW, PREDICTING, QUIET
from imgrec.ui.results import disagreements_html, texts
from imgrec.ui.results.disagreements_html import Group, Tile

MAX_TILES = 30  # widest disagreements of a test: more would slow the page down


def build_disagreements(
    tabs: gr.Tabs,
    shared: gr.Image,
    opened: Callable[[Any], LabelledSet],
    source: gr.State,
    networks: Sequence[gr.components.Component],
) -> tuple[gr.HTML, gr.HTML]:
    """Builds the parts for the `tiles` and for the enlarged picture; returns both.

    `opened(source)` returns the set that the tiles come from (it may raise ImgrecError); `networks`
    are the chosen scratch network and head. A picture can be sent to `shared`, that of the first
    tab.
    """
    with gr.Row(equal_height=False, elem_classes="beside"):
        with gr.Column(scale=3, min_width=320):
            shown = pressable()
        with gr.Column(scale=2, min_width=300, elem_classes="one-image"):
            large = gr.HTML()
            send = gr.Button(texts.SEND_TO_COMPARE, visible=False)
    number = gr.State("")

    def enlarge(source: Any, weights: str, head: str, event: gr.EventData) -> tuple[Any, ...]:
        try:
            place = pressed(event)
            html = enlarged(opened(source), place, weights, head)
        except ImgrecError as error:
            return failed(error), gr.Button(visible=False), ""
        return html, gr.Button(visible=True), place

    def send_on(source: Any, place: str) -> tuple[Any, Any, Any]:
        try:
            image = disagreements.open_item(disagreements.item_at(opened(source), _number(place)))
        except ImgrecError as error:
            return gr.skip(), gr.skip(), failed(error)
        return image, gr.Tabs(selected=COMPARE), gr.skip()

    shown.select(enlarge, [source, *networks], [large, send, number], **PREDICTING).then(
        None, js=INTO_VIEW
    )
    send.click(send_on, [source, number], [shared, tabs, large], **QUIET)
    return shown, large


def tiles(labelled: LabelledSet, measured: Evaluation | DogsReport) -> Markup:
    """Renders the disagreements, grouped by the approach that stands alone and if it is right."""
    found = disagreements.in_set(labelled, measured.disagreements[:MAX_TILES])
    groups = [
        Group(name, right, [tile for each in group if (tile := _tile(labelled, each))])
        for name, right, group in disagreements.groups(found)
    ]
    return disagreements_html.disagreements(groups, measured.disagreement_count, measured.n)


def _tile(labelled: LabelledSet, dispute: disagreements.Disagreement) -> Tile | None:
    """Returns a picture's button; None if its file is gone."""
    try:
        image = disagreements.open_item(disagreements.item_at(labelled, dispute.number))
    except ImageError:
        return None
    return disagreements_html.tile(dispute, image)


def enlarged(labelled: LabelledSet, place: str, weights: str, head: str) -> Markup:
    """Renders the pressed picture, enlarged, with the three verdicts. Raises ImgrecError."""
    item = disagreements.item_at(labelled, _number(place))
    image = disagreements.open_item(item)
    (verdicts,) = approaches.compare([image], weights=weights, head=head)
    return disagreements_html.enlarged(item, image, verdicts)


def _number(place: str) -> int:
    """Parses an index in a set from a button's value. Raises DataError if it is not one."""
    if not (isinstance(place, str) and place.isascii() and place.isdigit() and len(place) < 7):
        raise DataError("There is no such picture; press one.")
    return int(place)
