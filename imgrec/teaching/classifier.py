"""A classifier of a visitor's own pictures: what it is taught, and how far it is to be believed.

The head is one dense layer with softmax on VGG16's pooled features. One optimisation trains it
together with the heads of all folds, so that its honest accuracy costs hardly more than itself.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from imgrec.approaches import vgg16
from imgrec.approaches.verdict import ClassProbability, top_classes
from imgrec.errors import ModelError, TeachError
from imgrec.metrics.calibration import FEWEST, TEMPERATURES, fitted_temperature, softmax
from imgrec.metrics.classification import confusion, wilson
from imgrec.networks.inference import milliseconds_each
from imgrec.teaching import pictures
from imgrec.teaching.project import FEWEST_PICTURES, Project, TaughtClass

FEATURES = 512  # channels of VGG16's last feature map
FOLDS, REPEATS = 5, 3
TINY = 20  # pictures: of so few, each is judged by a head that learnt from all others
TURNED_AWAY = 0.05  # share of its own pictures that *none of these* may turn away
ALIKE = 0.9  # similarity of nearly the same pictures: none of 1,000 different photos has it
MOST_ALIKE = 0.2  # share of such pictures without a word about it
MOST_SHOWN = 24  # pictures listed as wrong, and as least sure
ARRAYS = ("kernel", "bias", "known")

Table = tuple[tuple[float, ...], ...]


class Examples(NamedTuple):
    """What a head is taught: a row for each picture, and one for each augmented copy of it."""

    features: np.ndarray  # float32 (rows, 512), pooled, of unit length
    labels: np.ndarray  # int (rows,), each class's place among the names
    group: np.ndarray  # int (rows,), the same for all rows of one picture: they never part
    copies: np.ndarray  # bool (rows,), whether the row is an augmented copy
    ids: tuple[str, ...] = ()  # each group's picture


class Judged(NamedTuple):
    """What the heads that never saw a picture said of it, on average."""

    picture: str  # its id
    right: int  # the class it was taught as
    guessed: int  # the most probable class
    probability: float  # of the guessed class, calibrated


@dataclass(frozen=True)
class Honest:
    """How often a head is right, measured on pictures that the judging heads had not seen."""

    pictures: int
    accuracy: float  # mean over the repeats, from 0 to 1
    low: float  # 95 % interval of the accuracy (Wilson)
    high: float
    recall: tuple[float, ...]  # of each class
    confusion: Table  # pictures taken for each class, a row for each right one; mean of repeats
    wrong: tuple[Judged, ...]  # the surest first
    unsure: tuple[Judged, ...]  # right, the least sure first
    temperature: float  # above 1 the head is too sure of itself
    folds: int
    repeats: int
    alike: int = 0  # pictures that are nearly the same as another one

    @property
    def in_words(self) -> str:
        """The accuracy as it should be believed: `between 81 % and 97 %, from 40 pictures`."""
        low, high = (round(100 * share) for share in (self.low, self.high))
        return f"between {low} % and {high} %, from {self.pictures} pictures"

    @property
    def caution(self) -> str:
        """Why the accuracy is too good to be true, in a sentence; empty where nothing says so."""
        if self.alike <= MOST_ALIKE * self.pictures:
            return ""
        return (
            f"{self.alike} of the {self.pictures} pictures are nearly the same as another one, so "
            "new pictures, which differ more, will do worse than this; add some that differ."
        )


@dataclass(frozen=True, eq=False)
class TaughtHead:
    """A classifier on pooled features, in use; nothing in it changes."""

    kernel: np.ndarray  # float32 (512, classes)
    bias: np.ndarray  # float32 (classes,)
    class_names: tuple[str, ...]
    known: np.ndarray  # float32 (pictures, 512): what it was taught, without copies
    familiar: float  # a picture less similar than this to each known one is *none of these*
    turned_away: float  # share of its own pictures that this turns away, from 0 to 1
    honest: Honest
    seconds: float  # that the training took, folds included


class Answer(NamedTuple):
    """What a head says of n pictures."""

    probabilities: np.ndarray  # float32 (n, classes), calibrated
    none: np.ndarray  # bool (n,): unlike anything taught
    similarity: np.ndarray  # float32 (n,): cosine to the most similar known picture, 0 to 1


@dataclass(frozen=True)
class TaughtVerdict:
    """A head's answer about one picture."""

    classes: tuple[ClassProbability, ...]  # all of them, most probable first; calibrated
    none: bool  # unlike anything taught
    similarity: float  # to the most similar taught picture, from 0 to 1
    milliseconds: float  # preprocessing, VGG16's base and the head
    saw: Image.Image  # the picture as the network saw it
    approach: str = "taught"
    model: str = "VGG16 features + your head"
    stand_in: bool = False

    def as_json(self) -> dict[str, Any]:
        """The plain object that the endpoint returns."""
        return {
            "classes": [
                {"label": entry.label, "probability": entry.probability} for entry in self.classes
            ],
            "none_of_these": self.none,
            "similarity": self.similarity,
            "milliseconds": round(self.milliseconds, 2),
        }


# Teaching


def of_project(project: Project, classes: Sequence[TaughtClass] | None = None) -> Examples:
    """What the project teaches, now or with those classes. Features that lack are extracted.

    A picture that was put into two classes is one group. Raises TeachError if a picture goes away
    meanwhile.
    """
    ids: dict[str, int] = {}
    features, labels, group, copies = [np.zeros((0, FEATURES), "float32")], [], [], []
    for label, taught_class in enumerate(project.classes if classes is None else classes):
        for picture in taught_class.pictures:
            views = project.features(picture.id)
            features.append(views)
            labels += [label] * len(views)
            group += [ids.setdefault(picture.id, len(ids))] * len(views)
            copies += [view > 0 for view in range(len(views))]
    return Examples(
        np.concatenate(features),
        np.array(labels, int),
        np.array(group, int),
        np.array(copies, bool),
        tuple(ids),
    )


def teach_project(
    project: Project, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> TaughtHead:
    """Trains a head on the project as it is now; the project keeps it. Raises as `teach` does."""
    with project.lock:  # so that both tell of the same moment
        snapshot, classes = project.snapshot(), project.classes
    names = [taught_class.name for taught_class in classes]
    head = teach(of_project(project, classes), names, snapshot.settings.seed, on_progress)
    project.keep_head(head, snapshot)
    return head


def teach(
    examples: Examples,
    class_names: Sequence[str],
    seed: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> TaughtHead:
    """Trains the head, and measures it by repeated stratified folds; `seed` deals them.

    `on_progress` is told the epoch and how many there are. Raises TeachError unless there are two
    classes or more with FEWEST_PICTURES each.
    """
    from imgrec.teaching import batched_heads

    started = time.perf_counter()
    _check(examples, class_names)
    folds = dealt(examples, seed)  # (repeats, groups)
    kernels, biases = batched_heads.train(
        examples.features, examples.labels, _masks(examples, folds), len(class_names), on_progress
    )
    own = np.flatnonzero(~examples.copies)
    known = examples.features[own]
    alone = similarities(known, examples.labels[own], examples.group[own])
    # "lower": of few pictures, too, no more than that share lies below.
    familiar = float(np.quantile(alone, TURNED_AWAY, method="lower"))
    honest = _measured(examples, folds, kernels[1:], biases[1:])
    return TaughtHead(
        # In C order: in another one sums are taken otherwise, and a head that comes back from a
        # file would not answer the same to the last bit.
        np.ascontiguousarray(kernels[0]),
        np.ascontiguousarray(biases[0]),
        tuple(class_names),
        known,
        familiar,
        float((alone < familiar).mean()),
        honest,
        time.perf_counter() - started,
    )


def _check(examples: Examples, class_names: Sequence[str]) -> None:
    if len(class_names) < 2:
        raise TeachError("There is nothing to tell apart yet; add a second class.")
    counts = np.bincount(examples.labels[~examples.copies], minlength=len(class_names))
    for name, count in zip(class_names, counts, strict=True):
        if count < FEWEST_PICTURES:
            raise TeachError(
                f"“{name}” has too few pictures to learn from; give it {FEWEST_PICTURES} or more."
            )


def dealt(examples: Examples, seed: int) -> np.ndarray:
    """The fold in which each picture is judged: int (repeats, groups).

    Each repeat deals the pictures of each class anew, so that the folds differ by one at most, of
    each class and in all. Of up to TINY pictures each is a fold of its own.
    """
    groups = int(examples.group.max()) + 1
    if groups <= TINY:
        return np.arange(groups)[None]
    first = np.unique(examples.group, return_index=True)[1]
    label = examples.labels[first]  # of each group; one in two classes counts for its first
    folds = np.empty((REPEATS, groups), int)
    for repeat in range(REPEATS):
        random = np.random.default_rng((seed, repeat))
        shuffled = random.permutation(groups)
        order = shuffled[np.argsort(label[shuffled], kind="stable")]
        folds[repeat, order] = np.arange(groups) % FOLDS
    return folds


def _masks(examples: Examples, folds: np.ndarray) -> np.ndarray:
    """The rows that each head learns from, bool (1 + repeats × folds, rows): the first, from all.

    The others follow by repeat, then by the fold that they do not see.
    """
    numbers = np.arange(folds.max() + 1)[:, None]
    learns = folds[:, None, examples.group] != numbers  # (repeats, folds, rows)
    rows = len(examples.group)
    return np.concatenate([np.ones((1, rows), bool), learns.reshape(-1, rows)])


# How far to believe it


def _measured(
    examples: Examples, folds: np.ndarray, kernels: np.ndarray, biases: np.ndarray
) -> Honest:
    """Each picture judged by the heads without it; those come in the order of `_masks`.

    A picture itself is judged, never a copy.
    """
    own = np.flatnonzero(~examples.copies)
    features, right = examples.features[own], examples.labels[own]
    repeats, per_repeat, classes = len(folds), int(folds.max()) + 1, biases.shape[1]
    judge = folds[:, examples.group[own]] + per_repeat * np.arange(repeats)[:, None]
    said = np.stack(
        [np.einsum("nf,nfc->nc", features, kernels[heads]) + biases[heads] for heads in judge]
    )  # (repeats, pictures, classes)
    temperature = 1.0
    if len(own) >= FEWEST:
        temperature = fitted_temperature(said.reshape(-1, classes), np.tile(right, repeats))
    believed = softmax(said / temperature)
    counts = confusion(np.tile(right, repeats), believed.argmax(axis=2).ravel(), classes) / repeats
    accuracy = float(counts.trace() / len(own))
    low, high = wilson(round(counts.trace()), len(own))
    ids = examples.ids or tuple(str(group) for group in range(folds.shape[1]))
    judged = [
        Judged(ids[group], int(label), int(row.argmax()), float(row.max()))
        for group, label, row in zip(examples.group[own], right, believed.mean(axis=0), strict=True)
    ]
    surest = sorted(judged, key=lambda picture: -picture.probability)
    return Honest(
        pictures=len(own),
        accuracy=accuracy,
        low=low,
        high=high,
        recall=tuple((counts.diagonal() / counts.sum(axis=1)).tolist()),
        confusion=tuple(tuple(row) for row in counts.tolist()),
        wrong=tuple(one for one in surest if one.guessed != one.right)[:MOST_SHOWN],
        unsure=tuple(one for one in surest[::-1] if one.guessed == one.right)[:MOST_SHOWN],
        temperature=temperature,
        folds=per_repeat,
        repeats=repeats,
        alike=int((nearest(features, examples.group[own]) >= ALIKE).sum()),
    )


def similarities(features: np.ndarray, labels: np.ndarray, group: np.ndarray) -> np.ndarray:
    """How similar each picture is to the most similar one of another fold: float32 (pictures,).

    As in Sun et al. 2022, https://arxiv.org/abs/2204.06507, section 3, with one neighbour.
    Features (pictures, 512) of unit length, labels and group (pictures,). Here a fold is a stretch
    of each class in the order in which its pictures came: the frames that a webcam takes one after
    the other are as good as the same picture.
    """
    fold = np.empty(len(labels), int)
    for label in np.unique(labels):
        for number, stretch in enumerate(np.array_split(np.flatnonzero(labels == label), FOLDS)):
            fold[stretch] = number
    return nearest(features, group, fold)


def nearest(features: np.ndarray, *kinds: np.ndarray) -> np.ndarray:
    """The similarity of each picture to the most similar one that differs in all kinds: (n,).

    Features are (n, 512) of unit length, each kind is int (n,).
    """
    cosines = features @ features.T
    for kind in kinds:
        cosines[kind[:, None] == kind] = -1
    return cosines.max(axis=1)


# Use


def answer(head: TaughtHead, features: np.ndarray) -> Answer:
    """What the head says of pictures with pooled features (n, 512)."""
    similarity = (features @ head.known.T).max(axis=1)
    probabilities = softmax(logits(head, features) / head.honest.temperature)
    return Answer(probabilities, similarity < head.familiar, similarity)


def logits(head: TaughtHead, features: np.ndarray) -> np.ndarray:
    """Pooled features (n, 512) to (n, classes), not yet calibrated."""
    return features @ head.kernel + head.bias


def answer_picture(head: TaughtHead, image: Image.Image) -> TaughtVerdict:
    """The head's verdict on an RGB picture of any size."""
    started = time.perf_counter()
    saw = vgg16.view(image)
    said = answer(head, pictures.pooled([saw]))
    return TaughtVerdict(
        top_classes(said.probabilities[0], head.class_names, len(head.class_names)),
        bool(said.none[0]),
        float(said.similarity[0]),
        milliseconds_each(started, 1),
        saw,
    )


# For a file


def packed(head: TaughtHead) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """The head as arrays (`kernel`, `bias`, `known`) and plain JSON; `restored` takes both."""
    arrays = {name: getattr(head, name) for name in ARRAYS}
    figures = {**vars(head), "honest": dataclasses.asdict(head.honest)}
    return arrays, {name: value for name, value in figures.items() if name not in ARRAYS}


def restored(arrays: Mapping[str, np.ndarray], figures: Mapping[str, Any]) -> TaughtHead:
    """The head of `packed`, from anywhere. Raises ModelError if it makes no sense."""
    try:
        honest = _restored_honest(figures["honest"])
        head = TaughtHead(
            **{name: arrays[name] for name in ARRAYS},
            class_names=tuple(figures["class_names"]),
            familiar=_number(figures["familiar"], -1, 1),
            turned_away=_number(figures["turned_away"], 0, 1),
            honest=honest,
            seconds=_number(figures["seconds"], 0, math.inf),
        )
        classes = len(head.class_names)
        shapes = {"kernel": (FEATURES, classes), "bias": (classes,)}
        shapes["known"] = (honest.pictures, FEATURES)
        wanted = {name: (shape, "float32") for name, shape in shapes.items()}
        if {name: (array.shape, array.dtype) for name, array in arrays.items()} != wanted:
            raise ValueError("shapes")
        if not all(np.isfinite(array).all() for array in arrays.values()):
            raise ValueError("not finite")
        if len(honest.recall) != classes or not all(isinstance(n, str) for n in head.class_names):
            raise ValueError("classes")
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise ModelError(
            f"The classifier in this file is damaged ({type(error).__name__}); teach it again."
        ) from error
    return head


def _restored_honest(content: Mapping[str, Any]) -> Honest:
    """Raises KeyError, TypeError or ValueError unless each value is of its type and range."""
    recall = tuple(_number(share, 0, 1) for share in content["recall"])
    pictures, classes = _whole(content["pictures"], 1, 10_000), len(recall)
    counts = tuple(
        tuple(_number(count, 0, pictures) for count in row) for row in content["confusion"]
    )
    if not [classes] * classes == [len(row) for row in counts]:
        raise ValueError("confusion")
    return Honest(
        pictures=pictures,
        recall=recall,
        confusion=counts,
        wrong=tuple(_judged(one, classes) for one in content["wrong"][:MOST_SHOWN]),
        unsure=tuple(_judged(one, classes) for one in content["unsure"][:MOST_SHOWN]),
        temperature=_number(content["temperature"], *TEMPERATURES),
        folds=_whole(content["folds"], 2, 10_000),
        repeats=_whole(content["repeats"], 1, 1000),
        alike=_whole(content["alike"], 0, pictures),
        **{name: _number(content[name], 0, 1) for name in ("accuracy", "low", "high")},
    )


def _judged(content: Sequence[Any], classes: int) -> Judged:
    picture, right, guessed, probability = content
    if not isinstance(picture, str):
        raise TypeError("picture")
    places = (_whole(right, 0, classes - 1), _whole(guessed, 0, classes - 1))
    return Judged(picture, *places, probability=_number(probability, 0, 1))


def _whole(value: Any, low: int, high: int) -> int:
    if type(value) is not int:
        raise TypeError("a whole number is wanted")
    return int(_number(value, low, high))


def _number(value: Any, low: float, high: float) -> float:
    if type(value) not in (int, float) or not low <= value <= high:
        raise ValueError("a number in its range is wanted")
    return float(value)
