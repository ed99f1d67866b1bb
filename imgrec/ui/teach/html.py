"""HTML of the tab in which visitors teach their own classes.

Everything that comes from outside this file is escaped here.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from imgrec.background_job import Status
from imgrec.errors import ImgrecError
from imgrec.files.display_names import NAME_LENGTH
from imgrec.teaching import built_in_pictures
from imgrec.teaching.checks import problems
from imgrec.teaching.classifier import TaughtHead, TaughtVerdict
from imgrec.teaching.project import MAX_CLASSES, Project
from imgrec.teaching.project_parts import Added, TaughtClass
from imgrec.teaching.store import IDLE_SECONDS
from imgrec.ui.components import html
from imgrec.ui.components.formatting import percent

STRIP = 5  # pictures per class in the list of classes
MAX_TILES = 120  # displayed pictures of a class, the latest ones
MAX_NAMED = 3  # file names in a sentence

# A button's `data-press` is an action, with its argument after a colon.
WELCOME = """
<section class="panel welcome">
  <h4>Show it a few pictures of each thing</h4>
  <p>Two kinds of things or more, ten pictures or more of each. It learns to tell them apart in a
  moment, tells how far it is to be believed, and answers about new pictures or the webcam’s.</p>
  <div class="choices">
    <button type="button" class="first" data-press="begin">Begin with my own pictures</button>
    <button type="button" data-press="example:easy">Try dogs, ships and trucks</button>
    <button type="button" data-press="example:hard">Harder: cats and dogs</button>
  </div>
</section>"""
NOTHING_TAUGHT = html.panel(
    "Nothing to ask yet", "Once it has been taught, show it a picture that it has never seen."
)
NO_PICTURE = html.panel(
    "What is it?", "Drop a picture that it has never seen, or start the webcam."
)
STALE = html.panel(
    "Teach it again", "The pictures have changed since it was taught; the answers wait for that."
)
COPIES = "Each picture mirrored, and cut closer in four ways. Slower; may help where there are few."
BUILT_IN = (
    '<details class="built-in"><summary>Add built-in pictures to this class</summary>'
    "<p>Ten small ones of each kind, from CIFAR-10.</p><div class=choices>"
    + "".join(
        f'<button type="button" data-press="built-in:{name}">{name}</button>'
        for name in built_in_pictures.BUILT_IN
    )
    + "</div></details>"
)
KEEP = '<h3 class="step-title keep-title">Keep it</h3>'
KEEP_PROJECT = (
    '<p class="offer">One zip with your pictures, the classes and what was learnt: drop it into '
    "step 1, today or next year, and all is back. Photos keep in it what the camera wrote into "
    "them, such as the place. Nobody else sees your pictures. Here the "
    f"project goes {IDLE_SECONDS // 60} minutes after you leave the page, and what you "
    "uploaded after about a day.</p>"
)
KEEP_EXPORT = (
    '<p class="offer">The whole network for other programs, as soon as it is taught: it is '
    "checked against the answers here, and comes with a short example that runs.</p>"
)


def step(number: int, title: str) -> str:
    """Renders the heading of a step."""
    return f'<h3 class="step-title"><i>{number}</i>{escape(title)}</h3>'


def pictures(number: int) -> str:
    """Formats a number of pictures with its noun."""
    return "1 picture" if number == 1 else f"{number:,} pictures"


# Classes


def classes(project: Project | None, chosen: int) -> str:
    """Renders the list of classes, with the one of key `chosen` pressed; or how to start."""
    if project is None or not project.classes:
        return WELCOME
    rows = "".join(_class(project, each, each.key == chosen) for each in project.classes)
    more = len(project.classes) < MAX_CLASSES
    add = '<button type="button" class="add" data-press="add">+ Add a class</button>'
    return f'<ul class="classes">{rows}</ul>{add if more else ""}'


def _class(project: Project, each: TaughtClass, pressed: bool) -> str:
    thumbnails = [image(project, picture.id) for picture in each.pictures[-STRIP:]]
    name = escape(each.name)
    return (
        f'<li data-into="{each.key}"><button type="button" data-press="choose:{each.key}" '
        f'aria-pressed="{str(pressed).lower()}"><span class="name">{name}</span>'
        f"<small>{pictures(len(each.pictures)) if each.pictures else 'no pictures yet'}</small>"
        f'<span class="peek">{"".join(thumbnails)}</span></button></li>'
    )


def image(project: Project, id: str) -> str:
    """Renders a picture's thumbnail, in a button with text; a gap if it was removed meanwhile."""
    try:
        source = project.thumbnail(id)
    except ImgrecError:
        return "<i></i>"
    return f'<img src="{source}" alt="">'


def chosen_class(each: TaughtClass | None, removing: bool, new: bool) -> str:
    """Renders the chosen class's name, which can be edited in place, and how to remove the class.

    `new` marks the field of a name that is not given yet.
    """
    if each is None:
        return ""
    name, count = escape(each.name), len(each.pictures)
    if removing:
        what = f"{name} and its {pictures(count)}" if count else name
        return f"""
<div class="class-head removing"><p role="alert">Remove {what}?</p><div class="choices">
  <button type="button" class="stop" data-focus data-press="removed:{each.key}">Remove it</button>
  <button type="button" data-press="keep">Keep it</button>
</div></div>"""
    return f"""
<div class="class-head"><label>Name of the class
  <input type="text" value="{name}" data-rename="{each.key}"{" data-focus" if new else ""}
    maxlength="{NAME_LENGTH}" autocomplete="off" spellcheck="false"></label>
  <button type="button" data-press="remove:{each.key}">Remove</button>
</div>"""


def tiles(project: Project | None, each: TaughtClass | None) -> str:
    """Renders the chosen class's pictures, the latest first; pressing one removes it."""
    if project is None or each is None or not each.pictures:
        return ""
    shown = each.pictures[: -MAX_TILES - 1 : -1]
    made = "".join(
        f'<li><button type="button" data-press="picture:{picture.id}" '
        f'aria-label="Remove {escape(picture.name)}" title="Remove {escape(picture.name)}">'
        f"{image(project, picture.id)}</button></li>"
        for picture in shown
    )
    hidden = len(each.pictures) - len(shown)
    more = f" The latest {MAX_TILES} are shown." if hidden else ""
    return (
        f'<p class="offer">{pictures(len(each.pictures))} of {escape(each.name)}. '
        f'Press one to remove it.{more}</p><ul class="thumbnails">{made}</ul>'
    )


def added_summary(added: dict[str, Added]) -> str:
    """Describes what became of the added pictures, by the names of their classes."""
    sentences = [
        f"{pictures(len(each.added))} added to {name}."
        for name, each in added.items()
        if each.added
    ]
    known = [name for each in added.values() for name, _ in each.duplicates]
    if known:
        sentences.append(f"{_named(known)} {_was(known)} there already.")
    elsewhere: dict[str, list[str]] = {}
    for each in added.values():
        for name, other in each.elsewhere:
            elsewhere.setdefault(other, []).append(name)
    sentences += [
        f"Careful: {_named(names)} {'is' if len(names) == 1 else 'are'} in {other} too."
        for other, names in elsewhere.items()
    ]
    refused = [sentence for each in added.values() for _, sentence in each.refused]
    if refused:
        count = "1 file" if len(refused) == 1 else f"{len(refused)} files"
        more = f" And {len(refused) - MAX_NAMED} more." if len(refused) > MAX_NAMED else ""
        reasons = " ".join(dict.fromkeys(refused[:MAX_NAMED]))
        sentences.append(f"{count} could not be used: {reasons}{more}")
    return message(" ".join(sentences), wrong=bool(refused or elsewhere))


def _named(names: Sequence[str]) -> str:
    """Names a single picture, and counts several."""
    return names[0] if len(names) == 1 else pictures(len(names))


def _was(names: Sequence[str]) -> str:
    return "was" if len(names) == 1 else "were"


def message(sentence: str, wrong: bool = False) -> str:
    """Renders a message about the last action; empty if there is none."""
    kind = "happened wrong" if wrong else "happened"
    return f'<p class="{kind}" role="status">{escape(sentence)}</p>' if sentence else ""


def progress(what: str, status: Status) -> str:
    """Renders a job's progress."""
    total = status.total or 0
    part = 100 * status.done / max(1, total)
    of = f": {status.done:,} of {total:,}" if total else "…"
    return (
        f'<div class="going" role="progressbar" aria-label="{escape(what)}" '
        f'aria-valuenow="{part:.0f}" aria-valuemin="0" aria-valuemax="100">'
        f'<p>{escape(what)}{of}</p><i class="track"><i style="width:{part:.1f}%"></i></i></div>'
    )


# Teaching


def state(project: Project | None) -> str:
    """Renders what prevents the project from being taught, or taught well; or that it is ready."""
    if project is None:
        return html.panel("Not yet", "First it needs pictures of two things or more.", "ready")
    found = problems(project)
    items = "".join(
        f'<li class="{"blocks" if problem.blocks else "advice"}">'
        f"<b>{'Needed' if problem.blocks else 'Better'}</b> {escape(problem.sentence)}</li>"
        for problem in found
    )
    count = f"{pictures(project.count).capitalize()} in {_classes(len(project.classes))}"
    listed = f'<ul class="problems">{items}</ul>' if items else ""
    blocked = any(problem.blocks for problem in found)
    ready = ": taught" if project.head else "" if blocked else ": it can be taught"
    again = "Something has changed since it was taught. " if project.stale and not blocked else ""
    return f'<section class="panel ready"><p>{again}{count}{ready}.</p>{listed}</section>'


def _classes(number: int) -> str:
    return "1 class" if number == 1 else f"{number} classes"


# Use


def before_asking(project: Project | None) -> str:
    """Renders what is displayed until there is an answer."""
    if project is None or not (project.head or project.stale):
        return NOTHING_TAUGHT
    return STALE if project.stale else NO_PICTURE


def verdict(answer: TaughtVerdict, head: TaughtHead, live: bool = False) -> str:
    """Renders the answer as bars, below *none of these* if so; with *Why?* unless it is live."""
    winner = answer.classes[0].label
    if answer.none:
        title = "None of these"
        notice = (
            '<p class="notice">It is unlike every picture that was taught. Below is what it would '
            "be taken for.</p>"
        )
    else:
        title, notice = winner, ""
    why = "" if live else '<button data-press="taught" aria-label="Why? Your own">Why?</button>'
    return f"""
<article class="card taught{" none" if answer.none else ""}" aria-label="Your own">
  <p class="winner">{escape(title)}</p>{notice}
  <div class="bars">{html.bars(answer.classes)}</div>
  <footer><span>{answer.milliseconds:.0f} ms</span>{why}</footer>
</article>
<p class="offer">Probabilities are calibrated on the pictures it was taught. <em>None of these</em>
is said of a picture that is less similar to all of them than they are to each other; that turns
away {percent(head.rejection_rate) if head.rejection_rate else "none"} of them.</p>"""


# Saving


def opened(name: str, project: Project, notes: Sequence[str]) -> str:
    """Describes what was opened, and what was left out."""
    count = f"{pictures(project.count)} in {_classes(len(project.classes))}"
    return message(" ".join([f"{name} is open again: {count}.", *notes]), wrong=bool(notes))


def exported(form: str, file: Path) -> str:
    """Reports that a network was exported, with its size."""
    size = file.stat().st_size / 1e6
    return message(f"{form}: checked, and on its way as {file.name} ({size:.0f} MB).")
