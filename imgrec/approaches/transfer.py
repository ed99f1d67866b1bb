"""Approach 3: VGG16's convolutional base as feature extractor, and a small head: dog or not."""

import time
from collections.abc import Sequence

import numpy as np
from PIL import Image

from imgrec import catalogue, layers
from imgrec.approaches import vgg16
from imgrec.approaches.serving import Network, load_trained, milliseconds_each
from imgrec.approaches.verdict import Verdict, top_classes

DEFAULT = "dog_pooled_64"


def trained() -> list[str]:
    """The names of the heads that can be chosen: what ships, then the user's runs."""
    return [entry.name for entry in catalogue.finished("transfer")]


def load(name: str) -> Network:
    """A trained head by name. Raises ModelError if there is none, or it is damaged."""
    return load_trained(name, "transfer")


def predict(
    images: Sequence[Image.Image],
    top_k: int = 2,
    passed: vgg16.Pass | None = None,
    name: str = DEFAULT,
) -> list[Verdict]:
    """A verdict for each RGB picture of any size; `passed` is VGG16's pass, if made before."""
    head = load(name)
    passed = passed or vgg16.run(images)
    started = time.perf_counter()
    (dog,) = head.run(passed.features)  # (n, 1)
    milliseconds = passed.milliseconds + milliseconds_each(started, len(images))
    parameters = vgg16.BASE_PARAMETERS + head.model.count_params()
    title = f"VGG16 features + {head.model.name} head"
    photos = catalogue.find(name, "transfer").report["photos"]
    return [
        Verdict(
            approach="transfer",
            model=title if name == DEFAULT else f"{title}, {name}",
            trained_on=f"{photos} photos",
            stand_in=False,
            classes=top_classes(np.array([p, 1 - p]), ("dog", "not a dog"), top_k),
            dog=float(p),
            milliseconds=milliseconds,
            parameters=parameters,
            saw=saw,
        )
        for p, saw in zip(dog[:, 0], passed.views, strict=True)
    ]


def architecture(name: str = DEFAULT) -> list[layers.Layer]:
    """The rows of the layer table: the frozen base, then the head."""
    return vgg16.base_architecture() + layers.table(load(name).model)
