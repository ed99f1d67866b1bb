"""The network definitions, each a vertical list of layers, and their weights by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from imgrec.errors import ModelError


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


@dataclass(frozen=True)
class Stage:
    """Inverted residual blocks of one kind; `stride` is the first one's, the others' is 1."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    filters: int


# EfficientNet-B0 (Tan & Le 2019, https://arxiv.org/abs/1905.11946, table 1, stages 2 to 8). Lite0
# keeps them: `_DEFAULT_BLOCKS_ARGS` in lite/efficientnet_lite_builder.py of
# https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet.
EFFICIENTNET_LITE0 = (
    Stage(blocks=1, kernel=3, stride=1, expansion=1, filters=16),  # (n, 112, 112, 16)
    Stage(blocks=2, kernel=3, stride=2, expansion=6, filters=24),  # (n, 56, 56, 24)
    Stage(blocks=2, kernel=5, stride=2, expansion=6, filters=40),  # (n, 28, 28, 40)
    Stage(blocks=3, kernel=3, stride=2, expansion=6, filters=80),  # (n, 14, 14, 80)
    Stage(blocks=3, kernel=5, stride=1, expansion=6, filters=112),  # (n, 14, 14, 112)
    Stage(blocks=4, kernel=5, stride=2, expansion=6, filters=192),  # (n, 7, 7, 192)
    Stage(blocks=1, kernel=3, stride=1, expansion=6, filters=320),  # (n, 7, 7, 320)
)


def efficientnet_lite0() -> keras.Model:
    """EfficientNet-Lite0 for the 1000 classes of ImageNet: 4,694,024 parameters.

    Input float32 (n, 224, 224, 3) in [-1, 1] (see `pretrained.preprocess_stand_in`), output
    float32 (n, 1000) probabilities. The last feature map is `head_relu`, (n, 7, 7, 1280).

    It is EfficientNet-B0 without squeeze-and-excitation, with ReLU6 in place of swish; the sources
    stand at `EFFICIENTNET_LITE0`. Dropout and stochastic depth act in training only and are left
    out.
    """
    image = keras.Input((224, 224, 3), name="image")
    stem = layers.Conv2D(32, 3, strides=2, padding="same", use_bias=False, name="stem")
    x = _norm_relu6(stem(image), "stem")  # (n, 112, 112, 32)
    for number, stage in enumerate(EFFICIENTNET_LITE0, start=1):
        for block in range(stage.blocks):
            stride = stage.stride if block == 0 else 1
            x = _inverted_residual(x, stage, stride, f"block{number}{'abcd'[block]}")
    head = layers.Conv2D(1280, 1, use_bias=False, name="head")
    x = _norm_relu6(head(x), "head")  # (n, 7, 7, 1280)
    x = layers.GlobalAveragePooling2D(name="pool")(x)  # (n, 1280)
    x = layers.Dense(1000, activation="softmax", dtype="float32", name="predictions")(x)
    return keras.Model(image, x, name="efficientnet_lite0")


def _inverted_residual(
    x: keras.KerasTensor, stage: Stage, stride: int, name: str
) -> keras.KerasTensor:
    """Expands, convolves each channel, projects; adds the input where it has the output's shape.

    Sandler et al. 2018, https://arxiv.org/abs/1801.04381, section 3; the projection stays linear.
    """
    y = x
    if stage.expansion > 1:
        filters = stage.expansion * x.shape[-1]
        y = layers.Conv2D(filters, 1, use_bias=False, name=f"{name}_expand")(y)
        y = _norm_relu6(y, f"{name}_expand")
    y = layers.DepthwiseConv2D(
        stage.kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise"
    )(y)
    y = _norm_relu6(y, f"{name}_depthwise")
    y = layers.Conv2D(stage.filters, 1, use_bias=False, name=f"{name}_project")(y)
    y = _norm(y, f"{name}_project")
    return layers.Add(name=f"{name}_add")([x, y]) if x.shape == y.shape else y


def _norm_relu6(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.ReLU(6, name=f"{name}_relu")(_norm(x, name))


def _norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(epsilon=1e-3, name=f"{name}_norm")(x)


def vgg16_base() -> keras.Model:
    """VGG16 without its top (Simonyan & Zisserman 2015, table 1, D): 14,714,688 parameters.

    Input float32 (n, 224, 224, 3), BGR less the mean (see `vgg16.preprocess`), output float32
    (n, 7, 7, 512).
    """
    return keras.applications.VGG16(
        include_top=False, weights=None, input_shape=(224, 224, 3), name="vgg16_base"
    )


class PowerPooling(layers.Layer):
    """(n, h, w, channels) to (n, channels): the mean of squares to the power of 3/4, unit length.

    Between average and maximum pooling, as in Radenović, Tolias & Chum 2018 (generalised mean);
    the power, then the unit length, keep a few strong channels from deciding alone.
    """

    def call(self, features: keras.KerasTensor) -> keras.KerasTensor:
        squares = keras.ops.mean(keras.ops.square(features), axis=(1, 2))
        # The slope of x ** 0.75 at 0 is infinite, and silent channels are common.
        powers = keras.ops.maximum(squares, 1e-30) ** 0.75
        return keras.ops.normalize(keras.ops.where(squares > 0, powers, 0.0), axis=-1)


def pooled_head(hidden: int = 0, l2: float = 1e-4, classes: int = 1) -> keras.Model:
    """The better head: 513 parameters. Input float32 (n, 7, 7, 512), output (n, 1) probability.

    `hidden` neurons, if any, stand between the pooled features and the answer; `l2` is the weight
    decay of every kernel. With more than one of `classes` the output is (n, classes).
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
    """The project's first head: 6,423,041 parameters. Input (n, 7, 7, 512), output (n, 1).

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
    """A hidden layer, if it has neurons, and the answer: yes or no, or one of several classes."""
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


def get_weights(model: keras.Model) -> dict[str, np.ndarray]:
    """The model's weights by path (`classic/conv1/kernel`), trainable or not, in float32."""
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
