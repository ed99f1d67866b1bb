"""The endpoint `/feature_maps` of the running app."""

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError

from imgrec.approaches import scratch
from imgrec.explaining import feature_maps
from imgrec.files.paths import IMAGES
from imgrec.images.decode import open_image

DOG = IMAGES / "examples" / "cifar10_dog.png"
KEYS = (
    "file network layer kind shape parameters formula multiply_accumulates zeros channels map "
    "vector classes"
)


@pytest.fixture(scope="module")
def client(app) -> Client:
    return Client(app.url, verbose=False)


def ask(client: Client, *more):
    return client.predict(handle_file(str(DOG)), *more, api_name="/feature_maps")


@pytest.mark.parametrize(
    ("network", "layer", "channel"), [("scratch", "block1_conv1", 7), ("vgg16", "block4_pool", 511)]
)
def test_a_feature_map_comes_back_as_the_network_made_it(client, network, layer, channel):
    answer, html = ask(client, network, layer, channel)
    assert list(answer) == KEYS.split()
    found = feature_maps.activation(feature_maps.load(network), layer, open_image(DOG))
    row, values = found.row, found.values
    assert answer["file"] == DOG.name and answer["network"] == network
    assert (answer["layer"], answer["kind"]) == (row.name, row.kind)
    assert tuple(answer["shape"]) == row.output_shape == values.shape
    assert (answer["parameters"], answer["formula"]) == (row.parameters, row.formula)
    assert answer["multiply_accumulates"] == row.multiply_accumulates
    assert answer["zeros"] == pytest.approx((values == 0).mean(), abs=0.01)
    assert [entry["channel"] for entry in answer["channels"]] == list(range(values.shape[-1]))
    means, maxima = values.mean(axis=(0, 1)), values.max(axis=(0, 1))
    close = {"rtol": 1e-4, "atol": 1e-3}
    np.testing.assert_allclose([entry["mean"] for entry in answer["channels"]], means, **close)
    np.testing.assert_allclose([entry["max"] for entry in answer["channels"]], maxima, **close)
    np.testing.assert_allclose(answer["map"], values[..., channel], **close)
    assert answer["vector"] is None and answer["classes"] == []
    assert f"Channel {channel}" in html


def test_without_settings_the_first_convolution_answers_and_no_single_map(client):
    answer, html = ask(client)
    assert (answer["network"], answer["layer"], answer["map"]) == ("scratch", "whiten", None)
    assert len(answer["channels"]) == 24
    assert "2·2·3·24 + 24 = 312" in html
    answer, html = ask(client, "scratch", "", -1, "classic")
    assert answer["layer"] == "conv1" and "3·3·3·32 + 32 = 896" in html
    answer, html = ask(client, "scratch", "block1_norm2", 3)
    assert answer["kind"] == "BatchNormalization" and "of the values are below 0" in html
    assert "red above 0" in html and answer["zeros"] == pytest.approx(0, abs=0.01)


def test_a_layer_without_maps_gives_its_vector_and_the_last_one_its_classes(client):
    answer, _ = ask(client, "scratch", "flatten", -1, "classic")
    assert len(answer["vector"]) == 2304 and answer["channels"] == answer["classes"] == []
    answer, _ = ask(client, "scratch", "predictions")
    (verdict,) = scratch.predict([open_image(DOG)], top_k=10)
    assert [entry["label"] for entry in answer["classes"]] == [e.label for e in verdict.classes]
    said = dict(zip(scratch.labels.CIFAR10, answer["vector"], strict=True))
    for entry in verdict.classes:
        assert said[entry.label] == pytest.approx(entry.probability, abs=1e-5)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (("resnet",), "choose one of scratch, vgg16"),
        (("scratch", "conv9"), "choose one of normalize, whiten, block1_conv1"),
        (("scratch", "whiten", 3, "classic"), "choose one of conv1, conv2, pool1"),
        (("vgg16", "conv1"), "VGG16 has no layer of that name; choose one of block1_conv1"),
        (("scratch", ["whiten"]), "choose one of normalize"),
        (("scratch", "whiten", 24), "from 0 to 23"),
        (("scratch", "whiten", 1.5), "from 0 to 23"),
        (("scratch", "whiten", "NaN"), "from 0 to 23"),
        (("scratch", "whiten", None), "from 0 to 23"),
        (("scratch", "pool", 3), "gives a vector"),
        (("scratch", "conv1", 3, "../classic"), "There is no trained network"),
        (("scratch", "conv1", 3, ["classic"]), "There is no trained network"),
    ],
)
def test_what_is_not_there_gets_one_sentence(client, settings, sentence):
    with pytest.raises(AppError, match=sentence) as error:
        ask(client, *settings)
    assert "Traceback" not in str(error.value)


def test_no_picture_is_no_error_and_a_bad_one_gets_a_sentence(client, tmp_path):
    assert client.predict(None, api_name="/feature_maps")[0] == {}
    (tmp_path / "bad.png").write_bytes(b"text")
    with pytest.raises(AppError, match=r"bad\.png is not a picture"):
        client.predict(handle_file(str(tmp_path / "bad.png")), api_name="/feature_maps")
