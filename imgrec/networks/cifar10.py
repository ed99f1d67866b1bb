"""The CIFAR-10 networks, each a vertical list of layers: `classic`, and `fast` for speed."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def classic(dropout: float = 0.5) -> keras.Model:
    """Builds the project's first network for CIFAR-10: 1,250,858 parameters.

    Input float32 (n, 32, 32, 3) in [0, 1], output float32 (n, 10) probabilities. The architecture
    is that of Keras's `cifar10_cnn` example. `dropout` is the dropout rate before the last layer;
    the rate after each pair of convolutions is half of it.
    """
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="conv1"),
            layers.Conv2D(32, 3, activation="relu", name="conv2"),  # (n, 30, 30, 32)
            layers.MaxPooling2D(2, name="pool1"),  # (n, 15, 15, 32)
            layers.Dropout(dropout / 2, name="dropout1"),
            layers.Conv2D(64, 3, padding="same", activation="relu", name="conv3"),
            layers.Conv2D(64, 3, activation="relu", name="conv4"),  # (n, 13, 13, 64)
            layers.MaxPooling2D(2, name="pool2"),  # (n, 6, 6, 64)
            layers.Dropout(dropout / 2, name="dropout2"),
            layers.Flatten(name="flatten"),  # (n, 2304)
            layers.Dense(512, activation="relu", name="dense1"),
            layers.Dropout(dropout, name="dropout3"),
            layers.Dense(10, activation="softmax", dtype="float32", name="predictions"),
        ],
        name="classic",
    )


# Of the channels (red, green, blue) of CIFAR-10's training images in [0, 1], from K. Jordan's code
# (https://github.com/KellerJordan/cifar10-airbench).
CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR10_DEVIATION = (0.2470, 0.2435, 0.2616)


def fast(dropout: float = 0.0) -> keras.Model:
    """Builds the network for speed on CIFAR-10: 3,152,898 parameters.

    Same input and output as `classic`. The architecture is that of airbench94 (Jordan 2024, "94% on
    CIFAR-10 in 3.29 Seconds on a Single GPU", https://arxiv.org/abs/2404.00498, figure 2), but
    wider (64, 256 and 256 filters there) and with ReLU instead of GELU, which is much slower on a
    CPU. Every filter keeps unit length: normalisation follows, so that a step of Muon turns all of
    them alike. `dropout` is the dropout rate of the last features.
    """
    return keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            layers.Normalization(
                mean=CIFAR10_MEAN, variance=np.square(CIFAR10_DEVIATION), name="normalize"
            ),
            layers.Conv2D(24, 2, activation="relu", name="whiten"),  # (n, 31, 31, 24)
            *_block(96, "block1"),  # (n, 15, 15, 96)
            *_block(320, "block2"),  # (n, 7, 7, 320)
            *_block(320, "block3"),  # (n, 3, 3, 320)
            layers.GlobalMaxPooling2D(name="pool"),  # (n, 320)
            layers.Dropout(dropout, name="dropout"),
            layers.Rescaling(1 / 9, name="scale"),  # as Jordan's: slows the last layer's learning
            layers.Dense(10, activation="softmax", dtype="float32", name="predictions"),
        ],
        name="fast",
    )


def _block(filters: int, name: str) -> list[layers.Layer]:
    """Returns two convolutions, the first one pooled, each normalised and rectified."""

    def convolution(number: int) -> layers.Layer:
        return layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=False,
            kernel_constraint=keras.constraints.UnitNorm(axis=(0, 1, 2)),
            name=f"{name}_conv{number}",
        )

    return [
        convolution(1),
        layers.MaxPooling2D(2, name=f"{name}_pool"),
        FusedBatchNormalization(name=f"{name}_norm1"),
        layers.ReLU(name=f"{name}_relu1"),
        convolution(2),
        FusedBatchNormalization(name=f"{name}_norm2"),
        layers.ReLU(name=f"{name}_relu2"),
    ]


class FusedBatchNormalization(layers.BatchNormalization):
    """Batch normalisation without scale; trains with TensorFlow's single fused operation.

    Keras composes it of several operations in float32, which makes a training step of `fast` half
    as long again. The moving averages forget fast (momentum 0.6) because there are few steps:
    Jordan 2024, listing 4.
    """

    def __init__(self, **options: object) -> None:
        super().__init__(**{"momentum": 0.6, "epsilon": 1e-5, "scale": False, **options})

    def call(
        self, inputs: tf.Tensor, training: bool | None = None, mask: tf.Tensor | None = None
    ) -> tf.Tensor:
        if not training:
            return super().call(inputs, training=False, mask=mask)
        outputs, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            inputs, tf.ones_like(self.beta), self.beta, epsilon=self.epsilon
        )[:3]
        for moving, now in ((self.moving_mean, mean), (self.moving_variance, variance)):
            moving.assign(self.momentum * moving + (1 - self.momentum) * now)
        return outputs


SCRATCH: dict[str, Callable[..., keras.Model]] = {"classic": classic, "fast": fast}
