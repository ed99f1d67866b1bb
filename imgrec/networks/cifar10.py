"""The networks for CIFAR-10, each a vertical list of layers: `classic`, and `fast` for speed."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers


def classic(dropout: float = 0.5) -> keras.Model:
    """The project's first network for CIFAR-10: 1,250,858 parameters.

    Input float32 (n, 32, 32, 3) in [0, 1], output float32 (n, 10) probabilities. The architecture
    is that of Keras's `cifar10_cnn` example. In training, `dropout` is the share of neurons that
    are silent before the last layer; half of it after each pair of convolutions.
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


# Of the colours of CIFAR-10's training images in [0, 1], red, green and blue, as K. Jordan's code
# has them (https://github.com/KellerJordan/cifar10-airbench).
CIFAR10_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR10_DEVIATION = (0.2470, 0.2435, 0.2616)


def fast(dropout: float = 0.0) -> keras.Model:
    """The network for speed on CIFAR-10: 3,152,898 parameters.

    Input and output as of `classic`. It is that of airbench94 (Jordan 2024, "94% on CIFAR-10 in
    3.29 Seconds on a Single GPU", https://arxiv.org/abs/2404.00498, figure 2), but wider (there 64,
    256 and 256 filters), and with ReLU in place of GELU, which takes a processor much longer. Every
    filter keeps the length 1: normalisation follows, and so a step of Muon turns all alike. In
    training, `dropout` is the share of the last features that are silent.
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
            layers.Rescaling(1 / 9, name="scale"),  # Jordan's: the answer is to learn slowly
            layers.Dense(10, activation="softmax", dtype="float32", name="predictions"),
        ],
        name="fast",
    )


def _block(filters: int, name: str) -> list[layers.Layer]:
    """Two convolutions, the first one pooled, each normalised and rectified."""

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
    """Batch normalisation without scale, in training by TensorFlow's one operation for it.

    Keras composes it of several, in float32: a training step of `fast` takes half as long again.
    The moving averages forget fast (momentum 0.6), for there are few steps: Jordan 2024, listing 4.
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
