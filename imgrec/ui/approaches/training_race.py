"""The race: accuracy of two networks over training time, and the effect of each ingredient."""

import math

import gradio as gr
import pandas as pd
from markupsafe import Markup

from imgrec.evaluation.training_reports import (
    Ablation,
    InFloat32,
    Racer,
    Seeds,
    SideBySide,
    load_report,
)
from imgrec.ui.approaches import texts
from imgrec.ui.components.formatting import share
from imgrec.ui.components.templates import render

COLOURS = {"fast": "var(--scratch)", "classic": "var(--soft)"}  # of the style sheet, by network
GRID = 0.2  # step of the accuracy axis's lower end


def build_race() -> None:
    """Builds the race and the table of ingredients, as far as they were measured."""
    race = load_report("training", SideBySide)
    float32 = load_report("training_float32", InFloat32)
    ablation, seeds = load_report("ablation", Ablation), load_report("seeds", Seeds)
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


def _racers(race: SideBySide) -> dict[str, Racer]:
    return {"fast": race.fast, "classic": race.classic}


def plot(race: SideBySide) -> gr.LinePlot:
    """Builds the plot of both networks' validation accuracy, a point per epoch, over minutes."""
    points = [
        (seconds / 60, accuracy, name)
        for name, racer in _racers(race).items()
        for seconds, accuracy in zip(racer.elapsed, racer.val_accuracy, strict=True)
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


def panel(race: SideBySide, float32: InFloat32 | None = None) -> Markup:
    """Renders the curves' summary and a table of their numbers.

    `float32` has the times on a processor that does not benefit from bfloat16.
    """
    rows = [
        (
            name,
            racer.epochs,
            f"{racer.seconds / 60:.1f}",
            share(racer.val_accuracy[-1]),
            share(racer.test_accuracy),
            racer.parameters,
        )
        for name, racer in _racers(race).items()
    ]
    return render(
        __file__,
        "training_race.jinja",
        race=race,
        float32=float32,
        passed=race.fast.seconds_until(max(race.classic.val_accuracy)),
        headings=texts.RACE_HEADINGS,
        rows=rows,
        minutes=_minutes,
    )


def _minutes(seconds: float) -> str:
    """Formats a time as `0.8 minutes`, `4.6 minutes`, `47 minutes`."""
    minutes = seconds / 60
    number = f"{minutes:.1f}" if minutes < 10 else f"{minutes:.0f}"
    return f"{number} minute{'' if number == '1.0' else 's'}"


def ingredients(ablation: Ablation | None, seeds: Seeds | None) -> Markup:
    """Renders the spread over random seeds, and a shorter training without each ingredient.

    The most useful ingredient is first; what was not measured is left out.
    """
    return render(__file__, "ingredients.jinja", ablation=ablation, seeds=seeds)
