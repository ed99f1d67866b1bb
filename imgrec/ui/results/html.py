"""HTML of the results tab: the sheet of figures, its summary, progress, unusable files."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from markupsafe import Markup

from imgrec.approaches import vgg16
from imgrec.background_job import Status
from imgrec.environment import machine
from imgrec.evaluation.comparison import VGG16_BYTES, VGG16_TRAINING, Facts, Timing
from imgrec.evaluation.figures import (
    DogFigures,
    DogsReport,
    Evaluation,
    TaskAccuracy,
    UnfamiliarReport,
    labelled_count,
)
from imgrec.ui.components import html
from imgrec.ui.components.formatting import NO_VALUE, count, counted, duration, megabytes, share
from imgrec.ui.components.templates import render
from imgrec.ui.components.texts import TITLES
from imgrec.ui.results import texts

# The sheet


class Cell(NamedTuple):
    """A value in bold, small notes (empty ones are left out), and a drawn interval of shares."""

    value: str
    notes: Sequence[str] = ()
    interval: tuple[float, float] | None = None
    below: str = ""  # a note below the interval


class Row(NamedTuple):
    """One row of the sheet: title, note, and a cell for each approach."""

    title: str
    note: str
    cells: Sequence[Cell]


class Column(NamedTuple):
    """The network that answers for an approach."""

    model: str
    stand_in: bool


def sheet(label: str, columns: Mapping[str, Column], parts: Mapping[str, Sequence[Row]]) -> Markup:
    """Renders a table with a column for each approach, in parts with a heading."""
    return render(__file__, "sheet.jinja", label=label, columns=columns, parts=parts, titles=TITLES)


def cost_rows(facts: Sequence[Facts], timings: Mapping[str, Timing]) -> list[Row]:
    """Returns the rows on training cost, size and speed."""
    return [
        Row(
            texts.LEARNT_FROM,
            "",
            [Cell(texts.IMAGES.format(images=f.images), (f.learnt_from,)) for f in facts],
        ),
        Row(texts.TRAINING_TOOK, "", [_training(f) for f in facts]),
        Row(*texts.PARAMETERS, [Cell(count(f.parameters), (_learnt(f),)) for f in facts]),
        Row(texts.ON_DISK, "", [_size(f) for f in facts]),
        Row(*texts.ONE_PICTURE_TAKES, [_speed(timings.get(f.approach)) for f in facts]),
    ]


def _training(facts: Facts) -> Cell:
    """Returns the measured training time, else the paper's."""
    paper = f"{VGG16_TRAINING}, {texts.ITS_PAPER}"
    if facts.seconds is not None:
        after = texts.AFTER_VGG16.format(before=paper) if facts.learnt < facts.parameters else ""
        return Cell(duration(facts.seconds), (facts.trained, after))
    if facts.stand_in:
        return Cell(texts.NOT_PUBLISHED, (texts.VGG16.format(value=paper),))
    return Cell(facts.trained, (texts.ITS_PAPER,))


def _learnt(facts: Facts) -> str:
    if facts.learnt < facts.parameters:
        return texts.LEARNT_HERE.format(learnt=facts.learnt)
    return texts.VGG16.format(value=count(vgg16.PARAMETERS)) if facts.stand_in else ""


def _size(facts: Facts) -> Cell:
    vgg16s = texts.VGG16.format(value=megabytes(VGG16_BYTES)) if facts.stand_in else ""
    return Cell(megabytes(facts.bytes), (vgg16s,))


def _speed(timing: Timing | None) -> Cell:
    if timing is None:
        return Cell("", (texts.UNTIMED,))
    median, fastest, slowest = (f"{each:.{each < 10:d}f}" for each in timing)
    spread = texts.FASTEST_TO_SLOWEST.format(fastest=fastest, slowest=slowest)
    return Cell(texts.MILLISECONDS.format(median=median), (spread,))


def accuracy_rows(answers: Mapping[str, DogFigures], measured_with: Mapping[str, str]) -> list[Row]:
    """Returns the rows on the dog question; `measured_with` notes another network's name."""
    figures = answers.values()
    accuracies = [
        Cell(share(f.accuracy), (_interval(f),), (f.low, f.high), measured_with.get(name, ""))
        for name, f in answers.items()
    ]
    return [
        Row(*texts.RIGHT_ANSWERS, accuracies),
        Row(texts.DOGS_FOUND, "", [Cell(share(f.recall)) for f in figures]),
        Row(texts.OTHERS_TAKEN, "", [Cell(share(f.false_positive_rate)) for f in figures]),
        Row(
            *texts.DOGS_ABOVE,
            [Cell(NO_VALUE if f.auc is None else f"{f.auc:.3f}") for f in figures],
        ),
    ]


def task_row(tasks: Mapping[str, TaskAccuracy | None]) -> Row:
    """Returns the row on each approach's own task; None means not measured."""
    return Row(*texts.RIGHT_ANSWERS, [_task(name, each) for name, each in tasks.items()])


def _task(name: str, measured: TaskAccuracy | None) -> Cell:
    task = texts.TASKS[name]
    if measured is None:
        return Cell(NO_VALUE, (task,))
    of = texts.TASK_OF.format(task=task, pictures=counted(measured.n, "picture"))
    top5 = ""
    if measured.top5 is not None:
        top5 = texts.AMONG_FIRST_FIVE.format(top5=share(measured.top5))
    return Cell(share(measured.accuracy), (_interval(measured), of, top5))


def _interval(figures: DogFigures | TaskAccuracy) -> str:
    return texts.INTERVAL.format(low=100 * figures.low, high=100 * figures.high)


def custom_sheet(measured: Evaluation) -> Markup:
    """Renders the sheet of a visitor's own pictures."""
    columns = {
        name: Column(each.model, each.stand_in) for name, each in measured.approaches.items()
    }
    answers = measured.dog_answers()
    parts = {texts.DOG_QUESTION: accuracy_rows(answers, {})} if answers else {}
    own = [task_row(measured.tasks())]
    return sheet(texts.YOUR_PICTURES, columns, {**parts, texts.OWN_TASK: own})


def source(measured: DogsReport) -> Markup:
    """Describes how and where a report's figures were measured, and what may bias some of them."""
    where = machine(measured.environment)
    return render(__file__, "source.jinja", machine=where, command=measured.command)


# Summary


def summary_panel(title: str, measured: Evaluation | DogsReport) -> Markup:
    """Renders each approach's accuracy, how certain the ranking is, caveats, and unusable files.

    The caveats are what accuracy hides if most pictures are of one kind, or undefined figures.
    """
    answers = measured.dog_answers()
    ranked = sorted(answers.items(), key=lambda entry: entry[1].accuracy)
    distinct = len({figures.accuracy for _, figures in ranked}) == len(texts.RANKS)
    return render(
        __file__,
        "summary.jinja",
        title=title,
        measured=measured,
        answers=answers,
        total=labelled_count(next(iter(answers.values()))) if answers else 0,
        dogs=measured.dogs,
        ranked=ranked,
        ranks=texts.RANKS if distinct else ("",) * len(ranked),  # only if no two are equal
        overlapping=[
            f"{TITLES[one]} and {TITLES[other]}"
            for (one, worse), (other, better) in pairwise(ranked)
            if better.low <= worse.high
        ],
        titles=TITLES,
    )


# A visitor's own test


def waiting(name: str, count: int) -> Markup:
    """Renders the status of a test that waits for another one."""
    return html.panel(name, texts.WAITING.format(pictures=counted(count, "picture")))


def progress(name: str, status: Status, seconds: float) -> Markup:
    """Renders a test's progress and the estimated time left; `seconds` have passed."""
    done, total = status.done, status.total or 0
    text = texts.FIRST_PICTURES
    if done:
        left = duration(seconds / done * (total - done))
        text = texts.PROGRESS.format(done=done, pictures=counted(total, "picture"), left=left)
    section = Markup('<section class="panel scratch">{}</section>')
    return section.format(html.progress(name, done, total, text))


# Unfamiliar pictures


def unfamiliar(report: UnfamiliarReport) -> Markup:
    """Describes how well the scratch network's unfamiliar flag separates unfamiliar pictures."""
    return render(
        __file__,
        "unfamiliar.jinja",
        accepted=f"{100 * report.accepted:.0f}",
        groups={
            f"{report.groups[name].n:,} {text}": report.groups[name].flagged
            for name, text in texts.GROUPS.items()
            if report.groups[name].n
        },
        areas={
            texts.FLAG_SCORE.format(score=text) if name == report.score else text: area
            for name, text in texts.SCORES.items()
            if (area := report.auroc[name]) is not None
        },
    )
