"""Using the taught classifier: a picture or the live webcam in, bars and explanation out."""

from collections.abc import Callable
from typing import Any, NamedTuple

import gradio as gr
from PIL import Image

from imgrec.errors import ImgrecError, TeachError
from imgrec.explaining import targets
from imgrec.explaining.targets import Question
from imgrec.teaching import classifier
from imgrec.teaching.classifier import TaughtHead
from imgrec.teaching.store import projects
from imgrec.ui.components.explanation.panel import build_why
from imgrec.ui.components.html import failed
from imgrec.ui.components.html_buttons import pressable
from imgrec.ui.components.listeners import PREDICTING
from imgrec.ui.components.picture import Source, open_source, picture
from imgrec.ui.components.webcam import frame, live_camera
from imgrec.ui.teach import html, texts


class Use(NamedTuple):
    """The components of the last step."""

    picture: gr.Image
    camera: gr.HTML
    answer: gr.HTML


def build_use() -> Use:
    """Builds the step."""
    return Use(picture(), live_camera(), pressable(html.before_asking(None)))


def connect_use(use: Use, token: gr.BrowserState, version: gr.State) -> None:
    """Makes the step answer, and again when `version` changes after teaching; *Why?* opens here."""
    gr.on(
        [use.picture.change, token.change, version.change],
        answer_picture,
        [token, use.picture],
        use.answer,
        **PREDICTING,
    )
    # A frame that arrives while another is being classified is dropped.
    streaming: dict[str, Any] = {**PREDICTING, "trigger_mode": "once"}
    use.camera.frame(answer_frame, token, use.answer, **streaming)
    build_why(
        "taught",
        use.picture,
        use.answer,
        [token],
        lambda token: {"token": token},
        again=[version],
        ask=build_question,
    )


def head_of(token: str) -> TaughtHead:
    """Returns the head of that token's project, with the current names of its classes.

    Raises TeachError.
    """
    project = projects.get(token)
    head = project.head
    if head is None:
        if project.stale:
            raise TeachError(texts.PICTURES_CHANGED)
        raise TeachError(texts.NOT_TAUGHT)
    return head


def answer_picture(token: str, source: Source) -> str:
    """Renders the answer about the picture."""
    if source is None:
        return _answered(token, None)
    return _answered(token, lambda: open_source(source)[0])


def answer_frame(token: str, event: gr.EventData) -> str:
    """Renders the answer about the webcam's frame."""
    return _answered(token, lambda: frame(event), live=True)


def _answered(token: str, image: Callable[[], Image.Image] | None, live: bool = False) -> str:
    try:
        project = projects.get(token) if token else None
        if project is None or project.head is None or image is None:
            return html.before_asking(project)
        head = head_of(token)
        return html.verdict(classifier.answer_picture(head, image()), head, live)
    except ImgrecError as error:
        return failed(error)


def build_question(image: Image.Image, approach: str, target: str, token: str) -> Question:
    """Builds the question why the head predicts `target`. Raises TeachError or ModelError."""
    return targets.build_taught_question(image, head_of(token), target)
