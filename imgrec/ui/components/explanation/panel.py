"""*Why?* on a card: the regions of the picture that are a network's evidence for a class."""

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from markupsafe import Markup
from PIL import Image

from imgrec.approaches import scratch, transfer
from imgrec.errors import ImgrecError
from imgrec.explaining import heatmaps, targets
from imgrec.explaining.explanation import explain, interpret
from imgrec.explaining.occlusion import occlusion
from imgrec.explaining.targets import Question
from imgrec.ui.components import texts
from imgrec.ui.components.errors import as_gradio_error
from imgrec.ui.components.explanation import html as explanation_html
from imgrec.ui.components.html import failed, panel
from imgrec.ui.components.html_buttons import pressed
from imgrec.ui.components.listeners import INSTANT, PREDICTING
from imgrec.ui.components.picture import Source, open_source
from imgrec.ui.scripts import script

DOG_CHOICE = (texts.IS_THERE_A_DOG, targets.DOG_QUESTION)
INTRODUCTION = panel(texts.OCCLUSION_TITLE, texts.OCCLUSION_TEXT)
STOPPED = Markup('<p class="why-status" role="status">{}</p>').format(texts.STOPPED)
SHOW_AND_FOCUS = script(__file__, "panel_open.js")
FOCUS_BACK = script(__file__, "panel_close.js")

# From a tab's controls: the weights and head to explain.
Names = Callable[..., dict[str, str]]
# From a picture, an approach, a target and the result of Names.
BuildQuestion = Callable[..., Question]


@as_gradio_error
def explain_picture(
    source: Source,
    approach: str = "pretrained",
    target: str = "",
    method: str = "grad-cam",
    weights: str = scratch.DEFAULT,
    head: str = transfer.DEFAULT,
) -> tuple[dict[str, Any], str]:
    """Explains an approach's answer: which regions of the picture are evidence for a class.

    `approach` is scratch, pretrained or transfer; `target` one of its classes, `dog?` for the dog
    question, or empty for the most probable class; `method` grad-cam or occlusion (takes seconds);
    `weights` and `head` name the trained scratch network and head. Returns `{"file", "approach",
    "model", "stand_in", "target", "probability", "method", "rows", "columns", "map", "box", "seen",
    "deletion", "notes"}`: `map` is a list of rows of values from 0 to 1 over the `box` (left, top,
    right, bottom, in pixels) that the network saw, `seen` that box's share of the picture,
    `deletion` the target's probability `now`, with the `hottest_covered` and the `coldest_covered`
    fifth, or null. The map over the picture follows, as HTML.
    """
    if source is None:
        return {}, ""
    image, name = open_source(source)
    question = targets.build_question(image, approach, _text(target), _text(weights), _text(head))
    explanation = explain(question, method)
    figure = explanation_html.figure(explanation, image, "api")
    return {"file": name, **explanation.as_json()}, figure


def _text(value: Any) -> str:
    """Returns a name as it is; anything else as text, which `ask` rejects."""
    return "" if value is None else str(value)


def offer_endpoint(shown: gr.Image, weights: gr.Dropdown, head: gr.Dropdown) -> None:
    """Offers `/explain` to programs; the page itself explains in panels."""
    asked = [
        gr.Textbox(value, label=label, visible=False)
        for label, value in (("Approach", "pretrained"), ("Target", ""), ("Method", "grad-cam"))
    ]
    answers = [gr.JSON(visible=False), gr.HTML(visible=False)]
    gr.Button(visible=False).click(
        explain_picture,
        [shown, *asked, weights, head],
        answers,
        preprocess=False,
        api_name="explain",
        concurrency_id="predict",
    )


# The panel


class Panel(NamedTuple):
    """The components of one panel."""

    box: gr.Column
    close: gr.Button
    opacity: gr.Slider
    approach: gr.State  # the approach to explain
    heading: gr.HTML
    target: gr.Dropdown
    view: gr.HTML
    opinion: gr.HTML
    status: gr.HTML  # of the second opinion, if it was stopped
    second: gr.Button
    stop: gr.Button

    @property
    def answer(self) -> list[Any]:
        """The components that a new explanation updates."""
        second = [self.opinion, self.status, self.second, self.stop]
        return [self.heading, self.target, self.view, *second]


def build_why(
    name: str,
    shown: gr.Image,
    card: gr.HTML,
    controls: Sequence[Any],
    names: Names,
    again: Sequence[gr.State] = (),
    ask: BuildQuestion = targets.build_question,
) -> None:
    """Builds the panel opened by the *Why?* buttons in `card`, which is a `pressable`.

    `names(*controls)` returns the keyword arguments of `ask`, such as `weights` and `head` of
    `targets.build_question`. The panel closes when the picture, a control or a state in `again`
    changes. `name` is unique on the page.
    """
    panel = _layout()

    def show(source: Source, approach: str, target: Any, *chosen: Any) -> tuple[Any, ...]:
        asking = functools.partial(ask, **names(*chosen))
        return _shown(name, source, approach, _text(target), asking)

    def start(event: gr.EventData, source: Source, *chosen: Any) -> tuple[Any, ...]:
        try:
            approach = pressed(event)
        except ImgrecError as error:
            return gr.Column(visible=True), "", *_failed(str(error))
        return gr.Column(visible=True), approach, *show(source, approach, "", *chosen)

    def doubt(source: Source, approach: str, target: Any, *chosen: Any) -> Iterator[Any]:
        asking = functools.partial(ask, **names(*chosen))
        for html in _occluding(name, source, approach, _text(target), asking):
            yield html, "", gr.Button(visible=False), gr.Button(visible=True)
        yield html, "", gr.Button(visible=True), gr.Button(visible=False)

    asked = [shown, panel.approach, panel.target, *controls]
    once = {**PREDICTING, "trigger_mode": "once"}
    # Occlusion takes seconds: it has its own queue, so that no verdict waits for it.
    own_queue = {**once, "concurrency_id": "occlusion"}
    running = panel.second.click(doubt, asked, panel.answer[3:], **own_queue)
    outputs = [panel.box, panel.approach, *panel.answer]
    opening = card.select(start, [shown, *controls], outputs, cancels=[running], **once)
    opening.then(None, js=SHOW_AND_FOCUS)
    # Not `input`, which gradio fires twice per choice: the second would cancel what follows.
    choosing = panel.target.select(show, asked, panel.answer, cancels=[running], **PREDICTING)
    panel.opacity.change(
        None,
        panel.opacity,
        js=f"(v) => document.documentElement.style.setProperty('--heat-{name}', v / 100)",
    )
    changes = [part.change for part in (shown, *controls, *again)]
    _connect_ends(panel, changes, running, [opening, choosing])


def _layout() -> Panel:
    approach = gr.State("")
    with gr.Column(visible=False, elem_classes="why") as box:
        with gr.Row(elem_classes="why-head"):
            heading = gr.HTML()
            close = gr.Button(texts.CLOSE, size="sm", elem_classes="why-close")
        with gr.Row(elem_classes="why-controls"):
            target = gr.Dropdown([DOG_CHOICE], label=texts.EVIDENCE_FOR, filterable=False)
            opacity = gr.Slider(
                0,
                100,
                100 * explanation_html.OPACITY,
                step=5,
                label=texts.STRENGTH,
                buttons=[],
            )
        with gr.Row(equal_height=False):
            with gr.Column(min_width=300):
                view = gr.HTML()
            with gr.Column(min_width=300):
                opinion = gr.HTML(INTRODUCTION)
                status = gr.HTML()
                with gr.Row():
                    second = gr.Button(texts.SECOND_OPINION, size="sm")
                    stop = gr.Button(texts.STOP, size="sm", visible=False)
    return Panel(
        box, close, opacity, approach, heading, target, view, opinion, status, second, stop
    )


def _connect_ends(panel: Panel, changes: Sequence[Any], running: Any, asking: list[Any]) -> None:
    """Connects the buttons that stop the second opinion and close the panel.

    Any of the `changes` closes the panel too.
    """
    panel.stop.click(
        lambda: (STOPPED, gr.Button(visible=True), gr.Button(visible=False)),
        None,
        [panel.status, panel.second, panel.stop],
        cancels=[running],
        **INSTANT,
    )
    panel.close.click(None, js=FOCUS_BACK)
    gr.on(
        [panel.close.click, *changes],
        lambda: (gr.Column(visible=False), "", ""),
        None,
        [panel.box, panel.view, panel.heading],
        cancels=[*asking, running],
        trigger_mode="multiple",
        **INSTANT,
    )


def _shown(
    name: str, source: Source, approach: str, target: str, asking: BuildQuestion
) -> tuple[Any, ...]:
    """Returns the panel with Grad-CAM's answer: heading, classes, view, no second opinion yet."""
    try:
        question, image = _asked(source, approach, target, asking)
        explanation = explain(question)
    except ImgrecError as error:
        return _failed(str(error))
    choices = [(e.label, e.label) for e in question.verdict.classes]
    if question.network.dogs != targets.NO_CLASSES:
        choices.append(DOG_CHOICE)
    value = target or explanation.target
    # An updated component keeps only what the update contains, so everything is repeated.
    chooser = gr.Dropdown(choices, value=value, label=texts.EVIDENCE_FOR, filterable=False)
    return (
        explanation_html.heading(explanation, target),
        chooser,
        explanation_html.opinion(explanation, image, name, texts.cut_away(explanation.seen)),
        INTRODUCTION,
        "",
        gr.Button(visible=True),
        gr.Button(visible=False),
    )


def _failed(reason: str) -> tuple[Any, ...]:
    return (
        '<h3 tabindex="-1">Why?</h3>',
        gr.skip(),
        failed(reason),
        "",
        "",
        gr.Button(visible=False),
        gr.Button(visible=False),
    )


def _asked(
    source: Source, approach: str, target: str, asking: BuildQuestion
) -> tuple[Question, Image.Image]:
    if source is None:
        raise ImgrecError("There is no picture; drop one first.")
    image, _ = open_source(source)
    return asking(image, approach, target), image


def _occluding(
    name: str, source: Source, approach: str, target: str, asking: BuildQuestion
) -> Iterator[str]:
    """Yields the second opinion as HTML while it grows; at the end, its agreement with Grad-CAM."""
    try:
        question, image = _asked(source, approach, target, asking)
        for drops in occlusion(question):
            done, total = int(np.isfinite(drops).sum()), drops.size
            explanation = interpret(question, "occlusion", drops)
            yield explanation_html.growing(explanation, image, name, done, total)
        correlation = heatmaps.agreement(explain(question).map, explanation.map)
        yield explanation_html.opinion(explanation, image, name, texts.maps_agree(correlation))
    except ImgrecError as error:
        yield failed(error)
