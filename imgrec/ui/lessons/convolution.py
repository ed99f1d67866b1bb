"""The lesson on convolution: a kernel slides over the picture; the picture is shifted."""

import time
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from PIL import Image

from imgrec.errors import ImgrecError
from imgrec.explaining.lessons import convolution
from imgrec.explaining.lessons.convolution import CUSTOM, HAND_MADE, LEARNT, SIDES, Kernel
from imgrec.images.colormaps import coloured_signed, stretched
from imgrec.ui.components import html
from imgrec.ui.components.errors import as_gradio_error, errors_as_html
from imgrec.ui.components.formatting import signed
from imgrec.ui.components.html import to_png_data_uri
from imgrec.ui.components.html_buttons import pressable, pressed
from imgrec.ui.components.listeners import PREDICTING, if_seen
from imgrec.ui.components.picture import Source, open_source
from imgrec.ui.lessons import feature_map_html
from imgrec.ui.lessons.shift_invariance import build_shift

FIRST = "upright"  # the kernel selected at the start
FRAMES, SECONDS_A_FRAME = 20, 0.18
STEPS = 6  # frames at the start that advance by one position, before the long jumps
INITIAL_CUSTOM = "-1 -1 -1\n-1  8 -1\n-1 -1 -1"
COLOURS = ("Red", "Green", "Blue")
IF_SEEN = if_seen("convolution")
INTRO = """
A **kernel** is nine numbers. It is laid over 3 × 3 pixels: each pixel is multiplied by the number
on it, and the nine products are added up. The sum is one point of a new picture, the **feature
map**. Then the kernel moves on by one pixel. That is a *convolution*. People made the first
kernels below for looking at edges or blurring; the network *classic* found the others by itself, in
training.
"""


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
        gr.Markdown(INTRO)
        kernels = pressable(elem_classes="kernel-choice")
        with gr.Column(visible=False) as own_box:
            own = gr.Textbox(
                INITIAL_CUSTOM, label="Your own kernel: three lines of three numbers", lines=3
            )
        gr.Markdown("### Slide it over the picture")
        middle = SIDES[0] // 2
        with gr.Row():
            side = gr.Radio(
                [(f"{side} × {side}", side) for side in SIDES], value=SIDES[0], label="Pixels"
            )
            relu = gr.Checkbox(
                label="ReLU", info="What is below zero becomes zero, as in the network"
            )
        with gr.Row(elem_classes="actions"):
            row = gr.Slider(1, SIDES[0], middle, step=1, label="Row")
            column = gr.Slider(1, SIDES[0], middle, step=1, label="Column")
            slide = gr.Button("Slide", variant="primary", min_width=120)
        answer = gr.HTML(feature_map_html.EMPTY)
        gr.Markdown("### Shift the picture")
        build_shift(tab, shown, (chosen, own), PREDICTING, IF_SEEN)
    tab.select(_choice, chosen, kernels, **PREDICTING)
    kernels.select(_choose, None, [chosen, own_box], api_visibility="private")
    inputs = [shown, chosen, own, side, relu, row, column]
    slide.click(
        _slide,
        inputs,
        [row, column, answer],
        preprocess=False,
        api_visibility="private",
        show_progress="hidden",
        concurrency_limit=None,  # it mostly waits
    ).then(_draw, inputs, answer, **PREDICTING)  # applies what was changed meanwhile
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
def _choice(chosen: object) -> str:
    """Renders the kernels as buttons, with `chosen` pressed."""
    hand_made = "".join(
        _kernel_button(key, kernel, chosen == key, kernel.title)
        for key, kernel in HAND_MADE.items()
    )
    own = _button(CUSTOM, chosen == CUSTOM, "<span>Your own …</span>", "Your own kernel")
    learnt = "".join(
        _kernel_button(f"{LEARNT}{index}", kernel, chosen == f"{LEARNT}{index}")
        for index, kernel in enumerate(convolution.learnt_kernels())
    )
    return (
        f'<div data-group class="kernels"><h4>Made by people; they look at the grey picture</h4>'
        f'<div class="made">{hand_made}{own}</div>'
        f"<h4>Learnt by the network classic; they look at red, green and blue</h4>"
        f'<div class="learnt">{learnt}</div></div>'
    )


def _kernel_button(key: str, kernel: Kernel, chosen: bool, text: str = "") -> str:
    tile = to_png_data_uri(kernel_tile(kernel))
    inner = f'<img src="{tile}" alt="">' + (f"<span>{escape(text)}</span>" if text else "")
    return _button(key, chosen, inner, kernel.title)


def _button(key: str, chosen: bool, inner: str, title: str) -> str:
    return (
        f'<button type="button" data-press="{key}" aria-pressed="{str(chosen).lower()}" '
        f'aria-label="{escape(title)}" title="{escape(title)}">{inner}</button>'
    )


def kernel_tile(kernel: Kernel) -> Image.Image:
    """Draws 3×3 pixels: one channel in signed colours; three as RGB, with the least at 0."""
    if kernel.channels == 1:
        return coloured_signed(kernel.weights[..., 0])
    return Image.fromarray(np.rint(stretched(kernel.weights) * 255).astype("uint8"))


def _shown(slide: Slide, row: int, column: int, known: int | None = None) -> str:
    """Renders picture and map with the kernel at a position.

    Only the first `known` values of the map are displayed, or all.
    """
    side = len(slide.raw)
    grey = slide.kernel.channels == 1
    seen = slide.image.convert("L").convert("RGB") if grey else slide.image
    what = f"{side} × {side} pixels, {'in grey' if grey else 'in colour'}"
    alt = f"The middle of your picture, {what}; the kernel is at row {row + 1}, column {column + 1}"
    picture = feature_map_html.figure(
        seen, f"Your picture, {what}", alt, _frame(side, row - 1, column - 1, 3)
    )
    title = f"Feature map: {slide.kernel.title}{', after ReLU' if slide.relu else ''}"
    result = feature_map_html.map_figure(slide.map, title, _frame(side, row, column, 1), known)
    progress = "" if known is None else f" {known:,} of {side**2:,} places are done."
    return (
        f'<div class="maps two">{picture}{result}</div>{feature_map_html.legend(slide.map)}'
        f'<section class="panel sums"><h3>At row {row + 1}, column {column + 1}.{progress}</h3>'
        f"{_sums(slide, row, column)}</section>"
    )


def _frame(side: int, row: int, column: int, size: int) -> str:
    """Renders a frame around size×size of side×side pixels, starting at a row and column."""
    left, top, width = (f"{100 * part / side:.3f}%" for part in (column, row, size))
    return f'<i class="frame" style="left:{left};top:{top};width:{width};height:{width}"></i>'


def _sums(slide: Slide, row: int, column: int) -> str:
    """Renders pixels times weights, table by table, and their sum, the map’s value there."""
    window = convolution.patch(slide.values, row, column)
    products = window * slide.kernel.weights
    names = COLOURS if slide.kernel.channels == 3 else ("Grey",)
    rows = "".join(
        f'<div class="product"><b>{name}</b>{_nine(window[..., channel], "pixels")}<span>×</span>'
        f"{_nine(slide.kernel.weights[..., channel], 'weights')}<span>=</span>"
        f"{_nine(products[..., channel], 'products')}</div>"
        for channel, name in enumerate(names)
    )
    total = float(products.sum() + slide.kernel.bias)
    return (
        f"{rows}<p>{_sentence(names, products, slide, total)}</p>"
        "<p>A pixel is a number from 0 (dark) to 1 (bright). Outside the picture there is only 0, "
        "so that its border can look like an edge. The numbers in the tables are rounded; the sum "
        "is made of the exact ones.</p>"
    )


def _sentence(names: Sequence[str], products: np.ndarray, slide: Slide, total: float) -> str:
    """Describes how the products become the map's value."""
    value = f"<b>{signed(total, 3)}</b>"
    if len(names) == 1:
        text = f"The nine products add up to {value}: the value of the feature map at this place."
    else:
        parts = [
            f"{name.lower()} {signed(products[..., channel].sum(), 3)}"
            for channel, name in enumerate(names)
        ]
        bias = signed(slide.kernel.bias, 3)
        text = (
            f"{' + '.join(parts)} + {bias} (the bias, a number that was learnt as well) = {value}: "
            "the value of the feature map at this place."
        )
    if slide.relu:
        end = "makes it <b>0</b>" if total < 0 else "leaves it as it is"
        text += f" ReLU {end}."
    return text


def _nine(values: np.ndarray, what: str) -> str:
    """Renders a 3×3 table of numbers."""
    rows = "".join(
        "<tr>" + "".join(f"<td>{signed(value, 2)}</td>" for value in row) + "</tr>"
        for row in values
    )
    return f"<table><caption>{what}</caption><tbody>{rows}</tbody></table>"
