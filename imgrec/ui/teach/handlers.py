"""Handlers for what visitors do to their project on the page, and the view that follows."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr

from imgrec.background_job import Report, Work
from imgrec.errors import ImgrecError, TeachError
from imgrec.files.display_names import displayable_name
from imgrec.teaching import project_file
from imgrec.teaching.built_in_pictures import add_built_in
from imgrec.teaching.checks import problems
from imgrec.teaching.project import MAX_PICTURES, MIN_CLASSES, Project
from imgrec.teaching.project_parts import Added, Settings, TaughtClass
from imgrec.teaching.store import projects
from imgrec.teaching.train import teach_project
from imgrec.ui.components.html_buttons import pressed
from imgrec.ui.components.upload_zone import Upload, into, uploaded
from imgrec.ui.teach import html, sessions, texts, uploads

EXAMPLES = {"easy": ("dog", "ship", "truck"), "hard": ("cat", "dog")}  # built-in classes


class View(NamedTuple):
    """The components that display the project; `view` updates them."""

    token: gr.BrowserState
    chosen: gr.State  # the chosen class's key
    classes: gr.HTML
    head: gr.HTML
    message: gr.HTML
    tiles: gr.HTML
    state: gr.HTML
    augment: gr.Checkbox
    teach: gr.Button
    accuracy: gr.HTML
    report: gr.HTML
    answer: gr.HTML
    keep: gr.Button
    export: gr.Row


class JobStatus(NamedTuple):
    """The components that display a running job."""

    progress: gr.HTML
    stop: gr.Button


NO_JOB = ["", gr.Button(visible=False)]


def view(
    token: str, chosen: int, message: str = "", *, removing: bool = False, new: bool = False
) -> list[Any]:
    """Returns updates of all parts of a View; `chosen` is a class's key, by default the first's.

    `removing` asks whether to remove the chosen class, `new` makes its name editable.
    """
    try:
        project = projects.get(token) if token else None
    except TeachError as error:
        token, project, message = "", None, message or html.message(error, wrong=True)
    each = _class(project, chosen)
    head = project.head if project else None
    return [
        token or "",
        each.key if each else 0,
        html.classes(project, each.key if each else 0),
        html.chosen_class(each, removing, new),
        message,
        html.tiles(project, each),
        html.state(project),
        project.settings.augment if project else False,
        teach_button(project),
        html.accuracy_panel(head),
        html.report(project),
        gr.skip() if head else html.before_asking(project),
        gr.Button(texts.DOWNLOAD, interactive=bool(project and project.count)),
        gr.Row(visible=head is not None),
    ]


def teach_button(project: Project | None) -> gr.Button:
    """Updates the button, which is enabled if nothing prevents the project from being taught."""
    able = project is not None and not any(each.blocks for each in problems(project))
    again = project is not None and (project.head or project.stale)
    label = texts.TEACH_AGAIN if again else texts.TEACH
    return gr.Button(label, variant="primary", size="lg", interactive=able)


def _new_class(project: Project, name: str = "") -> TaughtClass:
    index = project.add_class(name)
    return project.classes[index]


def _class(project: Project | None, key: int) -> TaughtClass | None:
    """Returns the class of that key, or the first; None if there is no class."""
    classes = project.classes if project else ()
    return next((each for each in classes if each.key == key), classes[0] if classes else None)


def look(token: str, chosen: int, request: gr.Request) -> list[Any]:
    """Returns the current view, for example after a reload."""
    with contextlib.suppress(TeachError):  # `view` reports that it is gone
        if token:
            sessions.project_of(token, request)
    return view(token, chosen)


def look_again(token: str, chosen: int) -> list[Any]:
    """Returns the view after a job, with the message kept and the class chosen in the meantime."""
    shown = view(token, chosen)
    place = View._fields.index("message")
    return [*shown[:place], shown[place] or gr.skip(), *shown[place + 1 :]]


# Classes and single pictures


def press(token: str, chosen: int, event: gr.EventData, request: gr.Request) -> list[Any]:
    """Performs the pressed button's action, whose argument follows a colon."""
    try:
        action, _, value = pressed(event).partition(":")
        if action in ("choose", "remove", "keep"):
            key = _key(value) if value else chosen
            return view(token, key, removing=action == "remove")
        token, project = _project(token, request)
        return _apply_action(token, project, chosen, action, value)
    except ImgrecError as error:
        return view(token, chosen, html.message(error, wrong=True))


def _apply_action(token: str, project: Project, chosen: int, action: str, value: str) -> list[Any]:
    """Applies an action that changes the project, and returns the view. Raises TeachError."""
    match action:
        case "example":
            for name in EXAMPLES.get(value, ()):
                add_built_in(project, project.add_class(name), name)
            return view(token, 0)
        case "begin":
            for _ in range(MIN_CLASSES):
                project.add_class()
            return view(token, 0, new=True)
        case "add":
            return view(token, _new_class(project).key, new=True)
        case "removed":
            project.remove_class(uploads.index_of(project, _key(value)))
            return view(token, 0)
        case "picture":
            project.remove(uploads.index_of(project, chosen), value)
            return view(token, chosen)
        case "built-in":
            each = _class(project, chosen) or _new_class(project, value)
            added = add_built_in(project, uploads.index_of(project, each.key), value)
            return view(token, each.key, html.added_summary({each.name: added}))
    raise TeachError(texts.NO_SUCH_BUTTON)


def rename(token: str, event: gr.EventData, request: gr.Request) -> str:
    """Renames a class to the name in its field; returns the error message, if any."""
    data = event._data if isinstance(event._data, dict) else {}
    try:
        project = sessions.project_of(token, request)
        project.rename(uploads.index_of(project, _key(data.get("key"))), data.get("value", ""))
    except ImgrecError as error:
        return html.message(error, wrong=True)
    return ""


def _key(text: Any) -> int:
    """Parses a class's key from a button. Raises TeachError if it is not one."""
    if not (isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 10):
        raise TeachError(texts.NO_SUCH_CLASS)
    return int(text)


def _project(token: str, request: gr.Request) -> tuple[str, Project]:
    """Returns the visitor's token and project, a new one if they have none. Raises TeachError."""
    if token:
        return token, sessions.project_of(token, request)
    token = sessions.start_project(request)
    return token, projects.get(token)


# Files


def take(token: str, chosen: int, event: gr.EventData, request: gr.Request) -> Iterator[list[Any]]:
    """Adds uploaded files, or opens a project in place of the current one.

    Yields the token and a message: the progress, then what became of the files.
    """
    try:
        files = uploaded(event, MAX_PICTURES)
        if uploads.is_project(files):
            yield from _opening(token, files[0], request)
            return
        token, project = _project(token, request)
        target = into(event)
        yield from _adding(token, project, files, _key(target) if target else chosen, request)
    except ImgrecError as error:
        yield [token, html.message(error, wrong=True)]


def _adding(
    token: str, project: Project, files: list[Upload], key: int, request: gr.Request
) -> Iterator[list[Any]]:
    found: list[dict[str, Added]] = []

    def work(report: Report, cancelled: Callable[[], bool]) -> None:
        found.append(
            uploads.add_uploads(project, files, key, _progress_reporter(report), cancelled)
        )

    for status in sessions.run_job(work, request):
        yield [token, html.progress(texts.TAKING_IN, status)]
    yield [token, html.added_summary(found[0])]


def _opening(token: str, file: Upload, request: gr.Request) -> Iterator[list[Any]]:
    name, path = file
    opened: list[Project] = []
    notes: list[str] = []

    def work(report: Report, cancelled: Callable[[], bool]) -> None:
        opened.append(
            project_file.read_project(
                Path(path), notes.append, _progress_reporter(report), cancelled
            )
        )

    for status in sessions.run_job(work, request):
        yield [token, html.progress(texts.OPENING, status)]
    (project,) = opened
    message = html.opened(displayable_name(name), project, notes)
    yield [sessions.start_project(request, project), message]


def _progress_reporter(report: Report, what: str = "") -> Callable[[int, int], None]:
    """Returns a callback that takes the number of items done and their total."""
    return lambda done, total: report(what, done, total)


# Teaching


def see(token: str, request: gr.Request) -> Iterator[list[Any]]:
    """Extracts VGG16's features of new pictures, with progress."""
    try:
        project = sessions.project_of(token, request) if token else None
        if project is None or not project.missing_features():
            yield [gr.skip(), gr.skip()]
            return
        for status in sessions.run_job(_extraction(project), request):
            yield [html.progress(status.what, status), gr.Button(visible=True)]
        yield NO_JOB
    except ImgrecError as error:
        yield [html.message(error, wrong=True), gr.Button(visible=False)]


def _extraction(project: Project) -> Work:
    def work(report: Report, cancelled: Callable[[], bool]) -> None:
        project.extract(_progress_reporter(report, texts.EXTRACTING), cancelled)

    return work


def configure(token: str, chosen: int, augment: bool, request: gr.Request) -> list[Any]:
    """Turns the augmented copies on or off."""
    try:
        token, project = _project(token, request)
        project.configure(Settings(augment, project.settings.seed))
        return view(token, chosen)
    except ImgrecError as error:
        return view(token, chosen, html.message(error, wrong=True))


def teach(token: str, version: int, request: gr.Request) -> Iterator[list[Any]]:
    """Trains the project's classifier; yields the version and the progress."""
    try:
        project = sessions.project_of(token, request)
        extract = _extraction(project)

        def work(report: Report, cancelled: Callable[[], bool]) -> None:
            extract(report, cancelled)
            teach_project(project, _progress_reporter(report, texts.LEARNING))

        for status in sessions.run_job(work, request):
            progress = html.progress(status.what or texts.BEGINNING, status)
            yield [version, progress, gr.Button(visible=True)]
        yield [version + 1, *NO_JOB]
    except ImgrecError as error:
        yield [version, html.message(error, wrong=True), gr.Button(visible=False)]
