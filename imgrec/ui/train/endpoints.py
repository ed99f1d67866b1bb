"""Actions on trainings and runs, for buttons and programs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from gradio.utils import get_upload_folder

from imgrec.data import cifar10
from imgrec.errors import DataError, ImgrecError
from imgrec.files import atomic
from imgrec.models import manage_runs, registry, run_log
from imgrec.training.head_job import SHIPPED, head_trainer
from imgrec.training.process import trainer
from imgrec.training.recipes import DEFAULT_RECIPES, HEAD_RECIPES, Recipe
from imgrec.ui.components.errors import as_gradio_error
from imgrec.ui.train import texts

ACTIONS = ("pause", "continue", "stop", "finish", "resume", "measure")


@as_gradio_error
def train_scratch(recipe: dict[str, Any], name: str = "") -> str:
    """Starts to train a scratch network on CIFAR-10, which must have been downloaded.

    `recipe` holds the network, by default `classic`, and settings that differ from that network's
    own recipe, such as `{"network": "fast", "epochs": 3, "limit": 10000}`:
    epochs, batch_size, learning_rate, optimizer, schedule, dropout, label_smoothing, augmentation,
    flip, shift and cutout (of the augmentation, in pixels), whitening (of `fast`),
    validation_images, limit (training images), patience, restore_best, mixed_precision (bfloat16;
    the own recipe of `fast` has it if the processor benefits from it), seed.
    Returns the run's name for `/train_status`.
    """
    made = _build_recipe(DEFAULT_RECIPES, "network", Recipe.network, recipe)
    return trainer.start(made, name, fit="mixed_precision" not in recipe)


@as_gradio_error
def train_head(recipe: dict[str, Any], photos: str = SHIPPED, name: str = "") -> str:
    """Starts to train a transfer head: dog or not.

    `recipe` holds settings that differ from the defaults: head, epochs, learning_rate, hidden
    (neurons), l2 (weight decay), apart (the validation split, a share of the photos), seed. Returns
    the run's name for `/train_status`.
    """
    return head_trainer.start(_build_recipe(HEAD_RECIPES, "head", "pooled", recipe), photos, name)


def _build_recipe(
    recipes: dict[str, Any], choice: str, default: str, settings: dict[str, Any]
) -> Any:
    """Builds the recipe from these settings; the setting `choice` selects its base from `recipes`.

    Raises ImgrecError for a setting that does not exist or has an invalid value.
    """
    if not isinstance(settings, dict):  # a program may send anything
        raise ImgrecError('A recipe is an object with settings, such as {"epochs": 3}.')
    usual = recipes.get(str(settings.get(choice, default)), recipes[default])
    fields = usual.__dataclass_fields__
    unknown = sorted(set(settings) - set(fields))
    if unknown:
        raise ImgrecError(f"There is no setting {unknown[0]!r}; choose from {', '.join(fields)}.")
    return replace(usual, **settings)


@as_gradio_error
def train_control(run: str, action: str) -> str:
    """Acts on a run and returns its state.

    `pause`, `continue`, `stop` (it can be resumed) and `finish` (after its epoch) apply to a run in
    progress; `resume`, and `measure` (finish with the epochs it has), to one that was stopped or
    killed.
    """
    match action:
        case "pause" | "stop" | "finish":
            trainer.control(run, action)
        case "continue":
            trainer.control(run, None)
        case "resume" | "measure":
            trainer.resume(run, finish=action == "measure")
        case _:
            raise ImgrecError(f"There is no action {action!r}; choose from {', '.join(ACTIONS)}.")
    return registry.find(run).state


@as_gradio_error
def train_status(run: str) -> dict[str, Any]:
    """Returns a run's status.

    Returns `{"run", "state", "epoch", "epochs", "step", "steps", "seconds_left", "problem", "log",
    "best_validation_accuracy", "test_accuracy"}`; the state of a head in progress is `training`.
    """
    if head_trainer.run == run and head_trainer.work.status.running:
        return {"run": run, "state": "training"}
    entry = registry.find(run)
    watched = run_log.watch(entry.folder)
    return {
        "run": run,
        "state": watched.state,
        "epoch": entry.epochs,
        "epochs": entry.config["recipe"]["epochs"],
        "step": watched.step,
        "steps": watched.steps,
        "seconds_left": watched.seconds_left,
        "problem": watched.problem or trainer.problem(run),
        "log": list(watched.log),
        "best_validation_accuracy": entry.best_validation_accuracy,
        "test_accuracy": entry.test_accuracy,
    }


def runs() -> list[dict[str, Any]]:
    """Returns every run, the latest first, then the trained networks that ship."""
    return [
        {
            "name": entry.name,
            "kind": entry.kind,
            "network": entry.network,
            "recipe": entry.config["recipe"],
            "state": entry.state,
            "shipped": entry.shipped,
            "started": entry.started,
            "epochs": entry.epochs,
            "seconds": entry.seconds,
            "best_validation_accuracy": entry.best_validation_accuracy,
            "test_accuracy": entry.test_accuracy,
        }
        for entry in registry.entries()
    ]


@as_gradio_error
def fetch_cifar10() -> str:
    """Starts to download CIFAR-10 (140 MB) from the official site or a mirror."""
    if not trainer.permissions.download:
        raise DataError(texts.NO_DOWNLOADS)
    if not cifar10.has_cifar10():
        cifar10.start_fetching_cifar10()
    return "here" if cifar10.has_cifar10() else "fetching"


@as_gradio_error
def rename_run(run: str, name: str) -> str:
    """Renames a run and returns its new name."""
    _check_may_manage()
    return manage_runs.rename(run, name)


@as_gradio_error
def delete_run(run: str) -> None:
    """Deletes a run permanently."""
    _check_may_manage()
    manage_runs.delete(run)


@as_gradio_error
def zip_run(run: str) -> str:
    """Zips a run's files where gradio may serve them; each run has one path, however often."""
    folder = Path(get_upload_folder()) / atomic.sha256(run.encode())[:16]
    return str(manage_runs.write_zip(run, folder))


def _check_may_manage() -> None:
    if not trainer.permissions.manage:
        raise ImgrecError(texts.NO_MANAGING)
