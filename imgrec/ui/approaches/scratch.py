"""The tab of approach 1: a network trained from scratch."""

from collections.abc import Iterator, Sequence

import gradio as gr
from PIL import Image

from imgrec import environment
from imgrec.approaches import scratch
from imgrec.approaches.verdict import Verdict
from imgrec.errors import ImgrecError
from imgrec.evaluation import reports
from imgrec.models import calibration_file, registry
from imgrec.ui.approaches import texts
from imgrec.ui.approaches.tab import (
    CALIBRATED,
    TOP_K,
    Answer,
    answer_picture,
    architecture,
    build_tab,
)
from imgrec.ui.approaches.training_race import build_race
from imgrec.ui.components.errors import as_gradio_error
from imgrec.ui.components.model_choosers import scratch_chooser
from imgrec.ui.components.picture import Source
from imgrec.ui.components.templates import render


@as_gradio_error
def classify(
    source: Source,
    top_k: float = 5,
    weights: str = scratch.DEFAULT,
    probabilities: str = CALIBRATED,
    views: bool = False,
) -> Answer:
    """Classifies one picture with a scratch network.

    `top_k` classes (1 to 10) are returned; `weights` names the trained network; `views` turns on
    test-time augmentation: the mean over six views, mirrored and shifted by a pixel. Returns
    `{"file", "verdicts": [...]}` with one verdict, in the format of `/compare`, then the card as
    HTML with the chosen `probabilities` (calibrated or raw).
    """
    if not isinstance(views, bool):
        raise ImgrecError("The network can’t look like that; choose true, for six looks, or false.")

    def predict(images: Sequence[Image.Image], top: int) -> list[Verdict]:
        return scratch.predict(images, top, weights, use_tta=views)

    return answer_picture(source, predict, top_k, probabilities)


def build_scratch(tab: gr.Tab, shared: gr.Image) -> gr.Dropdown:
    """Builds the tab; returns the dropdown of trained weights."""

    def controls() -> Iterator[gr.components.Component]:
        yield gr.Slider(1, TOP_K, 5, step=1, label=texts.HOW_MANY_CLASSES)
        yield scratch_chooser()

    def more() -> Iterator[gr.components.Component]:
        yield gr.Checkbox(label=texts.LOOK_OFTEN, info=texts.LOOK_OFTEN_INFO)

    _, chooser = build_tab(
        tab,
        shared,
        handler=classify,
        name="scratch",
        controls=controls,
        layers=lambda top_k, weights: architecture(scratch, weights),
        text=_text(),
        names=lambda top_k, weights: {"weights": weights},
        calibrates=True,
        more=more,
    )
    build_race()
    return chooser


def _text() -> str:
    """Returns the tab's text with the measured figures of the shipped networks."""
    entry = registry.find(scratch.DEFAULT, "scratch")
    return render(
        __file__,
        "scratch.jinja",
        trained=reports.scratch(scratch.DEFAULT),
        classic=reports.scratch(scratch.CLASSIC),
        machine=environment.machine(entry.report["environment"]),
        outside=reports.outside_report(),
        calibration=calibration_file.load_calibration(entry),
        groups=reports.unfamiliar_report().groups,
    )
