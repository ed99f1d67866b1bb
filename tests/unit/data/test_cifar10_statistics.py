"""CIFAR-10 in numbers and samples: against numpy, the published figures, and by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgrec.approaches import scratch
from imgrec.data import cifar10 as cifar10_data
from imgrec.data import cifar10_statistics
from imgrec.data.cifar10_statistics import DataSet, Split
from imgrec.errors import DataError, ModelError
from imgrec.evaluation import cifar10_predictions
from imgrec.metrics.classification import confusion

# Of the training images, on the scale from 0 to 1, as they are published in many programs:
# https://github.com/kuangliu/pytorch-cifar/issues/19
MEAN = (0.49139968, 0.48215841, 0.44653091)
DEVIATION = (0.24703223, 0.24348513, 0.26158784)


def made_up(seed: int, count: int) -> Split:
    """Noise in a part of the range, with random classes."""
    random = np.random.default_rng(seed)
    images = random.integers(3, 200, (count, 32, 32, 3), dtype=np.uint8)
    return Split(images, random.integers(0, 10, count).astype(np.uint8))


splits = st.builds(made_up, st.integers(0, 2**32 - 1), st.integers(1, 60))
seeds = st.integers(0, 2**32 - 1)


@given(splits, st.none() | st.integers(0, 9), st.integers(1, 100), seeds)
def test_drawn_images_differ_are_of_the_class_and_come_again(split, label, count, seed):
    drawn = cifar10_statistics.draw(split, label, count, seed)
    there = len(split.labels) if label is None else int((split.labels == label).sum())
    assert len(drawn) == len(set(drawn.tolist())) == min(count, there)
    assert label is None or (split.labels[drawn] == label).all()
    assert drawn.tolist() == cifar10_statistics.draw(split, label, count, seed).tolist()


def test_another_seed_draws_others():
    split = made_up(0, 1000)
    draws = {tuple(cifar10_statistics.draw(split, 6, 10, seed)) for seed in range(20)}
    assert len(draws) == 20


@given(splits)
def test_statistics_are_those_of_numpy(split):
    found = cifar10_statistics.statistics(DataSet("sample", {"test": split}))
    unit = split.images / 255
    np.testing.assert_allclose(found.mean, unit.mean(axis=(0, 1, 2)))
    np.testing.assert_allclose(found.deviation, unit.std(axis=(0, 1, 2)))
    assert found.minimum.tolist() == split.images.min(axis=(0, 1, 2)).tolist()
    assert found.maximum.tolist() == split.images.max(axis=(0, 1, 2)).tolist()
    assert found.histogram.sum(axis=0).tolist() == [len(split.images) * 1024] * 3
    assert found.histogram[50, 2] == (split.images[..., 2] == 50).sum()


def test_rescaled_pixels_have_the_mean_and_the_deviation_that_is_promised():
    split = made_up(1, 30)
    found = cifar10_statistics.statistics(DataSet("sample", {"test": split}))
    np.testing.assert_array_equal(
        cifar10_statistics.rescaled(split.images, "stored", found), split.images
    )
    unit = cifar10_statistics.rescaled(split.images, "unit", found)
    np.testing.assert_allclose(unit, split.images / 255)
    standard = cifar10_statistics.rescaled(split.images, "standard", found)
    np.testing.assert_allclose(standard.mean(axis=(0, 1, 2)), 0, atol=1e-9)
    np.testing.assert_allclose(standard.std(axis=(0, 1, 2)), 1)
    with pytest.raises(DataError, match="no scale 'log'"):
        cifar10_statistics.rescaled(split.images, "log", found)


def test_pictures_of_one_colour_have_no_deviation_and_no_infinity():
    split = Split(np.full((2, 32, 32, 3), 7, np.uint8), np.zeros(2, np.uint8))
    found = cifar10_statistics.statistics(DataSet("sample", {"test": split}))
    assert found.deviation == pytest.approx([0, 0, 0])
    assert np.isfinite(cifar10_statistics.rescaled(split.images, "standard", found)).all()


def test_the_mean_image_is_the_mean_of_its_class():
    data = cifar10_statistics.load_set("sample")
    images, classes = data.splits["test"]
    expected = np.rint(images[classes == 4].mean(axis=0))
    np.testing.assert_array_equal(cifar10_statistics.mean_images(data)[4], expected)


def test_without_cifar10_the_sample_is_shown(cache):
    data = cifar10_statistics.current_set()
    assert data.source == "sample" and list(data.splits) == ["test"]
    assert cifar10_statistics.counts(data.splits["test"]).tolist() == [10] * 10
    with pytest.raises(DataError, match="test images only"):
        data.split("train")
    with pytest.raises(DataError, match="no split 'validation'"):
        data.split("validation")
    with pytest.raises(DataError, match="not here any more"):
        cifar10_statistics.load_set("full")


def test_a_damaged_file_is_not_shown(cache):
    cache.mkdir()
    cifar10_data.cifar10_file().write_bytes(b"damaged")
    assert cifar10_statistics.current_set().source == "sample"


def test_the_full_set_has_the_published_figures(cifar10):
    data = cifar10_statistics.current_set()
    assert data.source == "full" and data.statistics_split() == "train"
    assert cifar10_statistics.current_set() is data  # read once
    found = cifar10_statistics.statistics(data)
    np.testing.assert_allclose(found.mean, MEAN, atol=5e-9)
    np.testing.assert_allclose(found.deviation, DEVIATION, atol=5e-9)
    assert cifar10_statistics.counts(data.splits["train"]).tolist() == [5000] * 10
    assert cifar10_statistics.counts(data.splits["test"]).tolist() == [1000] * 10


def test_confusion_is_counted_by_row_and_column():
    right, guessed = np.array([0, 0, 0, 1, 2, 2], np.uint8), np.array([0, 1, 1, 1, 0, 2])
    assert confusion(right, guessed, 3).tolist() == [[1, 2, 0], [0, 1, 0], [1, 0, 1]]


@given(splits, seeds)
def test_the_images_of_a_cell_are_those_that_it_counts(split, seed):
    found = np.random.default_rng(seed).dirichlet(np.ones(10), len(split.labels))
    table = confusion(split.labels, found.argmax(axis=1), 10)
    assert table.sum(axis=1).tolist() == cifar10_statistics.counts(split).tolist()
    cells = {
        (label, guess): cifar10_predictions.confusion_cell(found, split.labels, label, guess)
        for label in range(10)
        for guess in range(10)
    }
    assert {cell: len(inside) for cell, inside in cells.items()} == dict(np.ndenumerate(table))
    for (_, guess), inside in cells.items():
        assert (np.diff(found[inside, guess]) <= 0).all()
    wrong = cifar10_predictions.most_confident_mistakes(found, split.labels, 5)
    assert len(wrong) == min(5, table.sum() - table.trace())
    assert (found[wrong].argmax(axis=1) != split.labels[wrong]).all()
    others = np.setdiff1d(np.flatnonzero(found.argmax(axis=1) != split.labels), wrong)
    assert found[others].max(initial=0) <= found[wrong].max(axis=1).min(initial=1)


def test_guesses_are_the_networks_own_and_made_once():
    data, seen = DataSet("sample", cifar10_statistics.load_set("sample").splits), []
    found = cifar10_predictions.predictions(
        "classic", data, lambda done, total: seen.append((done, total))
    )
    images = data.splits["test"].images
    (expected,) = scratch.load("classic").run(images.astype("float32") / 255)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert seen == [(0, 100)]
    assert (
        cifar10_predictions.predictions("classic", data, lambda *progress: pytest.fail("again"))
        is found
    )
    with pytest.raises(ModelError, match="no trained network"):
        cifar10_predictions.predictions("../classic", data)


def test_the_guesses_of_many_networks_are_not_all_kept(monkeypatch):
    monkeypatch.setattr(cifar10_predictions, "MAX_CACHED", 2)
    monkeypatch.setattr(cifar10_predictions, "_cached", {})
    sets = [DataSet("sample", cifar10_statistics.load_set("sample").splits) for _ in range(3)]
    for data in sets:
        cifar10_predictions.predictions("classic", data)
    assert [data for _, data in cifar10_predictions._cached] == sets[1:]
