"""The forward pass of a network, compiled once and run in batches from many threads."""

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    import keras


BATCH = 32  # pictures per forward pass: bounds the memory for activations
Forward = Callable[[np.ndarray], list[np.ndarray]]
Logits = Callable[[np.ndarray], np.ndarray]


class Network(NamedTuple):
    """A trained network, ready for use."""

    model: "keras.Model"
    run: Forward


def compile_forward(model: "keras.Model") -> Network:
    """Compiles the model's forward pass, over any number of inputs, `BATCH` at a time.

    The pass takes float32 (n, ...) and returns a list with an array (n, ...) for each output of the
    model. It may be called from several threads.
    """
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *model.input_shape[1:]), tf.float32)]

    def forward(batch: tf.Tensor) -> list[tf.Tensor]:
        return tf.nest.flatten(model(batch, training=False))

    # Traced once, here: TensorFlow mistakes several networks for one that is retraced too often.
    compiled = tf.function(forward, input_signature=signature).get_concrete_function()

    def in_batches(inputs: np.ndarray) -> list[np.ndarray]:
        starts = range(0, len(inputs), BATCH)
        outputs = [compiled(tf.constant(inputs[start : start + BATCH])) for start in starts]
        return [np.concatenate(parts) for parts in zip(*outputs, strict=True)]

    in_batches(np.zeros((1, *model.input_shape[1:]), "float32"))  # the first pass is slow
    return Network(model, in_batches)


def compile_with_logits(model: "keras.Model") -> tuple[Network, Logits]:
    """Compiles the model as `compile_forward` does, and its pass from float32 (n, ...) to logits.

    The logits, float32 (n, classes), are the output of the last, dense layer before its softmax or
    sigmoid, which loses their magnitude.
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
    """Returns the milliseconds per picture since `started` (`time.perf_counter()`)."""
    return (time.perf_counter() - started) * 1000 / pictures
