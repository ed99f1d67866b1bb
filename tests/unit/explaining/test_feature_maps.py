"""The activations of every layer, beside those of Keras's own submodels."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.activations import made

from imgrec.approaches import scratch, vgg16
from imgrec.data import labels
from imgrec.errors import ModelError
from imgrec.explaining import feature_maps
from imgrec.explaining.feature_maps import LayeredNetwork
from imgrec.files.paths import IMAGES
from imgrec.images.decode import open_image
from imgrec.networks.inference import compile_forward

DOG = open_image(IMAGES / "examples" / "cifar10_dog.png")


def walk_of(weights: str = "classic") -> LayeredNetwork:
    return feature_maps.load("scratch", weights)


@pytest.mark.parametrize(
    ("network", "layer"),
    [
        ("scratch", "conv1"),
        ("scratch", "pool2"),
        ("scratch", "dropout2"),
        ("scratch", "dense1"),
        ("fast", "whiten"),
        ("fast", "block2_norm1"),
        ("fast", "pool"),
        ("vgg16", "block1_conv1"),
        ("vgg16", "block3_pool"),
        ("vgg16", "block5_conv3"),
    ],
)
def test_a_layers_activations_are_those_of_kerass_submodel(network, layer):
    approach, whole = {
        "scratch": (scratch, scratch.load("classic")),
        "fast": (scratch, scratch.load("fast")),
        "vgg16": (vgg16, vgg16.base()),
    }[network]
    walk = feature_maps.load("vgg16") if network == "vgg16" else walk_of(whole.model.name)
    pixels = approach.preprocess(np.asarray(approach.view(DOG))[np.newaxis])
    model = keras.Model(whole.model.inputs[0], whole.model.get_layer(layer).output)
    found = feature_maps.activation(walk, layer, DOG)
    expected = np.asarray(model(pixels, training=False))[0]
    np.testing.assert_allclose(found.values, expected, rtol=1e-4, atol=1e-3)
    assert found.row.name == layer and found.row.output_shape == found.values.shape
    assert found.saw.size == approach.view(DOG).size
    assert found.is_map == (expected.ndim == 3) and found.classes == ()
    assert found.zeros == pytest.approx((expected == 0).mean(), abs=0.01)


def test_the_last_layer_says_what_the_network_says():
    walk = feature_maps.load("scratch")
    found = feature_maps.activation(walk, "predictions", DOG)
    (verdict,) = scratch.predict([DOG], top_k=10)
    assert [entry.label for entry in found.classes] == [entry.label for entry in verdict.classes]
    for entry, same in zip(found.classes, verdict.classes, strict=True):
        assert entry.probability == pytest.approx(same.probability, abs=1e-5)
    base = feature_maps.load("vgg16")
    features = feature_maps.activation(base, base.rows[-1].name, DOG).values
    np.testing.assert_allclose(features, vgg16.run([DOG]).features[0], rtol=1e-4, atol=1e-3)


def test_the_input_is_no_layer_and_what_ends_in_relu_is_known():
    walk, base = walk_of(), feature_maps.load("vgg16")
    assert [row.name for row in walk.rows] == [row.name for row in scratch.architecture("classic")]
    assert len(base.rows) == 18 and base.rows[0].name == "block1_conv1"
    assert walk.rectified == {"conv1", "conv2", "conv3", "conv4", "dense1"}
    assert feature_maps.first_convolution(walk) == "conv1"
    fast = walk_of("fast")
    blocks = [(block, part) for block in (1, 2, 3) for part in (1, 2)]
    assert fast.rectified == {"whiten", *(f"block{block}_relu{part}" for block, part in blocks)}
    assert feature_maps.first_convolution(fast) == "whiten"


def test_vgg16_with_its_top_gives_the_classes_of_imagenet(keras_vgg16):
    features = keras_vgg16.get_layer("block5_pool").output
    whole = compile_forward(keras.Model(keras_vgg16.input, [features, keras_vgg16.output]))
    walk = feature_maps._with_layer_outputs("vgg16", whole)
    assert [row.name for row in walk.rows[-4:]] == ["flatten", "fc1", "fc2", "predictions"]
    found = feature_maps.activation(walk, "predictions", DOG)
    expected = whole.run(vgg16.preprocess(np.asarray(vgg16.view(DOG))[np.newaxis]))[1][0]
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-5)
    assert found.classes[0].label == labels.imagenet()[int(expected.argmax())].title
    assert len(found.classes) == 1000


def test_the_graph_is_made_once_for_all_visitors():
    assert feature_maps.load("scratch") is feature_maps.load("scratch")


@pytest.mark.parametrize("network", ["", "VGG16", None, ["scratch"], 0])
def test_an_unknown_network_is_refused(network):
    with pytest.raises(ModelError, match="choose one of scratch, vgg16"):
        feature_maps.load(network)


@pytest.mark.parametrize("layer", ["", "conv9", None, ["conv1"], 3])
def test_an_unknown_layer_is_refused_with_those_that_there_are(layer):
    with pytest.raises(ModelError, match=r"From scratch has no layer .* conv1, conv2, pool1"):
        feature_maps.activation(walk_of(), layer, DOG)


@given(st.one_of(st.none(), st.text(), st.floats(), st.integers(), st.lists(st.integers())))
def test_a_channel_is_a_whole_number_of_those_that_there_are(number):
    try:
        assert feature_maps.channel_of(made(np.zeros((2, 2, 5))), number) == number
        assert number in range(5)
    except ModelError as error:
        assert "from 0 to 4" in str(error)
    with pytest.raises(ModelError, match="vector"):
        feature_maps.channel_of(made(np.zeros(5)), number)


def test_the_strongest_have_the_greatest_mean_and_equals_keep_their_order():
    values = np.zeros((2, 2, 4))
    values[..., 2], values[0, 0, 1] = 1, 9
    assert feature_maps.strongest(values).tolist() == [1, 2, 0, 3]
    assert feature_maps.strongest(np.array([1, 3, 2])).tolist() == [1, 2, 0]
    assert feature_maps.strongest(np.array([1, -3, 2])).tolist() == [1, 2, 0]
