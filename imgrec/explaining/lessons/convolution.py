"""Convolution in the open: kernels, their feature maps, and what a shift of the picture changes."""

import functools
import re
from collections import Counter
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image

from imgrec.approaches import scratch
from imgrec.data import labels
from imgrec.errors import ImgrecError
from imgrec.explaining.lessons import pooling_dropout_dense as parts
from imgrec.images import decode

SIDES = (scratch.SIZE, 128)  # pixels: the picture as the network sees it, and a finer one
REACH = 8  # pixels: the farthest shift
WINDOWS = (1, 2, 4, 8, scratch.SIZE)  # sides of pooling windows: none, as in the network, …, all
GREATEST = 100  # amount of a weight of one's own
OWN, LEARNT = "own", "learnt-"  # keys of kernels, the latter with a filter's index behind it


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights (3, 3, channels) float32 and a bias; of 1 channel (grey) or 3 (red, green, blue)."""

    title: str
    weights: np.ndarray
    bias: float = 0.0

    @property
    def channels(self) -> int:
        return self.weights.shape[2]


def _grey(title: str, rows: list[list[float]], divisor: float = 1) -> Kernel:
    return Kernel(title, np.array(rows, "float32")[..., None] / np.float32(divisor))


# Gonzalez & Woods, Digital Image Processing, 4th edition, sections 3.5 (box, Gaussian) and 3.6
# (Laplacian, sharpening, Sobel); emboss as in the GIMP manual's Convolution Matrix filter
# (https://docs.gimp.org/2.10/en/gimp-filter-convolution-matrix.html).
HAND_MADE = {
    "upright": _grey("Upright edges (Sobel)", [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]),
    "level": _grey("Level edges (Sobel)", [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]),
    "edges": _grey("All edges (Laplacian)", [[0, 1, 0], [1, -4, 1], [0, 1, 0]]),
    "box": _grey("Blur (box)", [[1, 1, 1]] * 3, 9),
    "gaussian": _grey("Blur (Gaussian)", [[1, 2, 1], [2, 4, 2], [1, 2, 1]], 16),
    "sharpen": _grey("Sharpen", [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]),
    "emboss": _grey("Emboss", [[-2, -1, 0], [-1, 1, 1], [0, 1, 2]]),
    "identity": _grey("Leave as it is", [[0, 0, 0], [0, 1, 0], [0, 0, 0]]),
}


@functools.cache
def learnt() -> list[Kernel]:
    """The filters of the first layer of the network `classic`. Raises ModelError."""
    weights, biases = scratch.load(scratch.CLASSIC).model.get_layer("conv1").get_weights()
    return [
        Kernel(f"Learnt filter {index + 1}", weights[..., index], float(biases[index]))
        for index in range(len(biases))
    ]


def own(text: str) -> Kernel:
    """A kernel from nine numbers in a text, row by row. Raises ImgrecError."""
    parts = re.split(r"[\s,;]+", text.strip()) if isinstance(text, str) else []
    try:
        numbers = np.array([float(part) for part in parts])
    except ValueError:
        numbers = np.zeros(0)
    if len(numbers) != 9 or not (np.abs(numbers) <= GREATEST).all():  # NaN is refused as well
        raise ImgrecError(
            "A kernel of your own needs nine numbers, three in each line, "
            f"from −{GREATEST} to {GREATEST}: for example 0 1 0, 1 -4 1, 0 1 0."
        )
    return _grey("Your own kernel", numbers.reshape(3, 3).tolist())


def kernel(key: str, text: str = "") -> Kernel:
    """The kernel of that key; `text` is the one of one's own. Raises ImgrecError."""
    if key == OWN:
        return own(text)
    if isinstance(key, str) and key in HAND_MADE:
        return HAND_MADE[key]
    keys = [f"{LEARNT}{index}" for index in range(len(learnt()))]
    if key not in keys:
        raise ImgrecError("There is no such kernel; choose one of those shown.")
    return learnt()[keys.index(key)]


def view(image: Image.Image, side: int) -> Image.Image:
    """The central square of a picture at side×side; at 32×32 it is what the network sees."""
    return decode.square(image, side, Image.Resampling.BICUBIC)


def pixels(image: Image.Image, channels: int) -> np.ndarray:
    """float32 (h, w, channels) in [0, 1], as the network takes them; 1 channel is grey."""
    values = scratch.preprocess(np.asarray(image if channels == 3 else image.convert("L")))
    return values.reshape(*values.shape[:2], channels)


def feature_map(values: np.ndarray, kernel: Kernel) -> np.ndarray:
    """float32 (h, w): the kernel at every place of the pixels (h, w, channels), plus the bias.

    That is Keras's Conv2D with padding "same": a correlation, with zeros around the picture.
    """
    height, width, _ = values.shape
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    total = np.full((height, width), kernel.bias, "float32")
    # One product at a time in the same order at every place, so that equal pixels give equal sums.
    for row, column, channel in np.ndindex(kernel.weights.shape):
        window = padded[row : row + height, column : column + width, channel]
        total += kernel.weights[row, column, channel] * window
    return total


def patch(values: np.ndarray, row: int, column: int) -> np.ndarray:
    """The 3×3 pixels (3, 3, channels) around a place; zeros where they are outside."""
    return np.pad(values, ((1, 1), (1, 1), (0, 0)))[row : row + 3, column : column + 3]


def relu(values: np.ndarray) -> np.ndarray:
    """What is below zero becomes zero."""
    return np.maximum(values, 0)


def shifted(values: np.ndarray, right: int, down: int) -> np.ndarray:
    """The pixels (h, w, channels) moved by up to REACH; the edge's pixels are repeated behind."""
    height, width, _ = values.shape
    row, column = REACH - down, REACH - right
    return _with_margin(values)[row : row + height, column : column + width]


def _with_margin(values: np.ndarray) -> np.ndarray:
    return np.pad(values, ((REACH, REACH), (REACH, REACH), (0, 0)), mode="edge")


class Difference(NamedTuple):
    """How far the map of a shifted picture is from the shifted map."""

    inside: float  # the greatest difference where the kernel meets only pixels of the picture
    places: int  # how many places those are
    border: float  # the greatest difference elsewhere, where both maps have a value


def difference(values: np.ndarray, kernel: Kernel, right: int, down: int) -> Difference:
    """Convolves before and after a shift of the pixels (h, w, channels), and compares."""
    height, width, _ = values.shape
    before = feature_map(values, kernel)
    after = feature_map(shifted(values, right, down), kernel)
    rows = slice(max(0, down), height + min(0, down))  # of `after`, where a value came along to
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
    """The sum of all differences, as a share of the sum of all amounts before; 0 if all are 0."""
    amount = np.abs(before).sum()
    return float(np.abs(after - before).sum() / amount) if amount else 0.0


def forgiven(values: np.ndarray, kernel: Kernel) -> dict[int, float]:
    """For each pooling window of WINDOWS: how much a shift by one pixel right changes the map.

    The maps are those after ReLU, as in the network.
    """
    before = relu(feature_map(values, kernel))
    after = relu(feature_map(shifted(values, 1, 0), kernel))
    return {
        window: change(parts.pooled(before, window).largest, parts.pooled(after, window).largest)
        for window in WINDOWS
    }


@dataclass(frozen=True, eq=False)
class Answers:
    """What the scratch network says of a view at every shift from −REACH to REACH."""

    probabilities: np.ndarray  # (17, 17, 10) float32; the first index is down, the second right

    def says(self, right: int, down: int) -> tuple[str, float]:
        """The likeliest class at a shift, and its probability."""
        row = self.probabilities[down + REACH, right + REACH]
        return labels.CIFAR10[row.argmax()], float(row.max())

    @property
    def original(self) -> str:
        """The class that it says without a shift."""
        return self.says(0, 0)[0]

    @property
    def of_original(self) -> np.ndarray:
        """(17, 17): the probability of the class that it says without a shift."""
        return self.probabilities[..., labels.CIFAR10.index(self.original)]

    def counts(self) -> list[tuple[str, int]]:
        """The classes that it says, and for how many shifts, the most frequent first."""
        said = self.probabilities.argmax(axis=-1).ravel()
        return Counter(labels.CIFAR10[index] for index in said).most_common()

    def nearest_failure(self) -> tuple[int, int] | None:
        """The shortest shift (right, down) at which it says something else, if there is one."""
        failing = [shift for shift in SHIFTS if self.says(*shift)[0] != self.original]
        return min(failing, key=lambda shift: shift[0] ** 2 + shift[1] ** 2, default=None)


SHIFTS = [(right, down) for down in range(-REACH, REACH + 1) for right in range(-REACH, REACH + 1)]


def answers(image: Image.Image) -> Answers:
    """What `classic` answers to a 32×32 view at each of the shifts. Raises ModelError."""
    return _answers(image.tobytes())


@functools.lru_cache(64)
def _answers(content: bytes) -> Answers:
    """`answers` of uint8 (32, 32, 3), kept, for moving a slider asks for them again and again."""
    side = scratch.SIZE
    values = scratch.preprocess(np.frombuffer(content, "uint8").reshape(side, side, 3))
    windows = sliding_window_view(_with_margin(values), (side, side, 3))[::-1, ::-1, 0]
    batch = np.ascontiguousarray(windows.reshape(-1, side, side, 3))  # (289, 32, 32, 3)
    (probabilities,) = scratch.load(scratch.CLASSIC).run(batch)
    return Answers(probabilities.reshape(*windows.shape[:2], -1))
