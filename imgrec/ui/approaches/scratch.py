"""The tab of approach 1: a network trained from scratch."""

from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr
from PIL import Image

from imgrec import environment
from imgrec.approaches import scratch
from imgrec.approaches.verdict import Verdict
from imgrec.errors import ImgrecError
from imgrec.evaluation import reports
from imgrec.evaluation.reports import ScratchReport
from imgrec.models import calibration_file, registry
from imgrec.ui.approaches.tab import (
    CALIBRATED,
    TOP_K,
    Answer,
    answer_picture,
    architecture,
    build_tab,
    how_sure,
)
from imgrec.ui.approaches.training_race import build_race
from imgrec.ui.components.errors import as_gradio_error
from imgrec.ui.components.model_choosers import scratch_chooser
from imgrec.ui.components.picture import Source

TTA_VIEWS = "six"  # spells out `tta.VIEWS`
FLAG_SCORES = {  # by the score behind the unfamiliar flag
    "energy": "the ten results, before they become probabilities, are weaker (their *energy*)",
    "maximum_logit": "the greatest of the ten results, before they become probabilities, is lower",
    "maximum_probability": "the network is less sure of its answer",
}


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
        yield gr.Slider(1, TOP_K, 5, step=1, label="How many classes")
        yield scratch_chooser()

    def more() -> Iterator[gr.components.Component]:
        yield gr.Checkbox(
            label=f"Look {TTA_VIEWS} times",
            info="Also mirrored and shifted by a pixel, and take the mean: more often right, "
            f"{TTA_VIEWS} times as slow. “Why?” explains a single look.",
        )

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
    trained, classic = reports.scratch(scratch.DEFAULT), reports.scratch(scratch.CLASSIC)
    machine = environment.machine(registry.find(scratch.DEFAULT, "scratch").report["environment"])
    return f"""
### How it works

This network learned all it knows from {trained.images:,} small pictures of ten kinds of things:
CIFAR-10. Nearly every weight of it began as a random number.

1. **Shrink.** The central square of your picture becomes 32 × 32 pixels, each colour a number.
2. **Whiten.** Neighbouring pixels are nearly alike. The first filters, of 2 × 2 pixels, take out
   what they have in common, so that what differs stands out. They are not learned: they are
   computed from the training pictures.
3. **Look for patterns.** Three blocks follow, of two convolutions each: the first find edges and
   colours, the later ones put them together. Max pooling keeps the strongest answer of every 2 × 2.
   *Batch normalisation* gives every map the same spread, so that none drowns the others, and *ReLU*
   turns what is below zero into zero.
4. **Decide.** Of each of the last maps only the greatest value counts: was the pattern there,
   wherever it was? A dense layer weighs these; *softmax* turns the ten results into probabilities
   that add up to 1.

It was trained for {trained.epochs} epochs, which took **{trained.seconds / 60:.0f} minutes** on
{machine}. Then it recognised **{100 * trained.test_accuracy:.1f} %** of the {trained.test_images:,}
test images, which it had never seen.{_tta_gain(trained)}

It knows ten classes and must choose one of them, whatever it sees: show it a face and it will
answer *frog* or *truck*, and may be sure of it.

### Why it learns so fast

The project’s first network, *classic*, went through its pictures {classic.epochs} times and
recognised {100 * classic.test_accuracy:.1f} %. Choose it under *Trained weights* to compare; the
lessons in the tab *How it works* take it apart.

This one takes much larger steps. *Muon*, which changes its weights, turns all filters of a layer by
about as much, so that none stays behind; whitening and normalisation keep such steps from going
astray. It hardly sees a picture twice in the same way: each is mirrored in every second epoch, and
shifted by a pixel or two. And *label smoothing* asks it for a fairly sure answer rather than a
certain one. So it learns less by heart; and it says less than it knows.
{_distribution_shift()}
{how_sure("This network", scratch.DEFAULT, "scratch")}
{_unfamiliar_flag()}
"""


def _distribution_shift() -> str:
    """Describes the accuracy of both networks on photos from other sources."""
    measured = reports.load_report("outside")
    fast, classic = (
        f"{100 * measured['networks'][name]['one']['accuracy']:.0f} %"
        for name in (scratch.DEFAULT, scratch.CLASSIC)
    )
    return f"""
Photos from elsewhere are harder than the test images, which are of the same kind as what both
learned from. Of {measured["n"]:,} other photos of the ten kinds, shrunk to 32 × 32 pixels,
*{scratch.DEFAULT}* recognises **{fast}**, *{scratch.CLASSIC}* {classic}.
"""


def _tta_gain(trained: ScratchReport) -> str:
    """Describes the accuracy with TTA; empty if it was not measured."""
    if trained.test_accuracy_views is None:
        return ""
    return (
        f" When it **looks {TTA_VIEWS} times** at each, also mirrored and shifted by a pixel, it "
        f"recognises **{100 * trained.test_accuracy_views:.1f} %**."
    )


def _unfamiliar_flag() -> str:
    """Explains when the card flags a picture as unfamiliar."""
    measured = calibration_file.load_calibration(registry.find(scratch.DEFAULT, "scratch"))
    if measured is None or measured.accepted is None:
        return ""
    found = _flag_rates(reports.load_report("unfamiliar")["groups"])
    return f"""
*Unlike anything it was trained on* stands on the card when {FLAG_SCORES[measured.score]} than for
{100 * measured.accepted:.0f} % of those pictures. It is a hint and no proof: much that the network
can’t know looks familiar to it. {found}
"""


def _flag_rates(groups: dict[str, Any]) -> str:
    """Describes how often the flag was raised on unfamiliar and on familiar images."""
    other, known = groups["other"], groups["cifar10"]
    return (
        f"It stood on **{100 * other['flagged']:.0f} %** of {other['n']:,} photos of other things, "
        f"and on {100 * known['flagged']:.0f} % of {known['n']:,} CIFAR-10 test images."
    )
