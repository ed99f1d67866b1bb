"""Accuracy and loss of chosen runs as the data of native line plots."""

import dataclasses
from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr
import pandas as pd

from imgrec import catalogue
from imgrec.catalogue import Entry
from imgrec.journal import Point

MOST_RUNS = 6  # in one plot: as many as can be told apart
MOST_POINTS = 150  # of one line: more would slow the browser down and show no more
COLUMNS = {"x": float, "accuracy": float, "loss": float, "line": str}
DASH = 0.96  # of the way from the plot's left edge, where the dash of a single point begins
# Okabe & Ito's colours, which the colour-blind can tell apart (https://jfly.uni-koeln.de/color/):
# validation in each, training in a lighter tint of it.
TONES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#a87900", "#56697a")
TINTS = ("#7fbfe3", "#f0a778", "#7fd0b9", "#e6bcd3", "#e0c878", "#aebac6")
ACCURACY_LIMITS: list[float | None] = [0.0, 1.0]
USUAL_LOSS = 2.4  # a little more than ln 10: the loss of guessing among ten classes


def frame(entries: Sequence[Entry], over: str) -> pd.DataFrame:
    """The lines of the runs in long form, with `x` in epochs or, over "minutes", in minutes."""
    rows = [
        (
            point.seconds / 60 if over == "minutes" else point.epochs,
            point.accuracy,
            point.loss,
            line,
        )
        for entry in entries[:MOST_RUNS]
        for line, points in _lines(entry, alone=len(entries) == 1).items()
        for point in visible(points)
    ]
    # With types, for without any row gradio would take the numbers for words.
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _lines(entry: Entry, alone: bool) -> dict[str, list[Point]]:
    """The run's lines by the name they have in the legend."""
    name = "" if alone else f"{entry.name}, "
    return {
        f"{name}training": catalogue.training_curve(entry),
        f"{name}validation": catalogue.validation_curve(entry),
    }


def visible(points: Sequence[Point]) -> list[Point]:
    """The points as they are drawn; a single one, which is no line, as a dash that ends there."""
    if len(points) == 1:
        (end,) = points
        start = dataclasses.replace(end, epochs=DASH * end.epochs, seconds=DASH * end.seconds)
        return [start, end]
    return catalogue.thinned(points, MOST_POINTS)


def colours(entries: Sequence[Entry]) -> dict[str, str]:
    """The colour of each line."""
    if len(entries) == 1:
        return {"training": TONES[0], "validation": TONES[1]}
    return {
        line: colour
        for number, entry in enumerate(entries[:MOST_RUNS])
        for line, colour in zip(
            _lines(entry, alone=False), (TINTS[number], TONES[number]), strict=True
        )
    }


def drawn(entries: Sequence[Entry], over: str) -> list[Any]:
    """What the two plots and the legend show of these runs."""
    data = frame(entries, over)
    return [data, data, legend(entries)]


def legend(entries: Sequence[Entry]) -> str:
    """The lines by colour and name; gradio's own legend would cut long names off."""
    shown = colours(entries)
    drawn = frame(entries, "epochs")["line"].unique()
    keys = "".join(
        f'<span><i style="background:{shown[line]}"></i>{escape(line)}</span>' for line in drawn
    )
    more = len(entries) - MOST_RUNS
    note = f"<span>and {more} more: choose at most {MOST_RUNS}</span>" if more > 0 else ""
    return f'<p class="legend">{keys}{note}</p>'


def plots() -> tuple[gr.LinePlot, gr.LinePlot, gr.HTML]:
    """The two plots and their legend, empty."""
    with gr.Row(equal_height=False):
        common: dict[str, Any] = {"x": "x", "color": "line", "x_title": "epoch", "height": 220}
        common |= {"colors_in_legend": [], "min_width": 240, "buttons": ["fullscreen", "export"]}
        accuracy = gr.LinePlot(
            y="accuracy",
            y_title="accuracy",
            y_lim=ACCURACY_LIMITS,
            y_axis_format=".0%",
            show_label=False,
            **common,
        )
        loss = gr.LinePlot(
            y="loss", y_title="loss", y_lim=[0.0, USUAL_LOSS], show_label=False, **common
        )
    return accuracy, loss, gr.HTML()


def axes(entries: Sequence[Entry], over: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The limits, titles and colours of the two plots of these runs."""
    data = frame(entries, over)
    planned = max((entry.config["recipe"].get("epochs", 1) for entry in entries), default=1)
    end = planned if over == "epochs" else rounded_up(data["x"].max() if len(data) else 0.0)
    tones = colours(entries)
    common: dict[str, Any] = {
        "x_title": "epoch" if over == "epochs" else "minutes of training",
        "x_lim": [0.0, float(end)],
        # Only of the lines that there are: a line that comes later makes the axes new.
        "color_map": {line: tones[line] for line in data["line"].unique()},
    }
    highest = float(data["loss"].max()) if len(data) else USUAL_LOSS
    top = rounded_up(highest) if highest <= 1 or highest > USUAL_LOSS else USUAL_LOSS
    return common, {**common, "y_lim": [0.0, top]}


def rounded_up(value: float) -> float:
    """The next of 0.1, 0.2, 0.5, 1, 2, 5, 10 …: an axis that ends there seldom changes."""
    ends = (mantissa * 10.0**power for power in range(-1, 9) for mantissa in (1, 2, 5))
    return next((end for end in ends if end >= value), value)
