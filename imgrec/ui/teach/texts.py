"""The texts of the tab that are not in its templates."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from imgrec.teaching.project import MAX_CLASSES, MAX_PICTURES, Project
from imgrec.teaching.project_parts import Added
from imgrec.teaching.store import IDLE_SECONDS
from imgrec.ui.components.formatting import counted

# Headings, labels and buttons
STEPS = ("Pictures", "Teach", "Use")
ZONE = "Drop pictures here, or paste them"
ZONE_NOTE = (
    "A folder or zip with sub-folders makes a class of each. A downloaded project opens again. "
    f"Up to {MAX_CLASSES} classes and {MAX_PICTURES} pictures."
)
COPIES = "Learn from altered copies too"
COPIES_INFO = (
    "Each picture mirrored, and cut closer in four ways. Slower; may help where there are few."
)
TEACH, TEACH_AGAIN, STOP = "Teach it", "Teach it again", "Stop"
KEEP = "Keep it"
DOWNLOAD = "Download the project"

# Panels: a title and a sentence
NOT_YET = ("Not yet", "First it needs pictures of two things or more.")
NOTHING_TAUGHT = (
    "Nothing to ask yet",
    "Once it has been taught, show it a picture that it has never seen.",
)
NO_PICTURE = ("What is it?", "Drop a picture that it has never seen, or start the webcam.")
STALE = (
    "Teach it again",
    "The pictures have changed since it was taught; the answers wait for that.",
)

# Beside the progress bars
TAKING_IN = "Taking the pictures in"
OPENING = "Opening the project"
EXTRACTING = "The network looks at the pictures"
LEARNING = "It learns"
BEGINNING = "It begins"

# Keeping
KEEP_PROJECT = (
    "One zip with your pictures, the classes and what was learnt: drop it into step 1, today or "
    "next year, and all is back. Photos keep in it what the camera wrote into them, such as the "
    "place. Nobody else sees your pictures. Here the project goes "
    f"{IDLE_SECONDS // 60} minutes after you leave the page, and what you uploaded after about a "
    "day."
)
KEEP_EXPORT = (
    "The whole network for other programs, as soon as it is taught: it is checked against the "
    "answers here, and comes with a short example that runs."
)

# Errors
NO_SUCH_BUTTON = "There is no such button here; press one of the page."
NO_SUCH_CLASS = "There is no such class any more; choose another one."
PICTURES_CHANGED = "The pictures have changed since it was taught; teach it again."
NOT_TAUGHT = "Nothing is taught yet; teach it first."
NO_PICTURES_IN_IT = "There is no picture in it; choose another folder or zip."

MAX_NAMED = 3  # file names in a sentence


def what_was_added(added: Mapping[str, Added]) -> str:
    """Describes what became of the added pictures, by the names of their classes."""
    sentences = [
        f"{counted(len(each.added), 'picture')} added to {name}."
        for name, each in added.items()
        if each.added
    ]
    known = [name for each in added.values() for name, _ in each.duplicates]
    if known:
        was = "was" if len(known) == 1 else "were"
        sentences.append(f"{_named(known)} {was} there already.")
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
        more = f" And {len(refused) - MAX_NAMED} more." if len(refused) > MAX_NAMED else ""
        reasons = " ".join(dict.fromkeys(refused[:MAX_NAMED]))
        sentences.append(f"{counted(len(refused), 'file')} could not be used: {reasons}{more}")
    return " ".join(sentences)


def _named(names: Sequence[str]) -> str:
    """Names a single picture, and counts several."""
    return names[0] if len(names) == 1 else counted(len(names), "picture")


def pictures_in_classes(project: Project) -> str:
    """Counts the project's pictures and classes."""
    classes = len(project.classes)
    return f"{counted(project.count, 'picture')} in {classes} class{'' if classes == 1 else 'es'}"


def opened(name: str, project: Project, notes: Sequence[str]) -> str:
    """Describes what was opened, and what was left out."""
    return " ".join([f"{name} is open again: {pictures_in_classes(project)}.", *notes])


def exported(form: str, file: Path) -> str:
    """Reports that a network was exported, with its size."""
    size = file.stat().st_size / 1e6
    return f"{form}: checked, and on its way as {file.name} ({size:.0f} MB)."
