"""Trains a classifier together with those of all folds, which measure how good it is.

One optimisation trains all of them, so that an honest accuracy costs hardly more than the
classifier itself.
"""

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from imgrec.errors import TeachError
from imgrec.metrics.calibration import MIN_IMAGES, fit_temperature, softmax
from imgrec.metrics.classification import confusion, wilson
from imgrec.teaching.classifier import MAX_LISTED, CrossValidation, EvaluatedPicture, TaughtHead
from imgrec.teaching.project import MIN_PICTURES

FOLDS, REPEATS = 5, 3
MAX_LEAVE_ONE_OUT = 20  # pictures: of so few, each is judged by a head that learnt from all others
REJECTION_RATE = 0.05  # share of its own pictures that *none of these* may turn away
DUPLICATE_SIMILARITY = 0.9  # of nearly the same pictures: none of 1,000 different photos has it


class Examples(NamedTuple):
    """What a head is taught: a row for each picture, and one for each augmented copy of it."""

    features: np.ndarray  # float32 (rows, 512), pooled, of unit length
    labels: np.ndarray  # int (rows,), each class's place among the names
    group: np.ndarray  # int (rows,), the same for all rows of one picture: they never part
    copies: np.ndarray  # bool (rows,), whether the row is an augmented copy
    ids: tuple[str, ...] = ()  # each group's picture


def teach(
    examples: Examples,
    class_names: Sequence[str],
    seed: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> TaughtHead:
    """Trains the head, and measures it by repeated stratified folds; `seed` deals them.

    `on_progress` is told the epoch and how many there are. Raises TeachError unless there are two
    classes or more with MIN_PICTURES each.
    """
    from imgrec.teaching import batched_heads

    started = time.perf_counter()
    _check(examples, class_names)
    folds = assign_folds(examples, seed)  # (repeats, groups)
    kernels, biases = batched_heads.train(
        examples.features, examples.labels, _masks(examples, folds), len(class_names), on_progress
    )
    originals = np.flatnonzero(~examples.copies)
    known = examples.features[originals]
    alone = similarities(known, examples.labels[originals], examples.group[originals])
    # "lower": of few pictures, too, no more than that share lies below.
    threshold = float(np.quantile(alone, REJECTION_RATE, method="lower"))
    measured = _cross_validate(examples, folds, kernels[1:], biases[1:])
    return TaughtHead(
        # In C order: in another one sums are taken otherwise, and a head that comes back from a
        # file would not answer the same to the last bit.
        np.ascontiguousarray(kernels[0]),
        np.ascontiguousarray(biases[0]),
        tuple(class_names),
        known,
        threshold,
        float((alone < threshold).mean()),
        measured,
        time.perf_counter() - started,
    )


def _check(examples: Examples, class_names: Sequence[str]) -> None:
    if len(class_names) < 2:
        raise TeachError("There is nothing to tell apart yet; add a second class.")
    counts = np.bincount(examples.labels[~examples.copies], minlength=len(class_names))
    for name, count in zip(class_names, counts, strict=True):
        if count < MIN_PICTURES:
            raise TeachError(
                f"“{name}” has too few pictures to learn from; give it {MIN_PICTURES} or more."
            )


def assign_folds(examples: Examples, seed: int) -> np.ndarray:
    """The fold in which each picture is judged: int (repeats, groups).

    Each repeat deals the pictures of each class anew, so that the folds differ by one at most, of
    each class and in all. Of up to MAX_LEAVE_ONE_OUT pictures each is a fold of its own.
    """
    groups = int(examples.group.max()) + 1
    if groups <= MAX_LEAVE_ONE_OUT:
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


def _cross_validate(
    examples: Examples, folds: np.ndarray, kernels: np.ndarray, biases: np.ndarray
) -> CrossValidation:
    """Each picture judged by the heads without it; those come in the order of `_masks`.

    A picture itself is judged, never a copy.
    """
    originals = np.flatnonzero(~examples.copies)
    features, right = examples.features[originals], examples.labels[originals]
    repeats, per_repeat, classes = len(folds), int(folds.max()) + 1, biases.shape[1]
    held_out_heads = folds[:, examples.group[originals]] + per_repeat * np.arange(repeats)[:, None]
    logits = np.stack(
        [
            np.einsum("nf,nfc->nc", features, kernels[heads]) + biases[heads]
            for heads in held_out_heads
        ]
    )  # (repeats, pictures, classes)
    temperature = 1.0
    if len(originals) >= MIN_IMAGES:
        temperature = fit_temperature(logits.reshape(-1, classes), np.tile(right, repeats))
    probabilities = softmax(logits / temperature)
    counts = (
        confusion(np.tile(right, repeats), probabilities.argmax(axis=2).ravel(), classes) / repeats
    )
    accuracy = float(counts.trace() / len(originals))
    low, high = wilson(round(counts.trace()), len(originals))
    ids = examples.ids or tuple(str(group) for group in range(folds.shape[1]))
    evaluated = [
        EvaluatedPicture(ids[group], int(label), int(row.argmax()), float(row.max()))
        for group, label, row in zip(
            examples.group[originals], right, probabilities.mean(axis=0), strict=True
        )
    ]
    most_confident = sorted(evaluated, key=lambda picture: -picture.probability)
    return CrossValidation(
        pictures=len(originals),
        accuracy=accuracy,
        low=low,
        high=high,
        recall=tuple((counts.diagonal() / counts.sum(axis=1)).tolist()),
        confusion=tuple(tuple(row) for row in counts.tolist()),
        wrong=tuple(one for one in most_confident if one.guessed != one.right)[:MAX_LISTED],
        unsure=tuple(one for one in most_confident[::-1] if one.guessed == one.right)[:MAX_LISTED],
        temperature=temperature,
        folds=per_repeat,
        repeats=repeats,
        alike=int(
            (nearest_similarity(features, examples.group[originals]) >= DUPLICATE_SIMILARITY).sum()
        ),
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
    return nearest_similarity(features, group, fold)


def nearest_similarity(features: np.ndarray, *kinds: np.ndarray) -> np.ndarray:
    """The similarity of each picture to the most similar one that differs in all kinds: (n,).

    Features are (n, 512) of unit length, each kind is int (n,).
    """
    cosines = features @ features.T
    for kind in kinds:
        cosines[kind[:, None] == kind] = -1
    return cosines.max(axis=1)
