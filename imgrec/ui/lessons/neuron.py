"""The lesson on a single neuron that learns to add."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import gradio as gr
from markupsafe import Markup

from imgrec.errors import ImgrecError
from imgrec.explaining.lessons import neuron
from imgrec.explaining.lessons.neuron import HIGH, LOW, Learning
from imgrec.ui.components.errors import as_gradio_error, errors_as_html
from imgrec.ui.components.formatting import signed
from imgrec.ui.components.listeners import IN_TURN
from imgrec.ui.components.templates import render
from imgrec.ui.lessons import texts

RATES = (0.001, 0.01, 0.1, 0.3, 0.6, 0.7, 1.0, 3.0)  # from crawling to exploding
RATE = 0.3  # initial
FIRST_SEED = 1
STEPS = 300  # per press on Learn
FRAMES, SECONDS_A_FRAME = 40, 0.1
MAX_POINTS = 150  # of the curve: more would add no detail
FLOOR = 1e-12  # of the curve: a loss below it is as good as none


def build_neuron() -> None:
    """Builds the lesson."""
    first = neuron.begin(FIRST_SEED)
    learning = gr.State(first)
    with gr.Column(elem_id="neuron"):
        gr.Markdown(texts.NEURON)
        rate = gr.Radio(
            [f"{choice:g}" for choice in RATES], value=f"{RATE:g}", label=texts.LEARNING_RATE
        )
        with gr.Row(elem_classes="controls"):
            learn = gr.Button(texts.LEARN, variant="primary", min_width=110)
            stop = gr.Button(texts.STOP, min_width=90)
            one_step = gr.Button(texts.ONE_STEP, min_width=110)
            again = gr.Button(texts.START_AGAIN, min_width=120)
            other = gr.Button(texts.OTHER_START, min_width=170)
        drawing = gr.HTML(_drawn(first, f"{RATE:g}"))
        gr.Markdown(texts.ASK_THE_NEURON)
        with gr.Row():
            x1 = gr.Number(20, label=texts.FIRST_NUMBER, min_width=130)
            x2 = gr.Number(22, label=texts.SECOND_NUMBER, min_width=130)
        answer = gr.HTML(_answered(first, 20, 22))

    inputs = [learning, rate]
    running = learn.click(_learn, inputs, [learning, drawing], concurrency_limit=None, **IN_TURN)
    # The last step may not have been displayed when it stops, so the drawing is updated once more.
    stopped = stop.click(None, cancels=running, api_visibility="private")
    stopped.then(_drawn, inputs, drawing, **IN_TURN)
    for button, action in ((one_step, _step), (again, _again), (other, _other)):
        button.click(action, inputs, [learning, drawing], cancels=running, **IN_TURN)
    rate.input(_drawn, inputs, drawing, cancels=running, **IN_TURN)
    asked: dict[str, Any] = {**IN_TURN, "trigger_mode": "always_last"}
    gr.on([learning.change, x1.change, x2.change], _answered, [learning, x1, x2], answer, **asked)


def _learn(learning: Learning, rate: object) -> Iterator[tuple[Learning, str]]:
    """Trains the neuron frame by frame: single steps first, then faster."""
    speed = _checked_rate(rate)
    for frame in range(FRAMES):
        due = round(STEPS * ((frame + 1) / FRAMES) ** 2) - round(STEPS * (frame / FRAMES) ** 2)
        for _ in range(due):
            learning = neuron.step(learning, speed)
        yield learning, _drawn(learning, rate)
        if learning.finished:
            return
        time.sleep(SECONDS_A_FRAME)


def _step(learning: Learning, rate: object) -> tuple[Learning, str]:
    stepped = neuron.step(learning, _checked_rate(rate))
    return stepped, _drawn(stepped, rate)


def _again(learning: Learning, rate: object) -> tuple[Learning, str]:
    first = neuron.begin(learning.seed)
    return first, _drawn(first, rate)


def _other(learning: Learning, rate: object) -> tuple[Learning, str]:
    first = neuron.begin(learning.seed + 1)
    return first, _drawn(first, rate)


def _rate(rate: object) -> float:
    """Returns the selected learning rate. Raises ImgrecError for any other one."""
    rates = {f"{choice:g}": choice for choice in RATES}
    if not isinstance(rate, str) or rate not in rates:
        raise ImgrecError(f"There is no such learning rate; choose one of {', '.join(rates)}.")
    return rates[rate]


_checked_rate = as_gradio_error(_rate)


@errors_as_html
def _drawn(learning: Learning, rate: object) -> Markup:
    """Renders the neuron, its loss curve, and a description of its state."""
    known = neuron.examples(learning.seed)
    return render(
        __file__,
        "neuron.jinja",
        learning=learning,
        curve=_curve(learning.losses),
        number=_number,
        rate=_rate(rate),
        limit=neuron.stability_limit(known),
        sums=[(*pair, total) for pair, total in zip(known.inputs[:2], known.sums[:2], strict=True)],
    )


class _Curve(NamedTuple):
    """The drawing of the loss by step, in the units of its SVG."""

    points: list[tuple[float, float]]
    marks: list[tuple[float, str]]  # of the logarithmic axis: height and label
    last: int  # step at the right edge


def _curve(losses: Sequence[float]) -> _Curve:
    """Returns the drawing of the loss on a logarithmic scale.

    gradio's plots have no such scale, and doubled the browser's work at ten updates a second.
    """
    every = max(1, math.ceil(len(losses) / MAX_POINTS))
    steps = [*range(0, len(losses) - 1, every), len(losses) - 1]
    powers = [math.log10(min(max(losses[step], FLOOR), 1 / FLOOR)) for step in steps]
    low, high = min(-2, math.floor(min(powers))), max(0, math.ceil(max(powers)))
    last = max(len(losses) - 1, STEPS)

    def height(power: float) -> float:
        return 20 + 160 * (high - power) / (high - low)

    return _Curve(
        [
            (58 + 350 * step / last, height(power))
            for step, power in zip(steps, powers, strict=True)
        ],
        [
            (height(power), _power(power))
            for power in range(low, high + 1, math.ceil((high - low) / 6))
        ],
        last,
    )


@errors_as_html
def _answered(learning: Learning, x1: object, x2: object) -> Markup:
    """Renders the neuron's sum beside the true one."""
    first, second = neuron.number(x1), neuron.number(x2)
    said = neuron.answer(learning.weights, first, second)
    return render(
        __file__,
        "neuron_answer.jinja",
        number=_number,
        answer=said,
        total=first + second,
        error=said - first - second,
        known=all(LOW <= asked <= HIGH for asked in (first, second)),
        low=f"{LOW:.0f}",
        high=f"{HIGH:.0f}",
    )


def _number(value: float) -> str:
    """Formats a number of any size, in short: `0.998`, `−3.2 × 10⁻⁷`."""
    if not math.isfinite(value):
        return "no longer a number"
    if value == 0 or 0.0005 <= abs(value) < 1e7:
        return signed(value, 3 if abs(value) < 1000 else 0)
    mantissa, _, power = f"{value:.1e}".partition("e")
    return f"{mantissa.replace('-', '−')} × {_power(int(power))}"


def _power(power: int) -> str:
    """Formats a power of ten: `1`, `0.01`, `10⁻⁶`."""
    if -3 <= power <= 3:
        return f"{10.0**power:,g}"
    return "10" + str(power).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
