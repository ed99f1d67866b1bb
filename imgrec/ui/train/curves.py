"""Accuracy and loss of selected runs as the data of native line plots.

A plot is built once, with a fixed set of lines; after that only its data change. gradio's plots
draw old data, and may keep it, if data change at about the same time as axes or colours. So the
lines have constant names, a custom legend maps them to runs, and an invisible line sets the length
of the horizontal axis.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import gradio as gr
import pandas as pd
from markupsafe import Markup

from imgrec.models.curves import thinned, training_curve, validation_curve
from imgrec.models.registry import Entry
from imgrec.models.run_log import Point
from imgrec.ui.components.templates import render

MAX_RUNS = 6  # in one plot: as many as can be told apart
MAX_POINTS = 150  # of one line: more would slow the browser down without adding detail
DASH = 0.96  # start of a single point's dash, as a share of its distance from the plot's left edge
COLUMNS = {"x": float, "accuracy": float, "loss": float, "line": str}
# Okabe & Ito's palette, safe for colour blindness (https://jfly.uni-koeln.de/color/):
# validation in the full colour, training in a lighter tint of it.
TONES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a87900", "#56697a")
TINTS = ("#7fbfe3", "#f0a778", "#7fd0b9", "#e6bcd3", "#e0c878", "#aebac6")
COLOURS = {
    f"{kind} {number}": colour
    for number, pair in enumerate(zip(TINTS, TONES, strict=True))
    for kind, colour in zip(("training", "validation"), pair, strict=True)
}
EXTENT = "extent"  # the invisible line


def plots() -> tuple[gr.LinePlot, gr.LinePlot, gr.HTML]:
    """Builds the two plots and their legend, empty."""
    common: dict[str, Any] = {
        "value": frame([], "epochs"),
        "x": "x",
        "x_title": " ",
        "color": "line",
        "color_map": COLOURS | {EXTENT: "transparent"},
        "colors_in_legend": [],
        "height": 220,
        "min_width": 240,
        "show_label": False,
        "buttons": ["fullscreen", "export"],
    }
    with gr.Row(equal_height=False):
        accuracy = gr.LinePlot(
            y="accuracy", y_title="accuracy", y_lim=[0.0, 1.0], y_axis_format=".0%", **common
        )
        loss = gr.LinePlot(y="loss", y_title="loss", y_lim=[0.0, None], **common)
    return accuracy, loss, gr.HTML()


def plot_updates(entries: Sequence[Entry], over: str) -> list[Any]:
    """Returns updates of the two plots and the legend for these runs."""
    data = frame(entries, over)
    return [data, data, legend(entries, over)]


def frame(entries: Sequence[Entry], over: str) -> pd.DataFrame:
    """Returns the runs' lines in long form, with `x` in epochs or, over "minutes", in minutes."""
    rows: list[tuple[float | None, float | None, float | None, str]] = [
        (_place(point, over), point.accuracy, point.loss, line)
        for line, points in _lines(entries).items()
        for point in visible(points)
    ]
    absent = [(None, None, None, line) for line in COLOURS]  # so that each line keeps its colour
    extent = [(x, 0.0, 0.0, EXTENT) for x in (0.0, _end(entries, over))]
    return pd.DataFrame([*rows, *absent, *extent], columns=list(COLUMNS)).astype(COLUMNS)


def _lines(entries: Sequence[Entry]) -> dict[str, list[Point]]:
    """Returns the points of each line, by its name in `COLOURS`."""
    lines = {}
    for number, entry in enumerate(entries[:MAX_RUNS]):
        lines[f"training {number}"] = training_curve(entry)
        lines[f"validation {number}"] = validation_curve(entry)
    return lines


def _place(point: Point, over: str) -> float:
    return point.seconds / 60 if over == "minutes" else point.epochs


def visible(points: Sequence[Point]) -> list[Point]:
    """Returns the points to draw; a single one, which is no line, becomes a dash ending there."""
    if len(points) == 1:
        (end,) = points
        start = dataclasses.replace(end, epochs=DASH * end.epochs, seconds=DASH * end.seconds)
        return [start, end]
    return thinned(points, MAX_POINTS)


def _end(entries: Sequence[Entry], over: str) -> float:
    """Returns the axis's end: the last planned epoch, or a little after the last minute."""
    if over == "epochs":
        return max((entry.config["recipe"].get("epochs", 1) for entry in entries), default=1)
    places = [_place(point, over) for points in _lines(entries).values() for point in points]
    return rounded_up(max(places, default=0.0))


def rounded_up(value: float) -> float:
    """Rounds up to 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1, 2 …, so that the axis's end seldom changes."""
    ends = (mantissa * 10.0**power for power in range(-1, 9) for mantissa in (1, 2, 3, 4, 6, 8))
    return next((end for end in ends if end >= value), value)


def legend(entries: Sequence[Entry], over: str) -> Markup:
    """Renders each line's run, the unit of the axis, and whose losses are not comparable."""
    drawn = entries[:MAX_RUNS]
    smoothed = [entry.name for entry in drawn if entry.config["recipe"].get("label_smoothing")]
    return render(
        __file__,
        "legend.jinja",
        lines=[
            (COLOURS[line], entries[int(line[-1])].name, line[:-2])
            for line, points in _lines(entries).items()
            if points
        ],
        more=len(entries) - MAX_RUNS,
        max_runs=MAX_RUNS,
        smoothed=smoothed if len(entries) > 1 else [],
        over=over,
    )
