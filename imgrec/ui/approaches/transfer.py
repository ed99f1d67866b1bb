"""The tab of approach 3: VGG16's features and a small head."""

from collections.abc import Iterator, Sequence

import gradio as gr
from PIL import Image

from imgrec.approaches import transfer
from imgrec.approaches.verdict import Verdict
from imgrec.evaluation import reports
from imgrec.models import calibration_file, registry
from imgrec.ui.approaches.tab import (
    CALIBRATED,
    Answer,
    answer_picture,
    architecture,
    build_tab,
)
from imgrec.ui.components.errors import as_gradio_error
from imgrec.ui.components.model_choosers import transfer_chooser
from imgrec.ui.components.picture import Source
from imgrec.ui.components.templates import render


@as_gradio_error
def classify(
    source: Source, head: str = transfer.DEFAULT, probabilities: str = CALIBRATED
) -> Answer:
    """Predicts by transfer learning how likely it is that the picture contains a dog, from 0 to 1.

    `head` names the trained head. Returns `{"file", "verdicts": [...]}` with one verdict, in the
    format of `/compare`, then the card as HTML with the chosen `probabilities` (calibrated or raw).
    """

    def predict(images: Sequence[Image.Image], top: int) -> list[Verdict]:
        return transfer.predict(images, top, name=head)

    return answer_picture(source, predict, 2, probabilities)


def build_transfer(tab: gr.Tab, shared: gr.Image) -> gr.Dropdown:
    """Builds the tab; returns the dropdown of trained heads."""

    def controls() -> Iterator[gr.components.Component]:
        yield transfer_chooser()

    (chooser,) = build_tab(
        tab,
        shared,
        handler=classify,
        name="transfer",
        controls=controls,
        layers=lambda head: architecture(transfer, head),
        text=_text(),
        names=lambda head: {"head": head},
        calibrates=True,
    )
    return chooser


def _text() -> str:
    """Returns the tab's text with the measured figures of the shipped heads."""
    return render(
        __file__,
        "transfer.jinja",
        head=reports.head(transfer.DEFAULT),
        flatten=reports.head("dog_flatten_64"),
        calibration=calibration_file.load_calibration(registry.find(transfer.DEFAULT, "transfer")),
    )
