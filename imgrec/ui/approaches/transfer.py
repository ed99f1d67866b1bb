"""The tab of approach 3: VGG16's features and a small head."""

from collections.abc import Iterator, Sequence

import gradio as gr
from PIL import Image

from imgrec.approaches import transfer
from imgrec.approaches.verdict import Verdict
from imgrec.evaluation import reports
from imgrec.ui.approaches.tab import (
    CALIBRATED,
    Answer,
    answer_picture,
    architecture,
    build_tab,
    how_sure,
)
from imgrec.ui.components.errors import as_gradio_error
from imgrec.ui.components.model_choosers import transfer_chooser
from imgrec.ui.components.picture import Source


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
    measured = reports.head(transfer.DEFAULT)
    return f"""
### How it works

To learn what a dog is from 64 photos, a network must already know what fur, ears and snouts are.
VGG16 learned that from 1.3 million photographs. So keep its thirteen convolutions as they are, and
train only a small *head* on top of them.

1. **Extract features.** The picture goes through VGG16 without its dense layers. What comes out are
   7 × 7 places with 512 numbers each: how much of which pattern was found where.
2. **Pool.** For each of the 512 patterns, one number tells how strongly it was found anywhere.
3. **Weigh.** One neuron weighs the 512 numbers: the percent likelihood that this image contains a
   dog.

Only the head learns: {measured.parameters:,} weights, in {measured.seconds:.1f} seconds, from
{measured.photos} photos (32 dogs of 32 breeds; of the 32 others, 20 are mammals, because a head
that never saw a wolf calls it a dog). On {measured.test_photos} photos kept apart it is right
**{100 * measured.accuracy:.1f} %** of the time (95 % interval {100 * measured.low:.1f} to
{100 * measured.high:.1f} %).

The other heads were trained on more photos, or are the project's first kind: *Flatten* and two
dense layers, {reports.head("dog_flatten_64").parameters:,} weights for 64 photos.
{how_sure(f"The head *{measured.title}*", transfer.DEFAULT, "transfer")}"""
