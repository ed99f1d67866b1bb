"""HTML of the results tab: the sheet of figures, its summary, progress, unusable files.

Everything that comes from outside this file is escaped here.
"""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import Any, NamedTuple

from imgrec.approaches import vgg16
from imgrec.background_job import Status
from imgrec.environment import machine
from imgrec.evaluation.comparison import VGG16_BYTES, VGG16_TRAINING, Facts, Timing
from imgrec.evaluation.reports import Figures, dog_answers, labelled_count, task_figures
from imgrec.ui.components import html, verdict_cards
from imgrec.ui.components.formatting import (
    NO_VALUE,
    count,
    counted,
    duration,
    megabytes,
    share,
    unbroken,
)

RANKS = ("somewhat accurate", "more accurate", "most accurate")
UNTIMED = "not measured yet"
TASKS = {
    "scratch": "the right one of ten kinds",
    "pretrained": "the right one of 1000 kinds",
    "transfer": "dog or no dog",
}


# The sheet


class Row(NamedTuple):
    """One row of the sheet: title, note, and HTML for each approach."""

    title: str
    note: str
    cells: Sequence[str]


def sheet(label: str, columns: Mapping[str, str], parts: Mapping[str, Sequence[Row]]) -> str:
    """Renders a table with a column for each approach, in parts with a heading.

    `columns` maps each approach to HTML below its name: the network that answers. On a narrow
    screen, CSS lays the rows out unlike a table, so the roles are explicit and each cell is named.
    """
    head = "".join(
        f'<th scope="col" role="columnheader" class="{name}">{verdict_cards.TITLES[name]}{who}</th>'
        for name, who in columns.items()
    )
    body = "".join(
        f'<tr role="row" class="part"><th scope="rowgroup" role="rowheader" '
        f'colspan="{len(columns) + 1}">{escape(title)}</th></tr>'
        + "".join(_row(row, columns) for row in rows)
        for title, rows in parts.items()
    )
    return (
        f'<table class="sheet" role="table" aria-label="{escape(label)}"><thead role="rowgroup">'
        f'<tr role="row"><td role="cell"></td>{head}</tr></thead>'
        f'<tbody role="rowgroup">{body}</tbody></table>'
    )


def _row(row: Row, columns: Mapping[str, str]) -> str:
    note = f"<small>{escape(row.note)}</small>" if row.note else ""
    cells = "".join(
        f'<td role="cell" class="{name}" data-who="{verdict_cards.TITLES[name]}">{cell}</td>'
        for name, cell in zip(columns, row.cells, strict=True)
    )
    title = f'<th scope="row" role="rowheader">{escape(row.title)}{note}</th>'
    return f'<tr role="row">{title}{cells}</tr>'


def _cell(value: str, *notes: str) -> str:
    small = "".join(f"<small>{escape(note)}</small>" for note in notes if note)
    return f"<b>{escape(value)}</b>{small}"


def network_name(model: str, stand_in: bool) -> str:
    """Renders the name of the network that answers, and whether it is a stand-in."""
    notice = "<small class=notice>stands in for VGG16</small>" if stand_in else ""
    return f"<small>{escape(model)}</small>{notice}"


def cost_rows(facts: Sequence[Facts], timings: Mapping[str, Timing]) -> list[Row]:
    """Returns the rows on training cost, size and speed."""
    return [
        Row("Learnt from", "", [_cell(f"{f.images:,} images", f.learnt_from) for f in facts]),
        Row("Training took", "", [_training(f) for f in facts]),
        Row(
            "Parameters",
            "the numbers that training sets",
            [_cell(count(f.parameters), _learnt(f)) for f in facts],
        ),
        Row(
            "On disk",
            "",
            [
                _cell(megabytes(f.bytes), f"VGG16: {megabytes(VGG16_BYTES)}" if f.stand_in else "")
                for f in facts
            ],
        ),
        Row(
            "One picture takes",
            "on this machine",
            [_speed(timings.get(f.approach)) for f in facts],
        ),
    ]


def _training(facts: Facts) -> str:
    """Renders the measured training time, else the paper's."""
    paper = f"{VGG16_TRAINING}, says its paper"
    if facts.seconds is not None:
        before = f"after VGG16’s {paper}" if facts.learnt < facts.parameters else ""
        return _cell(duration(facts.seconds), facts.trained, before)
    if facts.stand_in:
        return _cell("not published", f"VGG16: {paper}")
    return _cell(facts.trained, "says its paper")


def _learnt(facts: Facts) -> str:
    if facts.learnt < facts.parameters:
        return f"{facts.learnt:,} of them learnt here"
    return f"VGG16: {count(vgg16.PARAMETERS)}" if facts.stand_in else ""


def _speed(timing: Timing | None) -> str:
    if timing is None:
        return f"<small>{UNTIMED}</small>"
    median, fastest, slowest = (f"{each:.{each < 10:d}f}" for each in timing)
    return _cell(f"{median} ms", f"{fastest} to {slowest} ms")


def accuracy_rows(answers: Mapping[str, Figures], measured_with: Mapping[str, str]) -> list[Row]:
    """Returns the rows on the dog question; `measured_with` notes another network's name."""
    each = list(answers.items())
    return [
        Row(
            "Right answers",
            "below: the 95 % interval",
            [_accuracy(figures, measured_with.get(name, "")) for name, figures in each],
        ),
        Row("Dogs found", "", [_cell(share(f.get("recall"))) for _, f in each]),
        Row("Others taken for dogs", "", [_cell(share(_false_positive_rate(f))) for _, f in each]),
        Row(
            "Dogs above others",
            "how often a dog gets the higher probability of two pictures (ROC AUC)",
            [_cell(NO_VALUE if f.get("auc") is None else f"{f['auc']:.3f}") for _, f in each],
        ),
    ]


def _false_positive_rate(figures: Figures) -> float | None:
    specificity = figures.get("specificity")
    return None if specificity is None else 1 - specificity


def _accuracy(figures: Figures, note: str) -> str:
    """Renders the accuracy with its confidence interval, as text and as a drawing."""
    low, high = 100 * figures["low"], 100 * figures["high"]
    return (
        _cell(share(figures["accuracy"]), _interval(figures))
        + f'<i class="interval" aria-hidden="true"><i style="left:{low:.2f}%;'
        f'width:{high - low:.2f}%"></i></i>' + (f"<small>{escape(note)}</small>" if note else "")
    )


def task_row(own: Mapping[str, Figures | None]) -> Row:
    """Returns the row on each approach's own task; None means not measured."""
    cells = [_task_cell(name, figures) for name, figures in own.items()]
    return Row("Right answers", "below: the 95 % interval", cells)


def _task_cell(name: str, figures: Figures | None) -> str:
    if figures is None:
        return _cell(NO_VALUE, TASKS[name])
    first = figures["top1"] if "top1" in figures else figures["accuracy"]
    within = f"{share(figures['top5'])} among the first five" if "top5" in figures else ""
    of = f"of {counted(figures['n'], 'picture')}"
    return _cell(share(first), _interval(figures), f"{TASKS[name]}, {of}", within)


def _interval(figures: Figures) -> str:
    return f"{100 * figures['low']:.1f} to {100 * figures['high']:.1f} %"


# Summary


def summary(answers: Mapping[str, Figures], dogs: int) -> str:
    """Summarises each approach's accuracy, the certainty of the ranking, and its caveats."""
    total = labelled_count(next(iter(answers.values())))
    ranked = sorted(answers.items(), key=lambda entry: entry[1]["accuracy"])
    asked = f"<i>Is there a dog?</i> Asked of {counted(total, 'picture')}, {dogs:,} with a dog."
    caveats = unbroken(f"{_overlaps(ranked)} {_accuracy_caveat(answers, total, dogs)}")
    return f"<p>{asked}</p>{_ranks(ranked)}<p>{caveats}</p>"


def _ranks(ranked: Sequence[tuple[str, Figures]]) -> str:
    """Renders the approaches from least to most accurate, with ranks only if no two are equal."""
    distinct = len({figures["accuracy"] for _, figures in ranked}) == len(RANKS)
    called = RANKS if distinct else ("",) * len(ranked)
    steps = "".join(
        f'<li class="{name}"><small>{rank}</small><span>{verdict_cards.TITLES[name]}</span>'
        f"<b>{share(figures['accuracy'])}</b></li>"
        for rank, (name, figures) in zip(called, ranked, strict=True)
    )
    return f'<ol class="ranks" aria-label="Right answers">{steps}</ol>'


def _overlaps(ranked: Sequence[tuple[str, Figures]]) -> str:
    """Describes which neighbours' intervals overlap."""
    close = [
        f"{verdict_cards.TITLES[one]} and {verdict_cards.TITLES[other]}"
        for (one, worse), (other, better) in pairwise(ranked)
        if better["low"] <= worse["high"]
    ]
    if not close:
        return "No two of the 95 % intervals overlap, so the order is hardly an accident."
    return (
        f"The 95 % intervals of {', and of '.join(close)} overlap: only more pictures could tell "
        "for sure which is better."
    )


def _accuracy_caveat(answers: Mapping[str, Figures], total: int, dogs: int) -> str:
    """Describes what accuracy hides if most pictures are of one kind, or the undefined figures."""
    if dogs == 0:
        return "There is no dog among them, so <i>dogs found</i> and the ROC AUC can’t be had."
    if dogs == total:
        return (
            "There is a dog in each of them, so <i>others taken for dogs</i> and the ROC AUC can’t "
            "be had."
        )
    always, most = ("no", total - dogs) if 2 * dogs < total else ("yes", dogs)
    found = ", ".join(
        f"{verdict_cards.TITLES[name]} finds {share(figures['recall'])}"
        for name, figures in answers.items()
    )
    return (
        f"For scale: who always says <i>{always}</i> is right on {share(most / total)}. Of the "
        f"dogs alone, {found}."
    )


def summary_panel(title: str, measured: dict[str, Any]) -> str:
    """Renders a panel with an evaluation's summary, and the pictures that could not be used."""
    answers = dog_answers(measured)
    if answers:
        text = summary(answers, measured["dogs"])
    else:
        text = (
            f"<p>{counted(measured['n'], 'picture')}, and no label tells whether there is a dog in "
            "any, so the common question can’t be measured, only each approach’s own task.</p>"
        )
    return (
        f'<section class="panel comes-to"><h3>{escape(title)}</h3>{text}{unusable(measured)}'
        "</section>"
    )


EXPOSURE_NOTE = (
    "What was trained on ImageNet, the pre-trained network and the features below the transfer "
    "head, may have met some of these photos then; the scratch network and the head have not."
)


def source(measured: dict[str, Any]) -> str:
    """Describes how and where a report's figures were measured, and what may bias some of them."""
    return (
        f'<p class="offer">Measured on {escape(machine(measured["environment"]))} with '
        f"<code>{escape(measured['command'])}</code>. {EXPOSURE_NOTE}</p>"
    )


def custom_sheet(measured: dict[str, Any]) -> str:
    """Renders the sheet of a visitor's own pictures."""
    columns = {
        name: network_name(entry["model"], entry["stand_in"])
        for name, entry in measured["approaches"].items()
    }
    answers = dog_answers(measured)
    parts = {"Is there a dog?": accuracy_rows(answers, {})} if answers else {}
    own = task_figures(measured)
    return sheet("Your pictures", columns, {**parts, "What it was made for": [task_row(own)]})


# A visitor's own test


def waiting(name: str, count: int) -> str:
    """Renders the status of a test that waits for another one."""
    return html.panel(name, f"{counted(count, 'picture')}: it begins as soon as its turn comes.")


def progress(name: str, status: Status, seconds: float) -> str:
    """Renders a test's progress and the estimated time left; `seconds` have passed."""
    done, total = status.done, status.total or 0
    if done:
        left = duration(seconds / done * (total - done))
        text = f"{done:,} of {counted(total, 'picture')}, about {left} left"
    else:
        text = "The networks look at the first pictures."
    part = 100 * done / max(1, total)
    return (
        f'<section class="panel scratch"><h3>{escape(name)}</h3><div role="progressbar" '
        f'aria-label="Pictures that were looked at" aria-valuenow="{part:.0f}" aria-valuemin="0" '
        f'aria-valuemax="100"><i class="track"><i style="width:{part:.1f}%"></i></i></div>'
        f"<p>{text}</p></section>"
    )


def unusable(measured: dict[str, Any]) -> str:
    """Renders the files that could not be used, with reasons."""
    count, listed = measured["unusable_count"], measured["unusable"]
    if not count:
        return ""
    rows = "".join(f"<li>{escape(bad['reason'])}</li>" for bad in listed)
    more = f"<li>and {count - len(listed):,} more</li>" if count > len(listed) else ""
    return (
        f'<details class="unusable"><summary>{counted(count, "file")} could not be used'
        f"</summary><ul>{rows}{more}</ul></details>"
    )


# Unfamiliar pictures

GROUPS = {
    "cifar10": "CIFAR-10 test images, such as it learnt from",
    "ten_kinds": "photos of its ten kinds",
    "unclear": "photos of what is near these, such as wolves and buses",
    "other": "photos of other things",
}
SCORES = {
    "energy": "the energy of all ten results",
    "maximum_logit": "the greatest of the ten results",
    "maximum_probability": "the greatest probability",
}


def unfamiliar(report: dict[str, Any]) -> str:
    """Describes how well the scratch network's unfamiliar flag separates unfamiliar pictures."""
    groups, areas = report["groups"], report["auroc"]
    bars = "".join(
        _flagged(groups[name], text) for name, text in GROUPS.items() if groups[name]["n"]
    )
    scores = "; ".join(
        f"{text}{', the sign’s own measure' if name == report['score'] else ''}: {areas[name]:.3f}"
        for name, text in SCORES.items()
        if areas[name] is not None
    )
    accepted = unbroken(f"{100 * report['accepted']:.0f} %")
    return (
        '<section class="panel scratch doubts"><h3>Does the scratch network know what it doesn’t '
        "know?</h3><p>Asked about anything, it answers with one of its ten kinds. If a picture is "
        "unlike all it was trained on, its card says so. The sign is set so that it accepts "
        f"{accepted} of the images that were kept apart in training. It comes up for:</p>"
        f'<div class="bars">{bars}</div><p>Shown a test image and a photo of something else, how '
        f"often does the test image look the more familiar (ROC AUC; 0.5 is guessing)? By {scores}."
        "</p></section>"
    )


def _flagged(group: dict[str, Any], text: str) -> str:
    title = f"{group['n']:,} {text}"
    return (
        f'<div class="bar"><span>{escape(title)}</span><span>{share(group["flagged"])}</span>'
        f'<i class="track"><i style="width:{100 * group["flagged"]:.2f}%"></i></i></div>'
    )
