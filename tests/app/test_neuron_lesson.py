"""The neuron that learns to add: against Keras, towards 1, 1 and 0, and beyond the limit."""

import math

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgrec.errors import ImgrecError
from imgrec.explaining.lessons import neuron
from imgrec.explaining.lessons.neuron import Learning, Weights
from imgrec.ui.lessons import neuron as lesson

seeds = st.integers(0, 2**32)


def learnt(seed: int, rate: float, steps: int) -> Learning:
    learning = neuron.begin(seed)
    for _ in range(steps):
        learning = neuron.step(learning, rate)
    return learning


def test_it_takes_the_steps_that_keras_takes():
    learning, known = neuron.begin(7), neuron.examples(7)
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    w1, w2, bias = learning.weights
    model.set_weights([np.array([[w1], [w2]]), np.array([bias])])
    model.compile(keras.optimizers.SGD(0.2), "mse")
    fitted = model.fit(
        known.inputs, known.sums, batch_size=neuron.EXAMPLES, epochs=12, shuffle=False, verbose=0
    )
    ours = learnt(7, 0.2, 12)
    theirs = np.concatenate([weight.ravel() for weight in model.get_weights()])
    np.testing.assert_allclose(theirs, ours.weights, atol=1e-5)
    np.testing.assert_allclose(fitted.history["loss"], ours.losses[:-1], atol=1e-5)


@given(seeds)
def test_the_gradient_is_the_slope_of_the_loss(seed):
    known, weights = neuron.examples(seed), neuron.begin(seed).weights
    for index, slope in enumerate(neuron.gradient(weights, known)):
        nudge = np.eye(3)[index] * 1e-6
        above, below = Weights(*(weights + nudge)), Weights(*(weights - nudge))
        measured = (neuron.loss(above, known) - neuron.loss(below, known)) / 2e-6
        assert slope == pytest.approx(measured, abs=1e-6)


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_it_learns_to_add(seed):
    learning = learnt(seed, 0.5, 600)
    assert learning.weights == pytest.approx((1, 1, 0), abs=1e-3)
    assert neuron.answer(learning.weights, 20, 22) == pytest.approx(42, abs=0.05)


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_just_below_the_limit_every_step_helps_and_just_above_it_explodes(seed):
    limit = neuron.stability_limit(neuron.examples(seed))
    below = learnt(seed, 0.98 * limit, 300)
    assert all(
        after <= before + 1e-12
        for before, after in zip(below.losses, below.losses[1:], strict=False)
    )
    above = learnt(seed, 1.05 * limit, 800)
    assert above.exploded and above.finished
    assert neuron.step(above, 0.1) is above


def test_the_lesson_offers_rates_on_both_sides_of_the_limit():
    for seed in range(20):
        limit = neuron.stability_limit(neuron.examples(seed))
        assert lesson.RATE < limit < max(lesson.RATES)


@pytest.mark.parametrize("loss", [math.nan, math.inf, 2e9])
def test_what_is_no_number_has_exploded(loss):
    assert Learning(0, Weights(1, 1, 0), (1.0, loss)).exploded


def test_learning_ends(monkeypatch):
    monkeypatch.setattr(neuron, "MAX_STEPS", 4)
    learning = learnt(1, 0.1, 9)
    assert learning.steps == 4 and learning.finished and not learning.exploded
    assert "it stops here" in lesson._drawn(learning, "0.1")


@given(
    st.one_of(st.floats(), st.integers(), st.text(), st.none(), st.booleans(), st.lists(st.none()))
)
def test_any_number_or_none_gets_an_answer_in_words(value):
    shown = lesson._answered(neuron.begin(1), value, 22)
    try:
        neuron.number(value)
        assert "The true sum" in shown
    except ImgrecError:
        assert "Give it two numbers" in shown


@pytest.mark.parametrize("rate", ["0.25", "nan", None, 0.3, [], {}])
def test_a_rate_that_is_not_offered_is_refused(rate):
    assert "no such learning rate" in lesson._drawn(neuron.begin(1), rate)
    with pytest.raises(Exception, match="no such learning rate"):
        lesson._step(neuron.begin(1), rate)
    with pytest.raises(Exception, match="no such learning rate"):
        next(lesson._learn(neuron.begin(1), rate))


def test_what_is_drawn_tells_the_numbers():
    learning = Learning(1, Weights(0.25, -1.5, 3e-7), (2.0, 1e-7))
    shown = lesson._drawn(learning, "0.3")
    assert "Weight 1 is 0.250, weight 2 is −1.500, the bias is 3.0 × 10⁻⁷, after 1 step" in shown
    assert "2.000 at the start, 1.0 × 10⁻⁷ after" in shown


@given(st.lists(st.floats(0, 1e300), min_size=1, max_size=700))
@settings(max_examples=40, deadline=None)
def test_any_losses_can_be_drawn(losses):
    points = lesson._curve(losses).points
    assert 1 <= len(points) <= lesson.MAX_POINTS + 1
    assert all(0 <= x <= 420 and 0 <= y <= 220 for x, y in points)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0.000"), (-0.0001, "−1.0 × 10⁻⁴"), (12345.6, "12,346"), (math.inf, "no longer a number")],
)
def test_numbers_of_any_size_are_short(value, text):
    assert lesson._number(value) == text
