"""HTML of the tab in which visitors teach their own classes, by its templates.

A button's `data-press` is an action, with its argument after a colon.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from markupsafe import Markup

from imgrec.background_job import Status
from imgrec.errors import ImgrecError
from imgrec.files.display_names import NAME_LENGTH
from imgrec.teaching.built_in_pictures import BUILT_IN
from imgrec.teaching.checks import problems
from imgrec.teaching.classifier import TaughtHead, TaughtVerdict
from imgrec.teaching.project import MAX_CLASSES, Project
from imgrec.teaching.project_parts import Added, TaughtClass
from imgrec.ui.components import html, templates
from imgrec.ui.teach import texts

STRIP = 5  # pictures per class in the list of classes
MAX_TILES = 120  # displayed pictures of a class, the latest ones
MAX_CLASSES_BESIDE = 6  # classes whose matrix fits beside the pictures
SURE = 0.9  # a right answer is unsure below this probability
MAX_EVALUATED = 9  # pictures displayed as wrong, and as least sure

render: Callable[..., Markup] = partial(templates.render, __file__)


def step(number: int) -> Markup:
    """Renders the heading of a step, counted from 1."""
    heading = Markup('<h3 class="step-title"><i>{}</i>{}</h3>')
    return heading.format(number, texts.STEPS[number - 1])


def keep_title() -> Markup:
    """Renders the heading above the downloads."""
    return Markup('<h3 class="step-title keep-title">{}</h3>').format(texts.KEEP)


def offer(text: str) -> Markup:
    """Renders a paragraph beside a button."""
    return Markup('<p class="offer">{}</p>').format(text)


def built_in() -> Markup:
    """Renders the buttons that add built-in pictures."""
    return render("built_in.jinja", names=BUILT_IN)


# Classes


def classes(project: Project | None, chosen: int) -> Markup:
    """Renders the list of classes, with the one of key `chosen` pressed; or how to start."""
    if project is None or not project.classes:
        return render("welcome.jinja")
    return render(
        "classes.jinja",
        classes=project.classes,
        chosen=chosen,
        max_classes=MAX_CLASSES,
        thumbnails=STRIP,
        image=partial(image, project),
    )


def image(project: Project, id: str) -> Markup:
    """Renders a picture's thumbnail, in a button with text; a gap if it was removed meanwhile."""
    try:
        return Markup('<img src="{}" alt="">').format(project.thumbnail(id))
    except ImgrecError:
        return Markup("<i></i>")


def chosen_class(each: TaughtClass | None, removing: bool, new: bool) -> Markup:
    """Renders the chosen class's name, which can be edited in place, and how to remove the class.

    `new` marks the field of a name that is not given yet.
    """
    if each is None:
        return Markup()
    return render(
        "chosen_class.jinja", each=each, removing=removing, new=new, max_length=NAME_LENGTH
    )


def tiles(project: Project | None, each: TaughtClass | None) -> Markup:
    """Renders the chosen class's pictures, the latest first; pressing one removes it."""
    if project is None or each is None or not each.pictures:
        return Markup()
    shown = each.pictures[: -MAX_TILES - 1 : -1]
    return render("tiles.jinja", each=each, shown=shown, image=partial(image, project))


# What happened, and what is going on


def message(sentence: object, wrong: bool = False) -> Markup:
    """Renders a message about the last action, or an error; empty if there is none."""
    kind = "happened wrong" if wrong else "happened"
    text = str(sentence)
    return Markup('<p class="{}" role="status">{}</p>').format(kind, text) if text else Markup()


def added_summary(added: Mapping[str, Added]) -> Markup:
    """Describes what became of the added pictures, by the names of their classes."""
    wrong = any(each.refused or each.elsewhere for each in added.values())
    return message(texts.what_was_added(added), wrong)


def opened(name: str, project: Project, notes: Sequence[str]) -> Markup:
    """Describes what was opened, and what was left out."""
    return message(texts.opened(name, project, notes), wrong=bool(notes))


def progress(what: str, status: Status) -> Markup:
    """Renders a job's progress."""
    total = status.total or 0
    text = f"{status.done:,} of {total:,}" if total else "…"
    bar = html.progress(what, status.done, total, text)
    return Markup('<div class="taught">{}</div>').format(bar)


# Teaching


def state(project: Project | None) -> Markup:
    """Renders what prevents the project from being taught, or taught well; or that it is ready."""
    if project is None:
        return html.panel(*texts.NOT_YET, "ready")
    counts = texts.pictures_in_classes(project)
    return render(
        "state.jinja", project=project, problems=problems(project), pictures_in_classes=counts
    )


def accuracy_panel(head: TaughtHead | None) -> Markup:
    """Renders the head's accuracy as one figure and a sentence."""
    if head is None:
        return Markup()
    found = head.cross_validation
    largest = max(map(sum, found.confusion)) / sum(map(sum, found.confusion))
    return render("accuracy.jinja", found=found, largest=largest, seconds=head.seconds)


def report(project: Project | None) -> Markup:
    """Renders the head's weaknesses: confusion matrix, mistakes, and least sure pictures."""
    head = project.head if project else None
    if project is None or head is None:
        return Markup()
    found = head.cross_validation
    return render(
        "report.jinja",
        found=found,
        unsure=[each for each in found.unsure if each.probability < SURE],
        sure=SURE,
        names=project.class_names,
        keys=[each.key for each in project.classes],
        image=partial(image, project),
        max_beside=MAX_CLASSES_BESIDE,
        shown=MAX_EVALUATED,
    )


# Use


def before_asking(project: Project | None) -> Markup:
    """Renders what is displayed until there is an answer."""
    if project is None or not (project.head or project.stale):
        return html.panel(*texts.NOTHING_TAUGHT)
    return html.panel(*(texts.STALE if project.stale else texts.NO_PICTURE))


def verdict(answer: TaughtVerdict, head: TaughtHead, live: bool = False) -> Markup:
    """Renders the answer as bars, below *none of these* if so; with *Why?* unless it is live."""
    return render("verdict.jinja", answer=answer, rejected=head.rejection_rate, live=live)
