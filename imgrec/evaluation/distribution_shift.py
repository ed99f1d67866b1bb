"""The scratch networks on photos of CIFAR-10's ten kinds that come from elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

from PIL import Image

from imgrec.approaches import scratch
from imgrec.approaches.verdict import Verdict
from imgrec.data import labels
from imgrec.data.labelled_images import Item, LabelledSet
from imgrec.evaluation.evaluate import Row, Taken, judge_all
from imgrec.metrics.classification import Classes

NETWORKS = (scratch.DEFAULT, scratch.CLASSIC)
LOOKS = {"one": False, "several": True}  # at each photo: whether test-time views are averaged

Answers = dict[str, dict[str, Verdict]]  # by network and looks


def measure(
    photos: LabelledSet,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_bad: Callable[[str, str], None] = lambda file, reason: None,
    on_picture: Callable[[Row], None] = lambda row: None,
) -> dict[str, Any]:
    """How often each network that ships is right, with one look and with several, as plain JSON.

    `photos` have ImageNet's classes; of them those are taken whose class is clearly one of the ten.
    Returns `Taken.figures` and `"networks": {name: {"one" | "several": as of evaluation.Classes}}`.
    Callbacks, and what is raised, are as in `evaluate.measure`.
    """
    taken = Taken()
    tallies = {name: {looks: Classes(labels.CIFAR10) for looks in LOOKS} for name in NETWORKS}
    answered = judge_all(ten_kinds(photos), judged, taken, on_progress=on_progress, on_bad=on_bad)
    with closing(answered):
        for picture, answers in answered:
            right = picture.label.cifar10
            assert right is not None  # `ten_kinds` took no other
            said: Row = {"file": picture.name, "cifar10": right}
            for name, each in answers.items():
                for looks, verdict in each.items():
                    winner = verdict.classes[0]
                    tallies[name][looks].add(right, winner.index, winner.probability)
                    said[f"{name}, {looks}"] = winner.label
            on_picture(said)
    return {
        **taken.figures(),
        "networks": {
            name: {looks: tally.figures() for looks, tally in each.items()}
            for name, each in tallies.items()
        },
    }


def ten_kinds(photos: LabelledSet) -> LabelledSet:
    """The photos whose class is clearly one of CIFAR-10's ten."""

    def items() -> Iterator[Item]:
        return (item for item in photos.items() if item.label.cifar10 is not None)

    return LabelledSet(photos.name, sum(1 for _ in items()), items)


def judged(images: Sequence[Image.Image]) -> list[Answers]:
    """What each network says of each picture, with one look and with several."""
    said = {
        name: {looks: scratch.predict(images, 1, name, several) for looks, several in LOOKS.items()}
        for name in NETWORKS
    }
    return [
        {name: {looks: said[name][looks][place] for looks in LOOKS} for name in NETWORKS}
        for place in range(len(images))
    ]
