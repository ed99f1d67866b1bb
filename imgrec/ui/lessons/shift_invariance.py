"""The second half of the lesson on convolution: how shifting the picture changes the answer."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from markupsafe import Markup
from PIL import Image

from imgrec.approaches import scratch
from imgrec.explaining.lessons import convolution, shift_invariance
from imgrec.explaining.lessons.convolution import Kernel
from imgrec.explaining.lessons.shift_invariance import MAX_SHIFT, SHIFTS, WINDOWS, ShiftPredictions
from imgrec.images.colormaps import coloured
from imgrec.ui.components import html
from imgrec.ui.components.errors import as_gradio_error, errors_as_html
from imgrec.ui.components.formatting import percent, signed
from imgrec.ui.components.html_buttons import pressable, pressed
from imgrec.ui.components.picture import Source, open_source
from imgrec.ui.components.templates import render
from imgrec.ui.lessons import feature_map_html, texts

# Dark around light, to make the marked cell visible on any ground. It is a separate style because
# the grid must stay unchanged: rendering it again would lose the focus.
MARKED = "position: relative; outline: 2px solid #ffffff; box-shadow: 0 0 0 4px #10131a; z-index: 1"


def build_shift(
    tab: gr.Tab,
    shown: gr.Image,
    kernel: Sequence[gr.components.Component],
    live: dict[str, Any],
    if_seen: str,
) -> None:
    """Builds this half of the lesson.

    `kernel` are the components that select the kernel, `live` the options of its listeners,
    `if_seen` the script that sends no picture while the lesson is hidden.
    """
    gr.Markdown(texts.SHIFT)
    with gr.Row():
        right = gr.Slider(-MAX_SHIFT, MAX_SHIFT, 1, step=1, label=texts.SHIFT_RIGHT)
        down = gr.Slider(-MAX_SHIFT, MAX_SHIFT, 0, step=1, label=texts.SHIFT_DOWN)
    views = gr.HTML(feature_map_html.EMPTY)
    gr.Markdown(texts.ALL_SHIFTS)
    grid = pressable(elem_classes="shift-choice")
    inputs = [shown, *kernel, right, down]
    tab.select(_views, inputs, views, **live)
    tab.select(_grid, shown, grid, **live)
    shown.change(_grid, shown, grid, js=if_seen, **live)
    triggers = [part.change for part in (shown, *kernel)]  # type: ignore[attr-defined]
    gr.on([*triggers, right.input, down.input], _views, inputs, views, js=if_seen, **live)
    grid.select(_go, None, [right, down], api_visibility="private").then(
        _views, inputs, views, **live
    )


def _shift(right: object, down: object) -> tuple[int, int]:
    """Returns the shift set on the page. Raises ImgrecError if it is out of range."""
    return (
        feature_map_html.checked_integer(right, -MAX_SHIFT, MAX_SHIFT, "Right"),
        feature_map_html.checked_integer(down, -MAX_SHIFT, MAX_SHIFT, "Down"),
    )


@as_gradio_error
def _go(event: gr.EventData) -> tuple[int, int]:
    """Returns the shift whose cell was pressed."""
    right, _, down = pressed(event).partition(",")
    whole = {str(number): number for number in range(-MAX_SHIFT, MAX_SHIFT + 1)}
    return _shift(whole.get(right), whole.get(down))


@errors_as_html
def _views(source: Source, key: str, own: str, right: object, down: object) -> str:
    """Renders picture and map before and after the shift, and the measured differences."""
    if source is None:
        return feature_map_html.EMPTY
    shift = _shift(right, down)
    kernel = convolution.kernel(key, own)
    return _before_and_after(_view(source), kernel, *shift)


@errors_as_html
def _grid(source: Source) -> str:
    """Renders the answers at all shifts as a grid of buttons, and a description."""
    if source is None:
        return ""
    return shift_grid(shift_invariance.predict_shifts(_view(source)))


def _view(source: dict[str, Any]) -> Image.Image:
    return convolution.view(open_source(source)[0], scratch.SIZE)


# HTML


def words(right: int, down: int) -> str:
    """Describes a shift: `2 left, 1 down`."""
    parts = []
    if right:
        parts.append(f"{abs(right)} {'right' if right > 0 else 'left'}")
    if down:
        parts.append(f"{abs(down)} {'down' if down > 0 else 'up'}")
    return ", ".join(parts) or texts.NOT_SHIFTED


def _before_and_after(image: Image.Image, kernel: Kernel, right: int, down: int) -> Markup:
    """Renders how the map shifts along with the picture, and how much of it pooling absorbs."""
    moved = Image.fromarray(shift_invariance.shifted(np.asarray(image), right, down))
    answers = shift_invariance.predict_shifts(image)
    figures, greatest = [], []
    for view, when, (label, probability) in (
        (image, texts.BEFORE, answers.prediction_at(0, 0)),
        (moved, words(right, down), answers.prediction_at(right, down)),
    ):
        values = convolution.feature_map(convolution.pixels(view, kernel.channels), kernel)
        greatest.append(float(values.max()))
        named = {"when": when, "answer": f"{label}, {percent(probability)}"}
        map_title = texts.SHIFTED_MAP.format(when=when, greatest=signed(values.max(), 2))
        figures += [
            feature_map_html.figure(
                view,
                texts.SHIFTED_PICTURE.format(**named),
                texts.SHIFTED_PICTURE_ALT.format(**named),
            ),
            feature_map_html.map_figure(values, map_title),
        ]
    pixels = convolution.pixels(image, kernel.channels)
    changes = [
        (_window(window), f"{100 * share:.0f} %")
        for window, share in shift_invariance.change_after_pooling(pixels, kernel).items()
    ]
    before, after = greatest
    return render(
        __file__,
        "shift.jinja",
        figures=figures,
        shift=words(right, down),
        apart=shift_invariance.difference(pixels, kernel, right, down),
        before=before,
        after=after,  # differs from before only because of the border
        changes=html.table(texts.CHANGE_COLUMNS, changes),
        right=right,
        down=down,
        marked=MARKED,
    )


def _window(window: int) -> str:
    if window == WINDOWS[0]:
        return texts.UNPOOLED
    ends = {2: texts.POOLED_AS_HERE, WINDOWS[-1]: texts.POOLED_WHOLE}
    return f"{window} × {window}{ends.get(window, '')}"


class _Cell(NamedTuple):
    """The answer at one shift, on its colour in the grid."""

    key: str
    shift: str
    label: str
    probability: float
    colour: tuple[int, ...]  # RGB

    @property
    def bright(self) -> bool:
        """Whether black is easier to read on the colour than white."""
        return bool(np.dot(self.colour, (0.2126, 0.7152, 0.0722)) > 110)  # luma, Rec. 709


def shift_grid(answers: ShiftPredictions) -> Markup:
    """Renders a button per shift, coloured by the probability, with × if the class differs.

    Describes how many shifts keep the class, which others occur, the nearest failure, and why a
    shift can change the answer, with the network's numbers.
    """
    colours = np.asarray(coloured(answers.original_probability))  # (17, 17, 3)
    cells = {
        (right, down): _Cell(
            f"{right},{down}",
            words(right, down),
            *answers.prediction_at(right, down),
            tuple(colours[down + MAX_SHIFT, right + MAX_SHIFT]),
        )
        for right, down in SHIFTS
    }
    counts = dict(answers.counts())
    failure = answers.nearest_failure()
    model = scratch.load(scratch.CLASSIC).model
    height, width, channels = model.get_layer("pool2").output.shape[1:]
    return render(
        __file__,
        "shift_grid.jinja",
        answers=answers,
        cells=list(cells.values()),
        kept=counts.pop(answers.original),
        others=counts,
        failure=failure and cells[failure],
        height=height,
        width=width,
        channels=channels,
        neurons=model.get_layer("dense1").units,
    )
