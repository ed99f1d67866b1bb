"""The three approaches side by side: what each took to train, how big and how fast it is."""

import statistics
from dataclasses import dataclass
from typing import NamedTuple

from PIL import Image

from imgrec.approaches import MODULES, pretrained, scratch, transfer, vgg16
from imgrec.approaches.vgg16_weights import FILE_MEGABYTES, weights
from imgrec.environment import machine
from imgrec.evaluation import reports
from imgrec.files import atomic
from imgrec.files.paths import MODELS
from imgrec.models import registry

IMAGENET_IMAGES = 1_281_167  # ILSVRC-2012's training images (Russakovsky et al. 2015, table 2)
# "On a system equipped with four NVIDIA Titan Black GPUs, training a single net took 2–3 weeks"
# (Simonyan & Zisserman 2015, section 3.3).
VGG16_TRAINING = "two to three weeks on four GPUs"
VGG16_BYTES = FILE_MEGABYTES * 1_000_000
ROUNDS = 9  # of timing; more would keep a visitor waiting


@dataclass(frozen=True)
class Facts:
    """What it took to train an approach's network, and how big it is."""

    approach: str
    model: str  # fit for display
    stand_in: bool
    learnt_from: str
    images: int  # trained on
    seconds: float | None  # of training; None if it was not measured
    trained: str  # on which machine, or its authors' account
    parameters: int  # weights of the whole network
    learnt: int  # how many of them were trained on these images
    bytes: int  # on disk


def facts() -> tuple[Facts, ...]:
    """Returns the facts of the networks that ship, in the order of the approaches.

    If VGG16's top is here, its facts take the place of the stand-in's.
    """
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
    parameters = atomic.read_json(MODELS / "efficientnet_lite0" / "report.json")["parameters"]
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


# Timing


class Timing(NamedTuple):
    """Milliseconds for one picture, from the decoded picture to the answer."""

    median: float
    fastest: float
    slowest: float


def measure_timings(image: Image.Image, rounds: int = ROUNDS) -> dict[str, Timing]:
    """Times each approach alone on one RGB picture, on this machine.

    The approaches take turns, so that a busy moment affects all of them. The first round, which
    loads what is not loaded yet, is not counted.
    """
    times: dict[str, list[float]] = {name: [] for name in MODULES}
    for number in range(rounds + 1):
        for name, module in MODULES.items():
            (verdict,) = module.predict([image])
            if number:
                times[name].append(verdict.milliseconds)
    return {
        name: Timing(statistics.median(each), min(each), max(each)) for name, each in times.items()
    }
