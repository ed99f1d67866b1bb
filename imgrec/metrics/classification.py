"""Metrics of classifiers: accuracy with its interval, ROC AUC, confusion, calibration error.

The tallies take one answer at a time, so that a set of any size can be measured; their figures are
plain JSON, with None where a figure is undefined.
"""

import heapq
import itertools
import math
from array import array
from bisect import bisect_left
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy as np

BINS = 15  # as in Guo et al. 2017, On Calibration of Modern Neural Networks, table 1
EDGES = tuple(i / BINS for i in range(BINS + 1))

T = TypeVar("T")


def wilson(right: int, total: int) -> tuple[float, float]:
    """Returns the 95% interval of a proportion (Wilson 1927, J. Am. Stat. Assoc. 22, 209–212)."""
    if total == 0:
        return 0.0, 1.0
    z = 1.959964  # the normal distribution's 97.5% quantile
    share, correction = right / total, z * z / total
    centre = share + correction / 2
    spread = z * math.sqrt(share * (1 - share) / total + correction / (4 * total))
    # The share stays between the ends in spite of rounding.
    return (
        min(share, max(0.0, (centre - spread) / (1 + correction))),
        max(share, min(1.0, (centre + spread) / (1 + correction))),
    )


def roc_auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """Returns the chance that a positive's score (n,) exceeds a negative's; ties count half.

    Mann & Whitney's U divided by the number of pairs; NaN if a class is missing.
    """
    positives, negatives = scores[positive], scores[~positive]
    if not len(positives) or not len(negatives):
        return math.nan
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, "left")
    not_above = np.searchsorted(ordered, positives, "right")
    return float((below + not_above).sum() / 2 / (len(positives) * len(negatives)))


def binary_metrics(probabilities: np.ndarray, positive: np.ndarray) -> dict[str, Any]:
    """Returns the metrics of (n,) probabilities of yes; one half or more predicts yes.

    NaN where a class is missing.
    """
    said = probabilities >= 0.5
    right = int((said == positive).sum())
    low, high = wilson(right, len(positive))
    found = int((said & positive).sum())
    recall = _share(found, int(positive.sum()))
    specificity = _share(right - found, int((~positive).sum()))
    return {
        "accuracy": _share(right, len(positive)),
        "low": low,
        "high": high,
        "recall": recall,
        "specificity": specificity,
        "balanced_accuracy": (recall + specificity) / 2,
        "auc": roc_auc(probabilities, positive),
    }


def confusion(right: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Returns the confusion matrix, int (classes, classes), with a row for each right class.

    `right` and `predicted` are (n,) class indices.
    """
    pairs = classes * right.astype(np.int64) + predicted
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)


class Reliability:
    """A reliability diagram: the accuracy of answers by their probability, in equal bins."""

    def __init__(self) -> None:
        self.counts = [0] * BINS
        self.sums = [0.0] * BINS  # of the probabilities
        self.rights = [0] * BINS

    def add(self, probability: float, right: bool) -> None:
        """Adds an answer. A bin includes its upper edge, not its lower one; the first has both."""
        bin = max(0, bisect_left(EDGES, probability) - 1)
        self.counts[bin] += 1
        self.sums[bin] += probability
        self.rights[bin] += bool(right)

    def figures(self) -> dict[str, Any]:
        """Returns `ece`, the expected calibration error, and `reliability`.

        `ece` is equation 3 of Guo et al. 2017. `reliability` has for each bin its edges, the number
        of answers, their mean probability and the share of right ones.
        """
        total = sum(self.counts)
        columns = zip(self.counts, self.sums, self.rights, strict=True)
        return {
            "ece": sum(abs(s - r) for _, s, r in columns) / total if total else None,
            "reliability": [
                {
                    "low": EDGES[bin],
                    "high": EDGES[bin + 1],
                    "count": count,
                    "probability": self.sums[bin] / count if count else None,
                    "share": self.rights[bin] / count if count else None,
                }
                for bin, count in enumerate(self.counts)
            ],
        }


class YesNo:
    """Answers to a yes-or-no question, each kept as a number since the ROC AUC needs them all."""

    def __init__(self) -> None:
        self.scores = array("d")
        self.positive = bytearray()
        self.reliability = Reliability()

    def add(self, probability: float, positive: bool) -> None:
        """Adds an answer: the probability in [0, 1] of yes, and whether yes is right."""
        self.scores.append(probability)
        self.positive.append(positive)
        self.reliability.add(probability, positive)

    def figures(self) -> dict[str, Any]:
        """Returns `binary_metrics`, precision, and the reliability of the probability of yes."""
        scores, positive = np.array(self.scores), np.array(self.positive, bool)
        said = scores >= 0.5
        precision = _share(int(positive[said].sum()), int(said.sum()))
        measured = {**binary_metrics(scores, positive), "precision": precision}
        return {**without_nan(measured), **self.reliability.figures()}


class Classes:
    """The predicted class of each answer against the right one."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.table = np.zeros((len(names), len(names)), np.int64)  # a row for each right class
        self.reliability = Reliability()

    def add(self, right: int, predicted: int, probability: float) -> None:
        """Adds an answer: class indices, and the probability in [0, 1] of the predicted class."""
        self.table[right, predicted] += 1
        self.reliability.add(probability, predicted == right)

    def figures(self) -> dict[str, Any]:
        """Returns accuracy, calibration error, precision and recall per class, top confusions."""
        total, right = int(self.table.sum()), int(self.table.trace())
        low, high = wilson(right, total)
        there, said = self.table.sum(axis=1), self.table.sum(axis=0)
        classes = {
            name: without_nan(
                {
                    "count": int(there[i]),
                    "precision": _share(self.table[i, i], said[i]),
                    "recall": _share(self.table[i, i], there[i]),
                }
            )
            for i, name in enumerate(self.names)
        }
        return {
            "n": total,
            "accuracy": right / total if total else None,
            "low": low,
            "high": high,
            **self.reliability.figures(),
            "classes": classes,
            "confusion": self.table.tolist(),
            "confusions": self.confusions(),
        }

    def confusions(self, limit: int = 10) -> list[dict[str, Any]]:
        """Returns the most frequent confusions, the most frequent first."""
        pairs = itertools.permutations(range(len(self.names)), 2)
        worst = sorted(pairs, key=lambda pair: -self.table[pair])[:limit]
        return [
            {"class": self.names[i], "taken_for": self.names[j], "count": int(self.table[i, j])}
            for i, j in worst
            if self.table[i, j]
        ]


class TopFive:
    """Top-1 and top-5 accuracy."""

    def __init__(self) -> None:
        self.total = self.first = self.among = 0

    def add(self, right: int, ranked: Sequence[int]) -> None:
        """Adds an answer: the right class's index, and the five most probable ones in order."""
        self.total += 1
        self.first += ranked[0] == right
        self.among += right in ranked[:5]

    def figures(self) -> dict[str, Any]:
        """Returns the accuracies; the interval is that of `top1`."""
        low, high = wilson(self.first, self.total)
        return {
            "n": self.total,
            "top1": self.first / self.total if self.total else None,
            "top5": self.among / self.total if self.total else None,
            "low": low,
            "high": high,
        }


class LargestRows(Generic[T]):
    """The `limit` rows with the greatest values; among equal ones, the earliest."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.seen = 0
        self._heap: list[tuple[float, int, T]] = []

    def add(self, value: float, row: T) -> None:
        """Adds a row, which is kept if it is among the greatest so far."""
        self.seen += 1
        keep = heapq.heappush if len(self._heap) < self.limit else heapq.heappushpop
        keep(self._heap, (value, -self.seen, row))

    def rows(self) -> list[T]:
        """Returns the rows, the greatest first."""
        return [row for _, _, row in sorted(self._heap, key=lambda kept: kept[:2], reverse=True)]


def without_nan(figures: dict[str, Any]) -> dict[str, Any]:
    """Replaces NaN, which JSON doesn't have, with None."""
    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in figures.items()
    }


def _share(part: int, whole: int) -> float:
    return float(part / whole) if whole else math.nan
