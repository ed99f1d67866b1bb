"""Measuring classifiers: accuracy with its interval, balanced accuracy, ROC AUC, confusion."""

import math
from typing import Any

import numpy as np


def wilson(right: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a proportion (Wilson 1927, J. Am. Stat. Assoc. 22, 209–212)."""
    if total == 0:
        return 0.0, 1.0
    z = 1.959964  # the normal distribution's 97.5 % quantile
    share, correction = right / total, z * z / total
    centre = share + correction / 2
    spread = z * math.sqrt(share * (1 - share) / total + correction / (4 * total))
    return (
        max(0.0, (centre - spread) / (1 + correction)),
        min(1.0, (centre + spread) / (1 + correction)),
    )


def roc_auc(scores: np.ndarray, positive: np.ndarray) -> float:
    """The chance that a positive one of (n,) scores is above a negative one; ties count half.

    Mann & Whitney's U over the number of pairs; NaN where one class is missing.
    """
    positives, negatives = scores[positive], scores[~positive]
    if not len(positives) or not len(negatives):
        return math.nan
    ordered = np.sort(negatives)
    below = np.searchsorted(ordered, positives, "left")
    not_above = np.searchsorted(ordered, positives, "right")
    return float((below + not_above).sum() / 2 / (len(positives) * len(negatives)))


def binary_metrics(probabilities: np.ndarray, positive: np.ndarray) -> dict[str, Any]:
    """How (n,) probabilities answer a yes-or-no question; yes is one half or more."""
    said = probabilities >= 0.5
    right = int((said == positive).sum())
    low, high = wilson(right, len(positive))
    recall, specificity = said[positive].mean(), (~said[~positive]).mean()
    return {
        "accuracy": right / len(positive),
        "low": low,
        "high": high,
        "recall": float(recall),
        "specificity": float(specificity),
        "balanced_accuracy": float((recall + specificity) / 2),
        "auc": roc_auc(probabilities, positive),
    }


def confusion(right: np.ndarray, guessed: np.ndarray, classes: int) -> np.ndarray:
    """How often each class was taken for each: int (classes, classes), a row for each right class.

    `right` and `guessed` are (n,) class indices.
    """
    pairs = classes * right.astype(np.int64) + guessed
    return np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
