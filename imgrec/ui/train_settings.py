"""The settings of a training on the page, and the recipes that they make."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import gradio as gr

from imgrec.head_trainer import head_trainer
from imgrec.recipe import (
    CIFAR10_TRAINING_IMAGES,
    HEAD_RECIPES,
    HEADS,
    NETWORKS,
    OPTIMIZERS,
    RECIPES,
    SCHEDULES,
    HeadRecipe,
    Recipe,
)

ALL_IMAGES = CIFAR10_TRAINING_IMAGES - Recipe.validation_images
SCRATCH_FIELDS = tuple(name for name in Recipe.__dataclass_fields__ if name != "validation_images")
HEAD_FIELDS = ("head", "epochs", "learning_rate", "hidden", "l2", "apart", "seed")


Controls = list[gr.components.Component]


def build_scratch_settings() -> Controls:
    """The scratch network's settings, in the order of `SCRATCH_FIELDS`, then the run's name."""
    usual = Recipe()
    preset = gr.Dropdown(list(RECIPES), label="Recipe", info="Fills in the settings below.")
    with gr.Row():
        network = gr.Dropdown(list(NETWORKS), value=usual.network, label="Network")
        epochs = gr.Slider(1, 100, usual.epochs, step=1, label="Epochs")
    images = gr.Slider(1000, ALL_IMAGES, ALL_IMAGES, step=1000, label="Training images")
    with gr.Accordion("More settings", open=False):
        with gr.Row():
            batch_size = gr.Dropdown(
                [16, 32, 64, 128, 256, 512], value=usual.batch_size, label="Batch size"
            )
            rate = gr.Number(usual.learning_rate, label="Learning rate", step=1e-4)
        with gr.Row():
            optimizer = gr.Dropdown(list(OPTIMIZERS), value=usual.optimizer, label="Optimizer")
            schedule = gr.Dropdown(
                list(SCHEDULES), value=usual.schedule, label="Learning rate schedule"
            )
        dropout = gr.Slider(0, 0.9, usual.dropout, step=0.05, label="Dropout")
        augmentation = gr.Checkbox(
            usual.augmentation, label="Augmentation: mirror and shift the images"
        )
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
    controls: Controls = [
        network,
        epochs,
        batch_size,
        rate,
        optimizer,
        schedule,
        dropout,
        augmentation,
        images,
        patience,
        restore_best,
        precision,
        seed,
        name,
    ]
    preset.input(
        lambda chosen: scratch_values(RECIPES[chosen]),
        preset,
        controls[:-1],
        show_progress="hidden",
        api_visibility="private",
    )
    return controls


def scratch_recipe(*values: Any) -> Recipe:
    """The recipe of the values of `SCRATCH_FIELDS`. Raises ImgrecError for one out of range."""
    settings = dict(zip(SCRATCH_FIELDS, map(_number, values), strict=True))
    if isinstance(settings["limit"], int) and settings["limit"] >= ALL_IMAGES:
        settings["limit"] = None
    return Recipe(**settings)


def scratch_values(recipe: Recipe) -> list[Any]:
    """The values of `SCRATCH_FIELDS` that make the recipe."""
    values = dataclasses.asdict(recipe)
    values["limit"] = recipe.limit or ALL_IMAGES
    return [values[name] for name in SCRATCH_FIELDS]


def build_head_settings() -> Controls:
    """The head's settings, in the order of `HEAD_FIELDS`, then its photos and the run's name."""
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
    """The recipe of the values of `HEAD_FIELDS`. Raises ImgrecError for one out of range."""
    settings = dict(zip(HEAD_FIELDS, map(_number, values), strict=True))
    usual = HEAD_RECIPES.get(settings["head"], HEAD_RECIPES["pooled"])
    return dataclasses.replace(usual, **settings)


def head_values(recipe: HeadRecipe) -> Sequence[Any]:
    """The values of `HEAD_FIELDS` that make the recipe."""
    return [getattr(recipe, name) for name in HEAD_FIELDS]


def _number(value: Any) -> Any:
    """A browser's 30.0 as 30."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
