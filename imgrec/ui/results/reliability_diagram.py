"""Reliability diagrams: how often answers are right, by their predicted probability."""

import math
from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any

from imgrec.ui.components import html, verdict_cards
from imgrec.ui.components.formatting import percent, share, unbroken

Bins = Sequence[dict[str, Any]]  # the `reliability` of `imgrec.metrics.classification.Reliability`

SIDE, LEFT, TOP, BOTTOM = 240, 60, 12, 44  # of the square plot; its margins
WIDTH, HEIGHT = LEFT + SIDE + 24, TOP + SIDE + BOTTOM
MIN_RADIUS, MAX_RADIUS = 2.5, 9.0  # of a point for few answers, and for all of them
MIN_ANSWERS = 10  # answers that are enough for a line, or a sentence


def diagrams(scratch: dict[str, Any] | None, dogs: Mapping[str, dict[str, Any]]) -> str:
    """Renders the diagrams of the scratch network's own task, if measured, and the dog question."""
    drawn = []
    if scratch:
        title = "From scratch: which of ten kinds?"
        drawn.append(diagram("scratch", title, scratch, scratch["calibrated"], "right"))
    for name, figures in dogs.items():
        title = f"{verdict_cards.TITLES[name]}: is there a dog?"
        drawn.append(diagram(name, title, figures, figures["calibrated"], "dogs"))
    return f'{LEGEND}<div class="diagrams">{"".join(drawn)}</div>' if drawn else ""


def diagram(
    approach: str,
    title: str,
    raw: dict[str, Any],
    calibrated: dict[str, Any] | None,
    right: str,
) -> str:
    """Renders one approach's diagram, its summary, and its numbers in a table.

    `raw` and `calibrated` have `ece` and `reliability`; `right` names the outcome that the
    probability predicts: "right", or "dogs".
    """
    bins = raw["reliability"]
    calibrated_bins = calibrated["reliability"] if calibrated else ()
    sentence = _sentence(bins, raw["ece"], calibrated["ece"] if calibrated else None, right)
    drawn = (
        _line(bins, "raw") + _points(bins, "raw") + _line(calibrated_bins, "calibrated")
        + _points(calibrated_bins, "calibrated")
    )  # fmt: skip
    return (
        f'<figure class="reliability {approach}"><figcaption><h4>{escape(title)}</h4></figcaption>'
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{escape(f"Reliability diagram. {sentence}")}">{_frame(right)}{drawn}</svg>'
        f"<div><p>{escape(sentence)}</p>{_numbers(bins, calibrated_bins, right)}</div></figure>"
    )


LEGEND = (
    '<p class="legend"><span><svg viewBox="0 0 34 12" aria-hidden="true"><path class="ideal" '
    'd="M1 11 33 1"/></svg>it means what it says</span>'
    '<span><svg viewBox="0 0 34 12" aria-hidden="true"><path class="raw" d="M1 6H33"/>'
    '<circle class="raw" cx="17" cy="6" r="4"/></svg>as the network says it</span>'
    '<span><svg viewBox="0 0 34 12" aria-hidden="true"><path class="calibrated" d="M1 6H33"/>'
    '<circle class="calibrated" cx="17" cy="6" r="4"/></svg>calibrated</span>'
    "<span>the larger a point, the more pictures; a line joins points of "
    f"{MIN_ANSWERS} or more</span>"
    "</p>"
)


def _sentence(bins: Bins, ece: float | None, calibrated: float | None, right: str) -> str:
    """Describes the calibration error, raw and calibrated, and the surest answers' accuracy."""
    if ece is None:
        return "There is nothing to draw."
    off = f"What it says is off by {100 * ece:.1f} percentage points on average"
    after = "" if calibrated is None else f"; calibrated, by {100 * calibrated:.1f}"
    count, said, true = _most_confident(bins)
    answers = f"{count:,} surest answers say" if count > 1 else "surest answer says"
    average = " on average" if count > 1 else ""
    return unbroken(
        f"{off}{after}. Its {answers} {percent(said)}{average}; {share(true)} of them are {right}."
    )


def _most_confident(bins: Bins) -> tuple[int, float, float]:
    """Returns the surest answers' count, mean probability and accuracy; a whole bin or more."""
    count, said, true = 0, 0.0, 0.0
    for each in reversed(_filled(bins)):
        count += each["count"]
        said += each["count"] * each["probability"]
        true += each["count"] * each["share"]
        if count >= MIN_ANSWERS:
            break
    return count, said / count, true / count


def _x(part: float) -> float:
    return LEFT + SIDE * part


def _y(part: float) -> float:
    return TOP + SIDE * (1 - part)


def _frame(right: str) -> str:
    """Draws the axes with their numbers, and the diagonal of perfect calibration."""
    lines, numbers = [], []
    for part in (0, 0.25, 0.5, 0.75, 1):
        path = f"M{_x(part)} {_y(0)}V{_y(1)}M{_x(0)} {_y(part)}H{_x(1)}"
        lines.append(f'<path class="grid" d="{path}"/>')
    for part in (0, 0.5, 1):
        text = f"{100 * part:.0f} %"
        numbers.append(f'<text x="{_x(part)}" y="{_y(0) + 20}" text-anchor="middle">{text}</text>')
        numbers.append(f'<text x="{LEFT - 10}" y="{_y(part) + 4}" text-anchor="end">{text}</text>')
    middle = TOP + SIDE / 2
    titles = (
        f'<text x="{_x(0.5)}" y="{HEIGHT - 8}" text-anchor="middle">what it says</text>'
        f'<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">'
        f"how many are {escape(right)}</text>"
    )
    diagonal = f'<path class="ideal" d="M{_x(0)} {_y(0)}L{_x(1)} {_y(1)}"/>'
    return "".join([*lines, diagonal, *numbers, titles])


def _filled(bins: Bins) -> list[dict[str, Any]]:
    return [each for each in bins if each["count"]]


def _line(bins: Bins, kind: str) -> str:
    """Joins neighbouring bins with enough answers each; between others the line would be noise."""
    path = [
        f"M{_at(one)}L{_at(next_one)}"
        for one, next_one in pairwise(bins)
        if min(one["count"], next_one["count"]) >= MIN_ANSWERS
    ]
    return f'<path class="{kind}" d="{"".join(path)}"/>' if path else ""


def _at(each: dict[str, Any]) -> str:
    return f"{_x(each['probability']):.1f} {_y(each['share']):.1f}"


def _points(bins: Bins, kind: str) -> str:
    """Draws the points, each with an area that grows with its share of the answers."""
    total = sum(each["count"] for each in bins)
    return "".join(
        f'<circle class="{kind}" cx="{_x(b["probability"]):.1f}" cy="{_y(b["share"]):.1f}" '
        f'r="{MIN_RADIUS + (MAX_RADIUS - MIN_RADIUS) * math.sqrt(b["count"] / total):.1f}"/>'
        for b in _filled(bins)
    )


def _numbers(bins: Bins, calibrated: Bins, right: str) -> str:
    headings = ("It says", "Pictures", f"Of them {right}")
    tables = [("as the network says it", bins), ("calibrated", calibrated)]
    parts = "".join(
        f"<h5>{title.capitalize()}</h5>{html.table(headings, _rows(each))}"
        for title, each in tables
        if each
    )
    return f"<details><summary>The numbers</summary>{parts}</details>"


def _rows(bins: Bins) -> list[tuple[object, ...]]:
    return [
        (
            f"{100 * each['low']:.0f}–{100 * each['high']:.0f} %",
            each["count"],
            share(each["share"]),
        )
        for each in _filled(bins)
    ]
