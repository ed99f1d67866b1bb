"""The settings of a training on the page, and the recipes built from them."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import gradio as gr

from imgrec.training.head_job import head_trainer
from imgrec.training.process import trainer
from imgrec.training.recipes import (
    CIFAR10_TRAINING_IMAGES,
    DEFAULT_RECIPES,
    FLIPS,
    HEAD_RECIPES,
    HEADS,
    NETWORKS,
    OPTIMIZERS,
    RECIPES,
    SCHEDULES,
    HeadRecipe,
    Recipe,
)
from imgrec.ui.components.listeners import INSTANT, PRIVATE
from imgrec.ui.train import texts

SCRATCH_FIELDS = tuple(name for name in Recipe.__dataclass_fields__ if name != "validation_images")
HEAD_FIELDS = ("head", "epochs", "learning_rate", "hidden", "l2", "apart", "seed")
MAX_EPOCHS = 100
BATCH_SIZES = (16, 32, 64, 128, 256, 500, 1000, 2000)
assert set(texts.FLIPS) == set(FLIPS) and set(texts.HEADS) == set(HEADS)

Controls = list[gr.components.Component]
ByName = dict[str, gr.components.Component]  # the settings by their names in the recipe


def build_scratch_settings() -> Controls:
    """Builds the scratch settings in the order of `SCRATCH_FIELDS`, then the run's name."""
    first, usual = next(iter(RECIPES.items()))
    most, told = all_images(usual.network), texts.SCRATCH
    preset = gr.Dropdown(list(RECIPES), value=first, **texts.RECIPE)
    made: ByName = {}
    with gr.Row():
        made["network"] = network = gr.Dropdown(
            list(NETWORKS), value=usual.network, min_width=140, **told["network"]
        )
        made["epochs"] = _epochs(usual)
    made["limit"] = gr.Slider(1000, most, usual.limit or most, step=1000, **told["limit"])
    with gr.Accordion(texts.MORE_SETTINGS, open=False):
        _learning_settings(usual, made)
        _picture_settings(usual, made)
        made["patience"] = gr.Slider(0, 20, usual.patience, step=1, **told["patience"])
        made["restore_best"] = gr.Checkbox(usual.restore_best, **told["restore_best"])
        made["mixed_precision"] = gr.Checkbox(
            usual.mixed_precision, visible=False, **told["mixed_precision"]
        )
        with gr.Row():
            made["seed"] = gr.Number(usual.seed, precision=0, minimum=0, **told["seed"])
            name = gr.Textbox(label=texts.RUN_NAME, placeholder=texts.SCRATCH_RUN_NAME)
    settings = [made[field] for field in SCRATCH_FIELDS]
    preset.input(lambda chosen: _filled(RECIPES[chosen]), preset, settings, **PRIVATE)
    network.input(
        lambda chosen: [_title(DEFAULT_RECIPES[chosen]), *_filled(DEFAULT_RECIPES[chosen])],
        network,
        [preset, *settings],
        **PRIVATE,
    )
    return [*settings, name]


def _learning_settings(usual: Recipe, made: ByName) -> None:
    """Builds the settings of the optimisation."""
    told = texts.SCRATCH
    with gr.Row():
        made["optimizer"] = gr.Dropdown(
            list(OPTIMIZERS), value=usual.optimizer, **told["optimizer"]
        )
        made["learning_rate"] = gr.Number(usual.learning_rate, step=1e-4, **told["learning_rate"])
    with gr.Row():
        made["schedule"] = gr.Dropdown(list(SCHEDULES), value=usual.schedule, **told["schedule"])
        made["batch_size"] = gr.Dropdown(
            list(BATCH_SIZES), value=usual.batch_size, **told["batch_size"]
        )
    made["dropout"] = gr.Slider(0, 0.9, usual.dropout, step=0.05, **told["dropout"])
    made["label_smoothing"] = gr.Slider(
        0, 0.5, usual.label_smoothing, step=0.05, **told["label_smoothing"]
    )


def _picture_settings(usual: Recipe, made: ByName) -> None:
    """Builds the settings of the images."""
    told = texts.SCRATCH
    made["whitening"] = _whitening(usual)
    made["augmentation"] = augmentation = gr.Checkbox(usual.augmentation, **told["augmentation"])
    with gr.Column(visible=usual.augmentation) as box:
        flips = [(title, name) for name, title in texts.FLIPS.items()]
        made["flip"] = gr.Dropdown(flips, value=usual.flip, **told["flip"])
        made["shift"] = gr.Slider(0, 8, usual.shift, step=1, **told["shift"])
        made["cutout"] = gr.Slider(0, 24, usual.cutout, step=1, **told["cutout"])
    augmentation.change(
        lambda wanted: gr.Column(visible=wanted is True), augmentation, box, **INSTANT
    )


def _epochs(recipe: Recipe) -> gr.Slider:
    """Builds the epochs slider, set to the recipe's number or, if lower, the visitors' limit."""
    limits = trainer.permissions.limits
    most = limits.epochs if limits else MAX_EPOCHS
    return gr.Slider(
        1,
        most,
        min(recipe.epochs, most),
        step=1,
        info=texts.epochs_limit(most) if limits else None,
        min_width=200,
        **texts.SCRATCH["epochs"],
    )


def _whitening(recipe: Recipe) -> gr.Checkbox:
    """Builds the setting that only the network fast has."""
    visible = recipe.network == "fast"
    return gr.Checkbox(recipe.whitening, visible=visible, **texts.SCRATCH["whitening"])


def _filled(recipe: Recipe) -> list[Any]:
    """Updates the settings, in the order of `SCRATCH_FIELDS`, to those of the recipe."""
    updates = dict(zip(SCRATCH_FIELDS, scratch_values(recipe), strict=True))
    most = all_images(recipe.network)
    updates["epochs"] = _epochs(recipe)
    updates["limit"] = gr.Slider(maximum=most, value=updates["limit"])
    updates["whitening"] = _whitening(recipe)
    return list(updates.values())


def _title(recipe: Recipe) -> str:
    """Returns the recipe's title in the list of starting points."""
    return next(title for title, each in RECIPES.items() if each == recipe)


def all_images(network: str) -> int:
    """Returns the number of training images outside the validation split of the own recipe."""
    return CIFAR10_TRAINING_IMAGES - DEFAULT_RECIPES[network].validation_images


def scratch_recipe(*values: Any) -> Recipe:
    """Builds a recipe from the values of `SCRATCH_FIELDS`. Raises ImgrecError if out of range."""
    settings = dict(zip(SCRATCH_FIELDS, map(_number, values), strict=True))
    usual = DEFAULT_RECIPES.get(str(settings["network"]), DEFAULT_RECIPES["classic"])
    if isinstance(settings["limit"], int) and settings["limit"] >= all_images(usual.network):
        settings["limit"] = None
    return dataclasses.replace(usual, **settings)


def scratch_values(recipe: Recipe) -> list[Any]:
    """Returns the values of `SCRATCH_FIELDS` that produce the recipe."""
    values = dataclasses.asdict(recipe)
    values["limit"] = recipe.limit or all_images(recipe.network)
    return [values[name] for name in SCRATCH_FIELDS]


def build_head_settings() -> Controls:
    """Builds the head's settings in the order of `HEAD_FIELDS`, its photos and the run's name."""
    usual, told = HEAD_RECIPES["pooled"], texts.HEAD
    titles, sources = [(title, name) for name, title in texts.HEADS.items()], head_trainer.sources()
    head = gr.Dropdown(titles, value=usual.head, **told["head"])
    source = gr.Dropdown(sources, value=sources[0], label=texts.PHOTOS)
    with gr.Row():
        epochs = gr.Slider(1, 300, usual.epochs, step=1, **told["epochs"])
        rate = gr.Number(usual.learning_rate, step=1e-4, **told["learning_rate"])
    with gr.Row():
        hidden = gr.Slider(0, 512, usual.hidden, step=8, **told["hidden"])
        l2 = gr.Number(usual.l2, step=1e-5, **told["l2"])
    apart = gr.Slider(0, 0.5, usual.apart, step=0.05, **told["apart"])
    with gr.Row():
        seed = gr.Number(usual.seed, precision=0, minimum=0, **told["seed"])
        name = gr.Textbox(label=texts.RUN_NAME, placeholder=texts.HEAD_RUN_NAME)
    settings: Controls = [epochs, rate, hidden, l2, apart, seed]
    head.input(lambda chosen: head_values(HEAD_RECIPES[chosen])[1:], head, settings, **PRIVATE)
    return [head, *settings, source, name]


def head_recipe(*values: Any) -> HeadRecipe:
    """Builds a recipe from the values of `HEAD_FIELDS`. Raises ImgrecError if out of range."""
    settings = dict(zip(HEAD_FIELDS, map(_number, values), strict=True))
    usual = HEAD_RECIPES.get(settings["head"], HEAD_RECIPES["pooled"])
    return dataclasses.replace(usual, **settings)


def head_values(recipe: HeadRecipe) -> Sequence[Any]:
    """Returns the values of `HEAD_FIELDS` that produce the recipe."""
    return [getattr(recipe, name) for name in HEAD_FIELDS]


def _number(value: Any) -> Any:
    """Returns a browser's 30.0 as 30."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
