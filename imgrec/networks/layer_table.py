"""A network's layers as a table: name, kind, output shape, parameters, multiply–accumulates."""

import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import keras

Shape = tuple[int, ...]

MULTIPLYING = ("Conv2D", "DepthwiseConv2D", "Dense")  # kinds whose kernel meets every output place


class Layer(NamedTuple):
    """One row: the output shape is without the batch dimension."""

    name: str
    kind: str
    output_shape: Shape
    parameters: int
    formula: str = ""  # how the parameters come about, `3·3·32·32 + 32 = 9,248`; empty for none
    multiply_accumulates: int = 0  # of one picture: a multiplication and an addition count as one


def table(model: "keras.Model") -> list[Layer]:
    """The layers of a built model in their order."""
    return [_row(layer) for layer in model.layers]


def dense(name: str, inputs: int, outputs: int) -> Layer:
    """The row of a dense layer that is not built: a weight a pair, and a bias an output."""
    shapes = [(inputs, outputs), (outputs,)]
    parameters = sum(map(math.prod, shapes))
    return Layer(name, "Dense", (outputs,), parameters, formula(shapes), inputs * outputs)


def formula(shapes: Sequence[Shape]) -> str:
    """The number of weights in arrays of these shapes: `3·3·32·32 + 32 = 9,248`, `4·32 = 128`.

    Arrays of one shape that follow each other are counted: batch normalisation has four of them.
    """
    terms = []
    for shape, alike in itertools.groupby(shapes):
        times = len(list(alike))
        terms.append("·".join(map(str, shape if times == 1 else (times, *shape))))
    return f"{' + '.join(terms)} = {sum(map(math.prod, shapes)):,}" if terms else ""


def rectifies(layer: "keras.layers.Layer") -> bool:
    """Whether ReLU is the layer, or its last step: nothing that comes out is below 0."""
    import keras

    if isinstance(layer, keras.layers.ReLU):
        return True
    return getattr(layer, "activation", None) is keras.activations.relu


def _row(layer: "keras.layers.Layer") -> Layer:
    # A fused layer does what Keras's own does, faster.
    kind = type(layer).__name__.removeprefix("Fused")
    output_shape = tuple(layer.output.shape[1:])
    return Layer(
        name=layer.name,
        kind=kind,
        output_shape=output_shape,
        parameters=layer.count_params(),
        formula=formula([tuple(weight.shape) for weight in layer.weights]),
        # At each place (h, w) of the output, every weight of the kernel is used once.
        multiply_accumulates=math.prod(output_shape[:-1]) * math.prod(layer.kernel.shape)
        if kind in MULTIPLYING
        else 0,
    )
