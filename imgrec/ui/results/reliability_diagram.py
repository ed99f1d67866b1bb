"""Reliability diagrams: how often answers are right, by their predicted probability."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from imgrec.evaluation.figures import DogFigures, Reliability, ReliabilityBin, ScratchFigures
from imgrec.ui.components.formatting import share
from imgrec.ui.components.templates import render
from imgrec.ui.components.texts import TITLES
from imgrec.ui.results import texts

Bins = Sequence[ReliabilityBin]

SIDE, LEFT, TOP, BOTTOM = 240, 60, 12, 44  # of the square plot; its margins
WIDTH, HEIGHT = LEFT + SIDE + 24, TOP + SIDE + BOTTOM
MIN_RADIUS, MAX_RADIUS = 2.5, 9.0  # of a point for few answers, and for all of them
MIN_ANSWERS = 10  # answers that are enough for a line, or a sentence


@dataclass(frozen=True)
class Diagram:
    """An approach's diagram, its summary, and its numbers in a table."""

    approach: str
    title: str
    raw: Reliability
    calibrated: Reliability | None
    right: str  # the outcome that the probability predicts: "right", or "dogs"

    def series(self) -> Iterator[tuple[str, Bins]]:
        """Yields the raw bins, then the calibrated ones, each with its CSS class."""
        yield "raw", self.raw.reliability
        if self.calibrated:
            yield "calibrated", self.calibrated.reliability

    def sentence(self) -> str:
        """Describes the calibration error, and the surest answers' accuracy."""
        calibrated = self.calibrated.ece if self.calibrated else None
        surest = _most_confident(self.raw.reliability)
        return texts.calibration(self.raw.ece, calibrated, *surest, self.right)


def diagrams(scratch: ScratchFigures | None, dogs: Mapping[str, DogFigures]) -> Markup:
    """Renders the diagrams of the scratch network's own task, if measured, and the dog question."""
    drawn = []
    if scratch:
        title = texts.TEN_KINDS_TITLE
        drawn.append(Diagram("scratch", title, scratch, scratch.calibrated, texts.RIGHT))
    for name, figures in dogs.items():
        title = texts.DOG_TITLE.format(approach=TITLES[name])
        drawn.append(Diagram(name, title, figures, figures.calibrated, texts.DOGS))
    return draw(drawn)


def draw(drawn: Sequence[Diagram]) -> Markup:
    """Renders the diagrams and a legend; nothing if there are none."""
    if not drawn:
        return Markup()
    return render(
        __file__,
        "reliability.jinja",
        diagrams=drawn,
        enough=MIN_ANSWERS,
        left=LEFT,
        width=WIDTH,
        height=HEIGHT,
        x=_x,
        y=_y,
        line=_line,
        points=_points,
        rows=_rows,
    )


def _most_confident(bins: Bins) -> tuple[int, float, float]:
    """Returns the surest answers' count, mean probability and accuracy; a whole bin or more."""
    count, said, true = 0, 0.0, 0.0
    for number, probability, right in reversed(_filled(bins)):
        count += number
        said += number * probability
        true += number * right
        if count >= MIN_ANSWERS:
            break
    return count, said / count, true / count


def _filled(bins: Bins) -> list[tuple[int, float, float]]:
    """Returns count, mean probability and share of right answers of the bins with any."""
    return [
        (each.count, each.probability, each.share)
        for each in bins
        if each.probability is not None and each.share is not None
    ]


def _x(part: float) -> float:
    return LEFT + SIDE * part


def _y(part: float) -> float:
    return TOP + SIDE * (1 - part)


def _at(each: ReliabilityBin) -> str:
    return f"{_x(each.probability or 0):.1f} {_y(each.share or 0):.1f}"


def _line(bins: Bins) -> str:
    """Joins neighbouring bins with enough answers each; between others the line would be noise."""
    return "".join(
        f"M{_at(one)}L{_at(next_one)}"
        for one, next_one in pairwise(bins)
        if min(one.count, next_one.count) >= MIN_ANSWERS
    )


def _points(bins: Bins) -> Iterator[tuple[str, str, str]]:
    """Yields place and radius of each point; its area grows with its share of the answers."""
    total = sum(each.count for each in bins)
    for count, probability, right in _filled(bins):
        radius = MIN_RADIUS + (MAX_RADIUS - MIN_RADIUS) * math.sqrt(count / total)
        yield f"{_x(probability):.1f}", f"{_y(right):.1f}", f"{radius:.1f}"


def _rows(bins: Bins) -> list[tuple[object, ...]]:
    return [
        (f"{100 * each.low:.0f}–{100 * each.high:.0f} %", each.count, share(each.share))
        for each in bins
        if each.count
    ]
