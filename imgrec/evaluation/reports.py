"""The measured figures on the page and in the README, read from the reports that ship."""

from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from imgrec.evaluation.figures import (
    BinaryFigures,
    Cifar10Report,
    DogsReport,
    Figures,
    ImagenetReport,
    OutsideReport,
    TaskAccuracy,
    UnfamiliarReport,
)
from imgrec.files import atomic
from imgrec.files.paths import MODELS, REPORTS
from imgrec.training.recipes import CIFAR10_TRAINING_IMAGES, Recipe

Report = Cifar10Report | ImagenetReport | DogsReport | UnfamiliarReport | OutsideReport
R = TypeVar("R", bound=Figures)


@cache
def _read(name: str, kind: type[R]) -> R:
    return kind.model_validate(atomic.read_json(REPORTS / f"{name}.json"))


def cifar10_report() -> Cifar10Report:
    """Loads the report of the scratch network on its own task, CIFAR-10's test images."""
    return _read("cifar10", Cifar10Report)


def imagenet_report() -> ImagenetReport:
    """Loads the report of the pre-trained network on its own task, ImageNet's classes."""
    return _read("imagenet", ImagenetReport)


def dogs_report() -> DogsReport:
    """Loads the report of all three approaches on photos with and without a dog."""
    return _read("dogs", DogsReport)


def sample_report() -> DogsReport:
    """Loads the report of all three approaches on the CIFAR-10 images that ship."""
    return _read("sample", DogsReport)


def unfamiliar_report() -> UnfamiliarReport:
    """Loads the report of the scratch network's unfamiliar flag."""
    return _read("unfamiliar", UnfamiliarReport)


def outside_report() -> OutsideReport:
    """Loads the report of the scratch networks on photos from other sources."""
    return _read("outside", OutsideReport)


def all_reports() -> dict[str, Report]:
    """Loads the reports of `scripts/evaluate.py`, by the names of their files."""
    return {
        "cifar10": cifar10_report(),
        "imagenet": imagenet_report(),
        "dogs": dogs_report(),
        "sample": sample_report(),
        "unfamiliar": unfamiliar_report(),
        "outside": outside_report(),
    }


@dataclass(frozen=True)
class DogRates:
    """How the networks did on the dog question, by the network's display name.

    Accuracy would flatter, because most of the photos have no dog.
    """

    photos: int
    dogs: int
    recall: dict[str, float]  # share of the dogs that were recognised
    false_positive_rate: dict[str, float]  # share of the others that were predicted to be dogs


@cache
def dogs(calibrated: bool = False) -> DogRates:
    """Loads the report of `scripts/evaluate.py dogs`, with calibrated figures where it has them."""
    report = dogs_report()
    figures: dict[str, BinaryFigures] = {
        each.model: (calibrated and each.calibrated) or each for each in report.approaches.values()
    }
    return DogRates(
        photos=report.n,
        dogs=report.dogs or 0,
        recall={model: each.recall for model, each in figures.items() if each.recall is not None},
        false_positive_rate={
            model: rate
            for model, each in figures.items()
            if (rate := each.false_positive_rate) is not None
        },
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


def shipped_tasks() -> dict[str, TaskAccuracy]:
    """Returns each approach's accuracy on its own task; the head's is the dog question."""
    return {
        "scratch": cifar10_report().task(),
        "pretrained": imagenet_report().task(),
        "transfer": dogs_report().approaches["transfer"].task(),
    }
