"""HTML of the training tab: progress, the strip of predictions, the table of runs."""

import base64
import time
from collections.abc import Sequence
from html import escape

from imgrec.background_job import Status
from imgrec.data import labels
from imgrec.errors import ImgrecError
from imgrec.models import run_log
from imgrec.models.registry import Entry
from imgrec.models.run_log import Prediction, RunStatus
from imgrec.training.recipes import DEFAULT_RECIPES, HEAD_RECIPES, HeadRecipe, Recipe, differences
from imgrec.ui.components import html
from imgrec.ui.components.formatting import duration, percent

STATES = {
    "starting": "is starting",
    "training": "is learning",
    "paused": "is paused",
    "stopping": "is stopping",
    "measuring": "is being measured",
    "finished": "has finished",
    "stopped": "was stopped",
    "interrupted": "was interrupted",
    "failed": "failed",
}
LIVE = ("starting", "training", "paused", "stopping", "measuring")


def progress(entry: Entry, status: RunStatus, problem: str) -> str:
    """Renders the followed run: its state, progress and time left, or why it ended."""
    state = STATES[status.state]
    head = f"<h3>{escape(entry.name)} <span class=state>{state}</span></h3>"
    parts = [f'<section class="panel training {entry.kind}">{head}']
    if status.state in LIVE:
        parts.append(_bars(status))
    parts.append(f"<p>{escape(_summary(entry, status))}</p>")
    reason = status.problem or problem
    if status.state in ("failed", "interrupted") and reason:
        parts.append(f'<p class="offer problem">{escape(reason)}</p>')
    return "".join([*parts, "</section>"])


def _bars(status: RunStatus) -> str:
    if not status.epochs:
        return html.progress("Loading TensorFlow and the images", 0, 1, "")
    epoch = min(status.epoch + 1, status.epochs)
    return html.progress(
        "Epoch", status.epoch, status.epochs, f"{epoch} of {status.epochs}"
    ) + html.progress("Step", status.step, status.steps, f"{status.step:,} of {status.steps:,}")


def _summary(entry: Entry, status: RunStatus) -> str:
    """Describes the run's status in a sentence or two."""
    best = entry.best_validation_accuracy
    known = f"Best validation accuracy {percent(best)}. " if best is not None else ""
    match status.state:
        case "finished":
            test = entry.test_accuracy
            tested = f"Test accuracy {percent(test)}. " if test is not None else ""
            spent = f"It learned for {duration(entry.seconds)}." if entry.seconds else ""
            return f"{tested}{known}{spent}"
        case "stopped" | "interrupted" | "failed":
            kept = {0: "No whole epoch is kept", 1: "One whole epoch is kept"}
            usual = f"{entry.epochs} whole epochs are kept"
            return f"{known}{kept.get(entry.epochs, usual)}: resume it under Runs."
        case "measuring":
            return f"{known}It looks at the test images, for the first time: a minute or so."
        case "paused":
            return f"{known}It waits where it is, and goes on when you say so."
    left = status.seconds_left
    return known + (f"About {duration(left)} left." if left is not None else "")


def head_work(status: Status) -> str:
    """Renders a head's training progress, or why it failed."""
    if status.problem:
        return html.failed(status.problem)
    if not status.running:
        return ""
    if not status.total:
        return '<p class="offer">The head is learning.</p>'
    text = f"{status.done} of {status.total} photos"
    return (
        f'<div class="transfer">{html.progress("Features", status.done, status.total, text)}</div>'
    )


def sprite(entry: Entry) -> str:
    """Renders the strip's images as a style, sent once per run; `strip` refers to it."""
    try:
        picture = base64.b64encode((entry.folder / run_log.STRIP).read_bytes()).decode()
    except OSError:
        return ""
    return f"<style>.tile i {{ background-image: url(data:image/png;base64,{picture}) }}</style>"


def strip(guesses: Sequence[Prediction]) -> str:
    """Renders validation images with the network's current predictions."""
    if not guesses:
        return ""
    right = sum(guess.predicted == guess.right for guess in guesses)
    step = 100 / max(1, len(guesses) - 1)
    tiles = "".join(_tile(step * number, guess) for number, guess in enumerate(guesses))
    return (
        f'<section class="panel"><h3>What it makes of {len(guesses)} images that it does not learn '
        f'from: {right} right</h3><div class="strip">{tiles}</div></section>'
    )


def _tile(place: float, guess: Prediction) -> str:
    """Renders one image; `place` is a percentage of the strip's width as CSS counts it."""
    guessed, right = labels.CIFAR10[guess.predicted], labels.CIFAR10[guess.right]
    good = guess.predicted == guess.right
    mark, note = ("✓", "") if good else ("✗", f"<small>is {right}</small>")
    return (
        f'<figure class="tile {"good" if good else "wrong"}">'
        f'<i role="img" aria-label="{right}" style="background-position-x:{place:.4f}%"></i>'
        f"<b>{mark}</b><figcaption>{guessed}{note}</figcaption></figure>"
    )


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
        return "unknown"
    changed = differences(recipe, usual)
    return ", ".join(_in_words(name, value) for name, value in changed.items()) or "as it comes"


def _in_words(name: str, value: object) -> str:
    """Formats a setting for the table: `3 epochs`, `10,000 images`, `no augmentation`."""
    counted = {"epochs": "epoch", "limit": "image", "hidden": "hidden neuron"}
    if name in counted:
        return f"{value:,} {counted[name]}{'' if value == 1 else 's'}"
    words = {"l2": "weight decay", "apart": "kept apart"}.get(name, name.replace("_", " "))
    if isinstance(value, bool):
        return words if value else f"no {words}"
    return f"{words} {value}"


def runs_table(entries: Sequence[Entry]) -> str:
    """Renders a row for every run and every shipped network."""
    headings = ("Run", "Network", "Recipe", "When", "Epochs", "Time", "Validation", "Test", "State")
    rows = [
        (
            entry.name,
            f"{entry.network}{' head' if entry.kind == 'transfer' else ''}",
            recipe_in_short(entry),
            _when(entry.started),
            entry.epochs,
            duration(entry.seconds) if entry.seconds is not None else "–",
            _accuracy(entry.best_validation_accuracy),
            _accuracy(entry.test_accuracy),
            "ships" if entry.shipped else entry.state,
        )
        for entry in entries
    ]
    return html.table(headings, rows)


def _when(moment: float | None) -> str:
    return "–" if moment is None else time.strftime("%d %b %H:%M", time.localtime(moment))


def _accuracy(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"
