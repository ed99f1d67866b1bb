"""What happens to training images: mirrored, shifted, partly covered, as seed and epoch decide."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from imgrec.training.augmentation import MEAN_COLOUR, Augmentation, cut_out
from imgrec.training.recipes import Recipe

SEEDS = st.integers(0, 2**32 - 1)
PLAIN = Augmentation(seed=1, epoch=0, alternating=False, shift=0, cutout=0)
RECIPE = Recipe(augmentation=True, flip="alternating", shift=3, cutout=7, seed=9)


def moved(image: np.ndarray, down: int, right: int) -> np.ndarray:
    """The image moved by so many pixels; beyond the border lies its mirror image."""
    height, width, _ = image.shape
    rows = np.abs(np.arange(height) - down)
    columns = np.abs(np.arange(width) - right)
    rows = np.where(rows < height, rows, 2 * height - 2 - rows)
    columns = np.where(columns < width, columns, 2 * width - 2 - columns)
    return image[rows][:, columns]


@settings(max_examples=20, deadline=None)
@given(hnp.arrays(np.uint8, (2, 32, 32, 3), elements=st.integers(1, 255)), SEEDS, st.integers(0, 5))
def test_an_image_is_mirrored_or_not_and_shifted_by_so_many_pixels_at_most(images, seed, most):
    augmentation = dataclasses.replace(PLAIN, seed=seed, shift=most)
    results = augmentation.of_batch(images, np.arange(2), 0)
    assert results.shape == images.shape and results.dtype == np.uint8
    for image, result in zip(images, results, strict=True):
        assert any(
            (result == moved(turned, down, right)).all()
            for turned in (image, image[:, ::-1])
            for down in range(-most, most + 1)
            for right in range(-most, most + 1)
        )


@settings(max_examples=20, deadline=None)
@given(SEEDS)
def test_about_half_of_the_images_are_mirrored_and_all_shifts_happen(seed):
    images = np.zeros((400, 32, 32, 3), np.uint8)
    images[:, 10:16, 6:12] = 255  # a square on the left
    augmentation = dataclasses.replace(PLAIN, seed=seed, shift=4)
    results = augmentation.of_batch(images, np.arange(400), 0)
    mirrored = results[:, :, 16:].any(axis=(1, 2, 3))
    assert mirrored.mean() == pytest.approx(0.5, abs=0.15)  # six deviations
    assert set(results.any(axis=(2, 3)).argmax(axis=1)) == set(range(6, 15))


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.integers(0, 1000))
def test_alternating_flip_shows_each_image_both_ways_in_two_epochs(seed, epoch):
    images = np.random.default_rng(0).integers(0, 256, (64, 32, 32, 3), dtype=np.uint8)
    places = np.random.default_rng(1).integers(0, 50_000, 64)
    first = dataclasses.replace(PLAIN, alternating=True, seed=seed, epoch=epoch)
    second, third = (dataclasses.replace(first, epoch=epoch + n) for n in (1, 2))
    one, other, again = (each.of_batch(images, places, 3) for each in (first, second, third))
    np.testing.assert_array_equal(other, one[:, :, ::-1])
    np.testing.assert_array_equal(again, one)
    alike = (one == images).all(axis=(1, 2, 3))
    assert 8 <= alike.sum() <= 56  # six deviations


def test_alternating_flip_goes_by_the_image_not_by_its_batch():
    images = np.random.default_rng(0).integers(0, 256, (32, 32, 32, 3), dtype=np.uint8)
    places = np.arange(100, 132)
    augmentation = dataclasses.replace(PLAIN, alternating=True)
    whole = augmentation.of_batch(images, places, 0)
    np.testing.assert_array_equal(whole[7:9], augmentation.of_batch(images[7:9], places[7:9], 5))


@given(SEEDS, st.integers(1, 24))
@settings(max_examples=30, deadline=None)
def test_cutout_covers_one_square_in_the_mean_colour(seed, side):
    images = np.zeros((5, 32, 32, 3), np.uint8)
    results = cut_out(images, side, np.random.default_rng(seed))
    for covered in results.any(axis=3):
        rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
        assert covered.sum() == side**2
        assert np.ptp(rows) == np.ptp(columns) == side - 1
    assert (results[results.any(axis=3)] == MEAN_COLOUR).all()
    assert not images.any()  # the given images stay as they are


def test_cutout_reaches_every_corner():
    results = cut_out(np.zeros((4000, 32, 32, 3), np.uint8), 20, np.random.default_rng(0))
    for row in (0, -1):
        for column in (0, -1):
            assert results[:, row, column].any()


@given(SEEDS, st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_seed_epoch_and_batch_alone_decide(seed, epoch):
    images = np.random.default_rng(0).integers(0, 256, (32, 32, 32, 3), dtype=np.uint8)
    places = np.arange(32)
    first = Augmentation(seed, epoch, alternating=True, shift=4, cutout=8)
    result = first.of_batch(images, places, 0)
    np.testing.assert_array_equal(result, first.of_batch(images, places, 0))
    others = [(first, 1), (dataclasses.replace(first, epoch=epoch + 1), 0)]
    others.append((dataclasses.replace(first, seed=seed + 1), 0))
    for other, batch in others:
        assert (result != other.of_batch(images, places, batch)).any()


def test_the_recipe_decides():
    assert Augmentation.of(RECIPE, 4) == Augmentation(9, 4, True, 3, 7)
    assert Augmentation.of(dataclasses.replace(RECIPE, flip="random"), 0).alternating is False
    assert Augmentation.of(dataclasses.replace(RECIPE, augmentation=False), 0) is None
