"""The three approaches side by side: what each took to make, how big and how fast it is.

And what they say of labelled pictures: those on which they disagree, and who stands alone.
"""

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from PIL import Image

from imgrec.approaches import MODULES, pretrained, scratch, transfer, vgg16
from imgrec.approaches.vgg16_weights import FILE_MEGABYTES, weights
from imgrec.data.labelled_images import Item, Label, LabelledSet
from imgrec.errors import DataError
from imgrec.evaluation import reports
from imgrec.files.paths import MODELS
from imgrec.images.decode import open_image
from imgrec.models import registry, store

IMAGENET_IMAGES = 1_281_167  # of ILSVRC-2012, to learn from (Russakovsky et al. 2015, table 2)
# "On a system equipped with four NVIDIA Titan Black GPUs, training a single net took 2–3 weeks"
# (Simonyan & Zisserman 2015, section 3.3).
VGG16_TRAINING = "two to three weeks on four GPUs"
VGG16_BYTES = FILE_MEGABYTES * 1_000_000
ROUNDS = 9  # of timing; more would take longer than a visitor likes to wait

Figures = dict[str, Any]  # what `imgrec.metrics.classification` says of an approach


@dataclass(frozen=True)
class Facts:
    """What it took to make an approach's network, and how big it is."""

    approach: str
    model: str  # fit to be shown
    stand_in: bool
    learnt_from: str
    images: int  # that it learnt from
    seconds: float | None  # of training; None where nobody measured it
    trained: str  # on which machine, or what its authors tell
    parameters: int  # weights of the whole network
    learnt: int  # of them, those that were learnt from these images
    bytes: int  # on disk


def facts() -> tuple[Facts, ...]:
    """Of the networks that ship, in the order of the approaches; VGG16's where its top is here."""
    return _scratch(), _vgg16() if vgg16.has_top() else _stand_in(), _transfer()


def _scratch() -> Facts:
    entry = registry.find(scratch.DEFAULT, "scratch")
    parameters = entry.report["parameters"]
    return Facts(
        approach="scratch",
        model=f"{entry.network} CNN",
        stand_in=False,
        learnt_from="CIFAR-10, small pictures of ten kinds",
        images=reports.scratch(scratch.DEFAULT).images,
        seconds=entry.seconds,
        trained=machine(entry.report["environment"]),
        parameters=parameters,
        learnt=parameters,
        bytes=_size(scratch.DEFAULT),
    )


def _vgg16() -> Facts:
    file = weights.file()
    return Facts(
        approach="pretrained",
        model="VGG16",
        stand_in=False,
        learnt_from="ImageNet, photos of 1000 kinds",
        images=IMAGENET_IMAGES,
        seconds=None,
        trained=VGG16_TRAINING,
        parameters=vgg16.PARAMETERS,
        learnt=vgg16.PARAMETERS,
        bytes=file.stat().st_size if file else VGG16_BYTES,
    )


def _stand_in() -> Facts:
    parameters = store.read_json(MODELS / "efficientnet_lite0" / "report.json")["parameters"]
    return Facts(
        approach="pretrained",
        model=pretrained.STAND_IN,
        stand_in=True,
        learnt_from="ImageNet, photos of 1000 kinds",
        images=IMAGENET_IMAGES,
        seconds=None,
        trained="",
        parameters=parameters,
        learnt=parameters,
        bytes=_size("efficientnet_lite0"),
    )


def _transfer() -> Facts:
    entry = registry.find(transfer.DEFAULT, "transfer")
    learnt = entry.report["parameters"]
    return Facts(
        approach="transfer",
        model=f"VGG16 features + {entry.network} head",
        stand_in=False,
        learnt_from="photos with and without a dog, on top of what VGG16 had learnt",
        images=entry.report["photos"],
        seconds=entry.seconds,
        trained=machine(entry.report["environment"]),
        parameters=vgg16.BASE_PARAMETERS + learnt,
        learnt=learnt,
        bytes=_size("vgg16_base") + _size(transfer.DEFAULT),
    )


def _size(model: str) -> int:
    return (MODELS / model / "weights.npz").stat().st_size


def machine(environment: dict[str, Any]) -> str:
    """Where something was measured: `2 cores of an AMD EPYC`."""
    article = "an" if environment["processor"][:1] in "AEIOU" else "a"
    return f"{environment['cores']} cores of {article} {environment['processor']}"


# How fast


class Timing(NamedTuple):
    """Milliseconds for one picture, from the decoded picture to the answer."""

    median: float
    fastest: float
    slowest: float


def timed(image: Image.Image, rounds: int = ROUNDS) -> dict[str, Timing]:
    """How long each approach takes alone for one RGB picture, here and now.

    The approaches take turns, so that a busy moment hits all of them; a first round, which loads
    what is not loaded yet, does not count.
    """
    taken: dict[str, list[float]] = {name: [] for name in MODULES}
    for number in range(rounds + 1):
        for name, module in MODULES.items():
            (verdict,) = module.predict([image])
            if number:
                taken[name].append(verdict.milliseconds)
    return {
        name: Timing(statistics.median(each), min(each), max(each)) for name, each in taken.items()
    }


# What they disagree on


class Disputed(NamedTuple):
    """A picture on which the approaches disagree: one of them stands alone."""

    number: int  # its place in the set
    name: str
    label: Label
    dog: dict[str, float]  # probability of a dog by approach

    @property
    def alone(self) -> str:
        """The approach that says what no other says; yes is a probability of one half or more."""
        yes = [name for name, dog in self.dog.items() if dog >= 0.5]
        no = [name for name in self.dog if name not in yes]
        return min(yes, no, key=len)[0]

    @property
    def alone_is_right(self) -> bool | None:
        """Whether the approach that stands alone is right; None where no label tells."""
        is_dog = self.label.dog
        return None if is_dog is None else (self.dog[self.alone] >= 0.5) == is_dog


def disputed(labelled: LabelledSet, measured: dict[str, Any], most: int) -> list[Disputed]:
    """The `most` widest disagreements, in the order of the set; what is no longer in it is not."""
    told = {row["file"]: row for row in measured["disagreements"][:most]}
    found = []
    for number, item in enumerate(labelled.items()):
        if row := told.pop(item.name, None):
            found.append(Disputed(number, item.name, item.label, row["dog"]))
    return found


def groups(found: Sequence[Disputed]) -> Iterator[tuple[str, bool | None, list[Disputed]]]:
    """The approach that stands alone, whether it is right, and the pictures; empty ones left out.

    In the order of the approaches, what they are wrong about first.
    """
    for name in MODULES:
        for right in (False, True, None):
            alike = [each for each in found if (each.alone, each.alone_is_right) == (name, right)]
            if alike:
                yield name, right, alike


def item(labelled: LabelledSet, number: int) -> Item:
    """The picture at that place of the set. Raises DataError if there is none."""
    found = next(islice(labelled.items(), number, None), None)
    if found is None:
        raise DataError("There is no such picture; press one.")
    return found


def opened(found: Item) -> Image.Image:
    """The picture itself. Raises ImageError."""
    return open_image(found.read(), name=found.name)


# How well


def dog_answers(measured: dict[str, Any]) -> dict[str, Figures]:
    """How each approach answered the dog question; empty where no label tells.

    `measured` is a report of `scripts/evaluate.py dogs`, which has the figures beside the model's
    name, or what `imgrec.evaluation.evaluate` gives, which has them under `dog`.
    """
    found = {name: entry.get("dog", entry) for name, entry in measured["approaches"].items()}
    return {name: figures for name, figures in found.items() if figures}


def own_tasks(measured: dict[str, Any]) -> dict[str, Figures | None]:
    """How each approach did what it was made for, of what `imgrec.evaluation.evaluate` gives.

    The head was made for the dog question. None where no label tells.
    """
    tasks = {name: entry["own"] for name, entry in measured["approaches"].items()}
    return {**tasks, "transfer": _counted(dog_answers(measured).get("transfer"))}


def reported_tasks() -> dict[str, Figures | None]:
    """The same, of the reports that ship."""
    dogs = reports.measured("dogs")
    return {
        "scratch": reports.measured("cifar10"),
        "pretrained": reports.measured("imagenet"),
        "transfer": _counted(dogs["approaches"]["transfer"]),
    }


def _counted(figures: Figures | None) -> Figures | None:
    return figures and {**figures, "n": judged(figures)}


def judged(figures: Figures) -> int:
    """How many pictures were judged: those with a label that tells."""
    return sum(each["count"] for each in figures["reliability"])
