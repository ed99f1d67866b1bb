"""Trains a classifier together with the cross-validation heads that measure its accuracy.

A single optimisation trains all of them, so cross-validation costs hardly more than training the
classifier alone.
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
MAX_LEAVE_ONE_OUT = 20  # up to so many pictures, each is a fold of its own
REJECTION_RATE = 0.05  # share of its own pictures that may be flagged *none of these*
DUPLICATE_SIMILARITY = 0.9  # of near-duplicates; no two of 1,000 distinct photos reach it


class Examples(NamedTuple):
    """The training data of a head: a row for each picture and for each augmented copy of it."""

    features: np.ndarray  # float32 (rows, 512), pooled, of unit length
    labels: np.ndarray  # int (rows,), indices into the class names
    group: np.ndarray  # int (rows,), equal for all rows of a picture, which share a fold
    copies: np.ndarray  # bool (rows,), whether the row is an augmented copy
    ids: tuple[str, ...] = ()  # each group's picture


def teach(
    examples: Examples,
    class_names: Sequence[str],
    seed: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> TaughtHead:
    """Trains a head and evaluates it by repeated stratified cross-validation.

    `seed` determines the folds. `on_progress` receives the epoch and the number of epochs. Raises
    TeachError unless there are at least two classes and each has MIN_PICTURES.
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
    # "lower", so that no more than that share is below the threshold, even of few pictures.
    threshold = float(np.quantile(alone, REJECTION_RATE, method="lower"))
    measured = _cross_validate(examples, folds, kernels[1:], biases[1:])
    return TaughtHead(
        # C order, as in a file: another memory layout sums in another order, and a head loaded
        # from a file would not be bit-identical in its predictions.
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
    """Returns the stratified fold of each picture, int (repeats, groups).

    Each repeat shuffles the pictures anew. Fold sizes differ by at most one, per class and in
    total. Up to MAX_LEAVE_ONE_OUT pictures, each picture is a fold of its own.
    """
    groups = int(examples.group.max()) + 1
    if groups <= MAX_LEAVE_ONE_OUT:
        return np.arange(groups)[None]
    first = np.unique(examples.group, return_index=True)[1]
    label = examples.labels[first]  # of each group; a picture in two classes counts for the first
    folds = np.empty((REPEATS, groups), int)
    for repeat in range(REPEATS):
        random = np.random.default_rng((seed, repeat))
        shuffled = random.permutation(groups)
        order = shuffled[np.argsort(label[shuffled], kind="stable")]
        folds[repeat, order] = np.arange(groups) % FOLDS
    return folds


def _masks(examples: Examples, folds: np.ndarray) -> np.ndarray:
    """Returns the training rows of each head, bool (1 + repeats × folds, rows).

    The first head is trained on all rows; the others follow by repeat, then by held-out fold.
    """
    numbers = np.arange(folds.max() + 1)[:, None]
    learns = folds[:, None, examples.group] != numbers  # (repeats, folds, rows)
    rows = len(examples.group)
    return np.concatenate([np.ones((1, rows), bool), learns.reshape(-1, rows)])


# Evaluation


def _cross_validate(
    examples: Examples, folds: np.ndarray, kernels: np.ndarray, biases: np.ndarray
) -> CrossValidation:
    """Evaluates each picture with the heads that held it out, which are in the order of `_masks`.

    Only the pictures themselves are evaluated, not their augmented copies.
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
    """Returns each picture's similarity to the nearest one of another fold, float32 (pictures,).

    Follows Sun et al. 2022, https://arxiv.org/abs/2204.06507, section 3, with one neighbour.
    Features are (pictures, 512) of unit length, labels and group (pictures,). A fold here is a
    block of consecutive pictures of each class, in the order in which they were added, because
    consecutive webcam frames are as good as the same picture.
    """
    fold = np.empty(len(labels), int)
    for label in np.unique(labels):
        for number, stretch in enumerate(np.array_split(np.flatnonzero(labels == label), FOLDS)):
            fold[stretch] = number
    return nearest_similarity(features, group, fold)


def nearest_similarity(features: np.ndarray, *kinds: np.ndarray) -> np.ndarray:
    """Returns each picture's cosine to the nearest one that differs from it in all kinds, (n,).

    Features are (n, 512) of unit length; each kind is int (n,).
    """
    cosines = features @ features.T
    for kind in kinds:
        cosines[kind[:, None] == kind] = -1
    return cosines.max(axis=1)
