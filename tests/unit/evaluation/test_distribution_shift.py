"""The scratch networks on photos from elsewhere: which photos count, and how the networks do."""

import numpy as np
import pytest

from imgrec.approaches import scratch
from imgrec.data import labels
from imgrec.data.label_names import Label
from imgrec.data.labelled_images import Item, LabelledSet, sample_set
from imgrec.errors import DataError
from imgrec.evaluation import distribution_shift
from imgrec.images.decode import open_image

TENCH, TABBY = 0, 281  # ImageNet's class indices: a fish, which is none of the ten, and a cat


def photos(*given: Label) -> LabelledSet:
    """A set of noise with these labels."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (len(given), 48, 40, 3), dtype=np.uint8)
    items = [Item(f"{n}.png", label, pixels[n].copy) for n, label in enumerate(given)]
    return LabelledSet("photos", len(items), lambda: iter(items))


def test_only_photos_of_the_ten_kinds_are_taken():
    label = [Label(False, labels.cifar10_of(index), index) for index in (TENCH, TABBY, TENCH)]
    kept = distribution_shift.cifar10_classes_only(photos(*label))
    assert kept.count == 1
    assert [item.name for item in kept.items()] == ["1.png"]


def test_without_any_of_the_ten_kinds_there_is_nothing_to_measure():
    with pytest.raises(DataError, match="No picture of photos can be used"):
        distribution_shift.measure(photos(Label(False, None, TENCH)))


def test_the_figures_are_those_of_the_networks_own_verdicts():
    items = list(sample_set().items())[::5]
    told = []
    some = LabelledSet("some", len(items), lambda: iter(items))
    measured = distribution_shift.measure(some, on_picture=told.append)
    assert measured.n == len(told) == 20
    right = [item.label.cifar10 for item in items]
    images = [open_image(item.read(), name=item.name) for item in items]
    for name in (scratch.DEFAULT, scratch.CLASSIC):
        for looks, several in (("one", False), ("several", True)):
            verdicts = scratch.predict(images, 1, name, several)
            found = [verdict.classes[0].index for verdict in verdicts]
            figures = getattr(measured.networks[name], looks)
            assert figures.accuracy == pytest.approx(np.mean(np.equal(found, right)))
            assert figures.n == 20 and figures.low < figures.accuracy <= figures.high
            assert [row[f"{name}, {looks}"] for row in told] == [
                labels.CIFAR10[index] for index in found
            ]
