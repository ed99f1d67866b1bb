"""Convolution against Keras and the network itself; what a shift changes, and what it does not."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from imgrec.approaches import scratch
from imgrec.data import labels
from imgrec.errors import ImgrecError
from imgrec.explaining.lessons import convolution, shift_invariance
from imgrec.explaining.lessons.convolution import HAND_MADE, LEARNT, Kernel
from imgrec.explaining.lessons.shift_invariance import MAX_SHIFT, SHIFTS
from imgrec.files.paths import IMAGES
from imgrec.images.decode import open_image

DOG = IMAGES / "examples" / "cifar10_dog.png"
WEIGHTS = st.floats(-4, 4, width=32)


@st.composite
def kernels(draw, channels=None):
    channels = channels or draw(st.sampled_from([1, 3]))
    weights = draw(arrays.arrays("float32", (3, 3, channels), elements=WEIGHTS))
    return Kernel("drawn", weights, draw(WEIGHTS))


@st.composite
def cases(draw):
    """Pixels (h, w, channels) and a kernel for them."""
    kernel = draw(kernels())
    shape = (draw(st.integers(3, 20)), draw(st.integers(3, 20)), kernel.channels)
    return np.random.default_rng(draw(st.integers(0, 999))).random(shape, "float32"), kernel


@pytest.fixture(scope="module")
def dog():
    return convolution.view(open_image(DOG), scratch.SIZE)


def keras_map(values, kernel, padding):
    import keras

    layer = keras.layers.Conv2D(1, 3, padding=padding)
    layer.build((None, *values.shape))
    layer.set_weights([kernel.weights[..., None], np.array([kernel.bias], "float32")])
    return np.asarray(layer(values[None]))[0, ..., 0]


@settings(deadline=None, max_examples=40)
@given(cases())
def test_a_feature_map_is_what_keras_computes(case):
    values, kernel = case
    result = convolution.feature_map(values, kernel)
    np.testing.assert_allclose(result, keras_map(values, kernel, "same"), atol=1e-4)
    np.testing.assert_allclose(result[1:-1, 1:-1], keras_map(values, kernel, "valid"), atol=1e-4)


@given(cases(), st.data())
def test_nine_products_and_the_bias_add_up_to_the_map_at_any_place(case, data):
    values, kernel = case
    row, column = (data.draw(st.integers(0, side - 1)) for side in values.shape[:2])
    products = convolution.patch(values, row, column) * kernel.weights
    assert products.shape == (3, 3, kernel.channels)
    expected = convolution.feature_map(values, kernel)[row, column]
    assert products.sum() + kernel.bias == pytest.approx(expected, abs=1e-4)


def test_the_maps_of_the_learnt_filters_are_the_networks_own(dog):
    import keras

    model = scratch.load(scratch.CLASSIC).model
    first = keras.Model(model.inputs, model.get_layer("conv1").output)
    pixels = convolution.pixels(dog, 3)
    expected = np.asarray(first([pixels[None]]))[0]  # (32, 32, 32), after ReLU
    maps = [
        convolution.relu(convolution.feature_map(pixels, k)) for k in convolution.learnt_kernels()
    ]
    np.testing.assert_allclose(np.stack(maps, axis=-1), expected, atol=1e-5)


def test_the_pixels_are_those_that_the_network_sees(dog):
    photo = open_image(DOG).resize((70, 50))
    assert convolution.view(photo, scratch.SIZE).tobytes() == scratch.view(photo).tobytes()
    grey = convolution.pixels(dog, 1)
    assert grey.shape == (32, 32, 1) and 0 <= grey.min() < grey.max() <= 1


def test_hand_made_kernels_do_what_their_names_say(dog):
    pixels = convolution.pixels(dog, 1)
    maps = {key: convolution.feature_map(pixels, kernel) for key, kernel in HAND_MADE.items()}
    np.testing.assert_array_equal(maps["identity"], pixels[..., 0])
    np.testing.assert_allclose(maps["sharpen"], maps["identity"] - maps["edges"], atol=1e-5)
    turned = convolution.feature_map(pixels.transpose(1, 0, 2), HAND_MADE["level"])
    np.testing.assert_allclose(maps["upright"], turned.T, atol=1e-5)
    for key, kernel in HAND_MADE.items():  # on an even ground: edges nothing, the rest the same
        even = convolution.feature_map(np.full((5, 5, 1), 0.5, "float32"), kernel)[2, 2]
        assert even == pytest.approx(0 if key in ("upright", "level", "edges") else 0.5)


@given(cases(), st.integers(-MAX_SHIFT, MAX_SHIFT), st.integers(-MAX_SHIFT, MAX_SHIFT))
def test_a_shift_moves_the_pixels_and_repeats_the_edge(case, right, down):
    values, _ = case
    moved = shift_invariance.shifted(values, right, down)
    for row, column in np.ndindex(values.shape[:2]):
        source = (
            np.clip(row - down, 0, len(values) - 1),
            np.clip(column - right, 0, values.shape[1] - 1),
        )
        assert (moved[row, column] == values[source]).all()


@given(
    kernels(),
    st.integers(0, 99),
    st.integers(-MAX_SHIFT, MAX_SHIFT),
    st.integers(-MAX_SHIFT, MAX_SHIFT),
)
def test_the_map_moves_with_any_picture_exactly_away_from_the_border(kernel, seed, right, down):
    values = np.random.default_rng(seed).random((32, 32, kernel.channels), "float32")
    apart = shift_invariance.difference(values, kernel, right, down)
    assert apart.inside == 0
    assert apart.places == (30 - abs(right)) * (30 - abs(down))
    if not (right or down):
        assert apart.border == 0


def test_a_map_that_does_not_move_along_is_noticed(dog, monkeypatch):
    monkeypatch.setattr(shift_invariance, "shifted", lambda values, right, down: values)
    pixels = convolution.pixels(dog, 1)
    assert shift_invariance.difference(pixels, HAND_MADE["upright"], 2, 0).inside > 0.1


def test_pooling_forgives_a_shift_within_a_square_and_not_one_out_of_it():
    dot = np.zeros((32, 32, 1), "float32")
    dot[12, 12] = 1  # the first column of its squares: one to the right stays within all but 1 × 1
    shares = shift_invariance.change_after_pooling(dot, HAND_MADE["identity"])
    assert shares == {1: 2.0, 2: 0.0, 4: 0.0, 8: 0.0, 32: 0.0}
    shares = shift_invariance.change_after_pooling(np.roll(dot, 3, axis=1), HAND_MADE["identity"])
    assert shares == {1: 2.0, 2: 2.0, 4: 2.0, 8: 2.0, 32: 0.0}
    assert set(shift_invariance.change_after_pooling(dot * 0, HAND_MADE["identity"]).values()) == {
        0.0
    }


# The network's answers


def test_the_answers_are_the_networks_own_in_the_middle_and_at_any_shift(dog):
    answers = shift_invariance.predict_shifts(dog)
    assert answers.probabilities.shape == (17, 17, 10)
    for right, down in ((0, 0), (8, -8), (-3, 5)):
        moved = Image.fromarray(shift_invariance.shifted(np.asarray(dog), right, down))
        (verdict,) = scratch.predict([moved], 10, scratch.CLASSIC)
        label, probability = answers.prediction_at(right, down)
        assert label == verdict.classes[0].label
        assert probability == pytest.approx(verdict.classes[0].probability, abs=1e-5)


def test_the_answers_are_counted_and_the_nearest_failure_found():
    probabilities = np.zeros((17, 17, 10), "float32")
    probabilities[..., labels.CIFAR10.index("frog")] = 0.6
    sure = shift_invariance.ShiftPredictions(probabilities)
    assert sure.counts() == [("frog", len(SHIFTS))] and sure.nearest_failure() is None
    for right, down in ((5, 2), (-8, -8)):
        probabilities[down + MAX_SHIFT, right + MAX_SHIFT, labels.CIFAR10.index("cat")] = 0.9
    answers = shift_invariance.ShiftPredictions(probabilities)
    assert answers.counts() == [("frog", 287), ("cat", 2)]
    assert answers.nearest_failure() == (5, 2)
    assert answers.prediction_at(5, 2) == ("cat", pytest.approx(0.9))
    assert answers.original_probability.min() == pytest.approx(0.6)


# Kernels by name


def test_kernels_are_found_by_key():
    assert convolution.kernel("upright") is HAND_MADE["upright"]
    assert convolution.kernel(f"{LEARNT}31").title == "Learnt filter 32"
    drawn = convolution.kernel("own", "1, 2 3\n-4 5.5 6; 7 8 9")
    np.testing.assert_array_equal(drawn.weights[..., 0], [[1, 2, 3], [-4, 5.5, 6], [7, 8, 9]])


@pytest.mark.parametrize("key", ["", "learnt-32", "learnt--1", "learnt-x", None, 3, ["upright"]])
def test_a_kernel_that_does_not_exist_is_refused(key):
    with pytest.raises(ImgrecError, match="no such kernel"):
        convolution.kernel(key)


@pytest.mark.parametrize(
    "text", ["", "1 2 3", "1 2 3 4 5 6 7 8 x", "nan " * 9, "1e999 " * 9, "101 " * 9, None, 5]
)
def test_nine_numbers_are_needed_for_a_kernel_of_ones_own(text):
    with pytest.raises(ImgrecError, match="nine numbers"):
        convolution.custom_kernel(text)


@given(st.text())
def test_any_text_is_a_kernel_or_gets_a_sentence(text):
    with contextlib.suppress(ImgrecError):
        assert np.isfinite(convolution.custom_kernel(text).weights).all()
