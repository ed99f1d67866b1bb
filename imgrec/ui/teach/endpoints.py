"""Teaching by program: the functions of the tab as endpoints."""

from pathlib import Path
from typing import Any

import gradio as gr

from imgrec.errors import TeachError
from imgrec.teaching import classifier, export, project_file, project_parts
from imgrec.teaching.checks import problems
from imgrec.teaching.classifier import EvaluatedPicture, TaughtHead
from imgrec.teaching.project import Project
from imgrec.teaching.project_parts import Settings
from imgrec.teaching.store import projects
from imgrec.teaching.train import teach_project
from imgrec.ui.access.uploaded_files import uploaded_file
from imgrec.ui.components.errors import as_gradio_error
from imgrec.ui.components.picture import Source, open_source
from imgrec.ui.teach import sessions, uploads
from imgrec.ui.teach.predict import head_of

File = dict[str, Any] | None  # an upload, as gradio describes it
LISTENING: dict[str, Any] = {"preprocess": False, "concurrency_limit": None}


@as_gradio_error
def teach_new() -> dict[str, Any]:
    """Starts a project for a visitor's own pictures: `{"token"}`, which the other endpoints need.

    Whoever has the token has the project. It is deleted some hours after it was last used.
    """
    return {"token": projects.create()}


@as_gradio_error
def teach_add(token: str, class_name: str, file: File) -> dict[str, Any]:
    """Adds a picture, or a zip of pictures, to a class, which is created if it does not exist.

    With an empty `class_name`, a zip's folders name the classes. Returns `{"classes": {name:
    {"pictures", "added", "duplicates", "elsewhere", "refused"}}}`: the number of pictures that each
    class has now, and the names of those that were added, were already there, are in another class
    too (`[name, class]`), or could not be used (`[name, reason]`).
    """
    project = projects.get(token)
    upload = _uploaded(file)
    key = 0
    if class_name:
        named = project_parts.class_name(class_name)
        if named not in project.class_names:
            project.add_class(named)
        key = project.classes[project.class_names.index(named)].key
    found = uploads.add_uploads(project, [upload], key)
    outcomes = {
        name: {
            "added": [picture.name for picture in each.added],
            "duplicates": [known for known, _ in each.duplicates],
            "elsewhere": [list(pair) for pair in each.elsewhere],
            "refused": [list(pair) for pair in each.refused],
        }
        for name, each in found.items()
    }
    counts = {each.name: len(each.pictures) for each in project.classes}
    return {
        "classes": {
            name: {"pictures": count, **outcomes.get(name, {})} for name, count in counts.items()
        }
    }


def _uploaded(file: File) -> tuple[str, str]:
    """Returns the file's name and path. Raises TeachError or UploadError."""
    if not file:
        raise TeachError("There is no file; send a picture, or a zip of pictures.")
    path = uploaded_file(file)
    return file.get("orig_name") or path.name, str(path)


@as_gradio_error
def teach_train(token: str, augment: bool = False) -> dict[str, Any]:
    """Trains the project's classifier; with `augment`, on mirrored and cropped copies too.

    Returns `{"classes", "pictures", "accuracy", "low", "high", "in_words", "caution", "recall",
    "confusion", "wrong", "unsure", "folds", "repeats", "turned_away", "seconds", "problems"}`. All
    figures are cross-validated, on held-out pictures; `caution` is a sentence on what may bias them
    upwards, if anything does; `low` to `high` is the accuracy's 95% interval, `turned_away` the
    share of its own pictures that the classifier rejects as none of these classes.
    """
    project = projects.get(token)
    project.configure(Settings(augment, project.settings.seed))
    found = problems(project)
    for problem in found:
        if problem.blocks:
            raise TeachError(problem.sentence)
    project.extract()
    head = teach_project(project)
    return {**figures(project, head), "problems": [problem.sentence for problem in found]}


def figures(project: Project, head: TaughtHead) -> dict[str, Any]:
    """Returns a head's measured figures as JSON, in the format of the endpoint."""
    measured = head.cross_validation
    names = {picture.id: picture.name for each in project.classes for picture in each.pictures}

    def as_json(each: EvaluatedPicture) -> dict[str, Any]:
        right, guessed = (head.class_names[place] for place in (each.right, each.guessed))
        name = names.get(each.picture, "")  # it may have been removed meanwhile
        return {"file": name, "class": right, "guessed": guessed, "probability": each.probability}

    return {
        "classes": list(head.class_names),
        "pictures": measured.pictures,
        "accuracy": measured.accuracy,
        "low": measured.low,
        "high": measured.high,
        "in_words": measured.in_words,
        "caution": measured.caution,
        "recall": dict(zip(head.class_names, measured.recall, strict=True)),
        "confusion": [list(row) for row in measured.confusion],
        "wrong": [as_json(each) for each in measured.wrong],
        "unsure": [as_json(each) for each in measured.unsure],
        "folds": measured.folds,
        "repeats": measured.repeats,
        "turned_away": head.rejection_rate,
        "seconds": round(head.seconds, 3),
    }


@as_gradio_error
def teach_ask(token: str, source: Source) -> dict[str, Any]:
    """Classifies a picture with the taught classes.

    Returns `{"file", "classes": [{"label", "probability"}], "none_of_these", "similarity",
    "milliseconds"}`: all classes, most probable first, calibrated; `none_of_these` is true if the
    picture is unlike everything that was taught.
    """
    head = head_of(token)
    if source is None:
        raise TeachError("There is no picture; send one.")
    image, name = open_source(source)
    return {"file": name, **classifier.answer_picture(head, image).as_json()}


@as_gradio_error
def teach_save(
    token: str,
    form: str = "project",
    request: gr.Request = None,  # type: ignore[assignment]
) -> tuple[dict[str, Any], str]:
    """Saves the project as a zip, or exports the taught network for other programs.

    `form` is project, keras, tflite or saved_model. Returns `{"file", "bytes"}`, then the file.
    `/teach_open` opens a project's zip again.
    """
    project = sessions.project_of(token, request)
    if form == "project":
        made = project_file.write_project(project, project.folder / sessions.PROJECT_FILE)
    elif form in export.KINDS:
        made = export.export_project(form, project)
    else:
        forms = ", ".join(("project", *export.KINDS))
        raise TeachError(f"There is no such form; choose one of {forms}.")
    file = sessions.publish_download(made, token)
    return {"file": Path(file).name, "bytes": Path(file).stat().st_size}, file


@as_gradio_error
def teach_open(file: File) -> dict[str, Any]:
    """Opens a project's zip: `{"token", "classes": {name: pictures}, "taught", "notes"}`.

    `notes` are sentences about what could not be used.
    """
    _, path = _uploaded(file)
    notes: list[str] = []
    project = project_file.read_project(Path(path), notes.append)
    return {
        "token": sessions.store_project(project),
        "classes": {each.name: len(each.pictures) for each in project.classes},
        "taught": project.head is not None,
        "notes": notes,
    }


def offer_endpoints() -> None:
    """Offers the endpoints to programs; they are invisible on the page."""
    gr.api(teach_new)
    gr.api(teach_train, concurrency_limit=None)
    token = gr.Textbox(label="Token", visible=False)
    name = gr.Textbox(label="Class", visible=False)
    form = gr.Textbox("project", label="Form", visible=False)
    file, answer = gr.File(label="File", visible=False), gr.JSON(visible=False)
    picture, made = gr.Image(label="Picture", visible=False), gr.File(visible=False)
    button = gr.Button(visible=False)
    button.click(teach_add, [token, name, file], answer, api_name="teach_add", **LISTENING)
    button.click(teach_save, [token, form], [answer, made], api_name="teach_save", **LISTENING)
    button.click(teach_open, file, answer, api_name="teach_open", **LISTENING)
    button.click(
        teach_ask,
        [token, picture],
        answer,
        preprocess=False,
        api_name="teach_ask",
        concurrency_id="predict",
    )
