"""How well the unfamiliar flag separates out-of-distribution pictures from CIFAR-10's ten classes.

The scores of `calibration.SCORES` are compared; a higher score means more familiar. The flag uses
the score that the network's calibration names.
"""

import itertools
from array import array
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import get_args

import numpy as np
from PIL import Image

from imgrec.approaches import scratch
from imgrec.data import labels
from imgrec.data.label_names import Label
from imgrec.data.labelled_images import LabelledSet
from imgrec.errors import ModelError
from imgrec.evaluation.evaluate import EvaluatedPictures, Row, predict_all
from imgrec.evaluation.figures import FlaggedShare, Group, OutOfDistribution
from imgrec.metrics.calibration import SCORES
from imgrec.metrics.classification import roc_auc, wilson, without_nan
from imgrec.models.loading import load_trained


def group(label: Label) -> Group:
    """Returns the group of a picture: CIFAR-10, or a photo of the ten kinds, unclear or other."""
    if label.imagenet is None:
        return "cifar10"
    if label.cifar10 is not None:
        return "ten_kinds"
    return "unclear" if label.imagenet in labels.CIFAR10_UNCLEAR else "other"


def measure(
    familiar: LabelledSet,
    photos: LabelledSet,
    weights: str = scratch.DEFAULT,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_bad: Callable[[str, str], None] = lambda file, reason: None,
    on_picture: Callable[[Row], None] = lambda row: None,
) -> OutOfDistribution:
    """Returns the flagged share of each group and the ROC AUC of each score.

    `familiar` are CIFAR-10 images that the network was not trained on; `photos` have ImageNet
    classes: CIFAR-10's ten kinds, what is near them, or other things. The ROC AUC is the
    probability that a familiar picture scores above a photo of another thing. Callbacks are as in
    `evaluate.measure`. Raises ModelError if the network has no such flag, DataError if no picture
    can be used.
    """
    loaded = load_trained(weights, "scratch")
    calibration = loaded.calibration
    if calibration is None or calibration.threshold is None or calibration.accepted is None:
        raise ModelError(f"{weights} has no calibration; run scripts/calibrate.py {weights} first.")

    def logits(images: Sequence[Image.Image]) -> list[np.ndarray]:
        views = np.stack([np.asarray(scratch.view(image)) for image in images])
        return list(loaded.logits(scratch.preprocess(views)))

    together = LabelledSet(
        photos.name,
        familiar.count + photos.count,
        lambda: itertools.chain(familiar.items(), photos.items()),
    )
    found = {name: array("f") for name in get_args(Group)}
    evaluated = EvaluatedPictures()
    answered = predict_all(together, logits, evaluated, on_progress=on_progress, on_bad=on_bad)
    with closing(answered):
        for picture, row in answered:
            kind = group(picture.label)
            found[kind].extend(row)
            scores: dict[str, float] = {
                name: float(score(row[None])[0]) for name, score in SCORES.items()
            }
            on_picture({"file": picture.name, "group": kind, **scores})
    by_group = {
        name: np.array(rows).reshape(-1, len(labels.CIFAR10)) for name, rows in found.items()
    }
    pair = by_group["cifar10"], by_group["other"]
    sign, threshold = SCORES[calibration.score], calibration.threshold
    return OutOfDistribution(
        **dict(evaluated.figures()),
        model=f"{loaded.network.model.name} CNN",
        score=calibration.score,
        threshold=threshold,
        accepted=calibration.accepted,
        groups={name: flagged_share(sign(rows), threshold) for name, rows in by_group.items()},
        auroc=without_nan({name: auroc(score, *pair) for name, score in SCORES.items()}),
    )


def flagged_share(scores: np.ndarray, threshold: float) -> FlaggedShare:
    """Returns the number of pictures with scores (n,) and the share flagged, with its interval."""
    count = int((scores < threshold).sum())
    low, high = wilson(count, len(scores))
    share = count / len(scores) if len(scores) else None
    return FlaggedShare(n=len(scores), flagged=share, low=low, high=high)


def auroc(
    score: Callable[[np.ndarray], np.ndarray], familiar: np.ndarray, other: np.ndarray
) -> float:
    """Returns a score's ROC AUC, given logits (n, 10) and (m, 10); NaN if either is empty."""
    logits = np.concatenate([familiar, other])
    return roc_auc(score(logits), np.arange(len(logits)) < len(familiar))
