"""What an approach says about a picture."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class ClassProbability:
    """A class and its probability in [0, 1]."""

    index: int  # the class's place among the network's answers
    label: str
    probability: float  # as the network says it
    calibrated: float | None = None  # as it should be believed, where that was measured


@dataclass(frozen=True)
class Verdict:
    """One approach's answer about one picture."""

    approach: str  # "scratch", "pretrained" or "transfer"
    model: str  # the network's name, fit to be shown
    trained_on: str  # with what, fit to be shown
    stand_in: bool  # whether another network answers for the one the approach is about
    classes: tuple[ClassProbability, ...]  # the top k, most probable first
    dog: float  # probability in [0, 1] that there is a dog in the picture
    milliseconds: float  # preprocessing and forward pass; a batch's time divided by its size
    parameters: int  # weights of the whole network
    saw: Image.Image  # the picture as the network saw it
    dog_calibrated: float | None = None  # `dog` as it should be believed, where that was measured
    unfamiliar: bool | None = None  # unlike all it was trained on; None where it can't tell
    views: int = 1  # at the picture, mirrored and shifted, whose mean the answer is

    def calibrated(self) -> "Verdict":
        """The same with calibrated probabilities in place of what the network says, if it has any.

        The order of the classes stays. The dog question may be answered otherwise: a dog that one
        class of ten stands for may fall below one half.
        """
        if self.dog_calibrated is None:
            return self
        classes = tuple(
            entry if entry.calibrated is None else replace(entry, probability=entry.calibrated)
            for entry in self.classes
        )
        return replace(self, classes=classes, dog=self.dog_calibrated)

    def as_json(self) -> dict[str, Any]:
        """The plain object that the endpoints and the command line return."""
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
    """A picture's verdicts as the endpoints and `scripts/predict.py --json` return them."""
    return {"file": file, "verdicts": [verdict.as_json() for verdict in verdicts]}


def top_classes(
    probabilities: np.ndarray,
    names: Sequence[str],
    top_k: int,
    calibrated: np.ndarray | None = None,
) -> tuple[ClassProbability, ...]:
    """The `top_k` most probable of (classes,) probabilities; equal ones keep the classes' order.

    `calibrated` are the same classes' probabilities as they should be believed.
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
