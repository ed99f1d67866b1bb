"""The output of every layer of a network for a picture, from one forward pass."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from PIL import Image

from imgrec.approaches import scratch, vgg16
from imgrec.approaches.verdict import ClassProbability, top_classes
from imgrec.caching import load_once
from imgrec.data import labels
from imgrec.errors import ModelError
from imgrec.networks import layer_table
from imgrec.networks.inference import Forward, Network, compile_forward

TITLES = {"scratch": "From scratch", "vgg16": "VGG16"}  # the networks whose layers can be explored


class LayeredNetwork(NamedTuple):
    """A network whose forward pass returns the output of each layer except the input layer."""

    network: Literal["scratch", "vgg16"]
    rows: list[layer_table.Layer]
    rectified: frozenset[str]  # names of the layers that are ReLU or end in it
    run: Forward  # as in `inference.Network`, with an output for each row


class Activation(NamedTuple):
    """The output of one layer for one picture."""

    row: layer_table.Layer
    values: np.ndarray  # float32 (h, w, channels), or (n,)
    saw: Image.Image  # the picture as the network saw it
    classes: tuple[ClassProbability, ...]  # all, most probable first; else empty

    @property
    def is_map(self) -> bool:
        """Whether the output is feature maps instead of a vector."""
        return self.values.ndim == 3

    @property
    def signed(self) -> bool:
        """Whether any value is below 0."""
        return bool((self.values < 0).any())

    @property
    def zeros(self) -> float:
        """The share of the values that are exactly 0."""
        return float((self.values == 0).mean())


def load(network: str, weights: str = scratch.DEFAULT) -> LayeredNetwork:
    """Loads the network by its key in TITLES; `weights` names the trained scratch network.

    VGG16 is the base only, or the whole network if its own weights file is there. Raises
    ModelError.
    """
    if network == "scratch":
        # A visitor may send anything.
        return _with_layer_outputs("scratch", scratch.load(str(weights)))
    if network == "vgg16":
        return _with_layer_outputs("vgg16", vgg16.network())
    raise ModelError(f"There is no network of that name; choose one of {', '.join(TITLES)}.")


@load_once
def _with_layer_outputs(key: Literal["scratch", "vgg16"], network: Network) -> LayeredNetwork:
    """Returns the same layers and weights as one graph with an output for each layer."""
    import keras

    model = network.model
    passed = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    rectified = [layer.name for layer in passed if layer_table.rectifies(layer)]
    outputs = [layer.output for layer in passed]
    rows = [row for row in layer_table.table(model) if row.kind != "InputLayer"]
    return LayeredNetwork(
        key, rows, frozenset(rectified), compile_forward(keras.Model(model.inputs[0], outputs)).run
    )


def first_convolution(layered: LayeredNetwork) -> str:
    """Returns the name of the first convolution, or of the first layer if there is none."""
    return next((row.name for row in layered.rows if row.kind == "Conv2D"), layered.rows[0].name)


def activation(layered: LayeredNetwork, layer: str, image: Image.Image) -> Activation:
    """Returns a layer's output for an RGB picture of any size.

    Raises ModelError for an unknown layer.
    """
    names = [row.name for row in layered.rows]
    if layer not in names:
        raise ModelError(
            f"{TITLES[layered.network]} has no layer of that name; choose one of "
            f"{', '.join(names)}."
        )
    approach = {"scratch": scratch, "vgg16": vgg16}[layered.network]
    saw = approach.view(image)
    outputs = layered.run(approach.preprocess(np.asarray(saw)[np.newaxis]))
    row, values = layered.rows[names.index(layer)], outputs[names.index(layer)][0]
    return Activation(row, values, saw, _classes(layered, row, values))


def _classes(
    layered: LayeredNetwork, row: layer_table.Layer, values: np.ndarray
) -> tuple[ClassProbability, ...]:
    """Returns the vector with class names if the layer is the last and predicts classes."""
    names: Sequence[str] = (
        labels.CIFAR10
        if layered.network == "scratch"
        else [synset.title for synset in labels.imagenet()]
    )
    if row != layered.rows[-1] or values.shape != (len(names),):
        return ()
    return top_classes(values, names, len(names))


def channel_of(activation: Activation, number: object) -> int:
    """Validates a channel index, since a visitor may send anything. Raises ModelError."""
    if not activation.is_map:
        raise ModelError(f"{activation.row.name} gives a vector: it has no channels to choose.")
    channels = activation.values.shape[-1]
    if not isinstance(number, int | float | np.integer) or number not in range(channels):
        raise ModelError(
            f"{activation.row.name} has no such channel; choose a whole number "
            f"from 0 to {channels - 1}."
        )
    return int(number)


def strongest(values: np.ndarray) -> np.ndarray:
    """Returns the channel indices of (h, w, channels) or (n,) by falling mean magnitude."""
    amounts = np.abs(values).mean(axis=tuple(range(values.ndim - 1)))
    return np.argsort(-amounts, kind="stable")
