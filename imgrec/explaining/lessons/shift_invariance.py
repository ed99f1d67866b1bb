"""The effect of shifting a picture on convolution, pooling and predictions."""

import functools
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from imgrec.approaches import scratch
from imgrec.data import labels
from imgrec.explaining.lessons import pooling_dropout_dense as parts
from imgrec.explaining.lessons.convolution import Kernel, feature_map, relu

MAX_SHIFT = 8  # pixels, in each direction
WINDOWS = (1, 2, 4, 8, scratch.SIZE)  # sides of pooling windows: none, the network's, …, global


def shifted(values: np.ndarray, right: int, down: int) -> np.ndarray:
    """Shifts pixels (h, w, channels) by up to MAX_SHIFT, repeating the edge pixels in the gap."""
    height, width, _ = values.shape
    row, column = MAX_SHIFT - down, MAX_SHIFT - right
    return _with_margin(values)[row : row + height, column : column + width]


def _with_margin(values: np.ndarray) -> np.ndarray:
    return np.pad(values, ((MAX_SHIFT, MAX_SHIFT), (MAX_SHIFT, MAX_SHIFT), (0, 0)), mode="edge")


class Difference(NamedTuple):
    """The difference between the feature map of a shifted picture and the shifted feature map."""

    inside: float  # the maximum difference where the kernel covers only pixels of the picture
    places: int  # the number of such positions
    border: float  # the maximum difference at all other positions where both maps have a value


def difference(values: np.ndarray, kernel: Kernel, right: int, down: int) -> Difference:
    """Convolves pixels (h, w, channels) before and after a shift, and compares the maps."""
    height, width, _ = values.shape
    before = feature_map(values, kernel)
    after = feature_map(shifted(values, right, down), kernel)
    rows = slice(max(0, down), height + min(0, down))  # of `after`, that the shifted map covers
    columns = slice(max(0, right), width + min(0, right))
    came = before[
        rows.start - down : rows.stop - down, columns.start - right : columns.stop - right
    ]
    apart = np.abs(after[rows, columns] - came)
    inside = apart[1:-1, 1:-1]
    rim = apart.copy()
    rim[1:-1, 1:-1] = 0
    return Difference(float(inside.max()), inside.size, float(rim.max()))


def change(before: np.ndarray, after: np.ndarray) -> float:
    """Returns sum |after - before| / sum |before|; 0 if all values before are 0."""
    amount = np.abs(before).sum()
    return float(np.abs(after - before).sum() / amount) if amount else 0.0


def change_after_pooling(values: np.ndarray, kernel: Kernel) -> dict[int, float]:
    """Returns the `change` of the map by a shift one pixel right, for each pooling window.

    ReLU is applied before pooling, as in the network.
    """
    before = relu(feature_map(values, kernel))
    after = relu(feature_map(shifted(values, 1, 0), kernel))
    return {
        window: change(parts.pooled(before, window).largest, parts.pooled(after, window).largest)
        for window in WINDOWS
    }


@dataclass(frozen=True, eq=False)
class ShiftPredictions:
    """The scratch network's predictions for a view at every shift from −MAX_SHIFT to MAX_SHIFT."""

    probabilities: np.ndarray  # (17, 17, 10) float32; the first index is down, the second right

    def prediction_at(self, right: int, down: int) -> tuple[str, float]:
        """Returns the most probable class at a shift, and its probability."""
        row = self.probabilities[down + MAX_SHIFT, right + MAX_SHIFT]
        return labels.CIFAR10[row.argmax()], float(row.max())

    @property
    def original(self) -> str:
        """The class predicted without a shift."""
        return self.prediction_at(0, 0)[0]

    @property
    def original_probability(self) -> np.ndarray:
        """The probability of the class predicted without a shift, at every shift, (17, 17)."""
        return self.probabilities[..., labels.CIFAR10.index(self.original)]

    def counts(self) -> list[tuple[str, int]]:
        """Returns the predicted classes and their number of shifts, the most frequent first."""
        said = self.probabilities.argmax(axis=-1).ravel()
        return Counter(labels.CIFAR10[index] for index in said).most_common()

    def nearest_failure(self) -> tuple[int, int] | None:
        """Returns the shortest shift (right, down) that changes the prediction, or None."""
        failing = [shift for shift in SHIFTS if self.prediction_at(*shift)[0] != self.original]
        return min(failing, key=lambda shift: shift[0] ** 2 + shift[1] ** 2, default=None)


SHIFTS = [
    (right, down)
    for down in range(-MAX_SHIFT, MAX_SHIFT + 1)
    for right in range(-MAX_SHIFT, MAX_SHIFT + 1)
]


def predict_shifts(image: Image.Image) -> ShiftPredictions:
    """Predicts a 32×32 view at every shift with `classic`. Raises ModelError."""
    return _predict_shifts(image.tobytes())


@functools.lru_cache(64)
def _predict_shifts(content: bytes) -> ShiftPredictions:
    """`predict_shifts` on uint8 (32, 32, 3) bytes, cached for the page's sliders."""
    side = scratch.SIZE
    values = scratch.preprocess(np.frombuffer(content, "uint8").reshape(side, side, 3))
    windows = sliding_window_view(_with_margin(values), (side, side, 3))[::-1, ::-1, 0]
    batch = np.ascontiguousarray(windows.reshape(-1, side, side, 3))  # (289, 32, 32, 3)
    (probabilities,) = scratch.load(scratch.CLASSIC).run(batch)
    return ShiftPredictions(probabilities.reshape(*windows.shape[:2], -1))
