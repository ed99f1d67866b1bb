"""A classifier of a visitor's own pictures: prediction, cross-validation results, serialisation.

The head is one dense layer with softmax on VGG16's pooled features.
"""

import dataclasses
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from imgrec.approaches import vgg16
from imgrec.approaches.verdict import ClassProbability, top_classes
from imgrec.errors import ModelError
from imgrec.metrics.calibration import TEMPERATURES, softmax
from imgrec.networks.inference import milliseconds_each
from imgrec.teaching import pictures

FEATURES = 512  # channels of VGG16's last feature map
MAX_DUPLICATE_SHARE = 0.2  # share of near-duplicates above which there is a warning
MAX_LISTED = 24  # pictures listed as wrong, and as least confident
ARRAYS = ("kernel", "bias", "known")
# The keys in a project file that differ from the field names.
FILE_KEYS = {
    "similarity_threshold": "familiar",
    "rejection_rate": "turned_away",
    "cross_validation": "honest",
}

Table = tuple[tuple[float, ...], ...]


class EvaluatedPicture(NamedTuple):
    """The mean prediction for a picture of the heads that held it out."""

    picture: str  # its id
    right: int  # the class it was taught as
    guessed: int  # the most probable class
    probability: float  # of the guessed class, calibrated


@dataclass(frozen=True)
class CrossValidation:
    """Cross-validated accuracy, recall and confusion matrix of a classifier."""

    pictures: int
    accuracy: float  # mean over the repeats, from 0 to 1
    low: float  # 95% interval of the accuracy (Wilson)
    high: float
    recall: tuple[float, ...]  # of each class
    confusion: Table  # pictures, (true class, predicted class); mean of repeats
    wrong: tuple[EvaluatedPicture, ...]  # most confident first
    unsure: tuple[EvaluatedPicture, ...]  # correct, least confident first
    temperature: float  # above 1 if the head is overconfident
    folds: int
    repeats: int
    alike: int = 0  # pictures that are near-duplicates of another one

    @property
    def in_words(self) -> str:
        """The 95% interval of the accuracy and the number of pictures, as a phrase."""
        low, high = (round(100 * share) for share in (self.low, self.high))
        return f"between {low} % and {high} %, from {self.pictures} pictures"

    @property
    def caution(self) -> str:
        """A warning if near-duplicates make the accuracy too optimistic, else an empty string."""
        if self.alike <= MAX_DUPLICATE_SHARE * self.pictures:
            return ""
        return (
            f"{self.alike} of the {self.pictures} pictures are nearly the same as another one, so "
            "new pictures, which differ more, will do worse than this; add some that differ."
        )


@dataclass(frozen=True, eq=False)
class TaughtHead:
    """A trained classifier on pooled features; immutable."""

    kernel: np.ndarray  # float32 (512, classes)
    bias: np.ndarray  # float32 (classes,)
    class_names: tuple[str, ...]
    known: np.ndarray  # float32 (pictures, 512): its training pictures, without copies
    similarity_threshold: (
        float  # a picture less similar than this to every known one is *none of these*
    )
    rejection_rate: float  # share of its own pictures that the threshold rejects, 0 to 1
    cross_validation: CrossValidation
    seconds: float  # training time, including cross-validation


class Answer(NamedTuple):
    """A head's predictions for n pictures."""

    probabilities: np.ndarray  # float32 (n, classes), calibrated
    none: np.ndarray  # bool (n,): unlike all training pictures
    similarity: np.ndarray  # float32 (n,): cosine to the most similar known picture, 0 to 1


@dataclass(frozen=True)
class TaughtVerdict:
    """A head's verdict on one picture."""

    classes: tuple[ClassProbability, ...]  # all of them, most probable first; calibrated
    none: bool  # unlike all training pictures
    similarity: float  # to the most similar training picture, from 0 to 1
    milliseconds: float  # preprocessing, VGG16's base and the head
    saw: Image.Image  # the picture as the network saw it
    approach: str = "taught"
    model: str = "VGG16 features + your head"
    stand_in: bool = False

    def as_json(self) -> dict[str, Any]:
        """Returns the JSON object that the endpoint returns."""
        return {
            "classes": [
                {"label": entry.label, "probability": entry.probability} for entry in self.classes
            ],
            "none_of_these": self.none,
            "similarity": self.similarity,
            "milliseconds": round(self.milliseconds, 2),
        }


# Prediction


def answer(head: TaughtHead, features: np.ndarray) -> Answer:
    """Returns the head's predictions for pooled features (n, 512)."""
    similarity = (features @ head.known.T).max(axis=1)
    probabilities = softmax(logits(head, features) / head.cross_validation.temperature)
    return Answer(probabilities, similarity < head.similarity_threshold, similarity)


def logits(head: TaughtHead, features: np.ndarray) -> np.ndarray:
    """Returns the uncalibrated logits (n, classes) of pooled features (n, 512)."""
    return features @ head.kernel + head.bias


def answer_picture(head: TaughtHead, image: Image.Image) -> TaughtVerdict:
    """Returns the head's verdict on an RGB picture of any size."""
    started = time.perf_counter()
    saw = vgg16.view(image)
    found = answer(head, pictures.pooled_features([saw]))
    return TaughtVerdict(
        top_classes(found.probabilities[0], head.class_names, len(head.class_names)),
        bool(found.none[0]),
        float(found.similarity[0]),
        milliseconds_each(started, 1),
        saw,
    )


# Serialisation


def head_to_arrays(head: TaughtHead) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns the head as arrays (`kernel`, `bias`, `known`) and JSON, for `head_from_arrays`."""
    arrays = {name: getattr(head, name) for name in ARRAYS}
    figures = {**vars(head), "cross_validation": dataclasses.asdict(head.cross_validation)}
    return arrays, {
        FILE_KEYS.get(name, name): value for name, value in figures.items() if name not in ARRAYS
    }


def head_from_arrays(arrays: Mapping[str, np.ndarray], figures: Mapping[str, Any]) -> TaughtHead:
    """Restores the head from untrusted `head_to_arrays` data. Raises ModelError if invalid."""
    try:
        measured = _restore_cross_validation(figures["honest"])
        head = TaughtHead(
            **{name: arrays[name] for name in ARRAYS},
            class_names=tuple(figures["class_names"]),
            similarity_threshold=_number(figures["familiar"], -1, 1),
            rejection_rate=_number(figures["turned_away"], 0, 1),
            cross_validation=measured,
            seconds=_number(figures["seconds"], 0, math.inf),
        )
        classes = len(head.class_names)
        shapes = {"kernel": (FEATURES, classes), "bias": (classes,)}
        shapes["known"] = (measured.pictures, FEATURES)
        wanted = {name: (shape, "float32") for name, shape in shapes.items()}
        if {name: (array.shape, array.dtype) for name, array in arrays.items()} != wanted:
            raise ValueError("shapes")
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("not finite")
        if len(measured.recall) != classes or not all(isinstance(n, str) for n in head.class_names):
            raise ValueError("classes")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(
            f"The classifier in this file is damaged ({type(error).__name__}); teach it again."
        ) from error
    return head


def _restore_cross_validation(content: Mapping[str, Any]) -> CrossValidation:
    """Restores the results; raises KeyError, TypeError or ValueError for an invalid value."""
    recall = tuple(_number(share, 0, 1) for share in content["recall"])
    pictures, classes = _integer(content["pictures"], 1, 10_000), len(recall)
    counts = tuple(
        tuple(_number(count, 0, pictures) for count in row) for row in content["confusion"]
    )
    if not [classes] * classes == [len(row) for row in counts]:
        raise ValueError("confusion")
    return CrossValidation(
        pictures=pictures,
        recall=recall,
        confusion=counts,
        wrong=tuple(_restore_evaluated(one, classes) for one in content["wrong"][:MAX_LISTED]),
        unsure=tuple(_restore_evaluated(one, classes) for one in content["unsure"][:MAX_LISTED]),
        temperature=_number(content["temperature"], *TEMPERATURES),
        folds=_integer(content["folds"], 2, 10_000),
        repeats=_integer(content["repeats"], 1, 1000),
        alike=_integer(content["alike"], 0, pictures),
        **{name: _number(content[name], 0, 1) for name in ("accuracy", "low", "high")},
    )


def _restore_evaluated(content: Sequence[Any], classes: int) -> EvaluatedPicture:
    picture, right, guessed, probability = content
    if not isinstance(picture, str):
        raise TypeError("picture")
    places = (_integer(right, 0, classes - 1), _integer(guessed, 0, classes - 1))
    return EvaluatedPicture(picture, *places, probability=_number(probability, 0, 1))


def _integer(value: Any, low: int, high: int) -> int:
    if type(value) is not int:
        raise TypeError("a whole number is wanted")
    return int(_number(value, low, high))


def _number(value: Any, low: float, high: float) -> float:
    if type(value) not in (int, float) or not low <= value <= high:
        raise ValueError("a number in its range is wanted")
    return float(value)
