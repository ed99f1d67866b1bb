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

SCRATCH_FIELDS = tuple(name for name in Recipe.__dataclass_fields__ if name != "validation_images")
HEAD_FIELDS = ("head", "epochs", "learning_rate", "hidden", "l2", "apart", "seed")
MAX_EPOCHS = 100
BATCH_SIZES = (16, 32, 64, 128, 256, 500, 1000, 2000)
FLIP_TITLES = {"random": "Any half", "alternating": "One half, then the other"}
assert set(FLIP_TITLES) == set(FLIPS)

Controls = list[gr.components.Component]
QUIET: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}


def build_scratch_settings() -> Controls:
    """Builds the scratch settings in the order of `SCRATCH_FIELDS`, then the run's name."""
    first, usual = next(iter(RECIPES.items()))
    most = all_images(usual.network)
    preset = gr.Dropdown(
        list(RECIPES), value=first, label="Recipe", info="Fills in the settings below."
    )
    with gr.Row():
        network = gr.Dropdown(
            list(NETWORKS),
            value=usual.network,
            label="Network",
            info="Fills in its own recipe.",
            min_width=140,
        )
        epochs = _epochs(usual)
    images = gr.Slider(1000, most, usual.limit or most, step=1000, label="Training images")
    with gr.Accordion("More settings", open=False):
        learning = _learning_settings(usual)
        pictures = _picture_settings(usual)
        patience = gr.Slider(
            0, 20, usual.patience, step=1, label="Early stopping: patience (0: never)"
        )
        restore_best = gr.Checkbox(
            usual.restore_best, label="Keep the weights of the best epoch, not of the last"
        )
        precision = gr.Checkbox(
            usual.mixed_precision,
            label="Mixed precision (bfloat16)",
            visible=False,
        )
        with gr.Row():
            seed = gr.Number(usual.seed, label="Seed", precision=0, minimum=0)
            name = gr.Textbox(label="Name of the run", placeholder="network and time")
    by_name = learning | pictures
    by_name |= {"network": network, "epochs": epochs, "limit": images, "patience": patience}
    by_name |= {"restore_best": restore_best, "mixed_precision": precision, "seed": seed}
    settings = [by_name[field] for field in SCRATCH_FIELDS]
    preset.input(lambda chosen: _filled(RECIPES[chosen]), preset, settings, **QUIET)
    network.input(
        lambda chosen: [_title(DEFAULT_RECIPES[chosen]), *_filled(DEFAULT_RECIPES[chosen])],
        network,
        [preset, *settings],
        **QUIET,
    )
    return [*settings, name]


def _learning_settings(usual: Recipe) -> dict[str, gr.components.Component]:
    """Builds the settings of the optimisation, by the names of `SCRATCH_FIELDS`."""
    fast, classic = DEFAULT_RECIPES["fast"], DEFAULT_RECIPES["classic"]
    with gr.Row():
        optimizer = gr.Dropdown(
            list(OPTIMIZERS),
            value=usual.optimizer,
            label="Optimizer",
            info="Muon turns all filters of a layer equally fast.",
        )
        rate = gr.Number(
            usual.learning_rate,
            label="Learning rate",
            step=1e-4,
            info=f"Muon wants about {fast.learning_rate:g}, Adam about {classic.learning_rate:g}.",
        )
    with gr.Row():
        schedule = gr.Dropdown(
            list(SCHEDULES),
            value=usual.schedule,
            label="Learning rate schedule",
            info="Linear: it falls evenly to 0 at the end.",
        )
        batch_size = gr.Dropdown(
            list(BATCH_SIZES),
            value=usual.batch_size,
            label="Batch size",
            info="Images that it learns from in one step.",
        )
    dropout = gr.Slider(0, 0.9, usual.dropout, step=0.05, label="Dropout")
    smoothing = gr.Slider(0, 0.5, usual.label_smoothing, step=0.05, label="Label smoothing")
    return {
        "optimizer": optimizer,
        "learning_rate": rate,
        "schedule": schedule,
        "batch_size": batch_size,
        "dropout": dropout,
        "label_smoothing": smoothing,
    }


def _picture_settings(usual: Recipe) -> dict[str, gr.components.Component]:
    """Builds the settings of the images, by the names of `SCRATCH_FIELDS`."""
    whitening = _whitening(usual)
    augmentation = gr.Checkbox(
        usual.augmentation,
        label="Augmentation: the images are a little different in each epoch",
    )
    with gr.Column(visible=usual.augmentation) as box:
        flip = gr.Dropdown(
            [(title, name) for name, title in FLIP_TITLES.items()],
            value=usual.flip,
            label="Mirrored in an epoch",
        )
        shift = gr.Slider(0, 8, usual.shift, step=1, label="Shifted by up to (pixels)")
        cutout = gr.Slider(0, 24, usual.cutout, step=1, label="Covered square (pixels)")
    augmentation.change(
        lambda wanted: gr.Column(visible=wanted is True), augmentation, box, queue=False, **QUIET
    )
    return {
        "whitening": whitening,
        "augmentation": augmentation,
        "flip": flip,
        "shift": shift,
        "cutout": cutout,
    }


def _epochs(recipe: Recipe) -> gr.Slider:
    """Builds the epochs slider, set to the recipe's number or, if lower, the visitors' limit."""
    limits = trainer.permissions.limits
    most = limits.epochs if limits else MAX_EPOCHS
    return gr.Slider(
        1,
        most,
        min(recipe.epochs, most),
        step=1,
        label="Epochs",
        info=f"Visitors may train {most}." if limits else None,
        min_width=200,
    )


def _whitening(recipe: Recipe) -> gr.Checkbox:
    """Builds the setting that only the network fast has."""
    return gr.Checkbox(
        recipe.whitening,
        label="Whitening: the first layer is set from the images, not learnt",
        visible=recipe.network == "fast",
    )


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
    usual = HEAD_RECIPES["pooled"]
    titles = [("Pooled features, one neuron", "pooled"), ("All features, dense layers", "flatten")]
    assert {value for _, value in titles} == set(HEADS)
    head = gr.Dropdown(titles, value=usual.head, label="Head")
    source = gr.Dropdown(head_trainer.sources(), value=head_trainer.sources()[0], label="Photos")
    with gr.Row():
        epochs = gr.Slider(1, 300, usual.epochs, step=1, label="Epochs")
        rate = gr.Number(usual.learning_rate, label="Learning rate", step=1e-4)
    with gr.Row():
        hidden = gr.Slider(0, 512, usual.hidden, step=8, label="Hidden neurons")
        l2 = gr.Number(usual.l2, label="Weight decay (L2)", step=1e-5)
    apart = gr.Slider(0, 0.5, usual.apart, step=0.05, label="Share kept apart for validation")
    with gr.Row():
        seed = gr.Number(usual.seed, label="Seed", precision=0, minimum=0)
        name = gr.Textbox(label="Name of the run", placeholder="head and time")
    settings: Controls = [epochs, rate, hidden, l2, apart, seed]
    head.input(
        lambda chosen: head_values(HEAD_RECIPES[chosen])[1:],
        head,
        settings,
        show_progress="hidden",
        api_visibility="private",
    )
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
