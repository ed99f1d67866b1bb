"""Muon on the filters of convolutions, AdamW on everything else."""

import keras
from keras import ops

ORTHOGONALIZING_STEPS = 3
ADAM_RATE = 1 / 16  # of Muon's learning rate


class FilterMuon(keras.optimizers.Muon):
    """Keras's Muon for a convolutional network.

    The update of a kernel (h, w, channels, filters) is its momentum as a matrix (h·w·channels,
    filters), brought close to the nearest orthogonal one: the filters move equally fast in all
    directions, not only in those with a large gradient. Keras does this for dense layers alone.
    Here the dense output layer, the biases and the normalisation are left to AdamW, without weight
    decay, at a sixteenth of the learning rate.

    Jordan 2024, https://kellerjordan.github.io/posts/muon/; the learning rate, the momentum and
    the three Newton-Schulz steps are close to those of airbench94_muon.py in
    https://github.com/KellerJordan/cifar10-airbench.
    """

    def __init__(self, learning_rate: object, **options: object) -> None:
        super().__init__(
            learning_rate,
            **{
                "momentum": 0.6,
                "ns_steps": ORTHOGONALIZING_STEPS,
                "adam_lr_ratio": ADAM_RATE,
                "rms_rate": None,
                "weight_decay": None,
                "adam_weight_decay": None,
                **options,
            },
        )

    def _should_use_adamw(self, variable: keras.Variable) -> bool:
        return len(variable.shape) != 4

    def zeropower_via_newtonschulz5(self, x: keras.KerasTensor, steps: int) -> keras.KerasTensor:
        """Orthogonalizes a kernel (h, w, channels, filters) as a matrix; the shape stays."""
        matrix = ops.reshape(x, (-1, x.shape[-1]))
        return ops.reshape(super().zeropower_via_newtonschulz5(matrix, steps), x.shape)
