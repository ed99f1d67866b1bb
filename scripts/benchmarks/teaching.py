"""Benchmarks training on cached features against training through the base in every epoch."""

import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from tqdm import tqdm

from imgrec.approaches import vgg16
from imgrec.data.photos import draw_dog_photos, imagenet_files, is_dog
from imgrec.images.decode import open_image
from imgrec.metrics.classification import wilson
from imgrec.teaching import pictures
from imgrec.teaching.cross_validation import Examples, teach
from imgrec.training.recipes import HEAD_RECIPES


def teaching(rounds: int, photos: Path) -> dict[str, Any]:
    """Times training on cached features and through the frozen base, alternating; and their ratio.

    The former trains the head and all its cross-validation heads; the latter the head alone, with
    as many epochs and as large a batch. There is no warm-up.
    """
    files, classes = imagenet_files(photos)
    dogs = is_dog(classes).astype(int)
    drawn = draw_dog_photos(classes, seed=1)
    views = [vgg16.view(open_image(file)) for file in tqdm(files, "photos")]
    started = time.perf_counter()
    features = pooled_in_batches(
        [view for view, chosen in zip(views, drawn, strict=True) if chosen]
    )
    extraction = time.perf_counter() - started
    apart = pooled_in_batches(
        [view for view, chosen in zip(views, drawn, strict=True) if not chosen]
    )
    inputs = vgg16.preprocess(np.stack([np.asarray(views[i]) for i in np.flatnonzero(drawn)]))
    count = len(features)
    examples = Examples(features, dogs[drawn], np.arange(count), np.zeros(count, bool))
    cached: list[float] = []
    through_base: list[float] = []
    for _ in range(rounds):
        head = teach(examples, ("not a dog", "dog"))
        cached.append(head.seconds)
        kernel, bias, seconds = taught_through_base(inputs, dogs[drawn])
        through_base.append(seconds)
    slow, fast = statistics.median(through_base), statistics.median(cached)
    return {
        "photos": count,
        "epochs": HEAD_RECIPES["pooled"].epochs,
        "batch_size": count,
        "extraction_seconds": round(extraction, 2),
        "cached_seconds": [round(value, 3) for value in cached],
        "heads_trained_on_cached": 1 + head.cross_validation.folds * head.cross_validation.repeats,
        "through_base_seconds": [round(value, 1) for value in through_base],
        "ratio": round(slow / fast, 1),
        "ratio_with_extraction": round(slow / (fast + extraction), 1),
        "honest": {
            name: getattr(head.cross_validation, name) for name in ("accuracy", "low", "high")
        },
        "kept_apart": {
            "cached": accuracy(apart @ head.kernel + head.bias, dogs[~drawn]),
            "through_base": accuracy(apart @ kernel + bias, dogs[~drawn]),
        },
    }


def pooled_in_batches(views: Sequence[Image.Image]) -> np.ndarray:
    """Returns the pooled features of VGG16's views, float32 (n, 512), batch by batch."""
    starts = range(0, len(views), pictures.BATCH)
    batches = [views[start : start + pictures.BATCH] for start in starts]
    return np.concatenate([pictures.pooled_features(batch) for batch in tqdm(batches, "features")])


def taught_through_base(
    inputs: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float]:
    """Trains the same head through the frozen base in every epoch; returns kernel, bias, seconds.

    Inputs are float32 (n, 224, 224, 3) from `vgg16.preprocess`, true classes (n,), equally many of
    each. The base's features don't change, so evaluating the head alone is enough.
    """
    import keras

    from imgrec.networks.heads import pooled_head

    recipe = HEAD_RECIPES["pooled"]
    base = vgg16.base().model
    base.trainable = False
    head = pooled_head(l2=recipe.l2, classes=2)
    for weight in head.weights:  # as the head on cached features starts
        weight.assign(np.zeros(weight.shape))
    model = keras.Sequential([base, head])
    adam = keras.optimizers.Adam(recipe.learning_rate)
    model.compile(adam, "sparse_categorical_crossentropy")
    started = time.perf_counter()
    model.fit(inputs, right, batch_size=len(inputs), epochs=recipe.epochs, verbose=2)
    seconds = time.perf_counter() - started
    kernel, bias = (np.asarray(weight) for weight in head.weights)
    return kernel, bias, seconds


def accuracy(logits: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    """Returns the accuracy of logits (n, classes), with its interval."""
    count = int((logits.argmax(axis=1) == right).sum())
    low, high = wilson(count, len(right))
    return {"n": len(right), "accuracy": count / len(right), "low": low, "high": high}
