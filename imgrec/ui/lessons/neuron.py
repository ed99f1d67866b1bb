"""The lesson on a single neuron that learns to add."""

import math
import time
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from imgrec.errors import ImgrecError
from imgrec.explaining.lessons import neuron
from imgrec.explaining.lessons.neuron import HIGH, LOW, Learning
from imgrec.ui.components.errors import as_gradio_error, errors_as_html
from imgrec.ui.components.formatting import signed

RATES = (0.001, 0.01, 0.1, 0.3, 0.6, 0.7, 1.0, 3.0)  # from crawling to exploding
RATE = 0.3  # initial
FIRST_SEED = 1
STEPS = 300  # per press on Learn
FRAMES, SECONDS_A_FRAME = 40, 0.1
MAX_POINTS = 150  # of the curve: more would add no detail
FLOOR = 1e-12  # of the curve: a loss below it is as good as none
INTRO = f"""
A **neuron** multiplies each of its inputs by a number, its *weight*, and adds them up, with one
more number, its *bias*. That is all. This one has two inputs and starts with three random numbers.
It is shown {neuron.EXAMPLES} sums of numbers between {LOW:.0f} and {HIGH:.0f}. After each look at
them it changes its three numbers a little, so that its answers get less wrong. Nobody tells it that
the weights should be 1 and 1, and the bias 0. A dashed wire means
a number below zero, a thick one a great number.
"""
LIVE: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "preprocess": False,
    "queue": True,
}


def build_neuron() -> None:
    """Builds the lesson."""
    first = neuron.begin(FIRST_SEED)
    learning = gr.State(first)
    with gr.Column(elem_id="neuron"):
        gr.Markdown(INTRO)
        rate = gr.Radio(
            [f"{choice:g}" for choice in RATES],
            value=f"{RATE:g}",
            label="Learning rate: how far each step goes",
        )
        with gr.Row(elem_classes="controls"):
            learn = gr.Button("Learn", variant="primary", min_width=110)
            stop = gr.Button("Stop", min_width=90)
            one_step = gr.Button("One step", min_width=110)
            again = gr.Button("Start again", min_width=120)
            other = gr.Button("Other random start", min_width=170)
        drawing = gr.HTML(_drawn(first, f"{RATE:g}"))
        gr.Markdown("### Ask it for a sum it never saw")
        with gr.Row():
            x1 = gr.Number(20, label="First number, x₁", min_width=130)
            x2 = gr.Number(22, label="Second number, x₂", min_width=130)
        answer = gr.HTML(_answered(first, 20, 22))

    inputs = [learning, rate]
    running = learn.click(_learn, inputs, [learning, drawing], concurrency_limit=None, **LIVE)
    # The last step may not have been displayed when it stops, so the drawing is updated once more.
    stopped = stop.click(None, cancels=running, api_visibility="private")
    stopped.then(_drawn, inputs, drawing, **LIVE)
    for button, action in ((one_step, _step), (again, _again), (other, _other)):
        button.click(action, inputs, [learning, drawing], cancels=running, **LIVE)
    rate.input(_drawn, inputs, drawing, cancels=running, **LIVE)
    asked: dict[str, Any] = {**LIVE, "trigger_mode": "always_last"}
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
def _drawn(learning: Learning, rate: object) -> str:
    """Renders the neuron, its loss curve, and a description of its state."""
    return (
        f'<div class="neuron">{_network(learning)}{_curve(learning.losses)}</div>'
        f'<p class="said">{_words(learning, _rate(rate))}</p>'
    )


def _network(learning: Learning) -> str:
    """Draws the neuron; a line's width grows with the magnitude of its weight."""
    w1, w2, bias = learning.weights
    wires = "".join(
        f'<line x1="72" y1="{y}" x2="232" y2="110" class="{"below" if weight < 0 else "above"}" '
        f'stroke-width="{1 + 4 * min(abs(weight), 2):.1f}"/>'
        for y, weight in ((50, w1), (170, w2))
    )
    inputs = "".join(
        f'<circle cx="46" cy="{y}" r="26"/><text x="46" y="{y + 6}">{name}</text>'
        for y, name in ((50, "x₁"), (170, "x₂"))
    )
    label = (
        f"A neuron with two inputs. Weight 1 is {_number(w1)}, weight 2 is {_number(w2)}, the bias "
        f"is {_number(bias)}, after {_steps(learning.steps)}."
    )
    return f"""
<svg viewBox="0 0 420 220" role="img" aria-label="{label}">{wires}
<line x1="260" y1="186" x2="260" y2="110" class="{"below" if bias < 0 else "above"}"
  stroke-width="{1 + 4 * min(abs(bias), 2):.1f}"/>
<line x1="288" y1="110" x2="350" y2="110" class="out" stroke-width="2"/>{inputs}
<circle cx="260" cy="110" r="30"/><text x="260" y="117" class="sum">+</text>
<circle cx="374" cy="110" r="26"/><text x="374" y="116">y</text>
<text x="186" y="42">w₁ = {_number(w1)}</text><text x="160" y="190">w₂ = {_number(w2)}</text>
<text x="310" y="208">bias = {_number(bias)}</text></svg>"""


def _curve(losses: Sequence[float]) -> str:
    """Draws the loss by step on a logarithmic scale."""
    every = max(1, math.ceil(len(losses) / MAX_POINTS))
    steps = [*range(0, len(losses) - 1, every), len(losses) - 1]
    powers = [math.log10(min(max(losses[step], FLOOR), 1 / FLOOR)) for step in steps]
    low, high = min(-2, math.floor(min(powers))), max(0, math.ceil(max(powers)))
    last = max(len(losses) - 1, STEPS)

    def height(power: float) -> float:
        return 20 + 160 * (high - power) / (high - low)

    every_power = math.ceil((high - low) / 6)
    lines = "".join(
        f'<line x1="58" x2="408" y1="{height(power):.1f}" y2="{height(power):.1f}" class="grid"/>'
        f'<text x="52" y="{height(power) + 5:.1f}" class="tick">{_power(power)}</text>'
        for power in range(low, high + 1, every_power)
    )
    places = [
        (58 + 350 * step / last, height(power)) for step, power in zip(steps, powers, strict=True)
    ]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    label = (
        f"The loss by step: {_number(losses[0])} at the start, {_number(losses[-1])} after "
        f"{_steps(len(losses) - 1)}."
    )
    return f"""
<svg viewBox="0 0 420 220" role="img" aria-label="{label}">{lines}
<polyline points="{points}" class="curve"/><circle cx="{x:.1f}" cy="{y:.1f}" r="4" class="end"/>
<text x="58" y="204" class="start">0</text><text x="408" y="204" class="tick">{last:,} steps</text>
<text x="233" y="204">loss</text></svg>"""


def _words(learning: Learning, rate: float) -> str:
    """Describes the neuron's state and the effect of the learning rate."""
    known = neuron.examples(learning.seed)
    limit = neuron.stability_limit(known)
    shown = " and ".join(
        f"{x1:.2f} + {x2:.2f} = {total:.2f}"
        for (x1, x2), total in zip(known.inputs[:2], known.sums[:2], strict=True)
    )
    if learning.exploded:
        state = (
            f"<b>It exploded</b> after {_steps(learning.steps)}: each overshot by more than it "
            "mended, so the numbers grew without end. Press Start again and choose a smaller rate."
        )
    elif learning.finished:
        state = f"After {_steps(learning.steps)} it stops here. Press Start again."
    elif learning.steps:
        state = (
            f"<b>After {_steps(learning.steps)}</b> the loss, the mean of its squared errors, is "
            f"<b>{_number(learning.losses[-1])}</b>; it began at {_number(learning.losses[0])}."
        )
    else:
        state = (
            f"<b>It knows nothing yet</b>: the loss, the mean of its squared errors, is "
            f"<b>{_number(learning.losses[0])}</b>. It will learn from sums such as {shown}."
        )
    side = "below" if rate < limit else "beyond"
    return (
        f"{state} A learning rate of {rate:g} is {side} the limit of {limit:.3f} that these "
        "examples set: below it every step makes the loss smaller, beyond it the steps explode."
    )


@errors_as_html
def _answered(learning: Learning, x1: object, x2: object) -> str:
    """Renders the neuron's sum beside the true one."""
    first, second = neuron.number(x1), neuron.number(x2)
    said = neuron.answer(learning.weights, first, second)
    if all(LOW <= asked <= HIGH for asked in (first, second)):
        where = f"Both numbers are between {LOW:.0f} and {HIGH:.0f}, as in its examples."
    else:
        where = (
            f"All its examples were between {LOW:.0f} and {HIGH:.0f}: it never saw such numbers. "
            "The further away they are, the more a small error in a weight counts."
        )
    return (
        f'<section class="panel asked"><dl><div><dt>It says</dt><dd>{_number(said)}</dd></div>'
        f"<div><dt>The true sum</dt><dd>{_number(first + second)}</dd></div>"
        f"<div><dt>Its error</dt><dd>{_number(said - first - second)}</dd></div></dl>"
        f"<p>{where}</p></section>"
    )


def _steps(number: int) -> str:
    return "1 step" if number == 1 else f"{number:,} steps"


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
