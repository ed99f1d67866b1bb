"""Networks in use: their forward pass, compiled once and run in batches from many threads."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import keras


BATCH = 32  # pictures in one forward pass: bounds the memory that activations need
Forward = Callable[[np.ndarray], list[np.ndarray]]
Logits = Callable[[np.ndarray], np.ndarray]


class Network(NamedTuple):
    """A trained network, ready to be used."""

    model: "keras.Model"
    run: Forward


def compile_forward(model: "keras.Model") -> Network:
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


def compile_with_logits(model: "keras.Model") -> tuple[Network, Logits]:
    """The model as by `compile_forward`, and its pass from float32 (n, ...) to logits.

    The logits are float32 (n, classes).
    They are what the last, dense layer gives before its softmax or sigmoid, which loses how large
    they are.
    """
    import keras

    answer = model.layers[-1]
    both = compile_forward(keras.Model(model.inputs[0], [answer.output, answer.input])).run
    kernel, bias = (np.asarray(weight) for weight in answer.weights)
    return (
        Network(model, lambda inputs: both(inputs)[:1]),
        lambda inputs: both(inputs)[1].astype("float32") @ kernel + bias,
    )


def milliseconds_each(started: float, pictures: int) -> float:
    """Time since `started` (`time.perf_counter()`), shared evenly between the pictures."""
    return (time.perf_counter() - started) * 1000 / pictures
