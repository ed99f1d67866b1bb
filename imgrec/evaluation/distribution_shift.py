"""The scratch networks on photos of CIFAR-10's ten kinds that come from elsewhere."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from typing import Any

from PIL import Image

from imgrec.approaches import scratch
from imgrec.approaches.verdict import Verdict
from imgrec.data import labels
from imgrec.data.labelled_images import Item, LabelledSet
from imgrec.evaluation.evaluate import EvaluatedPictures, Row, predict_all
from imgrec.metrics.classification import Classes

NETWORKS = (scratch.DEFAULT, scratch.CLASSIC)
TTA_MODES = {"one": False, "several": True}  # at each photo: whether test-time views are averaged

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
    Returns `EvaluatedPictures.figures` and `"networks": {name: {"one" | "several": as of
    evaluation.Classes}}`. Callbacks, and what is raised, are as in `evaluate.measure`.
    """
    evaluated = EvaluatedPictures()
    tallies = {name: {mode: Classes(labels.CIFAR10) for mode in TTA_MODES} for name in NETWORKS}
    answered = predict_all(
        cifar10_classes_only(photos),
        predict_networks,
        evaluated,
        on_progress=on_progress,
        on_bad=on_bad,
    )
    with closing(answered):
        for picture, answers in answered:
            right = picture.label.cifar10
            assert right is not None  # `cifar10_classes_only` took no other
            row: Row = {"file": picture.name, "cifar10": right}
            for name, each in answers.items():
                for mode, verdict in each.items():
                    winner = verdict.classes[0]
                    tallies[name][mode].add(right, winner.index, winner.probability)
                    row[f"{name}, {mode}"] = winner.label
            on_picture(row)
    return {
        **evaluated.figures(),
        "networks": {
            name: {mode: tally.figures() for mode, tally in each.items()}
            for name, each in tallies.items()
        },
    }


def cifar10_classes_only(photos: LabelledSet) -> LabelledSet:
    """The photos whose class is clearly one of CIFAR-10's ten."""

    def items() -> Iterator[Item]:
        return (item for item in photos.items() if item.label.cifar10 is not None)

    return LabelledSet(photos.name, sum(1 for _ in items()), items)


def predict_networks(images: Sequence[Image.Image]) -> list[Answers]:
    """What each network says of each picture, with one look and with several."""
    verdicts = {
        name: {
            mode: scratch.predict(images, 1, name, use_tta) for mode, use_tta in TTA_MODES.items()
        }
        for name in NETWORKS
    }
    return [
        {name: {mode: verdicts[name][mode][place] for mode in TTA_MODES} for name in NETWORKS}
        for place in range(len(images))
    ]
