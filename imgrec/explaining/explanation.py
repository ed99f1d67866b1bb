"""Explains a prediction: which part of a picture is evidence for a class.

Grad-CAM uses the network's gradients (Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391),
occlusion treats it as a black box (Zeiler & Fergus 2014, https://arxiv.org/abs/1311.2901,
section 4.2).
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from PIL import Image

from imgrec import approaches
from imgrec.approaches import vgg16
from imgrec.errors import ModelError
from imgrec.explaining import heatmaps
from imgrec.explaining.grad_cam import grad_cam
from imgrec.explaining.occlusion import occlusion
from imgrec.explaining.targets import Question, build_question
from imgrec.images.crops import Box

Method = Literal["grad-cam", "occlusion"]
METHODS: tuple[Method, ...] = ("grad-cam", "occlusion")
MIN_DROP = 0.2  # relative changes of the probability below this count as none

EARLIER_LAYER_NOTE = (
    "This network’s last map has even fewer places, so an earlier one is shown. In it each place "
    "is weighed by itself (LayerCAM)."
)


@dataclass(frozen=True)
class Deletion:
    """The target's probability, unchanged and with a fifth of the view covered."""

    now: float
    hottest_covered: float
    coldest_covered: float

    @property
    def verdict(self) -> str:
        """An assessment of the map's reliability, in words."""
        if self.now <= 0:
            return "the network gives it no probability that could fall, so this tells nothing."
        hottest, coldest = self.hottest_covered / self.now, self.coldest_covered / self.now
        if hottest < 1 - MIN_DROP and hottest < coldest - MIN_DROP:
            return "the map points at what matters."
        if coldest < 1 - MIN_DROP and coldest < hottest - MIN_DROP:
            return "the map misleads: what it leaves dark matters more. Don’t trust it here."
        if min(hottest, coldest) >= 1 - MIN_DROP:
            return "neither matters much, so no single place decides, or the map misses it."
        return "both take about as much away, so read little into the map."


@dataclass(frozen=True)
class Explanation:
    """A heat map of the evidence for a target, with its deletion check and notes."""

    approach: str
    model: str
    stand_in: bool
    target: str
    probability: float  # of the target
    method: Method
    map: np.ndarray  # float32 (rows, columns) over the box: 0 (no evidence) to 1 (most)
    size: tuple[int, int]  # the picture's width and height
    box: Box  # the part of the picture that the network saw
    deletion: Deletion | None  # None if the map is empty
    notes: tuple[str, ...]  # sentences: what the map shows, and its limits

    @property
    def seen(self) -> float:
        """The share of the picture that the network saw, from 0 to 1."""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top) / math.prod(self.size)

    def as_json(self) -> dict[str, Any]:
        """Returns the JSON object that the endpoint returns, without the file name."""
        rows, columns = self.map.shape
        return {
            "approach": self.approach,
            "model": self.model,
            "stand_in": self.stand_in,
            "target": self.target,
            "probability": self.probability,
            "method": self.method,
            "rows": rows,
            "columns": columns,
            "map": self.map.round(4).astype(float).tolist(),
            "box": list(self.box),
            "seen": self.seen,
            "deletion": None if self.deletion is None else vars(self.deletion),
            "notes": list(self.notes),
        }


def warm_up() -> None:
    """Compiles the functions that explanations need, so that the first *Why?* doesn't wait.

    Raises ModelError if a network can't be loaded.
    """
    for approach in approaches.NAMES:
        grad_cam(build_question(Image.new("RGB", (vgg16.SIZE, vgg16.SIZE)), approach))


# Interpretation


def explain(question: Question, method: str = "grad-cam") -> Explanation:
    """Explains the target by one of `METHODS`. Raises ModelError."""
    if method == "grad-cam":
        return interpret(question, "grad-cam", grad_cam(question))
    if method == "occlusion":
        *_, drops = occlusion(question)
        return interpret(question, "occlusion", drops)
    raise ModelError(f"There is no method {method!r}; choose one of {', '.join(METHODS)}.")


def interpret(question: Question, method: Method, found: np.ndarray) -> Explanation:
    """Interprets a result of `grad_cam` or `occlusion`, which may be incomplete.

    A map that isn't finite, or has no value above 0, becomes zeros and a note.
    """
    whole = not (method == "occlusion" and np.isnan(found).any())
    found = found if whole else np.nan_to_num(found)
    finite = bool(np.isfinite(found).all()) and math.isfinite(question.probability)
    peak = float(found.max()) if finite else 0.0
    scaled = np.zeros(found.shape, "float32")
    if peak > 0:
        scaled = np.clip(found / peak, 0, 1).astype("float32")
    deletion = _delete(question, scaled) if peak > 0 and whole else None
    label = question.target.label
    if not finite:
        notes = ["The network’s numbers are not finite here, so there is nothing to show."]
    elif peak <= 0:
        notes = [_empty_map_note(method, label)]
    else:
        notes = _notes(method, label, scaled, peak, deletion)
        if method == "grad-cam" and question.network.coarser:
            notes.append(EARLIER_LAYER_NOTE)
    verdict = question.verdict
    return Explanation(
        approach=verdict.approach,
        model=verdict.model,
        stand_in=verdict.stand_in,
        target=label,
        probability=question.probability if finite else 0.0,
        method=method,
        map=scaled,
        size=question.size,
        box=question.network.box(question.size),
        deletion=deletion,
        notes=tuple(notes),
    )


def _delete(question: Question, heat: np.ndarray) -> Deletion:
    """Predicts again with the hottest and with the coldest fifth of the view covered."""
    view = question.view[0]
    views = np.stack([heatmaps.cover(view, fifth) for fifth in heatmaps.fifths(heat, len(view))])
    hottest, coldest = question.probabilities(views)
    return Deletion(question.probability, float(hottest), float(coldest))


def _empty_map_note(method: Method, label: str) -> str:
    if method == "occlusion":
        return f"Wherever the picture is covered, “{label}” does not become less likely."
    return (
        f"The map is empty: at this layer no place speaks for “{label}”. "
        "What the network goes by here can’t be shown in this way."
    )


def _notes(
    method: Method, label: str, heat: np.ndarray, peak: float, deletion: Deletion | None
) -> list[str]:
    rows, columns = heat.shape
    bright = "Bright is where the network found what speaks for"
    if method == "occlusion":
        bright = "Bright is where covering the picture takes most from"
    notes = [
        f"{bright} “{label}”. Most of the heat is {heatmaps.location_in_words(heat)}; the "
        "hottest tenth of what the network saw holds "
        f"{100 * heatmaps.hottest_tenth(heat):.0f} % of it."
    ]
    if method == "occlusion":
        notes.append(
            f"The largest drop: with the hottest place covered, “{label}” loses {_percent(peak)} "
            "of the whole 100 %."
        )
    if deletion:
        notes.append(
            f"Test: covering the hottest fifth takes “{label}” from {_percent(deletion.now)} to "
            f"{_percent(deletion.hottest_covered)}; covering the coldest fifth, to "
            f"{_percent(deletion.coldest_covered)}: {deletion.verdict}"
        )
    notes.append(
        f"The map has only {rows} × {columns} places, and the hottest is fully bright however weak "
        "it is. It shows where the evidence is, not what it is, and holds for this one picture."
    )
    return notes


def _percent(probability: float) -> str:
    return "less than 0.1 %" if probability < 0.001 else f"{100 * probability:.3g} %"
