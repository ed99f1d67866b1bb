"""VGG16, run once for the two approaches that share it.

The convolutional base ships with the project in half precision. If the official file of all
weights is available, that network is used instead, base and top.
"""

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from imgrec.approaches.vgg16_weights import FILE_NAME, weights
from imgrec.caching import load_once
from imgrec.errors import ModelError
from imgrec.files.paths import MODELS
from imgrec.images.crops import Box, centre_crop, centre_crop_box
from imgrec.models import store
from imgrec.networks import layer_table
from imgrec.networks.inference import Network, compile_forward, milliseconds_each

SIZE = 224  # pixels, each side (Simonyan & Zisserman 2015, section 2.1)
SHORTER_SIDE = 256  # pixels before the crop; the paper's smallest test scale (section 3.2)
PARAMETERS = 138_357_544  # table 2
BASE_PARAMETERS = 14_714_688
# Means of blue, green and red over ImageNet, as `keras.applications.vgg16` subtracts them.
MEAN_BGR = np.array([103.939, 116.779, 123.68], "float32")


class Pass(NamedTuple):
    """The result of one forward pass over n pictures."""

    features: np.ndarray  # float32 (n, 7, 7, 512), the output of block5_pool
    probabilities: np.ndarray | None  # float32 (n, 1000); None without the top
    milliseconds: float  # per picture
    views: list[Image.Image]  # the pictures as the network saw them


def view(image: Image.Image) -> Image.Image:
    """Returns the picture as the network sees it: shorter side 256, then the central 224×224."""
    return centre_crop(image, SIZE, SHORTER_SIDE, Image.Resampling.BICUBIC)


def box(size: tuple[int, int]) -> Box:
    """Returns the part of a picture of that (width, height) that the view covers."""
    return centre_crop_box(size, SIZE, SHORTER_SIDE)


def preprocess(images: np.ndarray) -> np.ndarray:
    """Converts uint8 RGB (n, 224, 224, 3) to float32 BGR minus the mean.

    The same as Keras's `preprocess_input`.
    """
    return images[..., ::-1].astype("float32") - MEAN_BGR


def run(images: Sequence[Image.Image]) -> Pass:
    """Runs one forward pass over RGB pictures of any size."""
    passing = network()
    started = time.perf_counter()
    views = [view(image) for image in images]
    features, *top = passing.run(preprocess(np.stack([np.asarray(saw) for saw in views])))
    milliseconds = milliseconds_each(started, len(images))
    return Pass(features, top[0] if top else None, milliseconds, views)


def base_features(images: Sequence[Image.Image]) -> np.ndarray:
    """Returns features float32 (n, 7, 7, 512) of RGB pictures of any size, from the shipped base.

    Heads are trained on these, so that a head comes out the same wherever it is trained.
    """
    views = np.stack([np.asarray(view(image)) for image in images])
    return base().run(preprocess(views))[0]


def network() -> Network:
    """Returns the whole network if its weights are available, otherwise the base."""
    file = weights.file()
    if file is not None:
        try:
            return _full_network(file)
        except ModelError as error:
            weights.refuse(str(error))
    return base()


@load_once
def base() -> Network:
    """Loads the base, images to features, with the shipped weights."""
    from imgrec.networks import imagenet
    from imgrec.networks.weights import set_weights

    model = imagenet.vgg16_base()
    set_weights(model, store.load(MODELS / "vgg16_base").weights)
    return compile_forward(model)


@load_once
def _full_network(file: Path) -> Network:
    """Loads images to features and probabilities. Raises ModelError if the file doesn't fit."""
    import keras

    try:
        model = keras.applications.VGG16(weights=str(file))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{file.name} is not a file of VGG16's weights in Keras's format; use {FILE_NAME}."
        ) from error
    features = model.get_layer("block5_pool").output
    return compile_forward(keras.Model(model.input, [features, model.output]))


def has_top() -> bool:
    """Returns whether VGG16's own top is available."""
    return weights.file() is not None


def base_architecture() -> list[layer_table.Layer]:
    """Returns the rows of the base's layer table."""
    return layer_table.table(base().model)


def architecture() -> list[layer_table.Layer]:
    """Returns the rows of the whole network's layer table, even while the top is missing."""
    rows = base_architecture()
    flat = math.prod(rows[-1].output_shape)
    return [
        *rows,
        layer_table.Layer("flatten", "Flatten", (flat,), 0),
        layer_table.dense("fc1", flat, 4096),
        layer_table.dense("fc2", 4096, 4096),
        layer_table.dense("predictions", 4096, 1000),
    ]
