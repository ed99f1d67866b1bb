"""What a scratch network makes of CIFAR-10's test images, computed once."""

import threading
from collections.abc import Callable

import numpy as np

from imgrec.approaches import scratch
from imgrec.caching import KEPT
from imgrec.data.cifar10_statistics import DataSet
from imgrec.networks.inference import BATCH, Forward

_guesses: dict[tuple[Forward, DataSet], np.ndarray] = {}
_guessing = threading.Lock()


def guesses(
    name: str, data: DataSet, report: Callable[[int, int], None] = lambda done, total: None
) -> np.ndarray:
    """The probabilities, float32 (n, 10), that a scratch network gives to each test image.

    Computed once for each trained network and data set, whoever asks; `report` hears how many of
    how many images are done. Raises ModelError if there is no such network.
    """
    key = scratch.load(name).run, data
    with _guessing:
        if key not in _guesses:
            found = _all_guesses(*key, report)
            while len(_guesses) >= KEPT:
                del _guesses[next(iter(_guesses))]
            _guesses[key] = found
        return _guesses[key]


def _all_guesses(run: Forward, data: DataSet, report: Callable[[int, int], None]) -> np.ndarray:
    images, done = data.split("test").images, []
    step = 16 * BATCH
    for start in range(0, len(images), step):
        report(start, len(images))
        done.append(run(scratch.preprocess(images[start : start + step]))[0])
    return np.concatenate(done)


def in_cell(probabilities: np.ndarray, right: np.ndarray, label: int, guess: int) -> np.ndarray:
    """The indices of the images of class `label` taken for `guess`, the surest first.

    `probabilities` is (n, 10), `right` the (n,) labels.
    """
    guessed = probabilities.argmax(axis=1)
    found = np.flatnonzero((right == label) & (guessed == guess))
    return found[np.argsort(-probabilities[found, guess], kind="stable")]


def surest_mistakes(probabilities: np.ndarray, right: np.ndarray, most: int) -> np.ndarray:
    """The indices of at most so many wrong guesses, those with the highest probability first."""
    guessed = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(guessed != right)
    return wrong[np.argsort(-probabilities[wrong, guessed[wrong]], kind="stable")][:most]
