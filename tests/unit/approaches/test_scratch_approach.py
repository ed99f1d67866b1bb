"""The scratch approach with the weights that ship: its accuracy, and a picture's way into it."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from imgrec.approaches import scratch
from imgrec.data import labels
from imgrec.data.cifar10 import cifar10_sample
from imgrec.errors import ModelError
from imgrec.files.paths import MODELS
from imgrec.images.decode import open_image
from imgrec.metrics.calibration import softmax
from imgrec.models import store
from imgrec.models.loading import load_trained
from imgrec.networks import layer_table
from imgrec.networks import test_time_augmentation as tta
from imgrec.networks.cifar10 import SCRATCH
from imgrec.networks.weights import get_weights


@pytest.fixture(scope="module")
def classic():
    return scratch.load("classic")


@pytest.fixture
def runs_dir(tmp_path, monkeypatch):
    """An empty folder for the user's runs."""
    monkeypatch.setenv("IMGREC_RUNS", str(tmp_path))
    return tmp_path


def png(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


def accuracy(network, x: np.ndarray, y: np.ndarray) -> float:
    right = 0
    for start in range(0, len(x), 500):
        (probabilities,) = network.run(scratch.preprocess(x[start : start + 500]))
        right += int((probabilities.argmax(axis=1) == y[start : start + 500]).sum())
    return right / len(x)


def test_the_shipped_weights_know_the_built_in_sample(classic):
    # 83 of the 100 where they were trained; another processor may round one picture otherwise.
    assert accuracy(classic, *cifar10_sample()) == pytest.approx(0.83, abs=0.02)


def test_the_shipped_weights_reach_the_reported_accuracy(classic, cifar10):
    report = store.load(MODELS / "classic").report
    assert report["test_images"] == len(cifar10.x_test) == 10_000
    assert report["data_sha256"] == cifar10.sha256()
    measured = accuracy(classic, cifar10.x_test, cifar10.y_test)
    assert measured == pytest.approx(report["test_accuracy"], abs=2e-4)


def test_a_png_gives_the_probabilities_of_the_raw_array(classic):
    x, _ = cifar10_sample()
    chosen = x[::7]
    expected = classic.model.predict(chosen.astype("float32") / 255, verbose=0)
    pictures = [open_image(png(image)) for image in chosen]
    verdicts = scratch.predict(pictures, top_k=10, name="classic")
    for verdict, row in zip(verdicts, expected, strict=True):
        found = {entry.label: entry.probability for entry in verdict.classes}
        assert [found[name] for name in labels.CIFAR10] == pytest.approx(row.tolist(), abs=1e-5)
        assert verdict.dog == pytest.approx(row[5], abs=1e-5)
        assert verdict.classes[0].label == labels.CIFAR10[row.argmax()]


def test_a_verdict_says_who_speaks_and_how_long_it_took(classic):
    (verdict,) = scratch.predict([Image.new("RGB", (300, 200), "gray")], name="classic")
    assert verdict.approach == "scratch" and verdict.model == "classic CNN"
    assert verdict.parameters == 1_250_858 and not verdict.stand_in
    assert len(verdict.classes) == 5
    assert verdict.saw.size == (32, 32) and verdict.views == 1
    assert 0 < verdict.milliseconds < 60_000


def test_a_verdict_does_not_depend_on_the_pictures_beside_it(classic):
    x, _ = cifar10_sample()
    pictures = [Image.fromarray(image) for image in x[::3]]
    together = scratch.predict(pictures)
    for picture, verdict in zip(pictures, together, strict=True):
        (alone,) = scratch.predict([picture])
        assert alone.dog == pytest.approx(verdict.dog, abs=1e-5)


def test_several_looks_are_the_mean_over_the_views_and_calibrated_as_one(classic):
    x, _ = cifar10_sample()
    pictures = [Image.fromarray(image) for image in x[:3]]
    loaded = load_trained("classic", "scratch")
    logits = tta.predict_with_tta(loaded.logits, scratch.preprocess(x[:3]))
    found = scratch.predict(pictures, 10, "classic", use_tta=True)
    for verdict, row, once in zip(found, logits, scratch.predict(pictures), strict=True):
        assert (verdict.views, once.views) == (tta.VIEWS, 1)
        assert verdict.dog == pytest.approx(softmax(row)[5], abs=1e-5)
        believed = softmax(row / loaded.calibration.temperature)
        assert verdict.dog_calibrated == pytest.approx(believed[5], abs=1e-5)


def test_preprocessing_is_a_division_by_255():
    every_byte = np.arange(256, dtype=np.uint8)
    values = scratch.preprocess(every_byte)
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, np.array([i / 255 for i in range(256)], "float32"))
    assert (np.rint(values * 255).astype(np.uint8) == every_byte).all()


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(np.uint8, (32, 32, 3)))
def test_the_view_of_a_32_pixel_picture_is_exact(array):
    np.testing.assert_array_equal(np.asarray(scratch.view(Image.fromarray(array))), array)


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 400), st.integers(1, 400))
def test_the_view_is_the_central_square(width, height):
    # Red left of or above the square, blue on the other side, green within.
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    array = np.zeros((height, width, 3), np.uint8)
    array[:, :left, 0] = array[:top, :, 0] = 255
    array[:, left + side :, 2] = array[top + side :, :, 2] = 255
    array[top : top + side, left : left + side] = (0, 255, 0)
    seen = np.asarray(scratch.view(Image.fromarray(array)))
    assert seen.shape == (32, 32, 3)
    assert (seen == (0, 255, 0)).all()


def test_the_choice_is_of_scratch_networks_only(runs_dir):
    names = scratch.trained()
    assert {scratch.DEFAULT, scratch.CLASSIC} <= set(names) and len(names) == len(set(names))
    for name in names:
        assert store.load(MODELS / name).config["network"] in SCRATCH


@pytest.mark.parametrize(
    "name", ["none", "", "vgg16_base", "dog_pooled_64", "../models/classic", None, 7, ["classic"]]
)
def test_a_network_that_there_is_not_is_refused(runs_dir, name):
    with pytest.raises(ModelError, match=r"choose one of .*classic"):
        scratch.load(name)


def save(folder, config=None, weights=None):
    """The shipped network as a run, with what is given changed."""
    shipped = store.load(MODELS / "classic")
    store.save(
        folder,
        config=shipped.config | (config or {}),
        weights=shipped.weights | (weights or {}),
        history={},
        report={},
    )


def test_damaged_weights_are_refused(runs_dir):
    save(runs_dir / "odd", weights={"classic/predictions/bias": np.zeros(11, "float32")})
    save(runs_dir / "damaged")
    (runs_dir / "damaged" / "weights.npz").write_bytes(b"damaged")
    assert {"damaged", "odd"} < set(scratch.trained())
    with pytest.raises(ModelError, match="do not fit the network"):
        scratch.load("odd")
    with pytest.raises(ModelError, match="are damaged"):
        scratch.load("damaged")


@pytest.mark.parametrize("config", [{"network": "resnet"}, {"options": {"depth": 3}}])
def test_a_network_of_another_version_is_refused(runs_dir, config):
    save(runs_dir / "newer", config)
    with pytest.raises(ModelError, match="newer has a network that is not known here"):
        scratch.load("newer")


def test_an_unfinished_run_is_not_offered(runs_dir):
    save(runs_dir / "running")
    assert "running" in scratch.trained()
    (runs_dir / "running" / "report.json").unlink()
    assert "running" not in scratch.trained()


def test_a_run_can_be_used_and_is_named_in_its_verdicts(classic, runs_dir):
    save(runs_dir / "mine")
    picture = Image.fromarray(cifar10_sample()[0][0])
    (verdict,) = scratch.predict([picture], name="mine")
    (shipped,) = scratch.predict([picture], name="classic")
    assert verdict.model == "classic CNN, run mine" and verdict.dog == shipped.dog


def test_a_run_that_was_trained_anew_is_loaded_anew(runs_dir):
    save(runs_dir / "mine")
    first = scratch.load("mine")
    assert scratch.load("mine") is first
    save(runs_dir / "mine", weights={"classic/predictions/bias": np.full(10, 5, "float32")})
    bias = get_weights(scratch.load("mine").model)["classic/predictions/bias"]
    assert (bias == 5).all()


def test_the_layer_table_is_the_models(classic):
    assert scratch.architecture() == layer_table.table(scratch.load("fast").model)
    assert scratch.architecture("classic") == layer_table.table(classic.model)
