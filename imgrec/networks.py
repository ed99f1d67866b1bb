"""The network definitions, each a vertical list of layers, and their weights by name."""

from collections.abc import Callable, Mapping

import keras
import numpy as np
from keras import layers

from imgrec.errors import ModelError


def classic() -> keras.Model:
    """The project's first network for CIFAR-10: 1,250,858 parameters.

    Input float32 (n, 32, 32, 3) in [0, 1], output float32 (n, 10) probabilities. The architecture
    is that of Keras's `cifar10_cnn` example.
    """
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="conv1"),
            layers.Conv2D(32, 3, activation="relu", name="conv2"),  # (n, 30, 30, 32)
            layers.MaxPooling2D(2, name="pool1"),  # (n, 15, 15, 32)
            layers.Dropout(0.25, name="dropout1"),
            layers.Conv2D(64, 3, padding="same", activation="relu", name="conv3"),
            layers.Conv2D(64, 3, activation="relu", name="conv4"),  # (n, 13, 13, 64)
            layers.MaxPooling2D(2, name="pool2"),  # (n, 6, 6, 64)
            layers.Dropout(0.25, name="dropout2"),
            layers.Flatten(name="flatten"),  # (n, 2304)
            layers.Dense(512, activation="relu", name="dense1"),
            layers.Dropout(0.5, name="dropout3"),
            layers.Dense(10, activation="softmax", dtype="float32", name="predictions"),
        ],
        name="classic",
    )


SCRATCH: dict[str, Callable[[], keras.Model]] = {"classic": classic}


def get_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """The model's weights by path (`conv1/kernel`), trainable or not, in float32."""
    return {weight.path: np.asarray(weight) for weight in model.weights}


def set_weights(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Puts the arrays of `get_weights` (any float type) into a model of the same architecture.

    Raises ModelError if a name is missing or left over, or a shape differs; the model is untouched.
    """
    wanted = {weight.path: tuple(weight.shape) for weight in model.weights}
    given = {path: array.shape for path, array in weights.items()}
    if wanted != given:
        odd = sorted(path for path, _ in set(wanted.items()) ^ set(given.items()))
        raise ModelError(
            f"These weights do not fit the network {model.name}: {odd[0]} differs; "
            "use weights that were trained with the same network."
        )
    for weight in model.weights:
        weight.assign(weights[weight.path].astype("float32"))
