"""The lesson on max pooling, dropout and dense layers."""

import math
from typing import Any, NamedTuple

import gradio as gr
import numpy as np
from markupsafe import Markup
from PIL import Image, ImageDraw

from imgrec.data import labels
from imgrec.errors import ImgrecError
from imgrec.explaining.lessons import pooling_dropout_dense as parts
from imgrec.explaining.lessons.pooling_dropout_dense import Dense, Dropped
from imgrec.ui.components.errors import errors_as_html
from imgrec.ui.components.formatting import signed
from imgrec.ui.components.listeners import PREDICTING, PRIVATE, if_seen
from imgrec.ui.components.picture import Source, open_source
from imgrec.ui.components.templates import render
from imgrec.ui.lessons import feature_map_html, texts

MAX_WINDOW, MAX_RATE = 8, 0.9
CORNER = 4  # values per side of the numeric example
DROPOUT_RUNS = 20  # predictions with dropout
NEURONS = 512  # maximum number of contributions to keep; a test compares it with the network
SHOWN = 4  # strongest contributions for a class, and as many against it
CELL = 10  # pixels per side of a value in the drawing of dropout
IF_SEEN = if_seen("parts")


def build_pooling_dropout_dense(tab: gr.Tab, shown: gr.Image) -> None:
    """Builds the lesson, which updates whenever the picture `shown` changes."""
    drawn = gr.State(0)  # seed of dropout's random draw
    with gr.Column(elem_id="parts"):
        gr.Markdown(texts.POOLING)
        window = gr.Slider(1, MAX_WINDOW, 2, step=1, label=texts.WINDOW)
        pooling = gr.HTML(feature_map_html.EMPTY)
        gr.Markdown(texts.DROPOUT)
        with gr.Row(elem_classes="actions"):
            rate = gr.Slider(0, MAX_RATE, 0.5, step=0.05, label=texts.DROPOUT_RATE)
            draw = gr.Button(texts.DRAW_AGAIN, scale=0, min_width=130)
        dropout = gr.HTML()
        gr.Markdown(texts.DENSE)
        with gr.Row():
            chosen = gr.Dropdown(
                [texts.ANSWERED_CLASS, *labels.CIFAR10],
                value=texts.ANSWERED_CLASS,
                label=texts.CLASS,
                min_width=200,
            )
            number = gr.Slider(
                1, NEURONS, NEURONS, step=1, label=texts.KEEP_STRONGEST, min_width=200
            )
        dense = gr.HTML()
    lessons: list[tuple[Any, list[Any], gr.HTML]] = [
        (_pool, [window], pooling),
        (_drop, [rate, drawn], dropout),
        (_weigh, [chosen, number], dense),
    ]
    for handler, controls, output in lessons:
        inputs = [shown, *controls]
        tab.select(handler, inputs, output, **PREDICTING)
        triggers = [shown.change, *(control.change for control in controls)]
        gr.on(triggers, handler, inputs, output, js=IF_SEEN, **PREDICTING)
    draw.click(lambda number: number + 1, drawn, drawn, **PRIVATE)


@errors_as_html
def _pool(source: Source, window: object) -> str:
    """Renders a feature map of the picture before and after pooling, and what pooling loses."""
    if source is None:
        return feature_map_html.EMPTY
    side = feature_map_html.checked_integer(window, 1, MAX_WINDOW, "Side of the window")
    activations = parts.run_classic(open_source(source)[0])
    pooled = parts.pooled(activations.map, side)
    before, after = activations.map.size, pooled.largest.size
    most = float(activations.map.max())
    maps = (activations.map, pooled.largest, pooled.average)
    return render(
        __file__,
        "pooling.jinja",
        figures=[
            _map_figure(values, most, *words)
            for values, words in zip(maps, texts.POOLED_MAPS, strict=True)
        ],
        number=activations.channel + 1,
        maps=activations.rows[parts.MAP].output_shape[-1],
        pooled=pooled,
        before=before,
        after=after,
        edge=before - after * side * side,
        corner=_corner(activations.map),
    )


def _map_figure(values: np.ndarray, most: float, title: str, what: str) -> Markup:
    """Renders a map (h, w) of values from 0 to `most` in greys, for comparison with other maps."""
    height, width = values.shape
    greys = np.rint(values / (most or 1) * 255).astype("uint8")
    size = f"{height} × {width}"
    alt = texts.GREY_MAP_ALT.format(what=what, size=size, least=values.min(), most=values.max())
    return feature_map_html.figure(Image.fromarray(greys), f"{title}: {size}", alt)


class _Table(NamedTuple):
    """A small table of values, with the marked ones in bold."""

    caption: str
    values: np.ndarray
    marked: np.ndarray


def _corner(values: np.ndarray) -> tuple[_Table, _Table]:
    """Returns a small part of the map in numbers, and the maxima of its 2×2 windows."""
    row, column = parts.strong_corner(values, CORNER)
    corner = values[row : row + CORNER, column : column + CORNER]
    largest = parts.pooled(corner, 2).largest
    place = texts.CORNER.format(
        top=row + 1, bottom=row + CORNER, left=column + 1, right=column + CORNER
    )
    return (
        _Table(place, corner, corner == np.kron(largest, np.ones((2, 2)))),
        _Table(texts.CORNER_MAXIMA, largest, np.zeros_like(largest, bool)),
    )


@errors_as_html
def _drop(source: Source, rate: object, draw: int) -> str:
    """Renders the feature map with dropped values, and dropout's effect on the network’s answer."""
    if source is None:
        return ""
    share = _rate(rate)
    activations = parts.run_classic(open_source(source)[0])
    dropped = parts.dropout(activations.map, share, np.random.default_rng(draw))
    gone = int(dropped.kept.size - dropped.kept.sum())
    most = float(dropped.values.max())
    usual = activations.last.probabilities
    winner = int(usual.argmax())
    answers = parts.predict_with_dropout(activations.last, share, DROPOUT_RUNS, draw)
    return render(
        __file__,
        "dropout.jinja",
        figures=(
            _map_figure(activations.map, most, *texts.WITHOUT_DROPOUT),
            feature_map_html.figure(
                _crossed(dropped, most),
                texts.WITH_DROPOUT.format(gone=gone),
                texts.WITH_DROPOUT_ALT.format(gone=gone),
            ),
        ),
        map=activations.map,
        gone=gone,
        rate=share,
        unscaled=activations.map[dropped.kept].sum(),
        dropped=dropped.values,
        name=labels.CIFAR10[winner],
        usual=usual[winner],
        runs=answers[:, winner],  # probabilities of the same class with dropout
        same=answers.argmax(axis=1) == winner,
    )


def _rate(rate: object) -> float:
    """Returns the selected rate. Raises ImgrecError if it is not from 0 to MAX_RATE."""
    if isinstance(rate, int | float) and not isinstance(rate, bool) and 0 <= rate <= MAX_RATE:
        return float(rate)
    raise ImgrecError(f"The rate of dropout can’t be that; choose one from 0 to {MAX_RATE}.")


def _crossed(dropped: Dropped, most: float) -> Image.Image:
    """Draws a map (h, w) as RGB, CELL pixels per value, in greys up to `most`; × marks dropped."""
    greys = np.rint(dropped.values / (most or 1) * 255).astype("uint8")
    image = Image.fromarray(np.kron(greys, np.ones((CELL, CELL), "uint8"))).convert("RGB")
    pen = ImageDraw.Draw(image)
    for row, column in np.argwhere(~dropped.kept):
        left, top = int(column) * CELL + 2, int(row) * CELL + 2
        right, bottom = left + CELL - 5, top + CELL - 5
        pen.line([left, top, right, bottom], "#f58b3c", 2)
        pen.line([left, bottom, right, top], "#f58b3c", 2)
    return image


@errors_as_html
def _weigh(source: Source, chosen: object, number: object) -> str:
    """Renders the last layer's sum for a class, and how few of the summands carry the answer."""
    if source is None:
        return ""
    kept = feature_map_html.checked_integer(number, 1, NEURONS, "Contributions")
    activations = parts.run_classic(open_source(source)[0])
    whole = activations.last
    index = _class(chosen, whole)
    part = parts.keep_strongest(whole, index, kept)
    contributions = parts.contributions(part, index)
    return render(
        __file__,
        "dense.jinja",
        name=labels.CIFAR10[index],
        index=index,
        kept=kept,
        neurons=NEURONS,
        whole=whole,
        part=part,
        winner=labels.CIFAR10[part.probabilities.argmax()],
        bias=float(whole.bias[index]),
        contributions=contributions,
        strongest=_strongest(contributions),
        most=float(np.abs(contributions).max()) or 1,
        plus=_signed,
        active=int((whole.inputs > 0).sum()),
        inputs=whole.kernel.shape[0],
        classes=whole.kernel.shape[1],
        hidden=activations.rows[parts.HIDDEN],
        last=activations.rows[parts.LAST],
        parameters=sum(row.parameters for row in activations.rows.values()),
    )


def _class(chosen: object, dense: Dense) -> int:
    """Returns the selected class's index. Raises ImgrecError if there is no such class."""
    if chosen == texts.ANSWERED_CLASS:
        return int(dense.probabilities.argmax())
    if isinstance(chosen, str) and chosen in labels.CIFAR10:
        return labels.CIFAR10.index(chosen)
    raise ImgrecError(f"There is no such class; choose one of {', '.join(labels.CIFAR10)}.")


def _strongest(values: np.ndarray) -> list[int]:
    """Returns the indices of the strongest contributions for a class, then of those against it."""
    order = np.argsort(-values, kind="stable")
    most, least = order[:SHOWN], order[-SHOWN:]
    return [*most[values[most] > 0], *least[values[least] < 0]]


def _signed(value: float) -> str:
    """Formats a number with its sign: `+0.31`, `−1.20`."""
    text = signed(value, 2)
    return text if math.isclose(value, 0, abs_tol=0.005) or value < 0 else f"+{text}"
