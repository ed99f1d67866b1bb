"""The tab that explains how a network works, in lessons on the visitor's own picture."""

import gradio as gr

from imgrec.ui.components.picture import bring_along, example_files, picture
from imgrec.ui.lessons import texts
from imgrec.ui.lessons.convolution import build_convolution
from imgrec.ui.lessons.layers import build_layers
from imgrec.ui.lessons.neuron import build_neuron
from imgrec.ui.lessons.pooling_dropout_dense import build_pooling_dropout_dense

LESSONS = {
    texts.CONVOLUTION_TAB: build_convolution,
    texts.POOLING_TAB: build_pooling_dropout_dense,
    texts.LAYERS_TAB: build_layers,
}


def build_how(tab: gr.Tab, shared: gr.Image) -> None:
    """Builds the lessons beside one picture, which is copied from the first tab."""
    with gr.Row(equal_height=False):
        with gr.Column(scale=1, min_width=260, visible=False) as beside:
            shown = picture()
            gr.Examples(example_files(), shown, label=texts.EXAMPLES, elem_id="how-examples")
        with gr.Column(scale=3, min_width=320), gr.Tabs():
            with gr.Tab(texts.ONE_NEURON) as neuron:
                build_neuron()
            lessons = []
            for title, build in LESSONS.items():
                with gr.Tab(title, render_children=True) as lesson:
                    build(lesson, shown)
                lessons.append(lesson)
    bring_along(tab, shared, shown)
    _show(neuron, beside, False)  # it needs no picture
    for lesson in lessons:
        _show(lesson, beside, True)


def _show(lesson: gr.Tab, beside: gr.Column, visible: bool) -> None:
    """Makes selecting a lesson show or hide the picture beside it."""
    lesson.select(
        lambda: gr.Column(visible=visible), None, beside, queue=False, api_visibility="private"
    )
