"""The tab of approach 1: a network trained from scratch."""

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr
from PIL import Image

from imgrec import calibration, catalogue, reports
from imgrec.approaches import scratch
from imgrec.approaches.verdict import Verdict
from imgrec.ui.approach import (
    CALIBRATED,
    TOP_K,
    Answer,
    answered,
    architecture,
    build_tab,
    how_sure,
)
from imgrec.ui.choosers import scratch_chooser
from imgrec.ui.failures import reported
from imgrec.ui.picture import Source


@reported
def classify(
    source: Source,
    top_k: float = 5,
    weights: str = scratch.DEFAULT,
    probabilities: str = CALIBRATED,
) -> Answer:
    """What the scratch network says about one picture.

    `top_k` classes (1 to 10) are returned; `weights` names the trained network. Returns `{"file",
    "verdicts": [...]}` with one verdict, as `/compare` does, then the card as HTML, with the
    `probabilities`: calibrated or raw.
    """

    def predict(images: Sequence[Image.Image], top: int) -> list[Verdict]:
        return scratch.predict(images, top, weights)

    return answered(source, predict, top_k, probabilities)


def build_scratch(tab: gr.Tab, shared: gr.Image) -> gr.Dropdown:
    """Lays the tab out; returns where the trained weights are chosen."""

    def controls() -> Iterator[gr.components.Component]:
        yield gr.Slider(1, TOP_K, 5, step=1, label="How many classes")
        yield scratch_chooser()

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
    )
    return chooser


def _text() -> str:
    trained = reports.scratch(scratch.DEFAULT)
    return f"""
### How it works

Every weight of this network began as a random number. It learned all it knows from 45,000 small
pictures of ten kinds of things: CIFAR-10.

1. **Shrink.** The central square of your picture becomes 32 × 32 pixels, each colour a number from
   0 to 1.
2. **Look for patterns.** Two pairs of convolutions slide small filters over the picture: the first
   find edges and colours, the later ones put them together. Max pooling keeps the strongest answer
   of every 2 × 2.
3. **Decide.** Two dense layers weigh what was found; *softmax* turns the ten results into
   probabilities that add up to 1.

While it trained, *dropout* switched off a random part of the network at each step, so that it could
not learn pictures by heart. After {trained.epochs} epochs it recognised
**{100 * trained.test_accuracy:.1f} %** of the {trained.test_images:,} test images, which it had
never seen.

It knows ten classes and must choose one of them, whatever it sees: show it a face and it will
answer *frog* or *truck*, and may be sure of it.
{how_sure("This network", scratch.DEFAULT, "scratch")}
{_sign()}
"""


def _sign() -> str:
    """When the card says that the picture is unlike anything the network was trained on."""
    measured = calibration.of(catalogue.find(scratch.DEFAULT, "scratch"))
    if measured is None or measured.accepted is None:
        return ""
    found = _found(reports.measured("unfamiliar")["groups"])
    return f"""
*Unlike anything it was trained on* stands on the card when the ten results, before they become
probabilities, are weaker than for {100 * measured.accepted:.0f} % of those pictures (the *energy
score*; Liu and others, 2020). It is a hint and no proof: much that the network can’t know looks
familiar to it. {found}
"""


def _found(groups: dict[str, Any]) -> str:
    """How often the sign was right, and how often not."""
    other, known = groups["other"], groups["cifar10"]
    return (
        f"It stood on **{100 * other['flagged']:.0f} %** of {other['n']:,} photos of other things, "
        f"and on {100 * known['flagged']:.0f} % of {known['n']:,} CIFAR-10 test images."
    )
