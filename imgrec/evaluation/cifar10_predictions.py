"""A scratch network's predictions on CIFAR-10's test images, computed once."""

import threading
from collections.abc import Callable

import numpy as np

from imgrec.approaches import scratch
from imgrec.caching import MAX_CACHED
from imgrec.data.cifar10_statistics import DataSet
from imgrec.networks.inference import BATCH, Forward

_cached: dict[tuple[Forward, DataSet], np.ndarray] = {}
_predicting = threading.Lock()


def predictions(
    name: str, data: DataSet, report: Callable[[int, int], None] = lambda done, total: None
) -> np.ndarray:
    """Returns a scratch network's probabilities for the test images, float32 (n, 10).

    They are cached per trained network and data set, for all callers; `report` gets the number of
    images done and in total. Raises ModelError if there is no such network.
    """
    key = scratch.load(name).run, data
    with _predicting:
        if key not in _cached:
            found = _predict_all(*key, report)
            while len(_cached) >= MAX_CACHED:
                del _cached[next(iter(_cached))]
            _cached[key] = found
        return _cached[key]


def _predict_all(run: Forward, data: DataSet, report: Callable[[int, int], None]) -> np.ndarray:
    images, done = data.split("test").images, []
    step = 16 * BATCH
    for start in range(0, len(images), step):
        report(start, len(images))
        done.append(run(scratch.preprocess(images[start : start + step]))[0])
    return np.concatenate(done)


def confusion_cell(
    probabilities: np.ndarray, right: np.ndarray, label: int, predicted: int
) -> np.ndarray:
    """Returns the indices of class `label` images predicted as `predicted`, most confident first.

    `probabilities` is (n, 10), `right` the (n,) labels.
    """
    guessed = probabilities.argmax(axis=1)
    found = np.flatnonzero((right == label) & (guessed == predicted))
    return found[np.argsort(-probabilities[found, predicted], kind="stable")]


def most_confident_mistakes(probabilities: np.ndarray, right: np.ndarray, limit: int) -> np.ndarray:
    """Returns the indices of at most `limit` wrong predictions, the most confident first."""
    guessed = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(guessed != right)
    return wrong[np.argsort(-probabilities[wrong, guessed[wrong]], kind="stable")][:limit]
