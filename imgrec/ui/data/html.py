"""HTML of the data tab: tiles, the enlarged image, pixel statistics, the confusion matrix."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from PIL import Image

from imgrec.approaches.verdict import Verdict
from imgrec.data import cifar10_statistics, labels
from imgrec.data.cifar10_statistics import CLASSES, SPLITS, DataSet, Statistics
from imgrec.errors import DataError
from imgrec.metrics import classification
from imgrec.ui.components import html
from imgrec.ui.components.formatting import signed
from imgrec.ui.components.templates import render
from imgrec.ui.data import texts

BINS = 64  # of a drawn histogram
HEIGHT = 24  # of a histogram, in the units of its drawing


class Place(NamedTuple):
    """Address of an image: the data set's source, the split and the index in it."""

    source: str
    split: str
    number: int

    @classmethod
    def of(cls, text: str) -> "Place":
        """Parses the output of `str`; raises DataError if there is no such image."""
        source, _, rest = text.partition("/")
        split, _, index = rest.partition("/")
        if not (index.isascii() and index.isdigit() and len(index) < 7):
            raise DataError("There is no such image; press one.")
        if int(index) >= len(cifar10_statistics.load_set(source).split(split).labels):
            raise DataError("There is no such image; press one.")
        return cls(source, split, int(index))

    def __str__(self) -> str:
        return "/".join(map(str, self))

    @property
    def title(self) -> str:
        """`test image 1234`, or `sample image 12`."""
        return f"{'sample' if self.source == 'sample' else SPLITS[self.split]} image {self.number}"

    @property
    def image(self) -> Image.Image:
        """The 32×32 picture."""
        return Image.fromarray(
            cifar10_statistics.load_set(self.source).split(self.split).images[self.number]
        )

    @property
    def label(self) -> int:
        """The image's label, 0 to 9."""
        return int(cifar10_statistics.load_set(self.source).split(self.split).labels[self.number])

    @property
    def class_name(self) -> str:
        """The label in words."""
        return labels.CIFAR10[self.label]


# The data set


def heading(data: DataSet) -> Markup:
    """Renders which images are displayed."""
    images = " and ".join(
        f"{len(split.labels):,} {SPLITS[name]} images" for name, split in data.splits.items()
    )
    text = texts.FULL_SET if data.source == "full" else texts.SAMPLE
    each = _range(_counts(data, "test"))
    return html.panel(texts.HEADING, text.format(images=images, each=each))


def made(data: DataSet) -> Markup:
    """Describes how the images were made and split; numbers are counted, not quoted."""
    ranges = {split: _range(_counts(data, split)) for split in data.splits}
    if "train" in data.splits:
        batches = data.splits["train"].labels.reshape(5, -1)
        ranges["batch"] = _range(
            np.stack([np.bincount(batch, minlength=CLASSES) for batch in batches])
        )
    return render(__file__, "made.jinja", **{"train": "", **ranges})


def _counts(data: DataSet, split: str) -> np.ndarray:
    return cifar10_statistics.counts(data.splits[split])


def _range(numbers: np.ndarray) -> str:
    """Formats the smallest and the largest number: `exactly 1,000`, or `981 to 1,025`."""
    low, high = int(numbers.min()), int(numbers.max())
    return (texts.EXACTLY if low == high else texts.FROM_TO).format(low=low, high=high)


def counts(data: DataSet) -> Markup:
    """Renders the number of images of each class and split, with a bar."""
    numbers = {split: _counts(data, split) for split in SPLITS if split in data.splits}
    return render(
        __file__,
        "counts.jinja",
        classes=labels.CIFAR10,
        splits=SPLITS,
        counts=numbers,
        most=max(each.max() for each in numbers.values()),
    )


# Images as buttons


def tiles(data: DataSet, split: str, seed: int) -> Markup:
    """Renders ten random images of each class as buttons."""
    images = data.split(split)
    classes = {
        title: [
            Place(data.source, split, int(index))
            for index in cifar10_statistics.draw(images, label, 10, seed)
        ]
        for label, title in enumerate(labels.CIFAR10)
    }
    return render(__file__, "tiles.jinja", classes=classes)


def predicted_images(
    title: str, note: str, data: DataSet, indices: Sequence[int] | np.ndarray, found: np.ndarray
) -> Markup:
    """Renders test images as buttons with their predictions; `found` is (n, 10) probabilities."""
    images = [
        (
            Place(data.source, "test", int(index)),
            labels.CIFAR10[found[index].argmax()],
            found[index].max(),
        )
        for index in indices
    ]
    return render(__file__, "predicted_images.jinja", title=title, note=note, images=images)


def enlarged(place: Place, verdict: Verdict) -> Markup:
    """Renders one image with its label and a scratch network's prediction."""
    one_hot = dict(zip(labels.CIFAR10, cifar10_statistics.one_hot(place.label), strict=True))
    return render(__file__, "enlarged.jinja", place=place, verdict=verdict, one_hot=one_hot)


# Pixels


def pixels(data: DataSet, scale: str) -> Markup:
    """Renders the table and the histograms of the three channels on one of the scales."""
    found, split = cifar10_statistics.statistics(data), data.statistics_split()
    ends = cifar10_statistics.rescaled(np.stack([found.minimum, found.maximum]), scale, found)
    mean = cifar10_statistics.rescaled(found.mean * 255, scale, found)
    spread = cifar10_statistics.rescaled((found.mean + found.deviation) * 255, scale, found) - mean
    rows = [
        (name, *(_short(value, scale) for value in values))
        for name, *values in zip(texts.CHANNELS, mean, spread, *ends, strict=True)
    ]
    title, explanation = texts.SCALES[scale]
    histograms, marks = _histograms(found, scale)
    return render(
        __file__,
        "pixels.jinja",
        images=f"{len(data.splits[split].labels):,} {SPLITS[split]} images",
        title=title,
        explanation=explanation,
        histograms=histograms,
        marks=marks,
        height=HEIGHT,
        table=html.table(texts.PIXEL_COLUMNS, rows),
    )


def _short(value: float, scale: str) -> str:
    """Formats a pixel value with enough digits; as stored, pixels are integers and need none."""
    digits = 4 if scale != "stored" else 0 if float(value).is_integer() else 1
    return signed(value, digits)


class _Histogram(NamedTuple):
    """The drawing of a channel, 100 wide and HEIGHT high; a dashed line marks the mean."""

    channel: str
    path: str
    mean_x: float
    mean: str


def _histograms(found: Statistics, scale: str) -> tuple[list[_Histogram], list[str]]:
    """Returns the histogram of each channel over a common axis, and the axis's marks."""
    edges = np.repeat(np.linspace(0, 255, BINS + 1)[:, None], 3, axis=1)
    edges = cifar10_statistics.rescaled(edges, scale, found)  # (BINS + 1, 3)
    heights = found.histogram.reshape(BINS, -1, 3).sum(axis=1)
    low, high = edges.min(), edges.max()
    places = 100 * (edges - low) / (high - low)
    means = cifar10_statistics.rescaled(found.mean * 255, scale, found)
    histograms = [
        _Histogram(
            name,
            _steps(places[:, channel], heights[:, channel] / heights.max()),
            100 * (means[channel] - low) / (high - low),
            _short(means[channel], scale),
        )
        for channel, name in enumerate(texts.CHANNELS)
    ]
    marks = [f"{value:.3g}".replace("-", "−") for value in np.linspace(low, high, 4)]
    return histograms, marks


def _steps(places: np.ndarray, heights: np.ndarray) -> str:
    """Returns a path in steps: `places` (BINS + 1,) are 0 to 100, `heights` (BINS,) 0 to 1."""
    steps = " ".join(
        f"V{HEIGHT * (1 - height):.2f}H{end:.2f}"
        for height, end in zip(heights, places[1:], strict=True)
    )
    return f"M{places[0]:.2f} {HEIGHT}{steps}V{HEIGHT}Z"


def means(data: DataSet) -> Markup:
    """Renders the mean image of each class."""
    split = data.statistics_split()
    images = map(Image.fromarray, cifar10_statistics.mean_images(data))
    classes = zip(labels.CIFAR10, _counts(data, split), images, strict=True)
    return render(__file__, "means.jinja", split=SPLITS[split], classes=classes)


# Mistakes


def matrix(name: str, data: DataSet, probabilities: np.ndarray) -> Markup:
    """Renders the confusion matrix, with every number a button.

    Each is shaded by the square root of its share, so that rare mistakes show.
    """
    right = data.splits["test"].labels
    numbers = classification.confusion(right, probabilities.argmax(axis=1), CLASSES)
    worst = (numbers - np.diag(numbers.diagonal())).max()
    most = np.where(np.eye(CLASSES, dtype=bool), numbers.sum(axis=1), worst).clip(1)
    return render(
        __file__,
        "matrix.jinja",
        network=name,
        classes=labels.CIFAR10,
        numbers=numbers,
        shades=50 * (numbers / most) ** 0.5,  # percent
        hits=numbers.trace(),
        total=numbers.sum(),
        cell=texts.CELL,
    )
