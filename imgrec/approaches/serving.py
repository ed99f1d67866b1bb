"""Trained networks in use: loaded once, compiled, run in batches from many threads."""

import functools
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from imgrec import runs
from imgrec.errors import ModelError
from imgrec.paths import MODELS

if TYPE_CHECKING:
    import keras

BATCH = 32  # pictures in one forward pass: bounds the memory that activations need

T = TypeVar("T")
Forward = Callable[[np.ndarray], list[np.ndarray]]


class Network(NamedTuple):
    """A trained network, ready to be used."""

    model: "keras.Model"
    run: Forward


def loaded_once(load: Callable[..., T]) -> Callable[..., T]:
    """`functools.cache` with a lock, so that two visitors never load the same model twice."""
    cached, lock = functools.cache(load), threading.Lock()

    @functools.wraps(load)
    def locked(*arguments: Any) -> T:
        with lock:
            return cached(*arguments)

    return locked


def ready(model: "keras.Model") -> Network:
    """The model with its forward pass compiled, over any number of inputs, `BATCH` at a time.

    The pass takes float32 (n, ...) and returns a list with an array (n, ...) for each output of the
    model. It may be called from several threads.
    """
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)]

    @tf.function(input_signature=signature)
    def compiled(batch: tf.Tensor) -> list[tf.Tensor]:
        return tf.nest.flatten(model(batch, training=False))

    def in_batches(inputs: np.ndarray) -> list[np.ndarray]:
        starts = range(0, len(inputs), BATCH)
        outputs = [compiled(inputs[start : start + BATCH]) for start in starts]
        return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]

    in_batches(np.zeros((1, *model.input_shape[1:]), "float32"))  # compiles now, not at first use
    return Network(model, in_batches)


def load_shipped(
    name: str, names: Sequence[str], build: Mapping[str, "Callable[[], keras.Model]"]
) -> Network:
    """One of the shipped models of the given names; `build` makes a network by its name.

    Raises ModelError if it is none of them, or is damaged.
    """
    from imgrec import networks

    if name not in names:
        raise ModelError(f"No trained network has this name; choose one of {', '.join(names)}.")
    saved = runs.load(MODELS / name)
    model = build[saved.config["network"]]()
    networks.set_weights(model, saved.weights)
    return ready(model)


def milliseconds_each(started: float, pictures: int) -> float:
    """Time since `started` (`time.perf_counter()`), shared evenly between the pictures."""
    return (time.perf_counter() - started) * 1000 / pictures
