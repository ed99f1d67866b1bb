"""Training the scratch network: taken up after a kill as if nothing had been, never mixed up."""

import dataclasses
import errno
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import Mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from imgrec.data import labels
from imgrec.data.cifar10 import Cifar10
from imgrec.errors import DataError, ModelError
from imgrec.files import atomic
from imgrec.metrics import calibration
from imgrec.models import calibration_file, registry, run_control, run_log, store
from imgrec.models.run_control import StopTrainingError
from imgrec.models.run_log import Step
from imgrec.networks import test_time_augmentation as tta
from imgrec.networks.cifar10 import classic, fast
from imgrec.networks.weights import set_weights
from imgrec.training import compilation, scratch, whitening
from imgrec.training.recipes import DEFAULT_RECIPES, OPTIMIZERS, Recipe
from imgrec.training.scratch import Batches, _logits_of, split, train_scratch
from imgrec.training.time_estimate import estimated_seconds

# 200 images to train on, in four batches of 64 at most.
RECIPE = Recipe(epochs=2, validation_images=100, limit=200, seed=3)
CURVES = ["loss", "accuracy", "val_loss", "val_accuracy"]
SMALL_FAST = dataclasses.replace(
    DEFAULT_RECIPES["fast"], epochs=1, batch_size=8, validation_images=16, limit=16
)
# What no gradient changes enough to be seen: the first epoch stays the best one.
STANDSTILL = Recipe(
    epochs=9,
    batch_size=32,
    learning_rate=1e-7,
    schedule="warm-up and cosine",
    validation_images=100,
    limit=64,
    patience=2,
    restore_best=True,
)


class KillError(Exception):
    """Ends a training from outside."""


@pytest.fixture(scope="module")
def data():
    """600 + 30 images of noise; their labels can't be learnt, and needn't."""
    random = np.random.default_rng(0)
    pixels = lambda n: random.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)  # noqa: E731
    classes = lambda n: random.integers(0, 10, n, dtype=np.uint8)  # noqa: E731
    return Cifar10(pixels(600), classes(600), pixels(30), classes(30))


class Trained(NamedTuple):
    """A run from its start to its end."""

    run: Path
    report: dict[str, Any]
    steps: list[Step]
    fed: list[Batches]  # what the network was given, one after the other


def trained(recipe: Recipe, data, run: Path, listen=lambda step: None, **options) -> Trained:
    """Trains and takes down what the network is given."""
    steps, fed = [], []

    class Told(Batches):
        def __getitem__(self, index):
            if not fed or fed[-1] is not self:
                fed.append(self)
            return super().__getitem__(index)

    def on_step(step: Step) -> None:
        steps.append(step)
        listen(step)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scratch, "Batches", Told)
        report = train_scratch(recipe, data, run, on_step, **options)
    return Trained(run, report, steps, fed)


@pytest.fixture(scope="module")
def unbroken(data, tmp_path_factory) -> Trained:
    return trained(RECIPE, data, tmp_path_factory.mktemp("runs") / "unbroken")


def at(epoch: int, step: int, act: Callable[[], object]) -> Callable[[Step], None]:
    """A listener that acts at that step of that epoch."""

    def listen(progress: Step) -> None:
        if (progress.epoch, progress.step) == (epoch, step):
            act()

    return listen


def killed(data, run, epoch: int, step: int) -> list[Step]:
    """Trains until that step of that epoch and returns the steps."""
    steps = []

    def listen(progress: Step) -> None:
        steps.append(progress)
        if (progress.epoch, progress.step) == (epoch, step):
            raise KillError

    with pytest.raises(KillError):
        train_scratch(RECIPE, data, run, listen)
    return steps


@pytest.fixture(scope="module")
def killed_run(data, tmp_path_factory):
    """A run that ended in the middle of its second epoch."""
    run = tmp_path_factory.mktemp("runs") / "killed"
    killed(data, run, epoch=2, step=2)
    return run


def copy_of(run, parent):
    return Path(shutil.copytree(run, parent / run.name))


@pytest.fixture
def unfinished(killed_run, tmp_path):
    """A copy of that run."""
    return copy_of(killed_run, tmp_path)


def names(run) -> list[str]:
    return sorted(path.name for path in run.iterdir())


def contents(run) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in run.iterdir()}


JOURNAL = ["config.json", "events.jsonl", "strip.png"]  # there from the first step on
MODEL = ["calibration.json", "history.json", "report.json", "weights.npz"]  # there at the end


def test_a_run_ends_as_a_model_directory(data, unbroken):
    run, report = unbroken.run, unbroken.report
    assert names(run) == sorted([*JOURNAL, *MODEL])
    saved = store.load(run)
    assert saved.report == report
    assert saved.config == {
        "network": "classic",
        "classes": list(labels.CIFAR10),
        "recipe": dataclasses.asdict(RECIPE),
    }
    assert list(saved.history) == [*CURVES, "seconds"]
    assert [len(values) for values in saved.history.values()] == [2] * 5
    assert report["data_sha256"] == data.sha256()
    assert report["test_images"] == 30 and report["seed"] == 3
    assert report["parameters"] == 1_250_858 and report["epochs"] == report["kept_epoch"] == 2
    assert report["seconds"] == pytest.approx(sum(saved.history["seconds"]), abs=0.1)


def test_the_reported_figures_are_the_saved_networks(data, unbroken):
    run, report = unbroken.run, unbroken.report
    model = classic()
    set_weights(model, store.load(run).weights)
    probabilities = np.asarray(model(data.x_test.astype("float32") / 255))
    right = probabilities.argmax(axis=1) == data.y_test
    assert report["test_accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    losses = -np.log(probabilities[np.arange(len(right)), data.y_test])
    assert report["test_loss"] == pytest.approx(losses.mean(), abs=1e-3)


def test_the_run_is_calibrated_on_its_validation_images(data, unbroken):
    measured = calibration_file.load_calibration(registry.load_entry(unbroken.run))
    model = classic()
    set_weights(model, store.load(unbroken.run).weights)
    model.layers[-1].activation = keras.activations.linear
    _, validation = split(600, RECIPE)
    logits = np.asarray(model(data.x_train[validation].astype("float32") / 255))
    expected = calibration.calibrate_multiclass(
        logits, data.y_train[validation].astype(int), measured.split
    )
    assert measured.n == 100 and measured.split == "the validation images"
    for name in ("temperature", "ece_before", "ece_after", "threshold", "accepted"):
        found = getattr(measured, name)
        assert found == pytest.approx(getattr(expected, name), rel=1e-3, abs=1e-4), name


def test_the_listener_hears_of_every_step(unbroken):
    steps = unbroken.steps
    assert [(step.epoch, step.epochs, step.step, step.steps) for step in steps] == [
        (epoch, 2, step, 4) for epoch in (1, 2) for step in (1, 2, 3, 4)
    ]
    assert all(0 < step.loss < 100 and 0 <= step.accuracy <= 1 for step in steps)
    history = store.load(unbroken.run).history
    for epoch in (1, 2):  # the last step's means are the epoch's
        assert steps[4 * epoch - 1].loss == pytest.approx(history["loss"][epoch - 1], abs=1e-5)
        assert steps[4 * epoch - 1].accuracy == pytest.approx(
            history["accuracy"][epoch - 1], abs=1e-5
        )


def test_a_killed_run_is_unfinished_and_keeps_its_first_epoch(unfinished):
    assert names(unfinished) == sorted([*JOURNAL, "checkpoint.npz", "history.json"])
    assert len(atomic.read_json(unfinished / "history.json")["loss"]) == 1
    with pytest.raises(ModelError, match="not a finished model"):
        store.load(unfinished)


@pytest.fixture(scope="module")
def resumed(data, killed_run, tmp_path_factory):
    """That run, ended after a second kill just before its report; with the steps of each start."""
    run, second, third = copy_of(killed_run, tmp_path_factory.mktemp("runs")), [], []
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KillError):
        patch.setattr(store, "save", Mock(side_effect=KillError))
        train_scratch(RECIPE, data, run, second.append)
    report = train_scratch(RECIPE, data, run, third.append)
    return run, report, second, third


def test_a_killed_run_ends_as_the_unbroken_one_did(unbroken, resumed):
    assert names(resumed[0]) == names(unbroken.run)
    one, other = store.load(unbroken.run), store.load(resumed[0])
    assert list(one.weights) == list(other.weights)
    for path, array in one.weights.items():
        assert np.array_equal(array, other.weights[path]), path
    assert {name: one.history[name] for name in CURVES} == {
        name: other.history[name] for name in CURVES
    }
    for name in ("weights_sha256", "test_loss", "test_accuracy"):
        assert resumed[1][name] == unbroken.report[name]
    one, other = (
        calibration_file.load_calibration(registry.load_entry(run))
        for run in (unbroken.run, resumed[0])
    )
    assert one is not None and one == other


def test_no_whole_epoch_is_trained_twice(unbroken, resumed):
    _, _, second, third = resumed
    assert second == unbroken.steps[4:]  # the steps of epoch 2
    assert third == []  # only the measuring was left


def test_a_run_killed_before_its_first_checkpoint_starts_again(data, unbroken, unfinished):
    (unfinished / "checkpoint.npz").unlink()
    (unfinished / "history.json").unlink()
    assert killed(data, unfinished, epoch=1, step=4) == unbroken.steps[:4]
    assert names(unfinished) == JOURNAL


def test_a_finished_run_is_not_trained_again(data, unbroken):
    before = contents(unbroken.run)
    with pytest.raises(ModelError, match="unbroken has already finished"):
        train_scratch(RECIPE, data, unbroken.run)
    assert contents(unbroken.run) == before


@pytest.mark.parametrize(
    "change", [{"epochs": 3}, {"seed": 4}, {"learning_rate": 1e-4}, {"limit": None}]
)
def test_a_run_of_another_recipe_is_not_gone_on_with(data, unfinished, change):
    before = contents(unfinished)
    with pytest.raises(ModelError, match="another recipe"):
        train_scratch(dataclasses.replace(RECIPE, **change), data, unfinished)
    assert contents(unfinished) == before


def halved(content: bytes) -> bytes:
    return content[: len(content) // 2]


def emptied(content: bytes) -> bytes:
    return b""


def no_archive(content: bytes) -> bytes:
    return b"no archive"


def flipped(content: bytes) -> bytes:
    return content[:5000] + bytes([content[5000] ^ 1]) + content[5001:]


def unsupported(content: bytes) -> bytes:
    """With a compression method that there is none of, in the directory at the archive's end."""
    at = content.index(b"PK\x01\x02") + 10
    return content[:at] + b"\x63" + content[at + 1 :]


def without_optimizer(content: bytes) -> bytes:
    arrays = atomic.unpack(content)
    return atomic.pack({k: v for k, v in arrays.items() if not k.startswith("optimizer/")})


def without_a_weight(content: bytes) -> bytes:
    arrays = atomic.unpack(content)
    del arrays["weights/classic/conv1/bias"]
    return atomic.pack(arrays)


def without_history(content: bytes) -> bytes:
    arrays = atomic.unpack(content)
    del arrays["history/val_loss"]
    return atomic.pack(arrays)


@pytest.mark.parametrize(
    "damage",
    [
        flipped,
        without_optimizer,
        without_a_weight,
        without_history,
        halved,
        no_archive,
        emptied,
        unsupported,
    ],
)
def test_a_damaged_checkpoint_is_told(data, unfinished, damage):
    checkpoint = unfinished / "checkpoint.npz"
    checkpoint.write_bytes(damage(checkpoint.read_bytes()))
    with pytest.raises(ModelError, match=f"checkpoint of {unfinished.name} is damaged"):
        train_scratch(RECIPE, data, unfinished)


def test_mixed_precision_saves_half_precision_and_leaves_the_policy_as_it_was(data, tmp_path):
    policy = keras.config.dtype_policy().name
    recipe = Recipe(epochs=1, validation_images=20, limit=16, mixed_precision=True)
    report = train_scratch(recipe, data, tmp_path / "run")
    assert keras.config.dtype_policy().name == policy
    weights = store.load(tmp_path / "run").weights
    assert {array.dtype for array in weights.values()} == {np.dtype("float16")}
    assert calibration_file.load_calibration(registry.load_entry(tmp_path / "run")).n == 20
    model = classic()
    set_weights(model, weights)
    right = np.asarray(model(data.x_test.astype("float32") / 255)).argmax(axis=1) == data.y_test
    assert report["test_accuracy"] == pytest.approx(right.mean(), abs=1e-6)


def test_without_room_for_the_calibration_the_run_is_whole(data, tmp_path, monkeypatch):
    write = Mock(side_effect=OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)))
    monkeypatch.setattr(calibration_file, "write", write)
    recipe = Recipe(epochs=1, validation_images=20, limit=64)
    report = train_scratch(recipe, data, tmp_path / "run")
    assert write.called and store.load(tmp_path / "run").report == report
    assert calibration_file.load_calibration(registry.load_entry(tmp_path / "run")) is None


def test_too_few_images_are_told_before_anything_is_written(data, tmp_path):
    recipe = dataclasses.replace(RECIPE, validation_images=600)
    with pytest.raises(DataError, match="600 images leave none to train on after 600"):
        train_scratch(recipe, data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


# What the network is given


def test_each_epoch_has_the_same_images_in_another_order(data, unbroken):
    first, second = (
        fed.order for fed in unbroken.fed if fed.x is data.x_train and len(fed.order) == 200
    )
    assert sorted(first) == sorted(second) == split(600, RECIPE)[0].tolist()
    assert (first != second).any() and (first != np.sort(first)).any()


def test_each_epoch_and_layer_has_its_own_dropout_masks(data, tmp_path, monkeypatch):
    states, fit = set(), keras.Sequential.fit

    def watched_fit(model, *arguments, **options):
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dropout):
                states.add(tuple(np.asarray(layer.seed_generator.state).tolist()))
        return fit(model, *arguments, **options)

    monkeypatch.setattr(keras.Sequential, "fit", watched_fit)
    train_scratch(RECIPE, data, tmp_path / "run")
    assert len(states) == 3 * RECIPE.epochs


def test_validation_images_are_never_trained_on(data, unbroken):
    chosen, validation = split(600, RECIPE)
    orders = [fed.order for fed in unbroken.fed if fed.x is data.x_train]
    assert [sorted(order) for order in orders] == [sorted(chosen), sorted(validation)] * 2


def test_the_test_images_are_used_after_the_last_epoch_alone(data, tmp_path, monkeypatch):
    steps, used, said = [], [], _logits_of

    def noted(logits, images):
        used.append((len(steps), images is data.x_test))
        return said(logits, images)

    monkeypatch.setattr(scratch, "_logits_of", noted)
    recipe = dataclasses.replace(RECIPE, epochs=1)
    fed = trained(recipe, data, tmp_path / "run", steps.append).fed
    assert fed and all(each.x is data.x_train for each in fed)
    assert (4, True) in used and {count for count, _ in used} == {4}


def test_those_who_watch_see_the_run(data, unbroken):
    seen = run_log.watch(unbroken.run)
    history = store.load(unbroken.run).history
    assert (seen.state, seen.epoch, seen.epochs, seen.seconds_left) == ("finished", 2, 2, 0)
    assert {1.0, 2.0} <= {point.epochs for point in seen.points}
    assert [point.seconds for point in seen.points] == sorted(
        point.seconds for point in seen.points
    )
    assert seen.points[-1].seconds <= sum(history["seconds"])
    validation = data.y_train[split(600, RECIPE)[1]].tolist()
    twice = [n for turn in (0, 1) for n in range(10) if validation.count(n) > turn]
    assert [guess.right for guess in seen.predictions] == twice
    assert all(0 <= guess.predicted < 10 for guess in seen.predictions)


# Every setting, taken up after a kill


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_killed_run_with_every_setting_ends_as_an_unbroken_one(data, tmp_path, optimizer):
    recipe = Recipe(
        epochs=2,
        batch_size=32,
        optimizer=optimizer,
        schedule="cosine",
        dropout=0.3,
        augmentation=True,
        validation_images=50,
        limit=64,
        restore_best=True,
        seed=5,
    )
    run, snapshot = tmp_path / "run", tmp_path / "killed"
    unbroken = trained(recipe, data, run, at(2, 1, lambda: shutil.copytree(run, snapshot)))
    assert any(
        name.startswith(f"optimizer/{optimizer}/")
        for name in atomic.unpack((snapshot / "checkpoint.npz").read_bytes())
    )
    first, second = (fed.augmentation for fed in unbroken.fed if fed.augmentation is not None)
    assert first != second
    resumed = train_scratch(recipe, data, snapshot)
    assert resumed["weights_sha256"] == unbroken.report["weights_sha256"]
    assert resumed["kept_epoch"] == unbroken.report["kept_epoch"]
    one, other = (store.load(folder).history for folder in (run, snapshot))
    assert {name: one[name] for name in CURVES} == {name: other[name] for name in CURVES}


@pytest.mark.parametrize("mixed_precision", [False, True])
def test_a_killed_fast_run_ends_as_an_unbroken_one(data, tmp_path, mixed_precision):
    """Whitened filters, Muon's momenta, and who is mirrored in which epoch are taken up again."""
    recipe = dataclasses.replace(SMALL_FAST, epochs=2, mixed_precision=mixed_precision)
    run, snapshot = tmp_path / "run", tmp_path / "killed"
    unbroken = trained(recipe, data, run, at(2, 1, lambda: shutil.copytree(run, snapshot)))
    checkpoint = atomic.unpack((snapshot / "checkpoint.npz").read_bytes())
    assert any(name.startswith("optimizer/muon/") and "momentum" in name for name in checkpoint)
    resumed = train_scratch(recipe, data, snapshot)
    for name in ("weights_sha256", "test_accuracy", "test_accuracy_views"):
        assert resumed[name] == unbroken.report[name]


def test_the_first_layer_is_whitened_for_the_images_and_stays_as_it_was(data, tmp_path):
    recipe = dataclasses.replace(SMALL_FAST, mixed_precision=False)
    train_scratch(recipe, data, tmp_path / "run")
    saved = store.load(tmp_path / "run").weights
    oracle = fast()
    images = data.x_train.astype("float32") / 255
    whitening.whiten(oracle.get_layer("whiten"), np.asarray(oracle.get_layer("normalize")(images)))
    kernel = np.asarray(oracle.get_layer("whiten").kernel)
    np.testing.assert_array_equal(saved["fast/whiten/kernel"], kernel)
    for path, array in saved.items():
        if path.endswith(("conv1/kernel", "conv2/kernel")):  # every filter keeps the length 1
            np.testing.assert_allclose(np.square(array).sum(axis=(0, 1, 2)), 1, rtol=1e-4)
    unlike = dataclasses.replace(recipe, whitening=False)
    train_scratch(unlike, data, tmp_path / "other")
    assert (store.load(tmp_path / "other").weights["fast/whiten/kernel"] != kernel).any()


def test_the_reported_accuracy_of_six_views_is_the_saved_networks(data, unbroken):
    model = classic()
    set_weights(model, store.load(unbroken.run).weights)
    model.layers[-1].activation = keras.activations.linear
    said = tta.predict_with_tta(
        lambda images: np.asarray(model(images)), data.x_test.astype("float32") / 255
    )
    right = said.argmax(axis=1) == data.y_test
    assert unbroken.report["test_accuracy_views"] == pytest.approx(right.mean(), abs=1e-6)


def test_label_smoothing_is_of_the_training_not_of_the_measuring(data, tmp_path):
    """The loss that is reported is the plain one, so that recipes can be compared."""
    recipe = dataclasses.replace(STANDSTILL, epochs=1, label_smoothing=0.5, patience=0)
    report = train_scratch(recipe, data, tmp_path / "run")
    plain = train_scratch(
        dataclasses.replace(recipe, label_smoothing=0.0), data, tmp_path / "plain"
    )
    assert report["test_loss"] == pytest.approx(plain["test_loss"], abs=1e-4)
    losses = [store.load(tmp_path / name).history["loss"][0] for name in ("run", "plain")]
    assert abs(losses[0] - losses[1]) > 1e-4


@pytest.fixture(scope="module")
def standstill(data, tmp_path_factory):
    """A run that gets no better after its first epoch, and a copy of it in its second one."""
    run = tmp_path_factory.mktemp("runs") / "standstill"
    snapshot = run.with_name("killed")
    return trained(
        STANDSTILL, data, run, at(2, 1, lambda: shutil.copytree(run, snapshot))
    ), snapshot


def test_a_run_that_gets_no_better_stops_when_patience_is_out(standstill):
    unbroken, _ = standstill
    accuracies = store.load(unbroken.run).history["val_accuracy"]
    assert accuracies == [accuracies[0]] * 3 and unbroken.report["epochs"] == 3
    assert unbroken.steps[-1].epoch == 3 and unbroken.steps[-1].epochs == 9


def test_the_best_epochs_weights_are_kept_and_the_report_says_so(standstill):
    unbroken, snapshot = standstill
    report = unbroken.report
    assert report["kept_epoch"] == 1
    assert report["val_accuracy"] == store.load(unbroken.run).history["val_accuracy"][0]
    after_first = atomic.unpack((snapshot / "checkpoint.npz").read_bytes())
    for path, array in store.load(unbroken.run).weights.items():
        np.testing.assert_array_equal(array, after_first[f"weights/{path}"])


def test_the_best_epochs_weights_outlive_a_kill(data, standstill):
    unbroken, snapshot = standstill
    report = train_scratch(STANDSTILL, data, snapshot)
    assert report["kept_epoch"] == 1 and report["epochs"] == 3
    assert report["weights_sha256"] == unbroken.report["weights_sha256"]


# Wishes


def test_a_finish_ends_the_run_after_its_epoch(data, tmp_path):
    run = tmp_path / "run"
    done = trained(RECIPE, data, run, at(1, 2, lambda: run_control.send_command(run, "finish")))
    assert [step.step for step in done.steps] == [1, 2, 3, 4]
    assert done.report["epochs"] == done.report["kept_epoch"] == 1
    assert len(store.load(run).history["loss"]) == 1


def test_a_stop_in_the_first_step_leaves_a_run_that_begins_again(data, tmp_path, unbroken):
    run, steps = tmp_path / "run", []
    stop = at(1, 1, lambda: run_control.send_command(run, "stop"))
    with pytest.raises(StopTrainingError, match="can be resumed"):
        train_scratch(RECIPE, data, run, lambda step: (steps.append(step), stop(step)))
    assert len(steps) == 1 and names(run) == [*JOURNAL, "wish"]
    run_control.send_command(run, None)
    report = train_scratch(RECIPE, data, run)
    assert report["weights_sha256"] == unbroken.report["weights_sha256"]


def test_a_training_whose_time_is_over_can_be_resumed(data, tmp_path):
    steps = []
    with pytest.raises(StopTrainingError, match="time for this training is over"):
        train_scratch(RECIPE, data, tmp_path / "run", steps.append, seconds=0)
    assert steps == [] and names(tmp_path / "run") == JOURNAL


# What goes wrong on the disk


def test_a_folder_deleted_while_training_is_told_and_not_made_again(data, tmp_path):
    run = tmp_path / "run"
    with pytest.raises(ModelError, match="folder of the run run has vanished"):
        train_scratch(RECIPE, data, run, at(1, 2, lambda: shutil.rmtree(run)))
    assert not run.exists()


@pytest.mark.parametrize("file", ["checkpoint.npz", "report.json"])
def test_a_full_disk_is_told_and_the_run_can_be_resumed(
    data, unbroken, killed_run, tmp_path, monkeypatch, file
):
    run, write = copy_of(killed_run, tmp_path), atomic.write

    def write_where_there_is_room(path: Path, content: bytes) -> None:
        if path.name == file:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write(path, content)

    other = contents(unbroken.run)
    with monkeypatch.context() as patch:
        patch.setattr(atomic, "write", write_where_there_is_room)
        with pytest.raises(ModelError, match=r"No space left on device\).*resume it"):
            train_scratch(RECIPE, data, run)
    assert contents(unbroken.run) == other
    report = train_scratch(RECIPE, data, run)
    assert report["weights_sha256"] == unbroken.report["weights_sha256"]


# TensorBoard


def test_tensorboards_files_hold_the_curves(data, tmp_path):
    run = trained(RECIPE, data, tmp_path / "run", tensorboard=True).run
    curves = {name: {} for name in CURVES}
    records = tf.data.TFRecordDataset([str(path) for path in (run / "tensorboard").iterdir()])
    for record in records.as_numpy_iterator():
        event = tf.compat.v1.Event.FromString(record)
        for value in event.summary.value:
            assert value.metadata.plugin_data.plugin_name == "scalars"
            curves[value.tag][event.step] = float(tf.make_ndarray(value.tensor))
    history = store.load(run).history
    for name in CURVES:
        assert curves[name] == pytest.approx(dict(enumerate(history[name], start=1)), rel=1e-6)


# How long it takes


def test_the_estimate_grows_with_the_epochs_and_the_images():
    recipe = Recipe(epochs=10, batch_size=8, limit=800, validation_images=100)
    seconds = estimated_seconds(recipe)
    assert seconds > 0
    assert estimated_seconds(dataclasses.replace(recipe, epochs=30)) == pytest.approx(3 * seconds)
    assert estimated_seconds(dataclasses.replace(recipe, limit=1600)) > 1.5 * seconds


def test_the_steps_are_timed_once(monkeypatch):
    recipe = Recipe(batch_size=8, limit=800)
    first = estimated_seconds(recipe)
    monkeypatch.setattr(compilation, "SCRATCH", {})
    assert estimated_seconds(recipe) == first
    for change in ({"seed": 9}, {"augmentation": True}, {"schedule": "cosine"}):
        assert estimated_seconds(dataclasses.replace(recipe, **change)) == first


# The split


@given(
    st.integers(2, 400),
    st.integers(1, 400),
    st.one_of(st.none(), st.integers(1, 500)),
    st.integers(0, 2**32 - 1),
)
def test_the_split_never_overlaps_and_keeps_to_the_limit(images, apart, limit, seed):
    recipe = Recipe(validation_images=apart, limit=limit, seed=seed)
    if images <= apart:
        with pytest.raises(DataError):
            split(images, recipe)
        return
    chosen, validation = split(images, recipe)
    together = [*chosen.tolist(), *validation.tolist()]
    assert len(validation) == apart and len(chosen) == min(limit or images, images - apart)
    assert len(together) == len(set(together))
    assert min(together) >= 0 and max(together) < images
    for one, other in zip(split(images, recipe), (chosen, validation), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_splits_otherwise():
    first, second = (set(split(1000, Recipe(validation_images=100, seed=s))[1]) for s in (1, 2))
    assert first != second


def test_without_a_limit_every_image_is_used():
    chosen, validation = split(1000, Recipe(validation_images=100))
    assert sorted([*chosen, *validation]) == list(range(1000))
    assert (np.diff(chosen) > 0).all()


def test_a_limit_leaves_the_validation_images_as_they_are():
    limited = split(1000, Recipe(validation_images=100, limit=50))[1]
    np.testing.assert_array_equal(limited, split(1000, Recipe(validation_images=100))[1])


@given(st.integers(1, 50), st.integers(1, 20))
def test_batches_hold_each_image_once_in_the_given_order(count, batch_size):
    x = np.arange(count, dtype=np.uint8).reshape(-1, 1, 1, 1).repeat(3, axis=3)
    y = (np.arange(count) % 10).astype(np.uint8)
    order = np.random.default_rng(count).permutation(count)
    batches = Batches(x, y, order, batch_size)
    pairs = [batches[i] for i in range(len(batches))]
    assert [len(images) for images, _ in pairs[:-1]] == [batch_size] * (len(batches) - 1)
    images, one_hot = (np.concatenate(parts) for parts in zip(*pairs, strict=True))
    assert images.dtype == one_hot.dtype == np.float32
    np.testing.assert_allclose(images[:, 0, 0, 0] * 255, order, rtol=1e-6)
    np.testing.assert_array_equal(one_hot.argmax(axis=1), order % 10)
    assert (one_hot.sum(axis=1) == 1).all()
