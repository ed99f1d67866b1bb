"""Trained networks in use: loaded once, compiled, run in batches from many threads."""

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np

from imgrec.errors import ModelError
from imgrec.metrics import calibration
from imgrec.metrics.calibration import Calibration
from imgrec.models import registry, store

if TYPE_CHECKING:
    import keras

BATCH = 32  # pictures in one forward pass: bounds the memory that activations need
KEPT = 12  # networks that one loader keeps in memory

T = TypeVar("T")
Forward = Callable[[np.ndarray], list[np.ndarray]]
Logits = Callable[[np.ndarray], np.ndarray]


class Network(NamedTuple):
    """A trained network, ready to be used."""

    model: "keras.Model"
    run: Forward


class Trained(NamedTuple):
    """A trained network of the catalogue, in use."""

    entry: registry.Entry
    network: Network
    logits: Logits  # as by `ready_with_logits`
    calibration: Calibration | None  # where it was measured


def loaded_once(load: Callable[..., T]) -> Callable[..., T]:
    """`functools.lru_cache` with a lock: two visitors never load the same model twice."""
    cached, lock = functools.lru_cache(KEPT)(load), threading.Lock()

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

    def forward(batch: tf.Tensor) -> list[tf.Tensor]:
        return tf.nest.flatten(model(batch, training=False))

    # Compiled once, here: TensorFlow takes several networks for one that is compiled too often.
    compiled = tf.function(forward, input_signature=signature).get_concrete_function()

    def in_batches(inputs: np.ndarray) -> list[np.ndarray]:
        starts = range(0, len(inputs), BATCH)
        outputs = [compiled(tf.constant(inputs[start : start + BATCH])) for start in starts]
        return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]

    in_batches(np.zeros((1, *model.input_shape[1:]), "float32"))  # the first pass is a slow one
    return Network(model, in_batches)


def ready_with_logits(model: "keras.Model") -> tuple[Network, Logits]:
    """The model as by `ready`, and its pass from float32 (n, ...) to logits float32 (n, classes).

    They are what the last, dense layer gives before its softmax or sigmoid, which loses how large
    they are.
    """
    import keras

    answer = model.layers[-1]
    both = ready(keras.Model(model.inputs[0], [answer.output, answer.input])).run
    kernel, bias = (np.asarray(weight) for weight in answer.weights)
    return (
        Network(model, lambda inputs: both(inputs)[:1]),
        lambda inputs: both(inputs)[1].astype("float32") @ kernel + bias,
    )


def load_trained(name: str, kind: registry.Kind) -> Trained:
    """A trained network of the catalogue. Raises ModelError if there is none, or it is damaged."""
    entry = registry.find(name, kind)
    if not registry.answers(entry):
        raise ModelError(f"{name} was not taught the classes of this tab; choose another one.")
    network, logits = _loaded(kind, entry.folder, entry.report.get("weights_sha256", ""))
    return Trained(entry, network, logits, calibration.of(entry))


@loaded_once
def _loaded(kind: registry.Kind, folder: Path, digest: str) -> tuple[Network, Logits]:
    """The network in a model directory; `digest` makes other weights in it another network."""
    from imgrec.networks import cifar10 as networks

    saved = store.load(folder)
    build = {"scratch": networks.SCRATCH, "transfer": networks.HEADS}[kind]
    try:
        model = build[saved.config["network"]](**saved.config.get("options", {}))
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{folder.name} has a network that is not known here; choose another one."
        ) from error
    networks.set_weights(model, saved.weights)
    return ready_with_logits(model)


def milliseconds_each(started: float, pictures: int) -> float:
    """Time since `started` (`time.perf_counter()`), shared evenly between the pictures."""
    return (time.perf_counter() - started) * 1000 / pictures
