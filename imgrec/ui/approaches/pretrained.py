"""The tab of approach 2: VGG16 with its ImageNet weights."""

from collections.abc import Iterator

import gradio as gr

from imgrec.approaches import pretrained
from imgrec.ui.approaches import texts
from imgrec.ui.approaches.tab import TOP_K, Answer, answer_picture, build_tab
from imgrec.ui.components import verdict_cards
from imgrec.ui.components.errors import as_gradio_error
from imgrec.ui.components.picture import Source
from imgrec.ui.components.templates import render
from imgrec.ui.components.vgg16_download import Panel, build_panel


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
        yield gr.Slider(1, TOP_K, 5, step=1, label=texts.HOW_MANY_CLASSES)

    panel = build_panel()
    build_tab(
        tab,
        shared,
        handler=classify,
        name="pretrained",
        controls=controls,
        layers=lambda top_k: verdict_cards.layers(pretrained.architecture()),
        text=render(__file__, "pretrained.jinja"),
        names=lambda top_k: {},
        again=[arrived],
    )
    return panel
