"""The arithmetic of pooling, dropout and a dense layer, step by step."""

import functools
from typing import NamedTuple

import numpy as np
from PIL import Image

from imgrec.approaches import scratch
from imgrec.explaining import feature_maps
from imgrec.metrics.calibration import softmax
from imgrec.networks.layer_table import Layer

MAP, HIDDEN, LAST = "conv1", "dense1", "predictions"  # the layers of the lesson


class Dense(NamedTuple):
    """A dense layer and its inputs for one picture."""

    inputs: np.ndarray  # float32 (n,): activations of the layer before
    kernel: np.ndarray  # float32 (n, classes)
    bias: np.ndarray  # float32 (classes,)

    @property
    def probabilities(self) -> np.ndarray:
        """The softmax of the layer's logits, (classes,)."""
        return softmax(self.inputs @ self.kernel + self.bias)


class Activations(NamedTuple):
    """The activations of the network `classic` for a picture that this lesson uses."""

    saw: Image.Image  # the picture as the network saw it
    channel: int  # the strongest channel of the layer MAP
    map: np.ndarray  # float32 (32, 32), 0 or more
    last: Dense
    rows: dict[str, Layer]  # all layers, by name


class Pooled(NamedTuple):
    """A feature map after pooling."""

    largest: np.ndarray  # (h // window, w // window): maximum of each window
    average: np.ndarray


class Dropped(NamedTuple):
    """Values after dropout."""

    values: np.ndarray
    kept: np.ndarray  # bool, of the same shape


def run_classic(image: Image.Image) -> Activations:
    """Runs the network `classic` on a picture in one forward pass. Raises ModelError."""
    return _run_classic(scratch.view(image).tobytes())


@functools.lru_cache(16)
def _run_classic(content: bytes) -> Activations:
    """`run_classic` on 32×32 RGB bytes, cached because the lesson's parts share the result."""
    layered = feature_maps.load("scratch", scratch.CLASSIC)
    saw = Image.frombytes("RGB", (scratch.SIZE, scratch.SIZE), content)
    outputs = layered.run(scratch.preprocess(np.asarray(saw)[np.newaxis]))
    by_name = {row.name: output[0] for row, output in zip(layered.rows, outputs, strict=True)}
    channel = int(feature_maps.strongest(by_name[MAP])[0])
    last = scratch.load(scratch.CLASSIC).model.get_layer(LAST)
    dense = Dense(by_name[HIDDEN], *(np.asarray(weight) for weight in last.weights))
    rows = {row.name: row for row in layered.rows}
    return Activations(saw, channel, by_name[MAP][..., channel], dense, rows)


def pooled(values: np.ndarray, window: int) -> Pooled:
    """Returns the maximum and average of each window×window block of a map (h, w).

    As in Keras with "valid" padding, rows and columns that fill no window are dropped.
    """
    height, width = (side // window for side in values.shape)
    used = values[: height * window, : width * window]
    windows = used.reshape(height, window, width, window)
    return Pooled(windows.max(axis=(1, 3)), windows.mean(axis=(1, 3)))


def strong_corner(values: np.ndarray, side: int) -> tuple[int, int]:
    """Returns the even row and column where a side×side window around a map's maximum begins."""
    place = np.unravel_index(values.argmax(), values.shape)
    row, column = (
        min(int(at) // 2 * 2, (length - side) // 2 * 2)
        for at, length in zip(place, values.shape, strict=True)
    )
    return row, column


def dropout(values: np.ndarray, rate: float, random: np.random.Generator) -> Dropped:
    """Zeroes each value with probability `rate` (below 1) and scales the others by 1/(1 - rate).

    The scaling preserves the expected value, so nothing changes when dropout is off: Srivastava et
    al. 2014, https://jmlr.org/papers/v15/srivastava14a.html, section 10, as in Keras.
    """
    kept = random.random(values.shape) >= rate
    return Dropped(np.where(kept, values / (1 - rate), 0).astype(values.dtype), kept)


def predict_with_dropout(dense: Dense, rate: float, times: int, seed: int) -> np.ndarray:
    """Returns the probabilities (times, classes) of a dense layer with dropout on its inputs."""
    inputs = np.broadcast_to(dense.inputs, (times, len(dense.inputs)))
    silenced = dropout(inputs, rate, np.random.default_rng(seed)).values
    return softmax(silenced @ dense.kernel + dense.bias)


def contributions(dense: Dense, index: int) -> np.ndarray:
    """Returns each input's contribution to a class's logit, (n,); with the bias they sum to it."""
    return dense.inputs * dense.kernel[:, index]


def keep_strongest(dense: Dense, index: int, number: int) -> Dense:
    """Zeroes all inputs except the `number` with the largest contributions to a class's logit."""
    order = np.argsort(-np.abs(contributions(dense, index)), kind="stable")
    inputs = np.zeros_like(dense.inputs)
    inputs[order[:number]] = dense.inputs[order[:number]]
    return dense._replace(inputs=inputs)
