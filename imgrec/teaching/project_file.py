"""Saves a project as a zip of pictures, classes, settings and head, and loads it again.

    project.json            classes with their pictures, settings, and the head's figures
    pictures/<id>.<ext>     each picture once, as the project stores it
    head.npz                the head's arrays, if there is a head; read without pickle

A zip may come from anyone. It is read member by member and never unpacked; anything that deviates
from this layout is refused.
"""

import io
import json
import re
import stat
import threading
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from pydantic import AfterValidator
from pydantic_core import from_json

from imgrec.errors import DataError, ImageError, ModelError, TeachError
from imgrec.files import atomic, zips
from imgrec.files.display_names import displayable_name
from imgrec.teaching import classifier
from imgrec.teaching import project as teaching_project
from imgrec.teaching.pictures import STORED_UNCHANGED
from imgrec.teaching.project import Project
from imgrec.teaching.project_parts import (
    Array,
    FromFile,
    Picture,
    Settings,
    TaughtClass,
    class_name,
)

VERSION = 1
PROJECT, HEAD, PICTURES = "project.json", "head.npz", "pictures/"

MAX_JSON = 2 * 2**20  # bytes; 600 pictures take about 100 kB
MAX_HEAD = 4 * 2**20  # bytes; a head of 600 pictures and 20 classes has 1.3 MB
MAX_PICTURE = 4 * 2**20  # bytes; an uncompressed picture of STORED_SIDE has 3.1 MB
MAX_FILES = teaching_project.MAX_PICTURES + 2
MAGIC_BYTES = {extension: start for start, extension in STORED_UNCHANGED}
HEAD_KEYS = {"sha256", *classifier.FILE_KEYS.values()}
PICTURE_FILE = re.compile(r"pictures/[0-9a-f]{64}\.(jpg|png|webp)", re.ASCII)

Progress = Callable[[int, int], None]  # receives the number of pictures done and the total


class _Zip(NamedTuple):
    """An open zip whose members are all valid parts of a project."""

    name: str  # sanitised for display
    archive: zipfile.ZipFile
    members: dict[str, zipfile.ZipInfo]


# project.json


class _Listed(FromFile):
    name: str
    file: str  # in the zip
    sha256: str  # of that file's bytes


class _Class(FromFile):
    name: Annotated[str, AfterValidator(class_name)]
    pictures: Array[_Listed]


class _Settings(FromFile):
    augment: bool = Settings.augment
    seed: int = Settings.seed


def _known_keys(head: dict[str, Any]) -> dict[str, Any]:
    if not head.keys() <= HEAD_KEYS:
        raise ValueError("the head has other keys")
    return head


class _Content(FromFile):
    program: Literal["imgrec"]
    version: int
    classes: Array[_Class]
    settings: _Settings
    # Invalid figures are no reason to refuse the pictures: `head_from_arrays` judges them.
    head: Annotated[dict[str, Any], AfterValidator(_known_keys)] | None


LEFT_OUT = "The classifier in this project was left out, because {}; teach it again."

# Writing


def write_project(project: Project, to: Path) -> Path:
    """Writes the project to the zip `to`, under a temporary name first, and returns the path.

    Raises TeachError if the project is closed or changed meanwhile, or the disk is full.
    """
    with project.lock:
        classes, settings, head = project.classes, project.settings, project.head
        files = {id: project.path(id) for each in classes for id in each.ids()}
    temporary = to.with_name(f".{to.name}.{threading.get_ident()}.tmp")  # a second click may come
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            digests = {id: _put_picture(archive, file) for id, file in files.items()}
            written = None
            if head is not None:
                arrays, figures = classifier.head_to_arrays(head)
                content = atomic.pack(arrays)
                _put(archive, HEAD, content)
                written = {"sha256": atomic.sha256(content), **figures}
            described = _described(classes, settings, files, digests, written)
            text = json.dumps(described, indent=1, ensure_ascii=False).encode()
            _put(archive, PROJECT, text, zipfile.ZIP_DEFLATED)
        temporary.replace(to)
    except OSError as error:
        raise TeachError(
            f"The project could not be written ({error.strerror}); if you changed it just now, try "
            "again."
        ) from error
    finally:
        temporary.unlink(missing_ok=True)
    return to


def _put_picture(archive: zipfile.ZipFile, file: Path) -> str:
    """Adds a picture to the zip and returns its SHA-256."""
    content = file.read_bytes()
    _put(archive, PICTURES + file.name, content)
    return atomic.sha256(content)


def _put(archive: zipfile.ZipFile, name: str, content: bytes, packing: int = 0) -> None:
    """Adds bytes to the zip with a fixed date, so that equal projects give equal files."""
    archive.writestr(zipfile.ZipInfo(name), content, packing)


def _described(
    classes: Sequence[TaughtClass],
    settings: Settings,
    files: Mapping[str, Path],
    digests: Mapping[str, str],
    head: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """Returns the content of project.json; `_content_of` is the inverse."""

    def listed(picture: Picture) -> dict[str, str]:
        file = PICTURES + files[picture.id].name
        return {"name": picture.name, "file": file, "sha256": digests[picture.id]}

    return {
        "program": "imgrec",
        "version": VERSION,
        "classes": [
            {"name": each.name, "pictures": [listed(picture) for picture in each.pictures]}
            for each in classes
        ],
        "settings": asdict(settings),
        "head": head,
    }


# Reading


def read_project(
    file: Path,
    on_note: Callable[[str], None] = lambda sentence: None,
    on_progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Project:
    """Loads a new project from a zip, which need not come from `write_project`.

    A saved head predicts exactly as before; the pictures' features are yet to be extracted. A head
    that is damaged or doesn't fit is dropped, and `on_note` receives a sentence about it. Raises
    TeachError if the zip is not a project, CancelledError if `cancelled()` becomes true; nothing is
    left on disk in either case.
    """
    name = displayable_name(Path(file).name)
    project = None
    try:
        archive = zips.open_zip(Path(file), name, MAX_FILES)
        source = _Zip(name, archive, _members(archive, name))
        content = _content_of(source)
        _check_listed(content, source)
        arrays = _head_arrays(content, source, on_note)
        project = Project()
        ids = _fill(project, content, source, on_progress, cancelled)
        if content.head is not None and arrays is not None:
            _restore_head(project, content.head, arrays, ids, on_note)
        return project
    except BaseException as error:
        if project is not None:
            project.close()
        if isinstance(error, DataError | ImageError):
            raise TeachError(str(error)) from error
        raise


def _refused(name: str, why: str) -> TeachError:
    return TeachError(f"{name} can’t be opened: {why}; open a project that was downloaded here.")


def _members(archive: zipfile.ZipFile, name: str) -> dict[str, zipfile.ZipInfo]:
    """Returns the zip's members by name. Raises TeachError if any isn't part of a project."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        if info.filename == PICTURES:
            continue  # a folder entry, which other zip programs add
        if info.filename not in (PROJECT, HEAD) and not PICTURE_FILE.fullmatch(info.filename):
            shown = displayable_name(info.filename)
            raise _refused(name, f"“{shown}” in it is no part of a project")
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
            raise _refused(name, "it holds a link, or something else that is no file")
        if info.filename in members:
            raise _refused(name, "it holds two files of the same name")
        members[info.filename] = info
    if PROJECT not in members:
        raise _refused(name, f"it has no {PROJECT}, so it is no project")
    most = teaching_project.MAX_PROJECT_BYTES + MAX_JSON + MAX_HEAD
    if sum(info.file_size for info in members.values()) > most:
        raise _refused(name, f"unpacked, it has more than {most // 2**20} MB")
    return members


def _read(source: _Zip, member: str, max_bytes: int) -> bytes:
    """Reads a member. Raises TeachError if larger than `max_bytes`, ImageError if damaged."""
    called = f"“{displayable_name(member)}” in {source.name}"
    content = zips.read(source.archive, source.members[member], called, max_bytes)
    if len(content) > max_bytes:
        raise TeachError(f"{called} is too large; open a project that was downloaded here.")
    return content


def _content_of(source: _Zip) -> _Content:
    """Parses project.json. Raises TeachError if its content is invalid."""
    text = _read(source, PROJECT, MAX_JSON)
    try:
        content = _Content.model_validate(from_json(text, allow_inf_nan=False))
    except ValueError as error:  # pydantic's own text has many lines
        raise _refused(source.name, f"its {PROJECT} doesn’t say what it should") from error
    if content.version > VERSION:
        raise _refused(source.name, "a newer version of this program made it")
    return content


def _check_listed(content: _Content, source: _Zip) -> None:
    """Raises TeachError unless exactly the listed files exist, within a project's limits."""
    if len(content.classes) > teaching_project.MAX_CLASSES:
        raise _refused(source.name, f"it has more than {teaching_project.MAX_CLASSES} classes")
    listed = [picture.file for each in content.classes for picture in each.pictures]
    if len(listed) > teaching_project.MAX_PICTURES:
        raise _refused(source.name, f"it has more than {teaching_project.MAX_PICTURES} pictures")
    if not all(map(PICTURE_FILE.fullmatch, listed)):
        raise _refused(source.name, f"its {PROJECT} names something else than pictures")
    wanted = {PROJECT, *listed, *([HEAD] if content.head is not None else [])}
    for odd in sorted(wanted ^ source.members.keys()):
        shown = displayable_name(odd)
        how = "is missing" if odd in wanted else f"isn’t named in {PROJECT}"
        raise _refused(source.name, f"“{shown}” {how}")


def _fill(
    project: Project,
    content: _Content,
    source: _Zip,
    on_progress: Progress,
    cancelled: Callable[[], bool],
) -> dict[str, str]:
    """Fills an empty project with the settings, classes and pictures of a zip.

    Returns the new id for each id in the zip: another decoder version may decode a JPEG to slightly
    different pixels. Raises TeachError, ImageError or CancelledError.
    """
    project.configure(Settings(**dict(content.settings)))
    total = sum(len(each.pictures) for each in content.classes)
    ids: dict[str, str] = {}
    for each in content.classes:
        index = project.add_class(each.name)
        for listed in each.pictures:
            ids[Path(listed.file).stem] = _add(project, index, source, listed, cancelled)
            on_progress(project.count, total)
    return ids


def _add(
    project: Project, index: int, source: _Zip, listed: _Listed, cancelled: Callable[[], bool]
) -> str:
    """Adds a listed picture to a class and returns its id. Same exceptions as `_fill`.

    Refuses a picture that had to be reduced: no saved project has one, and many take too long.
    """
    told = project.add(
        index, [(listed.name, partial(_picture, source, listed))], cancelled=cancelled
    )
    shown = displayable_name(listed.name)
    if told.refused:
        raise _refused(source.name, told.refused[0][1].rstrip("."))
    if told.duplicates:
        raise _refused(source.name, f"the picture “{shown}” is twice in one class")
    (picture,) = told.added
    if project.path(picture.id).stat().st_size != source.members[listed.file].file_size:
        raise _refused(source.name, f"the picture “{shown}” is not as a project keeps it")
    return picture.id


def _picture(source: _Zip, listed: _Listed) -> bytes:
    """Reads a listed picture. Raises TeachError or ImageError if it doesn't match its entry."""
    content = _read(source, listed.file, MAX_PICTURE)
    start = MAGIC_BYTES[listed.file.rsplit(".", 1)[1]]
    if not content.startswith(start) or atomic.sha256(content) != listed.sha256:
        shown = displayable_name(listed.name)
        raise _refused(source.name, f"the picture “{shown}” was damaged or changed")
    return content


# The head


def _head_arrays(
    content: _Content, source: _Zip, on_note: Callable[[str], None]
) -> dict[str, np.ndarray] | None:
    """Reads the head's arrays; returns None if there is no head, or it doesn't fit (with a note).

    Raises TeachError if the file holds anything else, ImageError if it is damaged.
    """
    if content.head is None:
        return None
    written = _read(source, HEAD, MAX_HEAD)
    if atomic.sha256(written) != content.head.get("sha256"):
        on_note(LEFT_OUT.format("it was damaged or changed"))
        return None
    classes = len(content.classes)
    pictures = sum(len(each.pictures) for each in content.classes)
    shapes: dict[str, tuple[int, ...]] = {
        "kernel": (classifier.FEATURES, classes),
        "bias": (classes,),
        "known": (pictures, classifier.FEATURES),
    }
    try:
        inner = zipfile.ZipFile(io.BytesIO(written))
    except zips.ZIP_ERRORS as error:
        raise _refused(source.name, f"its {HEAD} is no file of arrays") from error
    if sorted(inner.namelist()) != sorted(f"{key}.npy" for key in shapes):
        raise _refused(source.name, f"its {HEAD} holds something else than a classifier")
    try:
        return {key: zips.read_array(inner, f"{key}.npy", shape) for key, shape in shapes.items()}
    except ValueError:
        on_note(LEFT_OUT.format("it doesn’t fit the classes and pictures"))
        return None


def _restore_head(
    project: Project,
    figures: Mapping[str, Any],
    arrays: Mapping[str, np.ndarray],
    ids: Mapping[str, str],
    on_note: Callable[[str], None],
) -> None:
    """Restores the project's head, or drops it with a note."""
    try:
        head = classifier.head_from_arrays(
            arrays, {key: value for key, value in figures.items() if key != "sha256"}
        )
    except ModelError as error:
        on_note(str(error))
        return
    if head.class_names != project.class_names:
        on_note(LEFT_OUT.format("it knows other classes"))
        return
    wrong, unsure = (
        tuple(each._replace(picture=ids.get(each.picture, each.picture)) for each in judged)
        for judged in (head.cross_validation.wrong, head.cross_validation.unsure)
    )
    honest = replace(head.cross_validation, wrong=wrong, unsure=unsure)
    project.keep_head(replace(head, cross_validation=honest))
