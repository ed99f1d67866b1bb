"""Estimates a recipe's training time, and whether bfloat16 helps, from a few timed steps."""

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np

from imgrec.data import labels
from imgrec.training.augmentation import Augmentation
from imgrec.training.recipes import CIFAR10_TRAINING_IMAGES, DEFAULT_RECIPES, Recipe

TIMED_STEPS = 3
TIMED_IMAGES = 500  # per step, at most: beyond this, time is nearly proportional to their number
MAX_BFLOAT16_SHARE = 0.9  # of the time in float32

logger = logging.getLogger(__name__)


def with_supported_precision(recipe: Recipe) -> Recipe:
    """Returns the recipe, switched from bfloat16 to float32 if this processor gains nothing by it.

    The gain is timed on the network `classic`, which takes some seconds, once.
    """
    if not recipe.mixed_precision:
        return recipe
    if gains_by_bfloat16():
        return recipe
    logger.info("This processor gains nothing by bfloat16, so the network learns in float32.")
    return replace(recipe, mixed_precision=False)


def estimated_seconds(recipe: Recipe) -> float:
    """Estimates how long the recipe takes on this machine from a few timed steps.

    Early stopping is not counted. The first call for a network, batch size, optimizer and precision
    takes some seconds.
    """
    from imgrec.training.scratch import split  # loads TensorFlow

    training, validation = split(CIFAR10_TRAINING_IMAGES, recipe)
    a_training_image, a_validation_image = _timed(
        recipe.network, recipe.optimizer, recipe.batch_size, recipe.mixed_precision
    )
    an_epoch = len(training) * a_training_image + len(validation) * a_validation_image
    return recipe.epochs * an_epoch


def gains_by_bfloat16() -> bool:
    """Measures whether this processor trains `classic` noticeably faster in bfloat16."""
    recipe = DEFAULT_RECIPES["classic"]
    (float32, _), (bfloat16, _) = (
        _timed(recipe.network, recipe.optimizer, recipe.batch_size, mixed)
        for mixed in (False, True)
    )
    return bfloat16 < MAX_BFLOAT16_SHARE * float32


@lru_cache(maxsize=64)
def _timed(
    network: str, optimizer: str, batch_size: int, mixed_precision: bool
) -> tuple[float, float]:
    """Returns seconds per image in training and in validation, medians of a few steps."""
    from imgrec.training.compilation import compiled  # loads TensorFlow
    from imgrec.training.scratch import EVALUATION_BATCH, Batches

    recipe = replace(
        DEFAULT_RECIPES[network],
        optimizer=optimizer,
        batch_size=min(batch_size, TIMED_IMAGES),
        mixed_precision=mixed_precision,
    )
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (EVALUATION_BATCH, 32, 32, 3), dtype=np.uint8)
    classes = random.integers(0, len(labels.CIFAR10), EVALUATION_BATCH, dtype=np.uint8)
    model = compiled(recipe, 1, images)

    def seconds(
        work: Callable[..., object], batch: int, augmentation: Augmentation | None = None
    ) -> float:
        batches = Batches(images, classes, np.arange(batch), batch, augmentation)
        work(*batches[0])  # compiles
        times = []
        for _ in range(TIMED_STEPS):
            started = time.perf_counter()
            work(*batches[0])
            times.append(time.perf_counter() - started)
        return float(np.median(times)) / batch

    step = seconds(model.train_on_batch, recipe.batch_size, Augmentation.of(recipe, 0))
    return step, seconds(model.test_on_batch, EVALUATION_BATCH)
