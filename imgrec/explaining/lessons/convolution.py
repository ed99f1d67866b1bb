"""The convolution lesson: hand-made, learnt and custom kernels, and their feature maps."""

import functools
import re
from dataclasses import dataclass

import numpy as np
from PIL import Image

from imgrec.approaches import scratch
from imgrec.errors import ImgrecError
from imgrec.images.crops import square

SIDES = (scratch.SIZE, 128)  # pixels: the network's input size, and a finer one
MAX_WEIGHT = 100  # maximum magnitude of a custom weight
CUSTOM, LEARNT = "own", "learnt-"  # kernel keys; the latter is followed by a filter's index


@dataclass(frozen=True, eq=False)
class Kernel:
    """Weights float32 (3, 3, channels) and a bias; 1 channel (grey) or 3 (red, green, blue)."""

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
def learnt_kernels() -> list[Kernel]:
    """Returns the filters of the first layer of the network `classic`. Raises ModelError."""
    weights, biases = scratch.load(scratch.CLASSIC).model.get_layer("conv1").get_weights()
    return [
        Kernel(f"Learnt filter {index + 1}", weights[..., index], float(biases[index]))
        for index in range(len(biases))
    ]


def custom_kernel(text: str) -> Kernel:
    """Parses a kernel from nine numbers, row by row. Raises ImgrecError."""
    parts = re.split(r"[\s,;]+", text.strip()) if isinstance(text, str) else []
    try:
        numbers = np.array([float(part) for part in parts])
    except ValueError:
        numbers = np.zeros(0)
    if len(numbers) != 9 or not (np.abs(numbers) <= MAX_WEIGHT).all():  # NaN is refused as well
        raise ImgrecError(
            "A kernel of your own needs nine numbers, three in each line, "
            f"from −{MAX_WEIGHT} to {MAX_WEIGHT}: for example 0 1 0, 1 -4 1, 0 1 0."
        )
    return _grey("Your own kernel", numbers.reshape(3, 3).tolist())


def kernel(key: str, text: str = "") -> Kernel:
    """Returns the kernel of that key; `text` holds a custom one. Raises ImgrecError."""
    if key == CUSTOM:
        return custom_kernel(text)
    if isinstance(key, str) and key in HAND_MADE:
        return HAND_MADE[key]
    keys = [f"{LEARNT}{index}" for index in range(len(learnt_kernels()))]
    if key not in keys:
        raise ImgrecError("There is no such kernel; choose one of those shown.")
    return learnt_kernels()[keys.index(key)]


def view(image: Image.Image, side: int) -> Image.Image:
    """Returns the central square of a picture at side×side; at 32×32, the network's input."""
    return square(image, side, Image.Resampling.BICUBIC)


def pixels(image: Image.Image, channels: int) -> np.ndarray:
    """Returns float32 (h, w, channels) in [0, 1], as the network expects; 1 channel is grey."""
    values = scratch.preprocess(np.asarray(image if channels == 3 else image.convert("L")))
    return values.reshape(*values.shape[:2], channels)


def feature_map(values: np.ndarray, kernel: Kernel) -> np.ndarray:
    """Applies the kernel at every position of pixels (h, w, channels); returns float32 (h, w).

    Computes the same as Keras's Conv2D with padding "same": a correlation with zeros around the
    picture, plus the bias.
    """
    height, width, _ = values.shape
    padded = np.pad(values, ((1, 1), (1, 1), (0, 0)))
    total = np.full((height, width), kernel.bias, "float32")
    # One product at a time, in the same order everywhere, so that equal pixels give equal sums.
    for row, column, channel in np.ndindex(kernel.weights.shape):
        window = padded[row : row + height, column : column + width, channel]
        total += kernel.weights[row, column, channel] * window
    return total


def patch(values: np.ndarray, row: int, column: int) -> np.ndarray:
    """Returns the pixels around a position, (3, 3, channels); zeros outside the picture."""
    return np.pad(values, ((1, 1), (1, 1), (0, 0)))[row : row + 3, column : column + 3]


def relu(values: np.ndarray) -> np.ndarray:
    """Sets negative values to zero."""
    return np.maximum(values, 0)
