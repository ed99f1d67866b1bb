"""Training the scratch network: taken up after a kill as if nothing had been, never mixed up."""

import dataclasses
import shutil
from pathlib import Path
from unittest.mock import Mock

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgrec import labels, networks, runs
from imgrec.datasets import Cifar10
from imgrec.errors import DataError, ModelError
from imgrec.training import Batches, Recipe, Step, split, train_scratch

# 200 images to train on, in four batches of 64 at most.
RECIPE = Recipe(epochs=2, validation_images=100, limit=300, seed=3)
CURVES = ["loss", "accuracy", "val_loss", "val_accuracy"]


class KillError(Exception):
    """Ends a training from outside."""


@pytest.fixture(scope="module")
def data():
    """600 + 100 images of noise; their labels can't be learnt, and needn't."""
    random = np.random.default_rng(0)
    pixels = lambda n: random.integers(0, 256, (n, 32, 32, 3), dtype=np.uint8)  # noqa: E731
    classes = lambda n: random.integers(0, 10, n, dtype=np.uint8)  # noqa: E731
    return Cifar10(pixels(600), classes(600), pixels(100), classes(100))


@pytest.fixture(scope="module")
def unbroken(data, tmp_path_factory):
    """A run from its start to its end: directory, report and steps."""
    run, steps = tmp_path_factory.mktemp("runs") / "unbroken", []
    report = train_scratch(RECIPE, data, run, steps.append)
    return run, report, steps


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


def test_a_run_ends_as_a_model_directory(data, unbroken):
    run, report, _ = unbroken
    assert names(run) == ["config.json", "history.json", "report.json", "weights.npz"]
    saved = runs.load(run)
    assert saved.report == report
    assert saved.config == {
        "network": "classic",
        "classes": list(labels.CIFAR10),
        "recipe": dataclasses.asdict(RECIPE),
    }
    assert list(saved.history) == [*CURVES, "seconds"]
    assert [len(values) for values in saved.history.values()] == [2] * 5
    assert report["data_sha256"] == data.sha256()
    assert report["test_images"] == 100 and report["seed"] == 3
    assert report["parameters"] == 1_250_858
    assert report["seconds"] == pytest.approx(sum(saved.history["seconds"]), abs=0.1)


def test_the_reported_figures_are_the_saved_networks(data, unbroken):
    run, report, _ = unbroken
    model = networks.classic()
    networks.set_weights(model, runs.load(run).weights)
    probabilities = np.asarray(model(data.x_test.astype("float32") / 255))
    right = probabilities.argmax(axis=1) == data.y_test
    assert report["test_accuracy"] == pytest.approx(right.mean(), abs=1e-6)
    losses = -np.log(probabilities[np.arange(100), data.y_test])
    assert report["test_loss"] == pytest.approx(losses.mean(), abs=1e-3)


def test_the_listener_hears_of_every_step(unbroken):
    _, _, steps = unbroken
    assert [(step.epoch, step.epochs, step.step, step.steps) for step in steps] == [
        (epoch, 2, step, 4) for epoch in (1, 2) for step in (1, 2, 3, 4)
    ]
    assert all(0 < step.loss < 100 and 0 <= step.accuracy <= 1 for step in steps)
    history = runs.load(unbroken[0]).history
    for epoch in (1, 2):  # the last step's means are the epoch's
        assert steps[4 * epoch - 1].loss == pytest.approx(history["loss"][epoch - 1], abs=1e-5)
        assert steps[4 * epoch - 1].accuracy == pytest.approx(
            history["accuracy"][epoch - 1], abs=1e-5
        )


def test_a_killed_run_is_unfinished_and_keeps_its_first_epoch(unfinished):
    assert names(unfinished) == ["checkpoint.npz", "config.json", "history.json"]
    assert len(runs.read_json(unfinished / "history.json")["loss"]) == 1
    with pytest.raises(ModelError, match="not a finished model"):
        runs.load(unfinished)


@pytest.fixture(scope="module")
def resumed(data, killed_run, tmp_path_factory):
    """That run, ended after a second kill just before its report; with the steps of each start."""
    run, second, third = copy_of(killed_run, tmp_path_factory.mktemp("runs")), [], []
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KillError):
        patch.setattr(runs, "save", Mock(side_effect=KillError))
        train_scratch(RECIPE, data, run, second.append)
    report = train_scratch(RECIPE, data, run, third.append)
    return run, report, second, third


def test_a_killed_run_ends_as_the_unbroken_one_did(unbroken, resumed):
    assert names(resumed[0]) == names(unbroken[0])
    one, other = runs.load(unbroken[0]), runs.load(resumed[0])
    assert list(one.weights) == list(other.weights)
    for path, array in one.weights.items():
        assert np.array_equal(array, other.weights[path]), path
    assert {name: one.history[name] for name in CURVES} == {
        name: other.history[name] for name in CURVES
    }
    for name in ("weights_sha256", "test_loss", "test_accuracy"):
        assert resumed[1][name] == unbroken[1][name]


def test_no_whole_epoch_is_trained_twice(unbroken, resumed):
    _, _, second, third = resumed
    assert second == unbroken[2][4:]  # the steps of epoch 2
    assert third == []  # only the measuring was left


def test_a_run_killed_before_its_first_checkpoint_starts_again(data, unbroken, unfinished):
    (unfinished / "checkpoint.npz").unlink()
    (unfinished / "history.json").unlink()
    assert killed(data, unfinished, epoch=1, step=4) == unbroken[2][:4]
    assert names(unfinished) == ["config.json"]


def test_a_finished_run_is_not_trained_again(data, unbroken):
    before = {path: path.read_bytes() for path in unbroken[0].iterdir()}
    with pytest.raises(ModelError, match="unbroken has already finished"):
        train_scratch(RECIPE, data, unbroken[0])
    assert {path: path.read_bytes() for path in unbroken[0].iterdir()} == before


@pytest.mark.parametrize(
    "change", [{"epochs": 3}, {"seed": 4}, {"learning_rate": 1e-4}, {"limit": None}]
)
def test_a_run_of_another_recipe_is_not_gone_on_with(data, unfinished, change):
    before = {path: path.read_bytes() for path in unfinished.iterdir()}
    with pytest.raises(ModelError, match="another recipe"):
        train_scratch(dataclasses.replace(RECIPE, **change), data, unfinished)
    assert {path: path.read_bytes() for path in unfinished.iterdir()} == before


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
    arrays = runs.unpack(content)
    return runs.pack({k: v for k, v in arrays.items() if not k.startswith("optimizer/")})


def without_a_weight(content: bytes) -> bytes:
    arrays = runs.unpack(content)
    del arrays["weights/classic/conv1/bias"]
    return runs.pack(arrays)


def without_history(content: bytes) -> bytes:
    arrays = runs.unpack(content)
    del arrays["history/val_loss"]
    return runs.pack(arrays)


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


def test_mixed_precision_keeps_the_weights_in_float32_and_the_policy_as_it_was(data, tmp_path):
    policy = keras.config.dtype_policy().name
    recipe = Recipe(epochs=1, validation_images=20, limit=84, mixed_precision=True)
    train_scratch(recipe, data, tmp_path / "run")
    assert keras.config.dtype_policy().name == policy
    weights = runs.load(tmp_path / "run").weights
    assert {array.dtype for array in weights.values()} == {np.dtype("float32")}
    networks.set_weights(networks.classic(), weights)


def test_too_few_images_are_told_before_anything_is_written(data, tmp_path):
    with pytest.raises(DataError, match="100 images leave none to train on after 100"):
        train_scratch(dataclasses.replace(RECIPE, limit=100), data, tmp_path / "run")
    assert not (tmp_path / "run").exists()


# The split


@given(
    st.integers(2, 400),
    st.integers(1, 400),
    st.one_of(st.none(), st.integers(1, 500)),
    st.integers(0, 2**32 - 1),
)
def test_the_split_never_overlaps_and_keeps_to_the_limit(images, apart, limit, seed):
    recipe = Recipe(validation_images=apart, limit=limit, seed=seed)
    used = min(images, limit or images)
    if used <= apart:
        with pytest.raises(DataError):
            split(images, recipe)
        return
    training, validation = split(images, recipe)
    together = [*training.tolist(), *validation.tolist()]
    assert len(validation) == apart and len(together) == len(set(together)) == used
    assert min(together) >= 0 and max(together) < images
    for one, other in zip(split(images, recipe), (training, validation), strict=True):
        np.testing.assert_array_equal(one, other)


def test_another_seed_splits_otherwise():
    first, second = (set(split(1000, Recipe(validation_images=100, seed=s))[1]) for s in (1, 2))
    assert first != second


def test_without_a_limit_every_image_is_used():
    training, validation = split(1000, Recipe(validation_images=100))
    assert sorted([*training, *validation]) == list(range(1000))


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
