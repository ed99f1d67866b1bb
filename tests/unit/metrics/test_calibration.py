"""Calibration: temperatures as other programs fit them, the sign, the file, whoever reads it."""

import dataclasses
import math
import shutil
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import scipy.optimize
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from sklearn.linear_model import LogisticRegression
from support.files import script_module

from imgrec.approaches import scratch, transfer, vgg16
from imgrec.data import cifar10 as cifar10_data
from imgrec.data.cifar10 import Cifar10, cifar10_sample
from imgrec.files import atomic
from imgrec.files.paths import MODELS
from imgrec.metrics import calibration
from imgrec.metrics.calibration import MIN_IMAGES, Calibration, energy, fit_temperature, softmax
from imgrec.models import calibration_file, registry
from imgrec.models.loading import load_trained
from imgrec.training import heads
from imgrec.training.recipes import HeadRecipe, Recipe
from imgrec.training.scratch import calibrate_network, split

MEASURED = Calibration(1.5, 0.05, 0.02, 5000, "the validation images", 2.3, 0.95)
GREY = Image.new("RGB", (64, 64), "gray")

some_logits = hnp.arrays("float64", (7, 4), elements=st.floats(-500, 500))


@pytest.fixture
def runs_dir(tmp_path, monkeypatch):
    """An empty folder for the user's runs."""
    monkeypatch.setenv("IMGREC_RUNS", str(tmp_path / "runs"))
    return tmp_path / "runs"


def drawn(seed: int, temperature: float, classes: int = 10, n: int = 400):
    """Logits that are too large by the temperature, and classes that follow what they should be."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (n, classes))
    right = (softmax(logits).cumsum(axis=1) < random.random((n, 1))).sum(axis=1)
    return logits * temperature, np.minimum(right, classes - 1)


# The functions


@given(some_logits)
def test_softmax_and_energy_are_those_of_scipy(logits):
    np.testing.assert_allclose(softmax(logits), scipy.special.softmax(logits, axis=-1))
    expected = scipy.special.logsumexp(logits, axis=-1)
    np.testing.assert_allclose(energy(logits), expected, atol=1e-12)
    np.testing.assert_allclose(energy(logits[0]), energy(logits)[0])


def test_what_yes_and_no_have_is_the_sigmoid_and_the_rest():
    logits = np.array([-700.0, -2.5, 0.0, 2.5, 40.0])
    yes, no = softmax(calibration.binary_logits(logits)).T
    np.testing.assert_allclose(yes, scipy.special.expit(logits))
    np.testing.assert_allclose(no, scipy.special.expit(-logits))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 20))
def test_the_temperature_is_the_one_that_scipy_finds(seed, temperature):
    logits, right = drawn(seed, temperature)

    def loss(inverse: float) -> float:
        chosen = inverse * logits[np.arange(len(right)), right]
        return (scipy.special.logsumexp(inverse * logits, axis=1) - chosen).mean()

    best = scipy.optimize.minimize_scalar(
        loss, bounds=(1e-3, 20), method="bounded", options={"xatol": 1e-9}
    )
    found = fit_temperature(logits, right)
    assert found == pytest.approx(1 / best.x, rel=1e-4)
    assert found == pytest.approx(temperature, rel=0.3)


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 20))
def test_a_heads_temperature_is_that_of_scikit_learns_logistic_regression(seed, temperature):
    pairs, no = drawn(seed, temperature, classes=2)
    logits = pairs[:, 0] - pairs[:, 1]
    oracle = LogisticRegression(C=1e12, fit_intercept=False, tol=1e-10, max_iter=1000)
    oracle.fit(logits[:, None], no == 0)
    found = calibration.calibrate_binary(logits, no == 0, "")
    assert found.temperature == pytest.approx(1 / oracle.coef_[0, 0], rel=1e-3)


@pytest.mark.parametrize("size", [1e-3, 3.0, 1e3])
def test_where_nothing_is_wrong_nothing_is_changed(size):
    right = np.arange(40) % 4
    assert fit_temperature(size * np.eye(4)[right], right) == 1


def test_who_is_always_wrong_should_not_be_sure_of_anything():
    right = np.arange(40) % 4
    temperature = fit_temperature(3.0 * np.eye(4)[(right + 1) % 4], right)
    assert temperature == pytest.approx(calibration.TEMPERATURES[1])


@given(some_logits, st.floats(*calibration.TEMPERATURES))
def test_the_order_of_the_classes_stays(logits, temperature):
    believed = dataclasses.replace(MEASURED, temperature=temperature).calibrated_probabilities(
        logits
    )
    np.testing.assert_allclose(believed.sum(axis=1), 1)
    for row, after in zip(logits, believed, strict=True):
        assert (np.diff(after[np.argsort(row)]) >= 0).all()


def test_the_figures_by_hand():
    # Sure by 0.9 and right 3 times of 4, sure by 0.6 and right 1 time of 2; five times over.
    sure = np.array([0.9, 0.9, 0.9, 0.9, 0.6, 0.6] * 5)
    hits = np.array([1, 1, 1, 0, 1, 0] * 5, bool)
    assert calibration.calibration_error(sure, hits) == pytest.approx((4 * 0.15 + 2 * 0.1) / 6)
    logits = np.log(np.stack([sure, 1 - sure], axis=1))
    measured = calibration.calibrate_multiclass(logits, 1 - hits.astype(int), "these")
    assert measured.ece_before == pytest.approx((4 * 0.15 + 2 * 0.1) / 6)
    assert measured.temperature > 1 and measured.ece_after < measured.ece_before
    assert (measured.n, measured.split, measured.accepted) == (30, "these", 0.95)
    asked = calibration.calibrate_binary(scipy.special.logit(sure), hits, "these")
    assert asked.ece_before == pytest.approx(measured.ece_before)
    assert asked.temperature == pytest.approx(measured.temperature)
    assert asked.threshold is None and asked.unfamiliar(logits[0]) is None


@given(st.integers(0, 2**32 - 1), st.floats(0.2, 20))
@settings(max_examples=20, deadline=None)
def test_nineteen_of_twenty_measured_images_are_familiar(seed, temperature):
    logits, right = drawn(seed, temperature, n=200)
    measured = calibration.calibrate_multiclass(logits, right, "")
    assert sum(not measured.unfamiliar(row) for row in logits) == 190


def test_too_few_images_tell_nothing():
    logits, right = drawn(0, 2, n=MIN_IMAGES)
    assert calibration.calibrate_multiclass(logits, right, "").n == MIN_IMAGES
    assert calibration.calibrate_multiclass(logits[1:], right[1:], "") is None
    assert calibration.calibrate_binary(logits[1:, 0], right[1:] == 0, "") is None


# The file


@pytest.fixture
def run(runs_dir):
    """The shipped head as a run of the user's, without a calibration."""
    shutil.copytree(MODELS / "dog_pooled_64", runs_dir / "mine")
    (runs_dir / "mine" / calibration_file.FILE).unlink()
    return runs_dir / "mine"


def test_a_calibration_comes_back_and_nothing_else_is_touched(run):
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    assert calibration_file.load_calibration(registry.find("mine")) is None
    calibration_file.write(run, MEASURED)
    assert calibration_file.load_calibration(registry.find("mine")) == MEASURED
    content = atomic.read_json(run / calibration_file.FILE)
    assert set(content) == {
        *("weights_sha256", "temperature", "ece_before", "ece_after", "n", "split", "accepted"),
        *("threshold", "score", "environment"),
    }
    after = {path.name: path.read_bytes() for path in run.iterdir()}
    assert after.keys() - before.keys() == {calibration_file.FILE}
    assert all(after[name] == before[name] for name in before)


@pytest.mark.parametrize(
    "change",
    [
        {"weights_sha256": "another"},
        {"weights_sha256": None},
        *(
            {"temperature": value}
            for value in (math.nan, math.inf, 0, -1, "2", None, 1e-9, 10**400)
        ),
        *({"ece_before": value} for value in (math.nan, 1.5, None, "0")),
        *({"threshold": value} for value in (math.nan, -math.inf, "1", [1])),
        *({"n": value} for value in (0, -5, 2.5, "many")),
        {"split": 7},
        *({"score": value} for value in ("mood", None, 3)),
        {"mood": 1},
    ],
    ids=str,
)
def test_a_calibration_that_makes_no_sense_is_none(run, change):
    calibration_file.write(run, MEASURED)
    content = atomic.read_json(run / calibration_file.FILE)
    atomic.write_json(run / calibration_file.FILE, content | change)
    assert calibration_file.load_calibration(registry.find("mine")) is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"7", b"{}", b"\xff"])
def test_a_damaged_calibration_is_none(run, content):
    (run / calibration_file.FILE).write_bytes(content)
    assert calibration_file.load_calibration(registry.find("mine")) is None


def test_an_older_file_which_knows_the_energy_alone_is_read(run):
    calibration_file.write(run, MEASURED)
    content = atomic.read_json(run / calibration_file.FILE)
    content["energy_threshold"] = content.pop("threshold")
    del content["score"]
    atomic.write_json(run / calibration_file.FILE, content)
    assert calibration_file.load_calibration(registry.find("mine")) == MEASURED


# In use


def test_what_the_network_says_stays_and_what_to_believe_is_beside_it():
    images, _ = cifar10_sample()
    pictures = [Image.fromarray(image) for image in images[::9]]
    loaded = load_trained("classic", "scratch")
    (raw,) = loaded.network.run(scratch.preprocess(images[::9]))
    warm = raw ** (1 / loaded.calibration.temperature)  # softmax(z / T), from softmax(z)
    warm /= warm.sum(axis=1, keepdims=True)
    verdicts = scratch.predict(pictures, 10, "classic")
    for said, believed, verdict in zip(raw, warm, verdicts, strict=True):
        places = [entry.index for entry in verdict.classes]
        np.testing.assert_allclose(
            [e.probability for e in verdict.classes], said[places], atol=1e-5
        )
        np.testing.assert_allclose(
            [e.calibrated for e in verdict.classes], believed[places], atol=1e-5
        )
        assert verdict.dog == pytest.approx(said[5], abs=1e-5)
        assert verdict.dog_calibrated == pytest.approx(believed[5], abs=1e-5)


def test_the_heads_likelihood_is_calibrated_too():
    features = heads.shipped_photos().features[::8].astype("float32")
    passed = vgg16.Pass(features, None, 1.0, [GREY] * len(features))
    loaded = load_trained(transfer.DEFAULT, "transfer")
    (raw,) = loaded.network.run(features)
    for said, verdict in zip(raw[:, 0], transfer.predict(passed.views, passed=passed), strict=True):
        logit = scipy.special.logit(said) / loaded.calibration.temperature
        assert verdict.dog == pytest.approx(said, abs=1e-6)
        assert verdict.dog_calibrated == pytest.approx(scipy.special.expit(logit), abs=1e-4)
        assert {e.label: e.calibrated for e in verdict.classes} == {
            "dog": verdict.dog_calibrated,
            "not a dog": pytest.approx(1 - verdict.dog_calibrated, abs=1e-6),
        }
        assert verdict.unfamiliar is None


def test_a_picture_without_anything_in_it_is_unfamiliar_and_most_test_images_are_not():
    (verdict,) = scratch.predict([GREY], name="classic")
    assert verdict.unfamiliar is True
    pictures = [Image.fromarray(image) for image in cifar10_sample()[0]]
    verdicts = scratch.predict(pictures, name="classic")
    assert sum(verdict.unfamiliar for verdict in verdicts) <= 15  # about one in twenty


def test_a_run_without_a_calibration_says_what_it_says(run):
    shutil.copytree(MODELS / "classic", run.with_name("older"))
    (run.with_name("older") / calibration_file.FILE).unlink()
    (verdict,) = scratch.predict([GREY], name="older")
    assert verdict.dog_calibrated is None and verdict.unfamiliar is None
    assert [entry.calibrated for entry in verdict.classes] == [None] * 5
    assert verdict.calibrated() is verdict
    calibration_file.write(run.with_name("older"), MEASURED)  # it is found without a new start
    assert scratch.predict([GREY], name="older")[0].unfamiliar is True


# What ships


@pytest.mark.parametrize("name", [*scratch.trained(), *transfer.trained()])
def test_each_network_that_ships_is_calibrated(name):
    measured = calibration_file.load_calibration(registry.find(name))
    kind = registry.find(name).kind
    assert measured is not None
    assert (measured.threshold is not None) == (kind == "scratch")
    assert measured.ece_after < measured.ece_before < 0.5


def test_the_shipped_calibration_is_that_of_the_validation_images(cifar10):
    entry = registry.find("classic")
    logits = load_trained("classic", "scratch").logits
    again = calibrate_network(logits, Recipe.of(entry.config), cifar10)
    shipped = calibration_file.load_calibration(entry)
    assert (again.n, again.split) == (shipped.n, shipped.split) == (5000, shipped.split)
    for name in ("temperature", "ece_before", "ece_after", "threshold"):
        assert getattr(again, name) == pytest.approx(getattr(shipped, name), abs=2e-3), name


def test_it_holds_for_images_that_it_was_not_measured_on(cifar10):
    loaded = load_trained("classic", "scratch")
    logits = loaded.logits(scratch.preprocess(cifar10.x_test[:4000]))
    right, measured = cifar10.y_test[:4000], loaded.calibration

    def error(probabilities: np.ndarray) -> float:
        hits = probabilities.argmax(axis=1) == right
        return calibration.calibration_error(probabilities.max(axis=1), hits)

    assert error(measured.calibrated_probabilities(logits)) < error(softmax(logits)) / 2
    unfamiliar = (energy(logits) < measured.threshold).mean()
    assert unfamiliar == pytest.approx(1 - measured.accepted, abs=0.02)


# scripts/calibrate.py


def calibrate(monkeypatch, *arguments: str) -> int:
    """Runs the script in this process."""
    monkeypatch.setattr(sys, "argv", ["calibrate.py", *arguments])
    return script_module("calibrate").main()


def test_a_head_is_calibrated_on_the_features_that_it_kept(run, monkeypatch, capsys):
    monkeypatch.setattr(heads, "CALIBRATION_FOLDS", 2)
    config = atomic.read_json(run / "config.json")
    config["recipe"]["epochs"] = 20
    atomic.write_json(run / "config.json", config)
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    assert calibrate(monkeypatch, "mine") == 0
    found = calibration_file.load_calibration(registry.find("mine"))
    assert found.n == 64 and "2-fold" in found.split and found.ece_after < found.ece_before
    assert f"temperature {found.temperature:.3f}" in capsys.readouterr().out
    after = {path.name: path.read_bytes() for path in run.iterdir() if path.name in before}
    assert after == before


def test_a_head_that_learned_from_what_ships_finds_its_photos(run, monkeypatch):
    (run / "features.npz").unlink()
    given = []
    monkeypatch.setattr(heads, "calibrate_head", lambda *told: given.append(told) or MEASURED)
    assert calibrate(monkeypatch, "mine") == 0
    assert calibration_file.load_calibration(registry.find("mine")) == MEASURED
    ((recipe, photos),) = given
    assert photos.sha256() == heads.shipped_photos().sha256()
    assert recipe == HeadRecipe(**atomic.read_json(run / "config.json")["recipe"])


def test_a_scratch_network_is_calibrated_on_its_validation_images(runs_dir, monkeypatch):
    shutil.copytree(MODELS / "classic", runs_dir / "mine")
    (runs_dir / "mine" / calibration_file.FILE).unlink()
    config = atomic.read_json(runs_dir / "mine" / "config.json")
    config["recipe"]["validation_images"] = 60
    atomic.write_json(runs_dir / "mine" / "config.json", config)
    x, y = cifar10_sample()
    monkeypatch.setattr(cifar10_data, "load_cifar10", lambda: Cifar10(x, y, x, y))
    assert calibrate(monkeypatch, "mine") == 0
    found = calibration_file.load_calibration(registry.find("mine"))
    assert found.n == 60 and 0.5 < found.temperature < 5
    _, validation = split(100, Recipe.of(config))
    logits = load_trained("mine", "scratch").logits(scratch.preprocess(x[validation]))
    assert found.temperature == pytest.approx(fit_temperature(logits, y[validation]), rel=1e-3)
    assert found.threshold == pytest.approx(np.quantile(energy(logits), 0.05), rel=1e-3)


def test_other_photos_than_those_of_the_training_are_refused(run, photos, monkeypatch, capsys):
    assert calibrate(monkeypatch, "mine", "--photos", str(photos)) == 1
    assert "was trained on 64 photos, 32 of them positive; here are 8" in capsys.readouterr().err
    assert not (run / calibration_file.FILE).exists()


def test_photos_that_are_no_longer_there_are_asked_for(run, monkeypatch, capsys):
    (run / "features.npz").unlink()
    report = atomic.read_json(run / "report.json")
    atomic.write_json(run / "report.json", report | {"features_sha256": "other"})
    assert calibrate(monkeypatch, "mine") == 1
    assert "name its photos with --photos" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "sentence"), [("nobody", "no trained network 'nobody'"), ("mine", "not finished")]
)
def test_what_is_no_finished_network_is_refused(run, monkeypatch, capsys, name, sentence):
    (run / "report.json").unlink()
    assert calibrate(monkeypatch, name) == 1
    assert sentence in capsys.readouterr().err


def test_a_heads_photos_may_be_named_by_wordnet_ids(run, tmp_path, monkeypatch):
    folder = tmp_path / "named"
    folder.mkdir()
    for wnid in ("n01440764", "n02085620", "n02085782"):  # a tench and two dogs
        GREY.save(folder / f"{wnid}_x.png")
    taken = []
    monkeypatch.setattr(
        heads, "extract", lambda files, *listeners: taken.extend(files) or heads.shipped_photos()
    )
    monkeypatch.setattr(heads, "calibrate_head", lambda recipe, photos: MEASURED)
    assert calibrate(monkeypatch, "mine", "--photos", str(folder)) == 0
    assert [(file.name[:9], label) for file, label in taken] == [
        ("n02085620", 1),
        ("n02085782", 1),
        ("n01440764", 0),
    ]


# Heads


def test_a_heads_calibration_is_of_heads_that_never_saw_the_photo(monkeypatch):
    count = 40
    photos = heads.Photos(
        tuple(map(str, range(count))),
        np.arange(count, dtype="float16").reshape(-1, 1, 1, 1),
        (np.arange(count) % 2).astype("float32"),
    )
    recipe = HeadRecipe("pooled", epochs=3, batch_size=8, learning_rate=0.1, apart=0.25)
    apart = heads.validation_mask(recipe, photos)
    judged = []

    def train_head(recipe, taught):
        assert recipe.apart == 0
        seen = set(taught.features.ravel().tolist())

        class Head:
            layers = (SimpleNamespace(activation="sigmoid"),)

            def __call__(self, features):
                assert self.layers[-1].activation is keras.activations.linear
                numbers = features.ravel()
                assert not seen & set(numbers.tolist())
                judged.extend(numbers.tolist())
                return np.where(numbers % 3 == 0, -2.0, 2.0)[:, None]

        return Head(), {}

    monkeypatch.setattr(heads, "train_head", train_head)
    measured = heads.calibrate_head(recipe, photos)
    assert sorted(judged) == np.flatnonzero(~apart).tolist()
    truth, logits = np.array(judged) % 2 == 1, np.where(np.array(judged) % 3 == 0, -2.0, 2.0)
    expected = calibration.calibrate_binary(logits, truth, "")
    assert measured.temperature == pytest.approx(expected.temperature)
    assert (measured.n, measured.ece_before) == (30, pytest.approx(expected.ece_before))
    assert "5-fold" in measured.split


def test_too_few_photos_give_no_calibration():
    photos = heads.shipped_photos()
    recipe = HeadRecipe("pooled", epochs=1, batch_size=8, learning_rate=0.1)
    few = np.zeros(64, bool)
    few[:9] = few[-9:] = True
    assert heads.calibrate_head(recipe, photos.subset(few)) is None
    one_dog = photos.labels == 0
    one_dog[np.flatnonzero(photos.labels == 1)[0]] = True
    assert heads.calibrate_head(recipe, photos.subset(one_dog)) is None
