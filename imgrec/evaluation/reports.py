"""The measured figures on the page and in the README, read from the reports that ship."""

from dataclasses import dataclass
from functools import cache
from typing import Any

from imgrec.files import atomic
from imgrec.files.paths import MODELS, REPORTS
from imgrec.training.recipes import CIFAR10_TRAINING_IMAGES, Recipe

# Written by `scripts/evaluate.py`: each approach on its own task, all on the dog question with
# photos and with the CIFAR-10 images that ship, the unfamiliar flag, and the scratch networks on
# photos from other sources.
REPORT_NAMES = ("cifar10", "imagenet", "dogs", "sample", "unfamiliar", "outside")

Figures = dict[str, Any]  # an approach's figures from `imgrec.metrics.classification`


@cache
def load_report(name: str) -> dict[str, Any]:
    """Loads a report by its name in `REPORT_NAMES`, as it was written."""
    return atomic.read_json(REPORTS / f"{name}.json")


@dataclass(frozen=True)
class DogReport:
    """How the networks did on the dog question, by the network's display name.

    Accuracy would flatter, because most of the photos have no dog.
    """

    photos: int
    dogs: int
    recall: dict[str, float]  # share of the dogs that were recognised
    false_positive_rate: dict[str, float]  # share of the others that were predicted to be dogs


@cache
def dogs(calibrated: bool = False) -> DogReport:
    """Loads the report of `scripts/evaluate.py dogs`, with calibrated figures where it has them."""
    report = load_report("dogs")
    approaches = [
        {**entry, **((calibrated and entry["calibrated"]) or {})}
        for entry in report["approaches"].values()
    ]
    return DogReport(
        photos=report["n"],
        dogs=report["dogs"],
        recall={entry["model"]: entry["recall"] for entry in approaches},
        false_positive_rate={entry["model"]: 1 - entry["specificity"] for entry in approaches},
    )


@dataclass(frozen=True)
class ScratchReport:
    """How a scratch network was trained, and its accuracy on the test images."""

    title: str
    images: int  # trained on
    epochs: int
    seconds: float
    test_images: int
    test_accuracy: float
    test_accuracy_views: float | None  # with TTA; None if it was not measured


def scratch(name: str) -> ScratchReport:
    """Loads the report of a shipped scratch network."""
    config, report, history = (
        atomic.read_json(MODELS / name / f"{file}.json") for file in ("config", "report", "history")
    )
    right, minutes = report["test_accuracy"], report["seconds"] / 60
    recipe = Recipe.of(config)
    kept = CIFAR10_TRAINING_IMAGES - recipe.validation_images
    return ScratchReport(
        title=f"{name}: {100 * right:.1f} % right after {minutes:.0f} minutes",
        images=min(kept, recipe.limit or kept),
        epochs=len(history["loss"]),
        seconds=report["seconds"],
        test_images=report["test_images"],
        test_accuracy=right,
        test_accuracy_views=report.get("test_accuracy_views"),
    )


@dataclass(frozen=True)
class HeadReport:
    """How a transfer head was trained, and its accuracy with a 95% interval on test photos."""

    title: str
    photos: int
    parameters: int
    seconds: float
    test_photos: int
    accuracy: float
    low: float
    high: float


def head(name: str) -> HeadReport:
    """Loads the report of a shipped head."""
    report = atomic.read_json(MODELS / name / "report.json")
    test = report["test"]
    return HeadReport(
        title=f"{name.split('_')[1].capitalize()}, {report['photos']} photos",
        photos=report["photos"],
        parameters=report["parameters"],
        seconds=report["seconds"],
        test_photos=test["photos"],
        accuracy=test["accuracy"],
        low=test["low"],
        high=test["high"],
    )


# Accuracy


def dog_answers(measured: dict[str, Any]) -> dict[str, Figures]:
    """Returns each approach's figures on the dog question; empty without labels for it.

    `measured` is a report of `scripts/evaluate.py dogs`, which has the figures beside the model's
    name, or the result of `imgrec.evaluation.evaluate`, which has them under `dog`.
    """
    found = {name: entry.get("dog", entry) for name, entry in measured["approaches"].items()}
    return {name: figures for name, figures in found.items() if figures}


def task_figures(measured: dict[str, Any]) -> dict[str, Figures | None]:
    """Returns each approach's figures on its own task, from `imgrec.evaluation.evaluate`'s result.

    The head's own task is the dog question. None without labels for the task.
    """
    tasks = {name: entry["own"] for name, entry in measured["approaches"].items()}
    return {**tasks, "transfer": _with_count(dog_answers(measured).get("transfer"))}


def shipped_task_figures() -> dict[str, Figures | None]:
    """Same as `task_figures`, from the reports that ship."""
    dogs = load_report("dogs")
    return {
        "scratch": load_report("cifar10"),
        "pretrained": load_report("imagenet"),
        "transfer": _with_count(dogs["approaches"]["transfer"]),
    }


def _with_count(figures: Figures | None) -> Figures | None:
    return figures and {**figures, "n": labelled_count(figures)}


def labelled_count(figures: Figures) -> int:
    """Returns how many pictures were evaluated: those with a label for the task."""
    return sum(each["count"] for each in figures["reliability"])
