"""The ImageNet networks that ship: EfficientNet-Lite0, and VGG16's convolutional base."""

from dataclasses import dataclass

import keras
from keras import layers


@dataclass(frozen=True)
class Stage:
    """Inverted residual blocks of one kind; the first has the `stride`, the others have 1."""

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
    """Builds EfficientNet-Lite0 for the 1000 classes of ImageNet: 4,694,024 parameters.

    Input float32 (n, 224, 224, 3) in [-1, 1] (see `pretrained.preprocess_stand_in`), output float32
    (n, 1000) probabilities. The last feature map is `head_relu`, (n, 7, 7, 1280).

    It is EfficientNet-B0 without squeeze-and-excitation, with ReLU6 instead of swish; for the
    sources, see `EFFICIENTNET_LITE0`. Dropout and stochastic depth are left out, since they act
    only in training.
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
    """Expands, convolves each channel, projects; adds the input if it has the output's shape.

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
    """Builds VGG16 without its top (Simonyan & Zisserman 2015, table 1, D): 14,714,688 parameters.

    Input float32 (n, 224, 224, 3), BGR minus the mean (see `vgg16.preprocess`), output float32
    (n, 7, 7, 512).
    """
    return keras.applications.VGG16(
        include_top=False, weights=None, input_shape=(224, 224, 3), name="vgg16_base"
    )
