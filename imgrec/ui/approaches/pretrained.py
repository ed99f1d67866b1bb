"""The tab of approach 2: VGG16 with its ImageNet weights."""

from collections.abc import Iterator

import gradio as gr

from imgrec.approaches import pretrained
from imgrec.ui.approaches.tab import TOP_K, Answer, answer_picture, build_tab
from imgrec.ui.components import verdict_cards
from imgrec.ui.components.errors import as_gradio_error
from imgrec.ui.components.picture import Source
from imgrec.ui.components.vgg16_download import Panel, build_panel

TEXT = """
### How it works

VGG16 was trained at Oxford in 2014, for two to three weeks on four graphics cards, on 1.3 million
photographs of 1000 kinds of things: ImageNet. Nothing is trained here; the network is used as it
comes.

1. **Crop.** The shorter side becomes 256 pixels, and the central 224 × 224 are kept.
2. **Prepare.** The average colour of ImageNet is subtracted, and red and blue change places: the
   network was trained so, and it must be asked so.
3. **Thirteen convolutions** in five blocks, each block half as wide and high as the one before.
4. **Three dense layers**, in which nine tenths of all the weights lie, end in 1000 probabilities.
   118 of the 1000 are breeds of dogs: their sum answers *is there a dog?*

While VGG16's own file (553 MB) is not here, **EfficientNet-Lite0** stands in: a network from 2019
that was trained on the same photographs, with a thirtieth of the weights. It answers as itself, and
its answers are labelled.
"""


@as_gradio_error
def classify(source: Source, top_k: float = 5) -> Answer:
    """Classifies one picture with VGG16, or with the stand-in while its weights are missing.

    `top_k` (1 to 10) of the 1000 classes are returned. Returns `{"file", "verdicts": [...]}` with
    one verdict, in the format of `/compare`, then the card as HTML.
    """
    return answer_picture(source, pretrained.predict, top_k)


def build_pretrained(tab: gr.Tab, shared: gr.Image, arrived: gr.State) -> Panel:
    """Builds the tab; returns the panel that offers to download VGG16."""

    def controls() -> Iterator[gr.components.Component]:
        yield gr.Slider(1, TOP_K, 5, step=1, label="How many classes")

    panel = build_panel()
    build_tab(
        tab,
        shared,
        handler=classify,
        name="pretrained",
        controls=controls,
        layers=lambda top_k: verdict_cards.layers(pretrained.architecture()),
        text=TEXT,
        names=lambda top_k: {},
        again=[arrived],
    )
    return panel
