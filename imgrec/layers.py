"""A network's layers as a table: name, kind, output shape, parameters."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import keras


class Layer(NamedTuple):
    """One row: the output shape is without the batch dimension."""

    name: str
    kind: str
    output_shape: tuple[int, ...]
    parameters: int


def table(model: "keras.Model") -> list[Layer]:
    """The layers of a built model in their order."""
    return [
        Layer(layer.name, type(layer).__name__, tuple(layer.output.shape[1:]), layer.count_params())
        for layer in model.layers
    ]


def dense(name: str, inputs: int, outputs: int) -> Layer:
    """The row of a dense layer that is not built: a weight a pair, and a bias an output."""
    return Layer(name, "Dense", (outputs,), (inputs + 1) * outputs)
