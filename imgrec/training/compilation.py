"""A recipe's network with fresh weights, its optimizer and its learning rate schedule."""

import keras
import numpy as np

from imgrec.approaches.scratch import preprocess
from imgrec.networks.cifar10 import SCRATCH
from imgrec.training import whitening
from imgrec.training.muon import FilterMuon
from imgrec.training.recipes import Recipe

WARM_UP = 0.1  # share of all steps, in the schedule of that name


def compiled(recipe: Recipe, steps: int, images: np.ndarray) -> keras.Model:
    """Returns the network with fresh weights, compiled for `steps` training steps per epoch.

    If the recipe asks for whitening, the first of `images`, uint8 (n, 32, 32, 3), set the first
    layer.
    """
    keras.utils.set_random_seed(recipe.seed)
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if recipe.mixed_precision else "float32")
    try:
        model = SCRATCH[recipe.network](dropout=recipe.dropout)
    finally:
        keras.config.set_dtype_policy(policy)
    if recipe.whitening:
        some = model.get_layer("normalize")(preprocess(images[: whitening.IMAGES]))
        whitening.whiten(model.get_layer("whiten"), np.asarray(some, "float32"))
    model.compile(
        optimizer=_optimizer(recipe, steps),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=recipe.label_smoothing),
        metrics=["accuracy"],
    )
    model.optimizer.build(model.trainable_variables)
    return model


def _optimizer(recipe: Recipe, steps: int) -> keras.optimizers.Optimizer:
    """Returns the optimizer with its learning rate, under a fixed name that checkpoints rely on."""
    rate = _learning_rate(recipe, steps * recipe.epochs)
    match recipe.optimizer:
        case "sgd":  # Sutskever et al. 2013, "On the importance of initialization and momentum"
            return keras.optimizers.SGD(rate, momentum=0.9, nesterov=True, name="sgd")
        case "adamw":
            return keras.optimizers.AdamW(rate, name="adamw")
        case "rmsprop":
            return keras.optimizers.RMSprop(rate, name="rmsprop")
        case "muon":
            return FilterMuon(rate, name="muon")
    return keras.optimizers.Adam(rate, name="adam")


def _learning_rate(
    recipe: Recipe, steps: int
) -> float | keras.optimizers.schedules.LearningRateSchedule:
    """Returns the rate, or its schedule over all `steps` (cosine: Loshchilov & Hutter 2017)."""
    rate, cosine = recipe.learning_rate, keras.optimizers.schedules.CosineDecay
    match recipe.schedule:
        case "cosine":
            return cosine(rate, steps)
        case "warm-up and cosine":
            warm_up = max(1, round(WARM_UP * steps))
            return cosine(0.0, max(1, steps - warm_up), warmup_target=rate, warmup_steps=warm_up)
        case "linear":
            return keras.optimizers.schedules.PolynomialDecay(rate, steps, end_learning_rate=0.0)
    return rate
