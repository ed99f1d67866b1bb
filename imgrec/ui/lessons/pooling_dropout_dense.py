"""The lesson on max pooling, dropout and dense layers."""

import math
from typing import Any

import gradio as gr
import numpy as np
from PIL import Image, ImageDraw

from imgrec.data import labels
from imgrec.errors import ImgrecError
from imgrec.explaining.lessons import pooling_dropout_dense as parts
from imgrec.explaining.lessons.pooling_dropout_dense import Activations, Dense, Dropped
from imgrec.ui.components.errors import errors_as_html
from imgrec.ui.components.formatting import percent, signed
from imgrec.ui.components.listeners import PREDICTING, if_seen
from imgrec.ui.components.picture import Source, open_source
from imgrec.ui.lessons import feature_map_html

MAX_WINDOW, MAX_RATE = 8, 0.9
CORNER = 4  # values per side of the numeric example
DROPOUT_RUNS = 20  # predictions with dropout
NEURONS = 512  # maximum number of contributions to keep; a test compares it with the network
ANSWER = "The class it answers"
SHOWN = 4  # strongest contributions for a class, and as many against it
CELL = 10  # pixels per side of a value in the drawing of dropout
IF_SEEN = if_seen("parts")
POOLING = """
### Max pooling

A feature map says *where* in the picture a pattern was found. **Max pooling** lays windows side by
side over it and keeps only the greatest value of each. The map gets smaller; what was found stays,
where exactly it was is forgotten. All three parts are looked at in the network *classic*.
"""
DROPOUT = """
### Dropout

**Dropout** works in training only. At each step it sets a random part of the values to zero, so
that no neuron can rely on a single other one. The values that stay are made greater, so that their
sum stays about the same.
"""
DENSE = """
### Dense

In a **dense** layer every neuron is connected with every value before it. The last one has a neuron
for each class: it multiplies each value by a weight and adds up the products and a bias. The sum is
the class’s *logit*; *softmax* turns the ten logits into probabilities.
"""


def build_pooling_dropout_dense(tab: gr.Tab, shown: gr.Image) -> None:
    """Builds the lesson, which updates whenever the picture `shown` changes."""
    drawn = gr.State(0)  # seed of dropout's random draw
    with gr.Column(elem_id="parts"):
        gr.Markdown(POOLING)
        window = gr.Slider(1, MAX_WINDOW, 2, step=1, label="Side of the window")
        pooling = gr.HTML(feature_map_html.EMPTY)
        gr.Markdown(DROPOUT)
        with gr.Row(elem_classes="actions"):
            rate = gr.Slider(0, MAX_RATE, 0.5, step=0.05, label="Rate: the part that is dropped")
            draw = gr.Button("Draw again", scale=0, min_width=130)
        dropout = gr.HTML()
        gr.Markdown(DENSE)
        with gr.Row():
            chosen = gr.Dropdown(
                [ANSWER, *labels.CIFAR10], value=ANSWER, label="Class", min_width=200
            )
            number = gr.Slider(
                1,
                NEURONS,
                NEURONS,
                step=1,
                label="Keep only the strongest contributions",
                min_width=200,
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
    draw.click(
        lambda number: number + 1, drawn, drawn, api_visibility="private", show_progress="hidden"
    )


@errors_as_html
def _pool(source: Source, window: object) -> str:
    """Renders a feature map of the picture before and after pooling, and what pooling loses."""
    if source is None:
        return feature_map_html.EMPTY
    side = feature_map_html.checked_integer(window, 1, MAX_WINDOW, "Side of the window")
    activations = parts.run_classic(open_source(source)[0])
    pooled = parts.pooled(activations.map, side)
    before, after = activations.map.size, pooled.largest.size
    edge = before - after * side * side
    unused = f", {edge:,} of them at the edge, where no whole window fits" if edge else ""
    most = float(activations.map.max())
    figures = "".join(
        _map_figure(values, most, title, what)
        for values, title, what in (
            (activations.map, "Before", "Feature map"),
            (pooled.largest, "Maximum", "The greatest value of each window"),
            (pooled.average, "Average, to compare", "The mean of each window"),
        )
    )
    return (
        f'<div class="maps three">{figures}</div><p class="said">The map is number '
        f"{activations.channel + 1} of the {activations.rows[parts.MAP].output_shape[-1]} that the "
        f"first convolution makes of your picture, the one that answers most strongly. "
        f"<b>{before:,} values before, {after:,} after: {before - after:,} are thrown away, "
        f"{100 * (1 - after / before):.1f} %</b>{unused}. The mean of the maxima is "
        f"{pooled.largest.mean():.3f}, that of the averages {pooled.average.mean():.3f}: the "
        f"maximum keeps a small bright spot, the average blurs it.</p>{_corner(activations.map)}"
    )


def _map_figure(values: np.ndarray, most: float, title: str, what: str) -> str:
    """Renders a map (h, w) of values from 0 to `most` in greys, for comparison with other maps."""
    height, width = values.shape
    greys = np.rint(values / (most or 1) * 255).astype("uint8")
    alt = (
        f"{what}: {height} × {width} values from {values.min():.2f} to {values.max():.2f}; black "
        "is zero."
    )
    return feature_map_html.figure(Image.fromarray(greys), f"{title}: {height} × {width}", alt)


def _corner(values: np.ndarray) -> str:
    """Renders a small part of the map in numbers: the maxima of its 2×2 windows."""
    row, column = parts.strong_corner(values, CORNER)
    corner = values[row : row + CORNER, column : column + CORNER]
    largest = parts.pooled(corner, 2).largest
    chosen = corner == np.kron(largest, np.ones((2, 2)))
    place = f"Rows {row + 1}–{row + CORNER}, columns {column + 1}–{column + CORNER}"
    return (
        f'<div class="corner">{_numbers(corner, chosen, place)}'
        '<span aria-hidden="true">→</span>'
        f"{_numbers(largest, np.zeros_like(largest, bool), 'The greatest of each 2 × 2')}</div>"
    )


def _numbers(values: np.ndarray, marked: np.ndarray, caption: str) -> str:
    """Renders a small table of values, with the marked ones in bold."""
    rows = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=most' if mark else ''}>{value:.2f}</td>"
            for value, mark in zip(line, marks, strict=True)
        )
        + "</tr>"
        for line, marks in zip(values, marked, strict=True)
    )
    return f"<table><caption>{caption}</caption><tbody>{rows}</tbody></table>"


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
    alt = f"The same map with {gone} of its values crossed out, the others brighter."
    figures = _map_figure(
        activations.map, most, "Without dropout", "Feature map"
    ) + feature_map_html.figure(
        _crossed(dropped, most), f"With dropout: × is a dropped value, {gone}", alt
    )
    unscaled = float(activations.map[dropped.kept].sum())
    return (
        f'<div class="maps two">{figures}</div><p class="said"><b>{gone:,} of '
        f"{activations.map.size:,} values are dropped, "
        f"{100 * gone / activations.map.size:.1f} %.</b> "
        f"The sum of all was {activations.map.sum():.1f}. Without the dropped ones it would be "
        f"{unscaled:.1f}; so the others are multiplied by 1 / (1 − {share:g}) = "
        f"{1 / (1 - share):.2f}, which gives "
        f"{dropped.values.sum():.1f}. The mean goes from {activations.map.mean():.4f} to "
        f"{dropped.values.mean():.4f}.</p>{_dropout_answers(activations.last, share, draw)}"
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


def _dropout_answers(dense: Dense, rate: float, draw: int) -> str:
    """Renders the answers with dropout before the last layer, DROPOUT_RUNS times, and without."""
    usual = dense.probabilities
    winner = int(usual.argmax())
    name = labels.CIFAR10[winner]
    answers = parts.predict_with_dropout(dense, rate, DROPOUT_RUNS, draw)
    same = answers.argmax(axis=1) == winner
    spread = answers[:, winner]
    columns = "".join(
        f'<i class="{"" if named else "other"}" style="height:{100 * probability:.1f}%"></i>'
        for probability, named in zip(spread, same, strict=True)
    )
    words = (
        f"Without dropout the network says <b>{name}, {percent(usual[winner])}</b>. Asked "
        f"{DROPOUT_RUNS} times with dropout at this rate before its last layer, it says {name} "
        f"{int(same.sum())} times; its probability goes from {percent(spread.min())} to "
        f"{percent(spread.max())}, {percent(spread.mean())} on average."
    )
    return (
        f'<p class="said">{words} In use, dropout is off, so the same picture always gets the same '
        f'answer.</p><div class="asks" role="img" aria-label="The probability of {name}: without '
        f'dropout, then {DROPOUT_RUNS} times with it"><i class="off" style="height:'
        f'{100 * usual[winner]:.1f}%"></i>{columns}</div><p class="offer">The probability of '
        f"{name}: first, in grey, without dropout, then {DROPOUT_RUNS} times with it. Striped: "
        "another class won.</p>"
    )


@errors_as_html
def _weigh(source: Source, chosen: object, number: object) -> str:
    """Renders the last layer's sum for a class, and how few of the summands carry the answer."""
    if source is None:
        return ""
    kept = feature_map_html.checked_integer(number, 1, NEURONS, "Contributions")
    activations = parts.run_classic(open_source(source)[0])
    index = _class(chosen, activations.last)
    name = labels.CIFAR10[index]
    part = parts.keep_strongest(activations.last, index, kept)
    contributions = parts.contributions(part, index)
    bias = float(activations.last.bias[index])
    winner = int(part.probabilities.argmax())
    counted = "all" if kept == NEURONS else f"the {kept} strongest of"
    words = (
        f"For <b>{name}</b>, {counted} {len(contributions)} contributions add up to "
        f"{_signed(contributions.sum())}; with the bias of {_signed(bias)} the logit is "
        f"<b>{_signed(contributions.sum() + bias)}</b>, the probability "
        f"<b>{percent(part.probabilities[index])}</b>."
    )
    if kept < NEURONS:
        words += (
            f" With all of them it is {percent(activations.last.probabilities[index])}. From those "
            f"that are kept, the network would answer <b>{labels.CIFAR10[winner]}, "
            f"{percent(part.probabilities[winner])}</b>."
        )
    active = int((activations.last.inputs > 0).sum())
    return (
        f'<p class="said">{words}</p>{_pulls(part, index)}<p class="said">Only {active} of the '
        f"{len(activations.last.inputs)} neurons are active for this picture; the others are 0 and "
        f"add nothing. {_cost(activations)}</p>"
    )


def _class(chosen: object, dense: Dense) -> int:
    """Returns the selected class's index. Raises ImgrecError if there is no such class."""
    if chosen == ANSWER:
        return int(dense.probabilities.argmax())
    if isinstance(chosen, str) and chosen in labels.CIFAR10:
        return labels.CIFAR10.index(chosen)
    raise ImgrecError(f"There is no such class; choose one of {', '.join(labels.CIFAR10)}.")


def _pulls(dense: Dense, index: int) -> str:
    """Renders the strongest contributions for a class, then those against it, as bars."""
    values = parts.contributions(dense, index)
    order = np.argsort(-values, kind="stable")
    strongest = [*(i for i in order[:SHOWN] if values[i] > 0)]
    strongest += [i for i in order[-SHOWN:] if values[i] < 0]
    most = float(np.abs(values).max()) or 1
    bars = "".join(
        f'<div class="pull"><span>neuron {i + 1}: {dense.inputs[i]:.2f} × '
        f'{_signed(dense.kernel[i, index])}</span><span class="scale"><i class="'
        f'{"for" if values[i] > 0 else "against"}" style="width:{50 * abs(values[i]) / most:.1f}%">'
        f"</i></span><span>{_signed(values[i])}</span></div>"
        for i in strongest
    )
    return (
        f'<div class="pulls">{bars}</div><p class="offer">Value × weight = contribution: to the '
        "right for the class, to the left against it.</p>"
    )


def _cost(activations: Activations) -> str:
    """Describes how many weights the dense layers have, and their share of the network's."""
    total = sum(row.parameters for row in activations.rows.values())
    hidden, last = activations.rows[parts.HIDDEN], activations.rows[parts.LAST]
    inputs, classes = activations.last.kernel.shape
    return (
        f"Each class has {inputs} weights and a bias, {inputs + 1}; with {classes} classes that is "
        f"{last.formula} for the layer. The dense layer before it has {hidden.formula}: "
        f"{100 * hidden.parameters / total:.0f} % of all {total:,} weights of the network."
    )


def _signed(value: float) -> str:
    """Formats a number with its sign: `+0.31`, `−1.20`."""
    text = signed(value, 2)
    return text if math.isclose(value, 0, abs_tol=0.005) or value < 0 else f"+{text}"
