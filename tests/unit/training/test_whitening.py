"""The first layer of `fast`: its outputs are uncorrelated on the images it was set from."""

import keras
import numpy as np
import pytest

from imgrec.training import whitening


@pytest.fixture(scope="module")
def images():
    """Smooth noise with colours that go together, as photos have, and a mean of 0."""
    random = np.random.default_rng(0)
    grey = random.normal(size=(200, 20, 20, 1)) + 0.3 * random.normal(size=(200, 20, 20, 3))
    smooth = grey + np.roll(grey, 1, axis=1) + np.roll(grey, 1, axis=2)
    return (smooth - smooth.mean()).astype("float32")


@pytest.fixture(scope="module")
def layer(images):
    layer = keras.layers.Conv2D(24, 2)
    layer.build(images.shape)
    whitening.whiten(layer, images)
    return layer


def test_the_outputs_are_uncorrelated_with_variance_one(layer, images):
    outputs = np.asarray(layer(images))[..., :12].reshape(-1, 12)
    moments = outputs.T @ outputs / len(outputs)
    np.testing.assert_allclose(moments, np.eye(12), atol=0.02)


def test_each_filter_has_its_negative(layer):
    kernel = np.asarray(layer.kernel)
    np.testing.assert_array_equal(kernel[..., 12:], -kernel[..., :12])


def test_what_hardly_varies_is_not_blown_up(images):
    layer = keras.layers.Conv2D(24, 2)
    layer.build(images.shape)
    whitening.whiten(layer, np.full_like(images, 0.2))
    assert np.isfinite(layer.kernel).all()
    assert np.abs(np.asarray(layer.kernel)).max() <= 1 / np.sqrt(whitening.EPSILON) + 1e-3


def test_the_filters_are_frozen_and_the_bias_is_not(layer):
    assert [weight.path.split("/")[-1] for weight in layer.trainable_weights] == ["bias"]
