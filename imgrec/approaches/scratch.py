"""Approach 1: a small convolutional network trained from scratch on CIFAR-10."""

import time
from collections.abc import Sequence

import numpy as np
from PIL import Image

from imgrec.approaches.verdict import Verdict, top_classes
from imgrec.data import labels
from imgrec.images.crops import Box, square, square_box
from imgrec.metrics.calibration import softmax
from imgrec.models import registry
from imgrec.models.loading import Trained, load_trained
from imgrec.networks import layer_table
from imgrec.networks import test_time_augmentation as tta
from imgrec.networks.inference import Network, milliseconds_each

SIZE = 32  # pixels, each side of a CIFAR-10 image
DEFAULT = "fast"
CLASSIC = "classic"  # the network that the lessons take apart


def preprocess(images: np.ndarray) -> np.ndarray:
    """Converts uint8 (n, 32, 32, 3) to float32 in [0, 1], in training and inference alike."""
    return images.astype("float32") / 255


def view(image: Image.Image) -> Image.Image:
    """Returns the picture as the network sees it: its central square at 32×32."""
    return square(image, SIZE, Image.Resampling.BICUBIC)


def box(size: tuple[int, int]) -> Box:
    """Returns the part of a picture of that (width, height) that the view covers."""
    return square_box(size)


def trained() -> list[str]:
    """Returns the names of the usable scratch networks: those that ship, then the user's runs."""
    return [entry.name for entry in registry.usable_models("scratch")]


def load(name: str) -> Network:
    """Loads a trained network by name. Raises ModelError if it is missing or damaged."""
    return load_trained(name, "scratch").network


def predict(
    images: Sequence[Image.Image], top_k: int = 5, name: str = DEFAULT, use_tta: bool = False
) -> list[Verdict]:
    """Returns a verdict for each RGB picture of any size.

    With `use_tta`, the logits are averaged over the six views of test-time augmentation (TTA). The
    calibration stays that of a single view. It fits the average about as well, which is hardly less
    confident and more often right; `scripts/evaluate.py cifar10 --views` measures it.
    """
    loaded = load_trained(name, "scratch")
    started = time.perf_counter()
    saw = [view(image) for image in images]
    inputs = preprocess(np.stack([np.asarray(each) for each in saw]))
    logits = tta.predict_with_tta(loaded.logits, inputs) if use_tta else loaded.logits(inputs)
    milliseconds = milliseconds_each(started, len(images))
    return [
        _verdict(loaded, row, top_k, milliseconds, each, tta.VIEWS if use_tta else 1)
        for row, each in zip(logits, saw, strict=True)
    ]


def _verdict(
    loaded: Trained,
    logits: np.ndarray,
    top_k: int,
    milliseconds: float,
    saw: Image.Image,
    views: int,
) -> Verdict:
    model, name, calibration = loaded.network.model, loaded.entry.name, loaded.calibration
    probabilities = softmax(logits)
    calibrated = None if calibration is None else calibration.calibrated_probabilities(logits)
    return Verdict(
        approach="scratch",
        model=f"{model.name} CNN" if name == model.name else f"{model.name} CNN, run {name}",
        trained_on="CIFAR-10",
        stand_in=False,
        classes=top_classes(probabilities, labels.CIFAR10, top_k, calibrated),
        dog=float(probabilities[labels.CIFAR10_DOG]),
        milliseconds=milliseconds,
        parameters=model.count_params(),
        saw=saw,
        dog_calibrated=None if calibrated is None else float(calibrated[labels.CIFAR10_DOG]),
        unfamiliar=None if calibration is None else calibration.unfamiliar(logits),
        views=views,
    )


def architecture(name: str = DEFAULT) -> list[layer_table.Layer]:
    """Returns the rows of the layer table."""
    return layer_table.table(load(name).model)
