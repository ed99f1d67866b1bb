"""A classifier of a visitor's own pictures: prediction, cross-validation results, serialisation.

The head is one dense layer with softmax on VGG16's pooled features.
"""

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, Self

import numpy as np
from PIL import Image
from pydantic import Field, Strict, model_validator

from imgrec.approaches import vgg16
from imgrec.approaches.verdict import ClassProbability, top_classes
from imgrec.errors import ModelError
from imgrec.metrics.calibration import TEMPERATURES, softmax
from imgrec.networks.inference import milliseconds_each
from imgrec.teaching import pictures
from imgrec.teaching.project_parts import Array, FromFile

FEATURES = 512  # channels of VGG16's last feature map
MAX_DUPLICATE_SHARE = 0.2  # share of near-duplicates above which there is a warning
MAX_LISTED = 24  # pictures listed as wrong, and as least confident
ARRAYS = ("kernel", "bias", "known")

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

Share = Annotated[float, Field(ge=0, le=1)]
Index = Annotated[int, Field(ge=0)]
Evaluated = Annotated[tuple[str, Index, Index, Share], Strict(False)]  # as EvaluatedPicture
Listed = Annotated[Array[Evaluated], Field(max_length=MAX_LISTED)]


class CrossValidationFigures(FromFile):
    """The fields of CrossValidation in a file."""

    pictures: int = Field(ge=1, le=10_000)
    accuracy: Share
    low: Share
    high: Share
    recall: Array[Share]
    confusion: Array[Array[Annotated[float, Field(ge=0)]]]
    wrong: Listed
    unsure: Listed
    temperature: float = Field(ge=TEMPERATURES[0], le=TEMPERATURES[1])
    folds: int = Field(ge=2, le=10_000)
    repeats: int = Field(ge=1, le=1000)
    alike: int = Field(ge=0)

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        classes = len(self.recall)
        if [len(row) for row in self.confusion] != [classes] * classes:
            raise ValueError("the confusion matrix has another number of classes")
        if max([self.alike, *map(max, self.confusion)]) > self.pictures:
            raise ValueError("more pictures than there are")
        if any(max(right, guessed) >= classes for _, right, guessed, _ in self.wrong + self.unsure):
            raise ValueError("a picture of no class")
        return self


class HeadFigures(FromFile):
    """The fields of TaughtHead in a file, under the file's own names, without the arrays."""

    class_names: Array[str]
    similarity_threshold: float = Field(alias="familiar", ge=-1, le=1)
    rejection_rate: Share = Field(alias="turned_away")
    cross_validation: CrossValidationFigures = Field(alias="honest")
    seconds: float = Field(ge=0)


# The keys of a file, by the names of the fields.
FILE_KEYS = {name: field.alias or name for name, field in HeadFigures.model_fields.items()}


def head_to_arrays(head: TaughtHead) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Returns the head as arrays (`kernel`, `bias`, `known`) and JSON, for `head_from_arrays`."""
    figures = {**vars(head), "cross_validation": dataclasses.asdict(head.cross_validation)}
    arrays = {name: figures[name] for name in ARRAYS}
    return arrays, {key: figures[name] for name, key in FILE_KEYS.items()}


def head_from_arrays(arrays: Mapping[str, np.ndarray], figures: Mapping[str, Any]) -> TaughtHead:
    """Restores the head from untrusted `head_to_arrays` data. Raises ModelError if invalid."""
    try:
        content = HeadFigures.model_validate(figures)
        classes, pictures = len(content.class_names), content.cross_validation.pictures
        if len(content.cross_validation.recall) != classes:
            raise ValueError("classes")
        shapes = {"kernel": (FEATURES, classes), "bias": (classes,), "known": (pictures, FEATURES)}
        wanted = {name: (shape, "float32") for name, shape in shapes.items()}
        if {name: (array.shape, array.dtype) for name, array in arrays.items()} != wanted:
            raise ValueError("shapes")
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("not finite")
    except ValueError as error:  # pydantic's among them
        raise ModelError("The classifier in this file is damaged; teach it again.") from error
    measured = dict(content.cross_validation)
    for name in ("wrong", "unsure"):
        measured[name] = tuple(EvaluatedPicture(*each) for each in measured[name])
    fields: dict[str, Any] = {**dict(content), **arrays}
    return TaughtHead(**fields | {"cross_validation": CrossValidation(**measured)})
