"""The heads on VGG16's features, and their pooling layer."""

from collections.abc import Callable

import keras
from keras import layers


class PowerPooling(layers.Layer):
    """Pools (n, h, w, channels) to (n, channels): mean of squares to the power of 3/4, unit length.

    Between average and maximum pooling, as in Radenović, Tolias & Chum 2018 (generalised mean); the
    power, then the unit length, keep a few strong channels from deciding alone.
    """

    def call(self, features: keras.KerasTensor) -> keras.KerasTensor:
        squares = keras.ops.mean(keras.ops.square(features), axis=(1, 2))
        # The gradient of x ** 0.75 at 0 is infinite, and silent channels are common.
        powers = keras.ops.maximum(squares, 1e-30) ** 0.75
        return keras.ops.normalize(keras.ops.where(squares > 0, powers, 0.0), axis=-1)


def pooled_head(hidden: int = 0, l2: float = 1e-4, classes: int = 1) -> keras.Model:
    """Builds the better head: 513 parameters.

    Input float32 (n, 7, 7, 512), output (n, 1) probability. `hidden` is the number of neurons, if
    any, between the pooled features and the output; `l2` is the weight decay of every kernel. If
    `classes` is more than 1, the output is (n, classes).
    """
    return keras.Sequential(
        [
            keras.Input((7, 7, 512)),
            PowerPooling(name="pool"),  # (n, 512)
            *_dense(hidden, l2, classes),
        ],
        name="pooled",
    )


def flatten_head(hidden: int = 256, l2: float = 0.0) -> keras.Model:
    """Builds the project's first head: 6,423,041 parameters. Input (n, 7, 7, 512), output (n, 1).

    `hidden` and `l2` as in `pooled_head`.
    """
    return keras.Sequential(
        [
            keras.Input((7, 7, 512)),
            layers.Flatten(name="flatten"),  # (n, 25088)
            *_dense(hidden, l2),
        ],
        name="flatten",
    )


def _dense(hidden: int, l2: float, classes: int = 1) -> list[layers.Layer]:
    """Returns a hidden layer, if it has neurons, and the output layer: sigmoid, or softmax."""
    decay = keras.regularizers.L2(l2) if l2 else None
    answer = layers.Dense(1, activation="sigmoid", kernel_regularizer=decay, name="dog")
    if classes > 1:
        answer = layers.Dense(
            classes, activation="softmax", kernel_regularizer=decay, name="classes"
        )
    if not hidden:
        return [answer]
    return [
        layers.Dense(hidden, activation="relu", kernel_regularizer=decay, name="dense"),
        answer,
    ]


HEADS: dict[str, Callable[..., keras.Model]] = {"pooled": pooled_head, "flatten": flatten_head}
