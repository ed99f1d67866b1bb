"""HTML of the training tab: progress, the strip of predictions, the table of runs."""

import base64
import time
from collections.abc import Sequence

from markupsafe import Markup

from imgrec.background_job import Status
from imgrec.data import labels
from imgrec.errors import ImgrecError
from imgrec.models import run_log
from imgrec.models.registry import Entry
from imgrec.models.run_log import Prediction, RunStatus
from imgrec.training.recipes import DEFAULT_RECIPES, HEAD_RECIPES, HeadRecipe, Recipe, differences
from imgrec.ui.components import html
from imgrec.ui.components.formatting import NO_VALUE, counted, duration, share
from imgrec.ui.components.templates import render
from imgrec.ui.train import texts

LIVE = ("starting", "training", "paused", "stopping", "measuring")


def progress(entry: Entry, status: RunStatus, problem: str) -> Markup:
    """Renders the followed run: its state, progress and time left, or why it ended."""
    return render(
        __file__,
        "run_progress.jinja",
        entry=entry,
        status=status,
        states=texts.STATES,
        live=status.state in LIVE,
        problem=status.problem or problem,
    )


def head_work(status: Status) -> Markup:
    """Renders a head's training progress, or why it failed."""
    return render(__file__, "head_progress.jinja", status=status)


def sprite(entry: Entry) -> Markup:
    """Renders the strip's images as a style, sent once per run; `strip` refers to it."""
    try:
        picture = base64.b64encode((entry.folder / run_log.STRIP).read_bytes()).decode()
    except OSError:
        return Markup("")
    style = "<style>.tile i {{ background-image: url(data:image/png;base64,{}) }}</style>"
    return Markup(style).format(picture)


def strip(guesses: Sequence[Prediction]) -> Markup:
    """Renders validation images with the network's current predictions."""
    if not guesses:
        return Markup("")
    right = sum(guess.predicted == guess.right for guess in guesses)
    return render(__file__, "strip.jinja", guesses=guesses, right=right, names=labels.CIFAR10)


def recipe_in_short(entry: Entry) -> str:
    """Describes the settings that differ from the network's own recipe, or that none do."""
    try:
        if entry.kind == "scratch":
            recipe: Recipe | HeadRecipe = Recipe.of(entry.config)
            usual: Recipe | HeadRecipe = DEFAULT_RECIPES[entry.network]
        else:
            recipe = HeadRecipe(**entry.config["recipe"])
            usual = HEAD_RECIPES[entry.network]
    except (ImgrecError, KeyError, TypeError):  # of another version, or edited by hand
        return texts.UNKNOWN_RECIPE
    changed = differences(recipe, usual)
    return ", ".join(_in_words(name, value) for name, value in changed.items()) or (
        texts.DEFAULT_RECIPE
    )


def _in_words(name: str, value: object) -> str:
    """Formats a setting for the table: `3 epochs`, `10,000 images`, `no augmentation`."""
    if name in texts.COUNTED_SETTINGS and isinstance(value, int):
        return counted(value, texts.COUNTED_SETTINGS[name])
    words = texts.SETTINGS.get(name, name.replace("_", " "))
    if isinstance(value, bool):
        return words if value else f"no {words}"
    return f"{words} {value}"


def runs_table(entries: Sequence[Entry]) -> Markup:
    """Renders a row for every run and every shipped network."""
    rows = [
        (
            entry.name,
            texts.HEAD_NETWORK.format(entry.network) if entry.kind == "transfer" else entry.network,
            recipe_in_short(entry),
            _when(entry.started),
            entry.epochs,
            NO_VALUE if entry.seconds is None else duration(entry.seconds),
            share(entry.best_validation_accuracy),
            share(entry.test_accuracy),
            texts.SHIPS if entry.shipped else entry.state,
        )
        for entry in entries
    ]
    return html.table(texts.HEADINGS, rows)


def _when(moment: float | None) -> str:
    return NO_VALUE if moment is None else time.strftime("%d %b %H:%M", time.localtime(moment))
