"""Approach 3: VGG16's convolutional base as feature extractor, with a small head: dog or not."""

import time
from collections.abc import Sequence

import numpy as np
from PIL import Image

from imgrec.approaches import vgg16
from imgrec.approaches.verdict import Verdict, top_classes
from imgrec.metrics.calibration import binary_logits, softmax
from imgrec.models import registry
from imgrec.models.loading import Trained, load_trained
from imgrec.networks import layer_table
from imgrec.networks.inference import Network, milliseconds_each

DEFAULT = "dog_pooled_64"


def trained() -> list[str]:
    """Returns the names of the usable heads: those that ship, then the user's runs."""
    return [entry.name for entry in registry.usable_models("transfer")]


def load(name: str) -> Network:
    """Loads a trained head by name. Raises ModelError if it is missing or damaged."""
    return load_trained(name, "transfer").network


def predict(
    images: Sequence[Image.Image],
    top_k: int = 2,
    passed: vgg16.Pass | None = None,
    name: str = DEFAULT,
) -> list[Verdict]:
    """Returns a verdict for each RGB picture of any size.

    `passed` is VGG16's forward pass over the pictures, if it was already run.
    """
    head = load_trained(name, "transfer")
    passed = passed or vgg16.run(images)
    started = time.perf_counter()
    logits = binary_logits(head.logits(passed.features)[:, 0])  # (n, 2)
    milliseconds = passed.milliseconds + milliseconds_each(started, len(images))
    return [
        _verdict(head, row, top_k, milliseconds, saw)
        for row, saw in zip(logits, passed.views, strict=True)
    ]


def _verdict(
    head: Trained, logits: np.ndarray, top_k: int, milliseconds: float, saw: Image.Image
) -> Verdict:
    model, name = head.network.model, head.entry.name
    title = f"VGG16 features + {model.name} head"
    probabilities = softmax(logits)
    calibrated = (
        None if head.calibration is None else head.calibration.calibrated_probabilities(logits)
    )
    return Verdict(
        approach="transfer",
        model=title if name == DEFAULT else f"{title}, {name}",
        trained_on=f"{head.entry.report['photos']} photos",
        stand_in=False,
        classes=top_classes(probabilities, ("dog", "not a dog"), top_k, calibrated),
        dog=float(probabilities[0]),
        milliseconds=milliseconds,
        parameters=vgg16.BASE_PARAMETERS + model.count_params(),
        saw=saw,
        dog_calibrated=None if calibrated is None else float(calibrated[0]),
    )


def architecture(name: str = DEFAULT) -> list[layer_table.Layer]:
    """Returns the rows of the layer table: the frozen base, then the head."""
    return vgg16.base_architecture() + layer_table.table(load(name).model)
