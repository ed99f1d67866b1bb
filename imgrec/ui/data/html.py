"""HTML of the data tab: tiles, the enlarged image, pixel statistics, the confusion matrix."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import numpy as np
from PIL import Image

from imgrec.approaches.verdict import Verdict
from imgrec.data import cifar10_statistics, labels
from imgrec.data.cifar10_statistics import CLASSES, SPLITS, DataSet, Statistics
from imgrec.errors import DataError
from imgrec.metrics import classification
from imgrec.ui.components import html
from imgrec.ui.components.formatting import percent
from imgrec.ui.components.html import to_png_data_uri

CHANNELS = ("Red", "Green", "Blue")
BINS = 64  # of a drawn histogram
HEIGHT = 24  # of a histogram, in the units of its drawing
TITLES = {
    "stored": "as stored, 0 to 255",
    "unit": "divided by 255",
    "standard": "(x − mean) / deviation",
}
EXPLAINED = {
    "stored": "Each pixel holds three numbers from 0 to 255: how much red, green and blue it has.",
    "unit": "Divided by 255, the same numbers lie between 0 and 1. The shapes stay; only the scale "
    "is another. The scratch network is fed with these.",
    "standard": "Each channel’s mean is subtracted, then it is divided by its deviation, which is "
    "how far values usually lie from the mean. Now all three lie around 0 and spread equally "
    "far. Many networks learn faster from such numbers.",
}


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


# The data set


def heading(data: DataSet) -> str:
    """Renders which images are displayed."""
    sizes = {SPLITS[name]: len(split.labels) for name, split in data.splits.items()}
    listed = " and ".join(f"{size:,} {name} images" for name, size in sizes.items())
    if data.source == "full":
        text = f"You see all of CIFAR-10: {listed}."
    else:
        text = (
            f"You see the built-in sample of CIFAR-10: {listed}, {_range(_counts(data, 'test'))} "
            "of each class. Numbers from so few images are rough."
        )
    return html.panel("CIFAR-10, the pictures that the scratch network learns from", text)


def made(data: DataSet) -> str:
    """Describes how the images were made and split; numbers are counted, not quoted."""
    parts = [
        "Alex Krizhevsky, Vinod Nair and Geoffrey Hinton collected and labelled the images: small "
        f"colour photos of 32 × 32 pixels, each of one of {CLASSES} classes.",
        "The classes exclude each other. Automobile and truck don’t overlap: automobile means cars "
        "of every kind, truck only big trucks, and pickup trucks are in neither.",
        "There are five batches of images to learn from, and one batch to test with, which a "
        "network must never learn from: else it could know the answers by heart.",
        _counted(data),
    ]
    listed = "".join(f"<li>{escape(part)}</li>" for part in parts)
    return (
        f'<section class="panel made"><h3>How the images were made</h3><ul>{listed}</ul></section>'
    )


def _counted(data: DataSet) -> str:
    test = _counts(data, "test")
    if "train" not in data.splits:
        return f"In this sample there are {_range(test)} test images of each class."
    batches = data.splits["train"].labels.reshape(5, -1)
    uneven = np.stack([np.bincount(batch, minlength=CLASSES) for batch in batches])
    return (
        f"Counted here: the test batch has {_range(test)} images of each class. The training "
        f"batches were filled at random, with {_range(uneven)} of a class in each, but together "
        f"they have {_range(_counts(data, 'train'))} of each."
    )


def _counts(data: DataSet, split: str) -> np.ndarray:
    return cifar10_statistics.counts(data.splits[split])


def _range(numbers: np.ndarray) -> str:
    """Formats the smallest and the largest number: `exactly 1,000`, or `981 to 1,025`."""
    low, high = int(numbers.min()), int(numbers.max())
    return f"exactly {low:,}" if low == high else f"{low:,} to {high:,}"


def counts(data: DataSet) -> str:
    """Renders the number of images of each class and split, with a bar."""
    numbers = {name: _counts(data, name) for name in SPLITS if name in data.splits}
    most = max(int(each.max()) for each in numbers.values())
    rows = "".join(
        f'<div class="count"><span>{escape(title)}</span><div>'
        + "".join(_count(name, int(each[label]), most) for name, each in numbers.items())
        + "</div></div>"
        for label, title in enumerate(labels.CIFAR10)
    )
    return f'<section class="panel counts"><h3>Images of each class</h3>{rows}</section>'


def _count(split: str, number: int, most: int) -> str:
    return (
        f'<p class="{split}"><i class="track"><i style="width:{100 * number / most:.1f}%"></i></i>'
        f"<span>{number:,} {SPLITS[split]}</span></p>"
    )


# Images as buttons


def tiles(data: DataSet, split: str, seed: int) -> str:
    """Renders ten random images of each class as buttons."""
    rows = []
    for label, title in enumerate(labels.CIFAR10):
        drawn = cifar10_statistics.draw(data.split(split), label, 10, seed)
        buttons = "".join(_tile(Place(data.source, split, int(index))) for index in drawn)
        rows.append(f"<h4>{escape(title)}</h4><div>{buttons}</div>")
    return f'<div class="samples" data-group="images">{"".join(rows)}</div>'


def _tile(place: Place, said: str = "", sure: str = "") -> str:
    """Renders an image as a button, with a network's prediction and its probability, if given."""
    alt = f"{labels.CIFAR10[place.label]}, {place.title}"
    caption = f"<small>{escape(said)}<br>{escape(sure)}</small>" if said else ""
    return (
        f'<button type="button" class="sample" data-press="{escape(str(place))}">'
        f'<img src="{to_png_data_uri(place.image)}" alt="{escape(alt)}" width="32" height="32">'
        f"{caption}</button>"
    )


NOTHING_ENLARGED = html.panel("One image", "Press an image to see it large, with its label.")


def enlarged(place: Place, verdict: Verdict) -> str:
    """Renders one image with its label and a scratch network's prediction."""
    title = labels.CIFAR10[place.label]
    learnt = " The network may have learnt from it." if place.split == "train" else ""
    said = verdict.classes[0].label
    right = "right" if said == title else f"wrong: it is labelled {title}"
    return f"""
<section class="panel enlarged scratch">
  <h3>{escape(title)}</h3>
  <p>{escape(place.title.capitalize())}, class {place.label}, 32 × 32 pixels.{learnt}</p>
  <img src="{to_png_data_uri(place.image)}" alt="{escape(f"{title}, {place.title}, enlarged")}">
  <p>Its label as a network learns it, “one-hot”: ten digits, one for each class, with a 1 in the
  place of {escape(title)}.</p>
  {_one_hot(place.label)}
  <h4>The {escape(verdict.model)} says {escape(said)}, {right}</h4>
  <div class="bars">{html.bars(verdict.classes[:3])}</div>
</section>"""


def _one_hot(label: int) -> str:
    digits = "".join(
        f"<li{' class=hot' if digit else ''}><b>{digit}</b><span>{escape(title)}</span></li>"
        for digit, title in zip(cifar10_statistics.one_hot(label), labels.CIFAR10, strict=True)
    )
    return f'<ol class="one-hot" aria-label="One-hot label">{digits}</ol>'


# Pixels


def pixels(data: DataSet, scale: str) -> str:
    """Renders the table and the histograms of the three channels on one of the scales."""
    found, split = cifar10_statistics.statistics(data), data.statistics_split()
    ends = cifar10_statistics.rescaled(np.stack([found.minimum, found.maximum]), scale, found)
    mean = cifar10_statistics.rescaled(found.mean * 255, scale, found)
    spread = cifar10_statistics.rescaled((found.mean + found.deviation) * 255, scale, found) - mean
    rows = [
        (name, *(_short(value, scale) for value in values))
        for name, *values in zip(CHANNELS, mean, spread, *ends, strict=True)
    ]
    who = f"{len(data.splits[split].labels):,} {SPLITS[split]} images"
    table = html.table(("Channel", "Mean", "Deviation", "Least", "Greatest"), rows)
    return (
        f'<section class="panel pixels"><h3>The pixels of the {who}, {escape(TITLES[scale])}</h3>'
        f"<p>{escape(EXPLAINED[scale])}</p>{_histograms(found, scale)}{table}</section>"
    )


def _short(value: float, scale: str) -> str:
    """Formats a pixel value with enough digits; as stored, pixels are integers and need none."""
    digits = 4 if scale != "stored" else 0 if float(value).is_integer() else 1
    return f"{value:z.{digits}f}".replace("-", "−")


def _histograms(found: Statistics, scale: str) -> str:
    """Draws the histogram of each channel over a common axis; a dashed line marks the mean."""
    edges = np.repeat(np.linspace(0, 255, BINS + 1)[:, None], 3, axis=1)
    edges = cifar10_statistics.rescaled(edges, scale, found)  # (BINS + 1, 3)
    heights = found.histogram.reshape(BINS, -1, 3).sum(axis=1)
    low, high = edges.min(), edges.max()
    places = 100 * (edges - low) / (high - low)
    means = cifar10_statistics.rescaled(found.mean * 255, scale, found)
    rows = "".join(
        _histogram(
            name,
            places[:, channel],
            heights[:, channel] / heights.max(),
            100 * (means[channel] - low) / (high - low),
            _short(means[channel], scale),
        )
        for channel, name in enumerate(CHANNELS)
    )
    marks = "".join(f"<span>{_mark(value)}</span>" for value in np.linspace(low, high, 4))
    return f'<div class="histograms">{rows}<div class="axis" aria-hidden="true">{marks}</div></div>'


def _mark(value: float) -> str:
    return f"{value:.3g}".replace("-", "−")


def _histogram(
    name: str, places: np.ndarray, heights: np.ndarray, mean: float, mean_text: str
) -> str:
    """Draws a channel as steps: `places` (BINS + 1,) and `mean` are 0 to 100, `heights` 0 to 1."""
    steps = " ".join(
        f"V{HEIGHT * (1 - height):.2f}H{end:.2f}"
        for height, end in zip(heights, places[1:], strict=True)
    )
    path = f"M{places[0]:.2f} {HEIGHT}{steps}V{HEIGHT}Z"
    return (
        f'<figure class="{name.lower()}"><figcaption>{name}, mean {mean_text}</figcaption>'
        f'<svg viewBox="0 0 100 {HEIGHT}" preserveAspectRatio="none" role="img" '
        f'aria-label="How often each value of {name.lower()} occurs; the mean is {mean_text}">'
        f'<path d="{path}"/><line x1="{mean:.2f}" x2="{mean:.2f}" y1="0" y2="{HEIGHT}"/></svg>'
        "</figure>"
    )


def means(data: DataSet) -> str:
    """Renders the mean image of each class."""
    split = data.statistics_split()
    number = cifar10_statistics.counts(data.splits[split])
    figures = "".join(
        f'<figure><img src="{to_png_data_uri(Image.fromarray(mean))}" '
        f'alt="mean of {number[label]:,} images of class {labels.CIFAR10[label]}">'
        f"<figcaption>{labels.CIFAR10[label]}</figcaption></figure>"
        for label, mean in enumerate(cifar10_statistics.mean_images(data))
    )
    return (
        '<section class="panel"><h3>The mean image of each class</h3><p>All '
        f"{SPLITS[split]} images of a class laid over each other. What they share shows "
        "through, such as the blue of sky and sea, or where an animal stands. What varies "
        f'blurs, so a network must look at more than this.</p><div class="means">{figures}</div>'
        "</section>"
    )


# Mistakes


def matrix(name: str, data: DataSet, probabilities: np.ndarray) -> str:
    """Renders the confusion matrix, with every number a button."""
    right = data.splits["test"].labels
    table = classification.confusion(right, probabilities.argmax(axis=1), CLASSES)
    hits, total = int(table.trace()), int(table.sum())
    worst = max(1, int((table - np.diag(table.diagonal())).max()))
    head = "".join(f"<th scope=col><span>{title}</span></th>" for title in labels.CIFAR10)
    body = "".join(
        f"<tr><th scope=row>{title}</th>"
        + "".join(_cell(label, guess, row, worst) for guess in range(CLASSES))
        + "</tr>"
        for label, (title, row) in enumerate(zip(labels.CIFAR10, table, strict=True))
    )
    return (
        f'<section class="panel"><h3>{escape(name)} is right on {hits:,} of {total:,} test images: '
        f"{percent(hits / total)}</h3><p>A row for each true class, a column for what the "
        "network takes it for. In the framed cells it is right; the stronger the colour of "
        "another cell, the more often that mistake happens. Press a number to see its images.</p>"
        f'<div class="confusion" data-group="cells"><table><thead><tr><td></td>{head}</tr></thead>'
        f"<tbody>{body}</tbody></table></div></section>"
    )


def _cell(label: int, guess: int, row: np.ndarray, worst: int) -> str:
    """Renders one number, shaded by the square root of its share so that rare mistakes show."""
    number = int(row[guess])
    if not number:
        return "<td>0</td>"
    same = label == guess
    most = max(1, int(row.sum())) if same else worst
    shade = 50 * (number / most) ** 0.5
    text = f"{labels.CIFAR10[label]} taken for {labels.CIFAR10[guess]}: {number}"
    return (
        f'<td><button type="button" class="{"right" if same else "wrong"}" '
        f'style="--shade:{shade:.0f}%" data-press="{label}/{guess}" aria-label="{text}">'
        f"{number}</button></td>"
    )


def predicted_images(
    title: str, note: str, data: DataSet, indices: Sequence[int] | np.ndarray, found: np.ndarray
) -> str:
    """Renders test images as buttons with their predictions; `found` is (n, 10) probabilities."""
    buttons = "".join(
        _tile(
            Place(data.source, "test", int(index)),
            labels.CIFAR10[found[index].argmax()],
            percent(found[index].max()),
        )
        for index in indices
    )
    group = f'<div class="samples guessed" data-group="images"><div>{buttons}</div></div>'
    return f'<section class="panel"><h3>{escape(title)}</h3><p>{escape(note)}</p>{group}</section>'
