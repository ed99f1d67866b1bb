"""Pooling, dropout and dense layers: against Keras, numpy and the trained network itself."""

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.app import as_upload

from imgrec.approaches import scratch
from imgrec.data import labels
from imgrec.explaining.lessons import pooling_dropout_dense as parts
from imgrec.files.paths import IMAGES
from imgrec.images.decode import open_image
from imgrec.ui.lessons import pooling_dropout_dense as lesson
from imgrec.ui.lessons import texts

DOG = IMAGES / "examples" / "cifar10_dog.png"
SOURCE = as_upload(DOG)
seeds = st.integers(0, 2**32)


@pytest.fixture(scope="module")
def look() -> parts.Activations:
    return parts.run_classic(open_image(DOG))


@given(seeds, st.integers(1, 8), st.integers(8, 33), st.integers(8, 33))
@settings(max_examples=30, deadline=None)
def test_pooling_is_keras_pooling(seed, window, height, width):
    values = np.random.default_rng(seed).normal(size=(height, width)).astype("float32")
    ours = parts.pooled(values, window)
    for layer, pooled in (
        (keras.layers.MaxPooling2D, ours.largest),
        (keras.layers.AveragePooling2D, ours.average),
    ):
        theirs = layer(window)(values[np.newaxis, ..., np.newaxis])
        np.testing.assert_allclose(pooled, np.asarray(theirs)[0, ..., 0], atol=1e-6)


@given(seeds, st.integers(4, 40), st.integers(4, 40))
def test_the_corner_holds_the_greatest_value_and_fits(seed, height, width):
    values = np.random.default_rng(seed).random((height // 2 * 2, width // 2 * 2))
    row, column = parts.strong_corner(values, 4)
    corner = values[row : row + 4, column : column + 4]
    assert corner.shape == (4, 4) and row % 2 == column % 2 == 0
    assert corner.max() == values.max()


@given(seeds, st.floats(0, 0.9))
@settings(deadline=None)
def test_dropout_drops_as_many_as_it_says_and_keeps_the_mean(seed, rate):
    values = np.full(40_000, 0.5, "float32")
    dropped = parts.dropout(values, rate, np.random.default_rng(seed))
    assert 1 - dropped.kept.mean() == pytest.approx(rate, abs=0.02)
    assert dropped.values.mean() == pytest.approx(0.5, rel=0.1)
    assert not dropped.values[~dropped.kept].any()
    np.testing.assert_allclose(dropped.values[dropped.kept], 0.5 / (1 - rate), rtol=1e-6)


def test_what_dropout_keeps_is_scaled_as_in_keras():
    ones = np.ones(1000, "float32")
    theirs = np.asarray(keras.layers.Dropout(0.3)(ones, training=True))
    ours = parts.dropout(ones, 0.3, np.random.default_rng(0)).values
    assert np.unique(ours) == pytest.approx(np.unique(theirs))


def test_at_rate_0_nothing_happens(look):
    np.testing.assert_array_equal(
        parts.dropout(look.map, 0, np.random.default_rng(0)).values, look.map
    )
    answers = parts.predict_with_dropout(look.last, 0, 5, 0)
    np.testing.assert_allclose(answers, np.tile(look.last.probabilities, (5, 1)), atol=1e-6)


def test_the_last_layer_gives_the_networks_own_answer(look):
    network = scratch.load(scratch.CLASSIC)
    pixels = scratch.preprocess(np.asarray(scratch.view(open_image(DOG)))[np.newaxis])
    np.testing.assert_allclose(look.last.probabilities, network.run(pixels)[0][0], atol=1e-5)
    first = keras.Model(network.model.inputs[0], network.model.get_layer(parts.MAP).output)
    maps = np.asarray(first(pixels))[0]
    assert look.channel == maps.mean(axis=(0, 1)).argmax()
    np.testing.assert_allclose(look.map, maps[..., look.channel], atol=1e-5)
    assert len(look.last.inputs) == lesson.NEURONS


def test_the_contributions_and_the_bias_are_the_logit(look):
    model = scratch.load(scratch.CLASSIC).model
    before = keras.Model(model.inputs[0], model.get_layer(parts.HIDDEN).output)
    pixels = scratch.preprocess(np.asarray(scratch.view(open_image(DOG)))[np.newaxis])
    kernel, bias = model.get_layer(parts.LAST).get_weights()
    logits = np.asarray(before(pixels))[0] @ kernel + bias
    for index, logit in enumerate(logits):
        assert parts.contributions(look.last, index).sum() + bias[index] == pytest.approx(
            logit, abs=1e-4
        )


@pytest.mark.parametrize("number", [1, 5, 512])
def test_only_the_strongest_contributions_are_kept(look, number):
    index = labels.CIFAR10_DOG
    everything = np.abs(parts.contributions(look.last, index))
    kept = np.abs(parts.contributions(parts.keep_strongest(look.last, index, number), index))
    np.testing.assert_allclose(np.sort(kept)[-number:], np.sort(everything)[-number:])
    assert np.count_nonzero(kept) <= number


def test_dropout_changes_the_answer_and_the_draw_is_the_seeds(look):
    some, same, other = (parts.predict_with_dropout(look.last, 0.5, 20, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(some, same)
    assert (some != other).any() and some.std(axis=0).max() > 0.001
    np.testing.assert_allclose(some.sum(axis=1), 1, rtol=1e-5)


def test_the_words_tell_what_pooling_throws_away():
    two, seven = (" ".join(lesson._pool(SOURCE, window).split()) for window in (2, 7))
    assert "1,024 values before, 256 after: 768 are thrown away, 75.0 %" in two
    assert "16 after" in seven and f"{1024 - 16 * 49} of them at the edge" in seven


def test_the_words_tell_what_the_dense_layers_cost():
    shown = " ".join(lesson._weigh(SOURCE, "dog", 512).split())
    assert "512·10 + 10 = 5,130" in shown and "2304·512 + 512 = 1,180,160" in shown
    assert f"{100 * 1_180_160 / 1_250_858:.0f} % of all 1,250,858" in shown
    assert "would answer" in lesson._weigh(SOURCE, "dog", 3)


def test_a_black_picture_is_no_problem(tmp_path):
    Image.new("RGB", (40, 30)).save(tmp_path / "black.png")
    source = as_upload(tmp_path / "black.png")
    for shown in (
        lesson._pool(source, 8),
        lesson._drop(source, 0.9, 3),
        lesson._weigh(source, texts.ANSWERED_CLASS, 1),
    ):
        assert "<p" in shown and "nan" not in shown


BAD = [None, "2", float("nan"), float("inf"), -1, 1e9, [], True + 0.5]


@pytest.mark.parametrize("value", BAD)
def test_what_no_slider_sends_gets_a_sentence(value):
    assert "choose a whole number" in lesson._pool(SOURCE, value)
    assert "choose one from 0 to 0.9" in lesson._drop(SOURCE, value, 0)
    assert "choose a whole number" in lesson._weigh(SOURCE, "dog", value)
    assert "no such class" in lesson._weigh(SOURCE, value, 5)


def test_a_broken_picture_gets_a_sentence_and_none_asks_for_one(tmp_path):
    (tmp_path / "no.png").write_text("text")
    assert "is not a picture" in lesson._pool(as_upload(tmp_path / "no.png"), 2)
    assert "Drop a picture" in lesson._pool(None, 2)
    assert lesson._drop(None, 0.5, 0) == lesson._weigh(None, "dog", 5) == ""
