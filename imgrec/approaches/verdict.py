"""An approach's answer about a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class ClassProbability:
    """A class and its probability in [0, 1]."""

    index: int  # the class's index in the network's output
    label: str
    probability: float  # as the network outputs it
    calibrated: float | None = None  # None for a network without a calibration


@dataclass(frozen=True)
class Verdict:
    """One approach's answer about one picture."""

    approach: str  # "scratch", "pretrained" or "transfer"
    model: str  # the network's name, fit for display
    trained_on: str  # the training data, fit for display
    stand_in: bool  # whether another network answers in place of the approach's own
    classes: tuple[ClassProbability, ...]  # the top k, most probable first
    dog: float  # probability in [0, 1] that there is a dog in the picture
    milliseconds: float  # preprocessing and forward pass; a batch's time divided by its size
    parameters: int  # weights of the whole network
    saw: Image.Image  # the picture as the network saw it
    dog_calibrated: float | None = None  # `dog`, calibrated; None without a calibration
    unfamiliar: bool | None = None  # unlike its training images; None: it can't tell
    views: int = 1  # of the picture, mirrored and shifted, that the answer is averaged over

    def calibrated(self) -> "Verdict":
        """Returns the verdict with calibrated in place of raw probabilities, if it has any.

        The order of the classes stays. The answer to the dog question may change: a dog that is one
        class of ten may fall below one half.
        """
        if self.dog_calibrated is None:
            return self
        classes = tuple(
            entry if entry.calibrated is None else replace(entry, probability=entry.calibrated)
            for entry in self.classes
        )
        return replace(self, classes=classes, dog=self.dog_calibrated)

    def as_json(self) -> dict[str, Any]:
        """Returns the plain object for the endpoints and the command line."""
        return {
            "approach": self.approach,
            "model": self.model,
            "stand_in": self.stand_in,
            "classes": [
                {
                    "label": entry.label,
                    "probability": entry.probability,
                    "calibrated": entry.calibrated,
                }
                for entry in self.classes
            ],
            "dog": self.dog,
            "dog_calibrated": self.dog_calibrated,
            "unfamiliar": self.unfamiliar,
            "looks": self.views,
            "milliseconds": round(self.milliseconds, 2),
        }


def answer(file: str, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """Returns a picture's verdicts as the endpoints and `scripts/predict.py --json` give them."""
    return {"file": file, "verdicts": [verdict.as_json() for verdict in verdicts]}


def top_classes(
    probabilities: np.ndarray,
    names: Sequence[str],
    top_k: int,
    calibrated: np.ndarray | None = None,
) -> tuple[ClassProbability, ...]:
    """Returns the `top_k` most probable of (classes,) probabilities; ties keep the classes' order.

    `calibrated` are the calibrated probabilities (classes,) of the same classes.
    """
    order = np.argsort(-probabilities, kind="stable")[:top_k]
    return tuple(
        ClassProbability(
            int(i),
            names[i],
            float(probabilities[i]),
            None if calibrated is None else float(calibrated[i]),
        )
        for i in order
    )
