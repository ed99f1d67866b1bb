"""CIFAR-10 in numbers and samples: counts, pixel values, mean images, random draws."""

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from imgrec.caching import load_once
from imgrec.data import cifar10, labels
from imgrec.errors import DataError

CLASSES = len(labels.CIFAR10)
SPLITS = {"train": "training", "test": "test"}  # identifier to displayed name
SCALES = ("stored", "unit", "standard")  # for pixel values: see `rescaled`
CHUNK = 500  # images counted at once: few enough to fit in the processor's cache


class Split(NamedTuple):
    """uint8 images (n, 32, 32, 3) and uint8 labels (n,) from 0 to 9."""

    images: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True, eq=False)  # equal only to itself, so that it can be a cache key
class DataSet:
    """The built-in `sample`, which has test images only, or the `full` CIFAR-10."""

    source: str
    splits: dict[str, Split]

    def split(self, name: str) -> Split:
        """Returns the "train" or "test" split. Raises DataError if it isn't there."""
        if name not in tuple(SPLITS):  # compares by `==`: a visitor may send an unhashable value
            raise DataError(f"There is no split {name!r}; choose from {', '.join(SPLITS)}.")
        if name not in self.splits:
            raise DataError(
                "The built-in sample has test images only; fetch CIFAR-10 to see training images."
            )
        return self.splits[name]

    def statistics_split(self) -> str:
        """Returns the split that statistics describe: the training split if there is one."""
        return "train" if "train" in self.splits else "test"


def current_set() -> DataSet:
    """Returns the full set if it is in the cache and intact, otherwise the sample."""
    try:
        return load_set("full")
    except DataError:
        return _sample()


def load_set(source: str) -> DataSet:
    """Returns the "sample" or the "full" set. Raises DataError if it is not there."""
    if source == "sample":
        return _sample()
    file = cifar10.cifar10_file()
    if source != "full" or not file.exists():
        raise DataError("These images are not here any more; choose the tab again.")
    return _full(file, file.stat().st_mtime_ns)


@load_once
def _sample() -> DataSet:
    return DataSet("sample", {"test": Split(*cifar10.cifar10_sample())})


@load_once
def _full(file: Path, changed: int) -> DataSet:
    """Loads the cached set; a new modification time, `changed`, makes it another cache entry."""
    data = cifar10.cached_cifar10()
    train, test = Split(data.x_train, data.y_train), Split(data.x_test, data.y_test)
    return DataSet("full", {"train": train, "test": test})


def counts(split: Split) -> np.ndarray:
    """Returns the number of images in each class: int (10,)."""
    return np.bincount(split.labels, minlength=CLASSES)


def draw(split: Split, label: int | None, count: int, seed: int) -> np.ndarray:
    """Returns the indices of `count` distinct random images of one class or, for None, of any.

    The same seed draws the same images. If there are fewer images, all of them are drawn.
    """
    wanted = np.ones(len(split.labels), bool) if label is None else split.labels == label
    candidates = np.flatnonzero(wanted)
    random = np.random.default_rng([seed, CLASSES if label is None else label])
    return random.choice(candidates, min(count, len(candidates)), replace=False)


def one_hot(label: int) -> list[int]:
    """Returns the label as ten digits: a 1 at the place of its class, 0 elsewhere."""
    return [int(place == label) for place in range(CLASSES)]


# Pixels


class Statistics(NamedTuple):
    """Statistics per channel (red, green, blue); mean and deviation on the scale from 0 to 1."""

    histogram: np.ndarray  # int (256, 3): how often each value from 0 to 255 occurs
    mean: np.ndarray  # (3,)
    deviation: np.ndarray  # (3,), population standard deviation
    minimum: np.ndarray  # int (3,), 0 to 255
    maximum: np.ndarray  # int (3,), 0 to 255


@load_once
def statistics(data: DataSet) -> Statistics:
    """Computes the pixel statistics of the split that `statistics_split` names."""
    images = data.split(data.statistics_split()).images
    histogram = np.zeros((256, 3), np.int64)
    for start in range(0, len(images), CHUNK):
        for channel in range(3):
            values = images[start : start + CHUNK, :, :, channel].ravel()
            histogram[:, channel] += np.bincount(values, minlength=256)
    return summary(histogram)


def summary(histogram: np.ndarray) -> Statistics:
    """Derives the statistics from a histogram, int (256, 3), that has no empty channel."""
    values = np.arange(256)[:, None] / 255
    share = histogram / histogram.sum(axis=0)
    mean = (share * values).sum(axis=0)
    deviation = np.sqrt((share * (values - mean) ** 2).sum(axis=0))
    seen = histogram > 0
    return Statistics(
        histogram, mean, deviation, seen.argmax(axis=0), 255 - seen[::-1].argmax(axis=0)
    )


def rescaled(values: np.ndarray, scale: str, of: Statistics) -> np.ndarray:
    """Returns pixel values (..., 3) from 0 to 255 on another scale, float64.

    "stored" leaves them unchanged, "unit" divides by 255, "standard" also subtracts the channel's
    mean and divides by its deviation. Raises DataError for any other scale.
    """
    if scale not in SCALES:
        raise DataError(f"There is no scale {scale!r}; choose from {', '.join(SCALES)}.")
    if scale == "stored":
        return np.asarray(values, float)
    unit = np.asarray(values) / 255
    return unit if scale == "unit" else (unit - of.mean) / np.maximum(of.deviation, 1e-9)


@load_once
def mean_images(data: DataSet) -> np.ndarray:
    """Returns each class's mean image in the `statistics_split`: uint8 (10, 32, 32, 3)."""
    images, classes = data.split(data.statistics_split())
    means = [images[classes == label].mean(axis=0) for label in range(CLASSES)]
    return np.rint(np.stack(means)).astype(np.uint8)
