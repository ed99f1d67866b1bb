"""The second half of the lesson on convolution: how shifting the picture changes the answer."""

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr
import numpy as np
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
from imgrec.ui.lessons import feature_map_html

INTRO = f"""
A cat that sits a little further left is still a cat. See how far the network {scratch.CLASSIC}
agrees. Shift the picture by up to {MAX_SHIFT} of its {scratch.SIZE} pixels; behind it the edge’s
pixels are repeated.
"""
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
    gr.Markdown(INTRO)
    with gr.Row():
        right = gr.Slider(-MAX_SHIFT, MAX_SHIFT, 1, step=1, label="Right (−: left)")
        down = gr.Slider(-MAX_SHIFT, MAX_SHIFT, 0, step=1, label="Down (−: up)")
    views = gr.HTML(feature_map_html.EMPTY)
    gr.Markdown(f"#### The answer at all {len(SHIFTS)} shifts")
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
    image = convolution.view(open_source(source)[0], scratch.SIZE)
    return _before_and_after(image, kernel, *shift)


@errors_as_html
def _grid(source: Source) -> str:
    """Renders the answers at all shifts as a grid of buttons, and a description."""
    if source is None:
        return ""
    return shift_grid(
        shift_invariance.predict_shifts(convolution.view(open_source(source)[0], scratch.SIZE))
    )


# HTML


def words(right: int, down: int) -> str:
    """Describes a shift: `2 left, 1 down`."""
    parts = []
    if right:
        parts.append(f"{abs(right)} {'right' if right > 0 else 'left'}")
    if down:
        parts.append(f"{abs(down)} {'down' if down > 0 else 'up'}")
    return ", ".join(parts) or "not shifted"


def _before_and_after(image: Image.Image, kernel: Kernel, right: int, down: int) -> str:
    colours = np.asarray(image)
    moved = Image.fromarray(shift_invariance.shifted(colours, right, down))
    answers = shift_invariance.predict_shifts(image)
    figures = []
    for view, when, said in (
        (image, "before", answers.prediction_at(0, 0)),
        (moved, words(right, down), answers.prediction_at(right, down)),
    ):
        says = f"{said[0]}, {percent(said[1])}"
        values = convolution.feature_map(convolution.pixels(view, kernel.channels), kernel)
        alt = f"The picture, {when}; the network says {says}"
        figures += [
            feature_map_html.figure(view, f"Picture, {when}: {says}", alt),
            feature_map_html.map_figure(values, f"Map, {when}: greatest {signed(values.max(), 2)}"),
        ]
    mark = f".shift-grid button[data-press='{right},{down}'] {{ {MARKED} }}"
    return (
        f'<div class="maps four">{"".join(figures)}</div>'
        f"{_measured(convolution.pixels(image, kernel.channels), kernel, right, down)}"
        f"<style>{mark}</style>"
    )


def _measured(values: np.ndarray, kernel: Kernel, right: int, down: int) -> str:
    """Describes, in numbers, how the map shifts along and how much of it pooling absorbs."""
    apart = shift_invariance.difference(values, kernel, right, down)
    least = "no difference at all" if apart.inside == 0 else f"at most {apart.inside:.2g}"
    before = float(convolution.feature_map(values, kernel).max())
    after = convolution.feature_map(shift_invariance.shifted(values, right, down), kernel)
    rows = [
        (_window(window), f"{100 * share:.0f} %")
        for window, share in shift_invariance.change_after_pooling(values, kernel).items()
    ]
    return (
        '<section class="panel"><h3>The map moves with the picture</h3>'
        f"<p>Move the first map by the same shift ({words(right, down)}) and compare it with the "
        f"second one: {least} at {apart.places:,} places inside. At the border up to "
        f"{apart.border:.2f}, for there the kernel meets other pixels than before. "
        "People call that <i>equivariance</i>.</p></section>"
        '<section class="panel"><h3>What pooling forgives</h3>'
        "<p>Max pooling keeps only the greatest value of each square, and so forgets where in the "
        f"square it was. {_greatest(before, float(after.max()))} And "
        "so much does a shift by a single pixel to the right change the map (after ReLU, as a "
        "share of its values):</p>"
        f"{html.table(('Pooled over', 'Changed'), rows)}</section>"
    )


def _greatest(before: float, after: float) -> str:
    """Describes the change of the maximum, which only the border can cause."""
    was = f"The greatest value of the whole map was {signed(before, 2)}"
    if before == after:
        return f"{was}, and after your shift it is exactly the same."
    return f"{was}, and after your shift it is {signed(after, 2)}: the border made the difference."


def _window(window: int) -> str:
    if window == WINDOWS[0]:
        return "nothing: the map itself"
    ends = {2: ", in this network", WINDOWS[-1]: ", the whole map"}
    return f"{window} × {window}{ends.get(window, '')}"


def shift_grid(answers: ShiftPredictions) -> str:
    """Renders a button per shift, coloured by the probability, with × if the class differs."""
    colours = np.asarray(coloured(answers.original_probability))  # (17, 17, 3)
    cells = "".join(
        _cell(answers, right, down, colours[down + MAX_SHIFT, right + MAX_SHIFT])
        for right, down in SHIFTS
    )
    return (
        f'<section class="panel"><p class="said">{_summary(answers)}</p>'
        f'<div class="shift-grid" role="group" aria-label="All shifts">{cells}</div>'
        f'<p class="offer">Middle: not shifted. The brighter, the surer it is of '
        f"<b>{escape(answers.original)}</b>; × where it says something else. Press a cell to see "
        f"that shift, or use the sliders above.</p>{_why()}</section>"
    )


def _cell(answers: ShiftPredictions, right: int, down: int, colour: np.ndarray) -> str:
    label, probability = answers.prediction_at(right, down)
    text = f"{words(right, down)}: {label}, {percent(probability)}"
    bright = np.dot(colour, (0.2126, 0.7152, 0.0722)) > 110  # luma, Rec. 709
    # Out of the Tab order, where 289 stops would be a trap; the sliders do the same.
    return (
        f'<button type="button" tabindex="-1" data-press="{right},{down}" title="{escape(text)}" '
        f'aria-label="{escape(text)}" style="background:rgb({colour[0]},{colour[1]},{colour[2]});'
        f'color:{"#000" if bright else "#fff"}">{"" if label == answers.original else "×"}</button>'
    )


def _summary(answers: ShiftPredictions) -> str:
    """Describes how many shifts keep the class, which others occur, and the nearest failure."""
    counts = dict(answers.counts())
    kept = counts.pop(answers.original)
    start = (
        f"Not shifted, it says <b>{escape(answers.original)}</b> "
        f"({percent(answers.prediction_at(0, 0)[1])}). It still says so for "
        f"<b>{kept} of {len(SHIFTS)}</b> shifts"
    )
    failure = answers.nearest_failure()
    if failure is None:
        return f"{start}: for all of them."
    label, probability = answers.prediction_at(*failure)
    others = ", ".join(f"{escape(name)} {times}×" for name, times in counts.items())
    return (
        f"{start}; else {others}. The smallest shift that changes its mind: {words(*failure)} "
        f"(<b>{escape(label)}</b>, {percent(probability)})."
    )


def _why() -> str:
    """Explains why a shift can change the answer, with the network's numbers."""
    model = scratch.load(scratch.CLASSIC).model
    height, width, channels = model.get_layer("pool2").output.shape[1:]
    neurons = model.get_layer("dense1").units
    return (
        "<p><b>Why does it fail at all?</b> Convolution moves along with the picture and pooling "
        "forgives a pixel or so, but its squares stand still: a shift can push a value over into "
        "the next one. In the end a map of "
        f"{height} × {width} places with {channels} values each is laid out in a row, and each of "
        f"the {height * width * channels:,} has its own weight to each of {neurons} neurons: "
        "<i>they</i> know places by heart. And at the border something is lost, and something "
        "that was never photographed comes in. So the answer is only roughly independent of the "
        "place: so far goes its <i>translational invariance</i>.</p>"
    )
