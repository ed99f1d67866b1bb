"""A network's layers as a table: name, kind, output shape, parameters, multiply–accumulates."""

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]

MULTIPLYING = ("Conv2D", "DepthwiseConv2D", "Dense")  # kernel applied at every output position


class Layer(NamedTuple):
    """A row of the table; the output shape is without the batch dimension."""

    name: str
    kind: str
    output_shape: Shape
    parameters: int
    formula: str = ""  # for the parameters, `3·3·32·32 + 32 = 9,248`; empty without any
    multiply_accumulates: int = 0  # per picture: a multiplication and an addition count as one


def table(model: "keras.Model") -> list[Layer]:
    """Returns the layers of a built model in order."""
    return [_row(layer) for layer in model.layers]


def dense(name: str, inputs: int, outputs: int) -> Layer:
    """Returns the row of a dense layer that is not built: a weight per pair, a bias per output."""
    shapes = [(inputs, outputs), (outputs,)]
    parameters = sum(map(math.prod, shapes))
    return Layer(name, "Dense", (outputs,), parameters, formula(shapes), inputs * outputs)


def formula(shapes: Sequence[Shape]) -> str:
    """Counts the weights in arrays of these shapes: `3·3·32·32 + 32 = 9,248`, `4·32 = 128`.

    Consecutive arrays of one shape are grouped: batch normalisation has four of them.
    """
    terms = []
    for shape, alike in itertools.groupby(shapes):
        times = len(list(alike))
        terms.append("·".join(map(str, shape if times == 1 else (times, *shape))))
    return f"{' + '.join(terms)} = {sum(map(math.prod, shapes)):,}" if terms else ""


def rectifies(layer: "keras.layers.Layer") -> bool:
    """Returns whether ReLU is the layer or its last step: no output is below 0."""
    import keras

    if isinstance(layer, keras.layers.ReLU):
        return True
    return getattr(layer, "activation", None) is keras.activations.relu


def _row(layer: "keras.layers.Layer") -> Layer:
    # A fused layer computes what Keras's own does, faster.
    kind = type(layer).__name__.removeprefix("Fused")
    output_shape = tuple(layer.output.shape[1:])
    return Layer(
        name=layer.name,
        kind=kind,
        output_shape=output_shape,
        parameters=layer.count_params(),
        formula=formula([tuple(weight.shape) for weight in layer.weights]),
        # Every weight of the kernel is used once at each place (h, w) of the output.
        multiply_accumulates=math.prod(output_shape[:-1]) * math.prod(layer.kernel.shape)
        if kind in MULTIPLYING
        else 0,
    )
