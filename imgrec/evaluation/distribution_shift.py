"""Accuracy of the scratch networks on photos of CIFAR-10's ten kinds from other sources."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing

from PIL import Image

from imgrec.approaches import scratch
from imgrec.approaches.verdict import Verdict
from imgrec.data import labels
from imgrec.data.labelled_images import Item, LabelledSet
from imgrec.evaluation.evaluate import EvaluatedPictures, Row, predict_all
from imgrec.evaluation.figures import ClassFigures, DistributionShift, TtaFigures
from imgrec.metrics.classification import Classes

NETWORKS = (scratch.DEFAULT, scratch.CLASSIC)
TTA_MODES = {"one": False, "several": True}  # whether each mode of TtaFigures uses TTA

Answers = dict[str, dict[str, Verdict]]  # by network and TTA mode


def measure(
    photos: LabelledSet,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_bad: Callable[[str, str], None] = lambda file, reason: None,
    on_picture: Callable[[Row], None] = lambda row: None,
) -> DistributionShift:
    """Returns the accuracy of each shipped network, without and with TTA.

    `photos` have ImageNet classes; only those whose class is clearly one of the ten are used. Same
    callbacks and exceptions as `evaluate.measure`.
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
            assert right is not None  # `cifar10_classes_only` keeps no other
            row: Row = {"file": picture.name, "cifar10": right}
            for name, each in answers.items():
                for mode, verdict in each.items():
                    winner = verdict.classes[0]
                    tallies[name][mode].add(right, winner.index, winner.probability)
                    row[f"{name}, {mode}"] = winner.label
            on_picture(row)
    networks = {
        name: TtaFigures(**{mode: ClassFigures(**tally.figures()) for mode, tally in each.items()})
        for name, each in tallies.items()
    }
    return DistributionShift(**dict(evaluated.figures()), networks=networks)


def cifar10_classes_only(photos: LabelledSet) -> LabelledSet:
    """Returns the photos whose class is clearly one of CIFAR-10's ten."""

    def items() -> Iterator[Item]:
        return (item for item in photos.items() if item.label.cifar10 is not None)

    return LabelledSet(photos.name, sum(1 for _ in items()), items)


def predict_networks(images: Sequence[Image.Image]) -> list[Answers]:
    """Returns each network's verdict on each picture, without and with TTA."""
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
