"""What an approach says about a picture, and what the three approaches share in saying it."""

import functools
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    import keras

BATCH = 32  # pictures in one forward pass: bounds the memory that activations need

T = TypeVar("T")
Forward = Callable[[np.ndarray], list[np.ndarray]]


@dataclass(frozen=True)
class ClassProbability:
    """A class and its probability in [0, 1]."""

    label: str
    probability: float


@dataclass(frozen=True)
class Verdict:
    """One approach's answer about one picture."""

    approach: str  # "scratch", "pretrained" or "transfer"
    model: str  # the network's name, fit to be shown
    trained_on: str  # with what, fit to be shown
    stand_in: bool  # whether another network answers for the one the approach is about
    classes: tuple[ClassProbability, ...]  # the top k, most probable first
    dog: float  # probability in [0, 1] that there is a dog in the picture
    milliseconds: float  # preprocessing and forward pass; a batch's time divided by its size
    parameters: int  # weights of the whole network
    saw: Image.Image  # the picture as the network saw it

    def as_json(self) -> dict[str, Any]:
        """The plain object that the endpoints and the command line return."""
        return {
            "approach": self.approach,
            "model": self.model,
            "stand_in": self.stand_in,
            "classes": [vars(entry) for entry in self.classes],
            "dog": self.dog,
            "milliseconds": round(self.milliseconds, 2),
        }


class Network(NamedTuple):
    """A trained network, ready to be used."""

    model: "keras.Model"
    run: Forward


def answer(file: str, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """A picture's verdicts as the endpoints and `scripts/predict.py --json` return them."""
    return {"file": file, "verdicts": [verdict.as_json() for verdict in verdicts]}


def top_classes(
    probabilities: np.ndarray, names: Sequence[str], top_k: int
) -> tuple[ClassProbability, ...]:
    """The `top_k` most probable of (classes,) probabilities; equal ones keep the classes' order."""
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    return tuple(ClassProbability(names[i], float(probabilities[i])) for i in order)


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


def milliseconds_each(started: float, pictures: int) -> float:
    """Time since `started` (`time.perf_counter()`), shared evenly between the pictures."""
    return (time.perf_counter() - started) * 1000 / pictures
