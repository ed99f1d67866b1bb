"""Approach 2: VGG16 as published, or a small ImageNet network while VGG16's top is missing."""

import time
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image

from imgrec.approaches import vgg16
from imgrec.approaches.verdict import Verdict, top_classes
from imgrec.caching import load_once
from imgrec.data import labels
from imgrec.files.paths import MODELS
from imgrec.models import store
from imgrec.networks import layer_table
from imgrec.networks.inference import Network, compile_forward, milliseconds_each

STAND_IN = "EfficientNet-Lite0"


def preprocess_stand_in(images: np.ndarray) -> np.ndarray:
    """Converts uint8 (n, 224, 224, 3) to float32 (x - 127) / 128, as the stand-in was trained.

    Source: `MEAN_RGB` and `STDDEV_RGB` in lite/efficientnet_lite_builder.py of
    https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet.
    """
    return (images.astype("float32") - 127) / 128


@load_once
def load_stand_in() -> Network:
    """Loads EfficientNet-Lite0 with the shipped weights. Raises ModelError if they are damaged."""
    from imgrec.networks import imagenet
    from imgrec.networks.weights import set_weights

    model = imagenet.efficientnet_lite0()
    set_weights(model, store.load(MODELS / "efficientnet_lite0").weights)
    return compile_forward(model)


def predict(
    images: Sequence[Image.Image], top_k: int = 5, passed: vgg16.Pass | None = None
) -> list[Verdict]:
    """Returns a verdict for each RGB picture of any size.

    `passed` is VGG16's forward pass over the pictures, if it was already run. A pass without
    probabilities means that VGG16's top is missing: the stand-in answers instead.
    """
    if passed is None and vgg16.has_top():
        passed = vgg16.run(images)
    if passed is not None and passed.probabilities is not None:
        return [
            _verdict("VGG16", vgg16.PARAMETERS, row, top_k, passed.milliseconds, saw)
            for row, saw in zip(passed.probabilities, passed.views, strict=True)
        ]
    network = load_stand_in()
    started = time.perf_counter()
    views = [vgg16.view(image) for image in images]
    (probabilities,) = network.run(preprocess_stand_in(np.stack([np.asarray(v) for v in views])))
    milliseconds = milliseconds_each(started, len(images))
    parameters = network.model.count_params()
    return [
        _verdict(STAND_IN, parameters, row, top_k, milliseconds, saw)
        for row, saw in zip(probabilities, views, strict=True)
    ]


def _verdict(
    model: str,
    parameters: int,
    probabilities: np.ndarray,
    top_k: int,
    milliseconds: float,
    saw: Image.Image,
) -> Verdict:
    return Verdict(
        approach="pretrained",
        model=model,
        trained_on="ImageNet",
        stand_in=model == STAND_IN,
        classes=top_classes(probabilities, _names(), top_k),
        dog=float(probabilities[labels.IMAGENET_DOGS].sum()),
        milliseconds=milliseconds,
        parameters=parameters,
        saw=saw,
    )


@cache
def _names() -> tuple[str, ...]:
    return tuple(synset.title for synset in labels.imagenet())


def architecture() -> list[layer_table.Layer]:
    """Returns the rows of VGG16's layer table."""
    return vgg16.architecture()
