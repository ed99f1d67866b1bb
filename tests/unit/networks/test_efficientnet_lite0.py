"""EfficientNet-Lite0: architecture, the weights that ship, preprocessing, conversion."""

import numpy as np
import pytest
from PIL import Image
from support.files import photograph, script_module

from imgrec.approaches import pretrained, vgg16
from imgrec.errors import ModelError
from imgrec.files.paths import MODELS
from imgrec.images.decode import open_image
from imgrec.models import store
from imgrec.networks import imagenet
from imgrec.networks.weights import get_weights, set_weights


def inputs(image):
    return pretrained.preprocess_stand_in(np.asarray(vgg16.view(image))[np.newaxis])


@pytest.fixture(scope="module")
def model():
    model = imagenet.efficientnet_lite0()
    set_weights(model, store.load(MODELS / "efficientnet_lite0").weights)
    return model


@pytest.fixture(scope="module")
def convert():
    return script_module("convert_efficientnet_lite0")


def test_the_parameters_are_lite0s(model):
    assert model.count_params() == 4_694_024
    assert store.load(MODELS / "efficientnet_lite0").report["parameters"] == 4_694_024


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        ("stem_relu", (112, 112, 32)),
        ("block1a_project", (112, 112, 16)),
        ("block2b_add", (56, 56, 24)),
        ("block3b_add", (28, 28, 40)),
        ("block4c_add", (14, 14, 80)),
        ("block5c_add", (14, 14, 112)),
        ("block6d_add", (7, 7, 192)),
        ("block7a_project", (7, 7, 320)),
        ("head_relu", (7, 7, 1280)),
        ("predictions", (1000,)),
    ],
)
def test_each_stage_has_its_output_shape(model, layer, shape):
    assert model.get_layer(layer).output.shape[1:] == shape


def test_a_second_network_has_the_same_weight_names(model):
    second = imagenet.efficientnet_lite0()
    assert list(get_weights(second)) == list(get_weights(model))


# The probabilities come from the published PyTorch weights in float32, run in PyTorch.
@pytest.mark.parametrize(
    ("name", "index", "probability"), [("lion.jpg", 291, 0.8952), ("cheetah1.jpg", 293, 0.6473)]
)
def test_the_shipped_weights_answer_as_pytorch_does(model, name, index, probability):
    probabilities = model.predict_on_batch(inputs(open_image(photograph(name))))
    assert probabilities.shape == (1, 1000)
    assert probabilities.dtype == np.float32
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert probabilities[0].argmax() == index
    assert probabilities[0, index] == pytest.approx(probability, abs=0.01)


def test_the_input_is_from_minus_127_to_128_over_128():
    image = Image.new("RGB", (500, 375), (0, 127, 255))
    assert np.unique(inputs(image).reshape(-1, 3), axis=0).tolist() == [[-127 / 128, 0, 1]]


def test_weights_have_their_pytorch_names(model, convert):
    blocks = ["block1a", "block2a"]
    for path, name in {
        "stem/kernel": "_conv_stem.weight",
        "block1a_depthwise_norm/gamma": "_blocks.0._bn1.weight",
        "block2a_expand_norm/moving_variance": "_blocks.1._bn0.running_var",
        "block2a_project/kernel": "_blocks.1._project_conv.weight",
        "predictions/bias": "_fc.bias",
    }.items():
        assert convert.torch_name(path, blocks) == name


def test_a_file_with_other_tensors_is_refused(model, convert):
    with pytest.raises(ModelError, match=r"_blocks\.0\._bn1\.bias"):
        convert.to_keras({"_fc.bias": np.zeros(1000)}, model)


def test_another_file_is_refused(convert, tmp_path):
    (tmp_path / "other.pth").write_bytes(b"other")
    with pytest.raises(ModelError, match="is not the file"):
        convert.read_pth(tmp_path / "other.pth")


def test_values_beyond_half_precision_are_refused(convert):
    with pytest.raises(ModelError, match="stem/kernel"), np.errstate(over="ignore"):
        convert.half({"stem/kernel": np.array([1e5], dtype="float32")})
