"""The race: accuracy of two networks over training time, and the effect of each ingredient."""

import math
from typing import Any

import gradio as gr
import pandas as pd
from markupsafe import Markup

from imgrec.environment import machine
from imgrec.files import atomic
from imgrec.files.paths import REPORTS
from imgrec.ui.approaches import texts
from imgrec.ui.components.formatting import share
from imgrec.ui.components.templates import render

Report = dict[str, Any]  # as scripts/benchmark.py and scripts/measure_scratch.py write it

COLOURS = {"fast": "var(--scratch)", "classic": "var(--soft)"}  # of the style sheet, by network
GRID = 0.2  # step of the accuracy axis's lower end


def build_race() -> None:
    """Builds the race and the table of ingredients, as far as they were measured."""
    race, float32, ablation, seeds = (
        _report(name) for name in ("training", "training_float32", "ablation", "seeds")
    )
    if race:
        gr.Markdown(texts.RACE_HEADING)
        with gr.Row(equal_height=False):
            with gr.Column(scale=11, min_width=300):
                plot(race)
            with gr.Column(scale=9, min_width=300):
                gr.HTML(panel(race, float32))
    if ablation or seeds:
        with gr.Accordion(texts.INGREDIENTS, open=False):
            gr.HTML(ingredients(ablation, seeds))


def _report(name: str) -> Report | None:
    file = REPORTS / f"{name}.json"
    return atomic.read_json(file) if file.exists() else None


def plot(race: Report) -> gr.LinePlot:
    """Builds the plot of both networks' validation accuracy, a point per epoch, over minutes."""
    points = [
        (seconds / 60, accuracy, name)
        for name in COLOURS
        for seconds, accuracy in zip(race[name]["elapsed"], race[name]["val_accuracy"], strict=True)
    ]
    data = pd.DataFrame(points, columns=["minutes", "accuracy", "network"])
    return gr.LinePlot(
        data,
        x="minutes",
        y="accuracy",
        color="network",
        x_title=texts.RACE_MINUTES,
        y_title=texts.RACE_ACCURACY,
        color_title=texts.RACE_NETWORK,
        color_map=COLOURS,
        x_lim=[0, 1.02 * data["minutes"].max()],
        y_lim=[min(0.8, GRID * math.floor(data["accuracy"].min() / GRID)), 1],
        y_axis_format=".0%",
        height=360,
        label=texts.RACE_PLOT,
        show_label=False,
        buttons=["fullscreen"],
        elem_classes="race-plot",
    )


def panel(race: Report, float32: Report | None = None) -> Markup:
    """Renders the curves' summary and a table of their numbers.

    `float32` has the times on a processor that does not benefit from bfloat16.
    """
    rows = [
        (
            name,
            race[name]["epochs"],
            f"{race[name]['seconds'] / 60:.1f}",
            share(race[name]["val_accuracy"][-1]),
            share(race[name]["test_accuracy"]),
            race[name]["parameters"],
        )
        for name in COLOURS
    ]
    return render(
        __file__,
        "training_race.jinja",
        race=race,
        float32=float32,
        passed=_passes(race["fast"], max(race["classic"]["val_accuracy"])),
        headings=texts.RACE_HEADINGS,
        rows=rows,
        minutes=_minutes,
        machine=machine,
    )


def _passes(network: Report, accuracy: float) -> float | None:
    """Returns the seconds until the network reached that accuracy; None if it never did."""
    epochs = zip(network["elapsed"], network["val_accuracy"], strict=True)
    return next((seconds for seconds, reached in epochs if reached >= accuracy), None)


def _minutes(seconds: float) -> str:
    """Formats a time as `0.8 minutes`, `4.6 minutes`, `47 minutes`."""
    minutes = seconds / 60
    number = f"{minutes:.1f}" if minutes < 10 else f"{minutes:.0f}"
    return f"{number} minute{'' if number == '1.0' else 's'}"


def ingredients(ablation: Report | None, seeds: Report | None) -> Markup:
    """Renders the spread over random seeds, and a shorter training without each ingredient.

    The most useful ingredient is first; what was not measured is left out.
    """
    return render(__file__, "ingredients.jinja", ablation=ablation, seeds=seeds)
