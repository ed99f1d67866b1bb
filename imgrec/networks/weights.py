"""A network's weights by name: extracted, and loaded only if they fit."""

from collections.abc import Mapping

import keras
import numpy as np

from imgrec.errors import ModelError


def get_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """Returns all weights by path (`classic/conv1/kernel`), trainable or not, in float32."""
    return {weight.path: np.asarray(weight) for weight in model.weights}


def set_weights(model: keras.Model, weights: Mapping[str, np.ndarray]) -> None:
    """Loads the arrays of `get_weights` (any float type) into a model of the same architecture.

    Raises ModelError, with the model unchanged, if a name is missing or left over, or a shape
    differs.
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
