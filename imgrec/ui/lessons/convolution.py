"""The lesson on convolution: a kernel slides over the picture; the picture is shifted."""

import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from markupsafe import Markup
from PIL import Image

from imgrec.errors import ImgrecError
from imgrec.explaining.lessons import convolution
from imgrec.explaining.lessons.convolution import CUSTOM, HAND_MADE, LEARNT, SIDES, Kernel
from imgrec.images.colormaps import coloured_signed, stretched
from imgrec.ui.components import html
from imgrec.ui.components.errors import as_gradio_error, errors_as_html
from imgrec.ui.components.html_buttons import pressable, pressed
from imgrec.ui.components.listeners import PREDICTING, QUIET, if_seen
from imgrec.ui.components.picture import Source, open_source
from imgrec.ui.components.templates import render
from imgrec.ui.lessons import feature_map_html, texts
from imgrec.ui.lessons.shift_invariance import build_shift

FIRST = "upright"  # the kernel selected at the start
FRAMES, SECONDS_A_FRAME = 20, 0.18
STEPS = 6  # frames at the start that advance by one position, before the long jumps
INITIAL_CUSTOM = "-1 -1 -1\n-1  8 -1\n-1 -1 -1"
IF_SEEN = if_seen("convolution")


class Setting(NamedTuple):
    """The settings as the page sends them, unchecked."""

    kernel: str
    custom: str
    side: int
    relu: bool
    row: int
    column: int


class Slide(NamedTuple):
    """A kernel on a picture, with everything that is displayed of it."""

    image: Image.Image
    values: np.ndarray  # the pixels, (side, side, channels) float32 in [0, 1]
    kernel: Kernel
    raw: np.ndarray  # the feature map before ReLU, (side, side)
    relu: bool

    @property
    def map(self) -> np.ndarray:
        """The displayed feature map, (side, side)."""
        return convolution.relu(self.raw) if self.relu else self.raw


def build_convolution(tab: gr.Tab, shown: gr.Image) -> None:
    """Builds the lesson, which updates whenever the picture `shown` changes."""
    chosen = gr.State(FIRST)
    with gr.Column(elem_id="convolution"):
        gr.Markdown(texts.CONVOLUTION)
        kernels = pressable(elem_classes="kernel-choice")
        with gr.Column(visible=False) as own_box:
            own = gr.Textbox(INITIAL_CUSTOM, label=texts.OWN_KERNEL, lines=3)
        gr.Markdown(texts.SLIDE_IT)
        middle = SIDES[0] // 2
        with gr.Row():
            sizes = [(f"{side} × {side}", side) for side in SIDES]
            side = gr.Radio(sizes, value=SIDES[0], label=texts.PIXELS)
            relu = gr.Checkbox(label=texts.RELU, info=texts.RELU_INFO)
        with gr.Row(elem_classes="actions"):
            row = gr.Slider(1, SIDES[0], middle, step=1, label=texts.ROW)
            column = gr.Slider(1, SIDES[0], middle, step=1, label=texts.COLUMN)
            slide = gr.Button(texts.SLIDE, variant="primary", min_width=120)
        answer = gr.HTML(feature_map_html.EMPTY)
        gr.Markdown(texts.SHIFT_IT)
        build_shift(tab, shown, (chosen, own), PREDICTING, IF_SEEN)
    tab.select(_choice, chosen, kernels, **PREDICTING)
    kernels.select(_choose, None, [chosen, own_box], api_visibility="private")
    inputs = [shown, chosen, own, side, relu, row, column]
    # Sliding mostly waits; drawing again applies what was changed meanwhile.
    slide.click(_slide, inputs, [row, column, answer], **QUIET).then(
        _draw, inputs, answer, **PREDICTING
    )
    side.input(_resize, side, [row, column], **PREDICTING).then(_draw, inputs, answer, **PREDICTING)
    tab.select(_draw, inputs, answer, **PREDICTING)
    triggers = [shown.change, chosen.change, own.change, relu.input, row.input, column.input]
    gr.on(triggers, _draw, inputs, answer, js=IF_SEEN, **PREDICTING)


@as_gradio_error
def _choose(event: gr.EventData) -> tuple[str, gr.Column]:
    """Returns the pressed kernel, and the custom kernel's input, visible if that was pressed."""
    key = pressed(event)
    return key, gr.Column(visible=key == CUSTOM)


def _resize(side: object) -> tuple[gr.Slider, ...]:
    """Updates the sliders to the number of rows and columns, at the middle."""
    pixels = side if side in SIDES else SIDES[0]
    return tuple(gr.Slider(maximum=pixels, value=pixels // 2) for _ in range(2))


@errors_as_html
def _draw(source: Source, *chosen: Any) -> str:
    """Renders the picture, the kernel at one position, the sum there, and the whole feature map."""
    if source is None:
        return feature_map_html.EMPTY
    setting = Setting(*chosen)
    slide = _prepared(source, setting)
    return _shown(slide, *_place(setting))


def _slide(source: Source, *chosen: Any) -> Iterator[tuple[Any, Any, str]]:
    """Yields row, column and view as the kernel advances, with the map filled up to there."""
    if source is None:
        yield gr.skip(), gr.skip(), feature_map_html.EMPTY
        return
    try:
        slide = _prepared(source, Setting(*chosen))
    except ImgrecError as error:
        yield gr.skip(), gr.skip(), html.failed(error)
        return
    side = len(slide.raw)
    leaps = np.linspace(STEPS, side**2 - 1, FRAMES - STEPS).astype(int)
    for place in [*range(STEPS), *leaps]:
        row, column = divmod(int(place), side)
        yield row + 1, column + 1, _shown(slide, row, column, known=int(place) + 1)
        time.sleep(SECONDS_A_FRAME)


def _prepared(source: dict[str, Any], setting: Setting) -> Slide:
    """Returns the kernel on the picture. Raises ImgrecError for an invalid setting."""
    if not isinstance(setting.side, int) or setting.side not in SIDES:
        raise ImgrecError(f"Pixels: choose one of {SIDES[0]} and {SIDES[1]}.")
    kernel = convolution.kernel(setting.kernel, setting.custom)
    image = convolution.view(open_source(source)[0], setting.side)
    values = convolution.pixels(image, kernel.channels)
    raw = convolution.feature_map(values, kernel)
    return Slide(image, values, kernel, raw, setting.relu is True)


def _place(setting: Setting) -> tuple[int, int]:
    """Returns row and column, from 0. Raises ImgrecError if they are invalid."""
    row = feature_map_html.checked_integer(setting.row, 1, setting.side, "Row")
    return row - 1, feature_map_html.checked_integer(setting.column, 1, setting.side, "Column") - 1


# HTML


@errors_as_html
def _choice(chosen: object) -> Markup:
    """Renders the kernels as buttons, with `chosen` pressed."""
    learnt = enumerate(convolution.learnt_kernels())
    return render(
        __file__,
        "kernels.jinja",
        chosen=chosen,
        custom=CUSTOM,
        hand_made=[(key, each.title, kernel_tile(each)) for key, each in HAND_MADE.items()],
        learnt=[(f"{LEARNT}{index}", each.title, kernel_tile(each)) for index, each in learnt],
    )


def kernel_tile(kernel: Kernel) -> Image.Image:
    """Draws 3×3 pixels: one channel in signed colours; three as RGB, with the least at 0."""
    if kernel.channels == 1:
        return coloured_signed(kernel.weights[..., 0])
    return Image.fromarray(np.rint(stretched(kernel.weights) * 255).astype("uint8"))


class _Channel(NamedTuple):
    """One channel of the sum: 3×3 pixels times 3×3 weights."""

    name: str
    pixels: np.ndarray
    weights: np.ndarray
    products: np.ndarray


def _shown(slide: Slide, row: int, column: int, known: int | None = None) -> Markup:
    """Renders picture and map with the kernel at a position, and the sum there.

    Only the first `known` values of the map are displayed, or all.
    """
    side, kernel = len(slide.raw), slide.kernel
    grey = kernel.channels == 1
    seen = slide.image.convert("L").convert("RGB") if grey else slide.image
    pixels = (texts.GREY_PIXELS if grey else texts.COLOUR_PIXELS).format(side=side)
    alt = texts.WINDOW_ALT.format(pixels=pixels, row=row + 1, column=column + 1)
    map_title = (texts.MAP_AFTER_RELU if slide.relu else texts.MAP).format(kernel=kernel.title)
    window = convolution.patch(slide.values, row, column)
    products = window * kernel.weights
    parts = (np.moveaxis(part, -1, 0) for part in (window, kernel.weights, products))
    names = texts.GREY if grey else texts.COLOURS
    return render(
        __file__,
        "convolution.jinja",
        picture=feature_map_html.figure(
            seen,
            texts.YOUR_PICTURE.format(pixels=pixels),
            alt,
            _frame(side, row - 1, column - 1, 3),
        ),
        map=feature_map_html.map_figure(slide.map, map_title, _frame(side, row, column, 1), known),
        legend=feature_map_html.legend(slide.map),
        row=row,
        column=column,
        known=known,
        places=side**2,
        channels=[_Channel(*channel) for channel in zip(names, *parts, strict=True)],
        bias=kernel.bias,
        total=float(products.sum() + kernel.bias),
        relu=slide.relu,
    )


def _frame(side: int, row: int, column: int, size: int) -> Markup:
    """Renders a frame around size×size of side×side pixels, starting at a row and column."""
    left, top, width = (f"{100 * part / side:.3f}%" for part in (column, row, size))
    return Markup('<i class="frame" style="left:{};top:{};width:{};height:{}"></i>').format(
        left, top, width, width
    )
