"""The race: accuracy of two networks over training time, and the effect of each ingredient."""

import math
from html import escape
from typing import Any, NamedTuple

import gradio as gr

from imgrec.environment import machine
from imgrec.files import atomic
from imgrec.files.paths import REPORTS
from imgrec.ui.components import html
from imgrec.ui.components.formatting import share, unbroken

Report = dict[str, Any]  # as scripts/benchmark.py and scripts/measure_scratch.py write it

NAMES = ("fast", "classic")
WIDTH, HEIGHT = 480, 320  # of the plot; its margins below
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 38, 48
MAX_MINUTES = 6  # labels on the time axis, unless the training is very long
MINUTES = (1, 2, 5, 10, 20, 50, 100, 200, 500)  # candidate steps between two labels
TWENTY = 0.2  # step between two labels on the accuracy axis
MIDDLE = 0.4  # a curve that ends beyond this share of the width has its label on the left


def build_race() -> None:
    """Builds the panel with the race and the table of ingredients, as far as they were measured."""
    race, float32, ablation, seeds = (
        _report(name) for name in ("training", "training_float32", "ablation", "seeds")
    )
    if race:
        gr.HTML(panel(race, float32))
    if ablation or seeds:
        with gr.Accordion("What each ingredient of fast gives", open=False):
            gr.HTML(f'<div class="race">{chance(seeds)}{ingredients(ablation)}</div>')


def _report(name: str) -> Report | None:
    file = REPORTS / f"{name}.json"
    return atomic.read_json(file) if file.exists() else None


def panel(race: Report, float32: Report | None = None) -> str:
    """Renders the curves, their summary, and a table of their numbers.

    `float32` has the times on a processor that does not benefit from bfloat16.
    """
    sentences = [*findings(race), *_elsewhere(float32)]
    words = "".join(f"<p>{escape(unbroken(sentence))}</p>" for sentence in sentences)
    return (
        '<section class="panel race scratch"><h3>The race: accuracy over time</h3><div>'
        f"{picture(race, sentences[0])}<div>{words}{_numbers(race)}"
        f'<p class="measured">{escape(_measured(race))}</p></div></div></section>'
    )


# Text


def findings(race: Report) -> list[str]:
    """Describes the curves, beginning with each network's final accuracy and training time."""
    fast, classic = (race[name] for name in NAMES)
    sentences = [
        f"fast was right on {share(fast['val_accuracy'][-1])} of the validation images after "
        f"{_minutes(fast['seconds'])}; classic needed {_minutes(classic['seconds'])} for "
        f"{share(classic['val_accuracy'][-1])}."
    ]
    passed = _passes(fast, max(classic["val_accuracy"]))
    if passed is not None:
        sentences.append(
            f"After {_minutes(passed)} of training, fast was as good as classic ever became."
        )
    views = fast.get("test_accuracy_views")
    looks = f", {share(views)} when it looks six times" if views is not None else ""
    sentences.append(
        f"Of the test images, which neither had seen, fast recognises "
        f"{share(fast['test_accuracy'])}{looks}, and classic {share(classic['test_accuracy'])}."
    )
    return [*sentences, _ratio(race)]


def _ratio(race: Report) -> str:
    """Compares the training times of the two, as they are and with the same precision."""
    alike = race["ratio_bfloat16"]
    return (
        f"So fast takes {race['ratio']:.2f} times as long as classic’s {race['classic']['epochs']} "
        "epochs. It computes with numbers of half the length where the processor can (bfloat16); "
        f"if classic did so too, fast would take {alike:.2f} times as long as classic, by "
        f"{race['classic_bfloat16']['epochs_timed']} epochs of it that were timed."
    )


def _elsewhere(float32: Report | None) -> list[str]:
    """Describes the training times without a benefit from bfloat16; empty if not measured."""
    if float32 is None:
        return []
    short = float32["short"]
    return [
        f"Many processors gain nothing by bfloat16. On one of them ("
        f"{machine(float32['environment'])}) fast takes {float32['ratio']:.2f} times as "
        f"long as classic, by {short['epochs']} epochs of it and "
        f"{float32['classic']['epochs_timed']} of classic that were timed. Trained for only "
        f"{short['epochs']} epochs, it takes {float32['ratio_short']:.2f} times as long, and "
        f"recognises {share(short['test_accuracy'])} of the test images."
    ]


def _measured(race: Report) -> str:
    return (
        "Measured side by side, an epoch of one and then of the other, on "
        f"{machine(race['environment'])}."
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


def _numbers(race: Report) -> str:
    headings = ("Network", "Epochs", "Minutes", "Validation", "Test", "Weights")
    rows = [
        (
            name,
            network["epochs"],
            f"{network['seconds'] / 60:.1f}",
            share(network["val_accuracy"][-1]),
            share(network["test_accuracy"]),
            network["parameters"],
        )
        for name in NAMES
        for network in [race[name]]
    ]
    return f"<details><summary>The numbers</summary>{html.table(headings, rows)}</details>"


# Plot


class Scale(NamedTuple):
    """Maps minutes and accuracy to coordinates of the plot."""

    minutes: float  # at the right edge
    lowest: float  # accuracy at the lower edge; the upper edge is 1

    def x(self, minutes: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * minutes / self.minutes

    def y(self, accuracy: float) -> float:
        return TOP + (HEIGHT - TOP - BOTTOM) * (1 - accuracy) / (1 - self.lowest)


def picture(race: Report, sentence: str) -> str:
    """Draws both curves, a point per epoch, with name, time and accuracy at the end of each."""
    networks = [race[name] for name in NAMES]
    least = min(min(network["val_accuracy"]) for network in networks)
    scale = Scale(
        minutes=max(network["seconds"] for network in networks) / 60 * 1.02,
        lowest=min(0.8, TWENTY * math.floor(least / TWENTY)),
    )
    drawn = "".join(_curve(name, race[name], scale) for name in reversed(NAMES))
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(f"Accuracy over time. {sentence}")}">{_frame(scale)}{drawn}</svg>'
    )


def _frame(scale: Scale) -> str:
    """Draws the axes with their titles and numbers."""
    parts = [_text(0, 14, "right on the validation images", "start")]
    for step in range(round((1 - scale.lowest) / TWENTY) + 1):
        accuracy = scale.lowest + step * TWENTY
        y = scale.y(accuracy)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(_text(LEFT - 8, y + 4, f"{100 * accuracy:.0f} %", "end"))
    floor = scale.y(scale.lowest)
    for minutes in _whole_minutes(scale.minutes):
        parts.append(_text(scale.x(minutes), floor + 19, str(minutes), "middle"))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(_text(middle, HEIGHT - 8, "minutes of training", "middle"))
    return "".join(parts)


def _whole_minutes(most: float) -> range:
    """Returns the labels of the time axis."""
    step = next((step for step in MINUTES if most / step <= MAX_MINUTES), MINUTES[-1])
    return range(0, math.floor(most) + 1, step)


def _curve(name: str, network: Report, scale: Scale) -> str:
    """Draws a line with its points; the last one is larger and labelled."""
    places = [
        (scale.x(seconds / 60), scale.y(accuracy))
        for seconds, accuracy in zip(network["elapsed"], network["val_accuracy"], strict=True)
    ]
    line = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    points = "".join(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2"/>' for x, y in places[:-1])
    x, y = places[-1]
    end = f'<circle class="end" cx="{x:.1f}" cy="{y:.1f}" r="5"/>'
    return f'<g class="{name}"><path d="M{line}"/>{points}{end}{_label(name, network, x, y)}</g>'


def _label(name: str, network: Report, x: float, y: float) -> str:
    """Draws a curve's label at its end.

    It is right of the end if there is room, else above it for fast and below it for classic.
    """
    reached = f" {share(network['val_accuracy'][-1])}, {_minutes(network['seconds'])}"
    beside = x < LEFT + MIDDLE * (WIDTH - LEFT - RIGHT)
    away = -14 if name == NAMES[0] else 24
    x, y, anchor = (x + 12, y + 5, "start") if beside else (x + 5, y + away, "end")
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"><tspan>{name}</tspan>'
        f"{escape(unbroken(reached))}</text>"
    )


def _text(x: float, y: float, text: str, anchor: str) -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}">{escape(unbroken(text))}</text>'


# Variance and ingredients


def chance(seeds: Report | None) -> str:
    """Describes how much the accuracy varies with the random seed."""
    if seeds is None:
        return ""
    one, six = (_spread(seeds[name]) for name in ("test_accuracy", "test_accuracy_views"))
    text = (
        f"Chance has a part in it: the first weights, the order of the images. Trained "
        f"{len(seeds['seeds'])} times, each time with other random numbers, fast recognises {one} "
        f"of the test images, and {six} when it looks six times (mean ± standard deviation)."
    )
    return f"<p>{escape(unbroken(text))}</p>"


def _spread(figures: dict[str, float]) -> str:
    return f"{100 * figures['mean']:.2f} ± {100 * figures['deviation']:.2f} %"


def ingredients(ablation: Report | None) -> str:
    """Renders a shorter training's accuracy without each ingredient, the most useful one first."""
    if ablation is None:
        return ""
    whole, *others = ablation["rows"]
    others.sort(key=lambda row: row["test_accuracy"])
    longer = ablation["times_as_long"]
    text = (
        f"Here fast was trained for only {ablation['epochs']} epochs on {ablation['images']:,} "
        f"images, in batches of {ablation['batch_size']}, once as it is and once without each of "
        "the things that help it. So short a training shows what helps at once; a difference of "
        "half a percentage point may be chance."
    )
    times = (
        f"Two more save time alone: without bfloat16 a step takes {longer['float32']:.2f} times as "
        "long, and with Keras’s own batch normalisation in place of TensorFlow’s single operation "
        f"{longer['keras_normalization']:.2f} times."
    )
    headings = "".join(
        f"<th scope=col>{heading}</th>" for heading in ("Without", "Test images", "Difference")
    )
    rows = "".join(_row(row, whole) for row in (whole, *others))
    table = f"<thead><tr>{headings}</tr></thead><tbody>{rows}</tbody>"
    return (
        f'<p>{escape(text)}</p><div class="scroll"><table class="without">{table}</table></div>'
        f"<p>{escape(times)}</p>"
    )


def _row(row: Report, whole: Report) -> str:
    """Renders one row: what is left out, what replaces it, and the resulting accuracy."""
    difference = f"{100 * (row['test_accuracy'] - whole['test_accuracy']):+.1f}"
    cells = (
        share(row["test_accuracy"]),
        difference.replace("-", "\N{MINUS SIGN}") if row["without"] else "",
    )
    return (
        f"<tr><th scope=row>{escape(row['without'] or 'nothing')}"
        f"<small>{escape(row['instead'] or 'the whole recipe')}</small></th>"
        f"{''.join(f'<td>{unbroken(cell)}</td>' for cell in cells)}</tr>"
    )
