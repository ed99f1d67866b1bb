"""A visitor's uploads: files, folders and zips, sorted into classes by their folders."""

import functools
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from imgrec.data import label_names, labelled_images
from imgrec.errors import DataError, TeachError
from imgrec.files import zips
from imgrec.files.display_names import displayable_name
from imgrec.images.decode import MAX_BYTES
from imgrec.teaching import project_file
from imgrec.teaching.project import MAX_PICTURES, PictureSource, Project
from imgrec.teaching.project_parts import Added, class_name
from imgrec.ui.components.upload_zone import Upload
from imgrec.ui.teach import texts

UNNAMED = re.compile(r"Class \d+")  # the project's name for a class without a name of its own


class Batch(NamedTuple):
    """Pictures for one class."""

    folder: str  # that names the class; empty for the chosen class
    pictures: list[tuple[str, PictureSource]]  # a name and a function that reads the picture


class _File(NamedTuple):
    folders: tuple[str, ...]
    name: str
    given: PictureSource


def is_project(files: Sequence[Upload]) -> bool:
    """Returns whether the upload is one zip with a project. Raises DataError for an invalid zip."""
    if len(files) != 1 or not _is_zip(files[0][0]):
        return False
    name, path = files[0]
    archive = zips.open_zip(Path(path), displayable_name(name), labelled_images.MAX_ZIP_FILES)
    return project_file.PROJECT in archive.namelist()


def batches(files: Sequence[Upload]) -> tuple[list[Batch], str]:
    """Returns the files by class, and the name of the folder or zip around all of them, if any.

    Folders side by side make a class each; a folder around everything is ignored. Files without
    a folder of their own are for the chosen class. Raises DataError for an invalid zip, or if there
    is no file.
    """
    everything = [file for upload in files for file in _expanded(upload)]
    # Other files beside pictures make no class; alone, they are refused with a reason.
    found = [file for file in everything if not file.name.lower().endswith(label_names.NO_PICTURES)]
    found = found or everything
    if not found:
        raise DataError(texts.NO_PICTURES_IN_IT)
    around = _common([file.folders for file in found])
    by_class: dict[str, list[tuple[str, PictureSource]]] = {}
    for file in found:
        inside = file.folders[len(around) :]
        by_class.setdefault(inside[0] if inside else "", []).append((file.name, file.given))
    zips = [Path(name).stem for name, _ in files if _is_zip(name)]
    outer = around[-1] if around else (zips[0] if len(files) == 1 and zips else "")
    return [Batch(name, pictures) for name, pictures in sorted(by_class.items())], outer


def _is_zip(name: str) -> bool:
    return name.lower().endswith(".zip")


def _expanded(upload: Upload) -> Iterator[_File]:
    """Yields the file itself, or a zip's content without the files that systems put in folders."""
    name, path = upload
    if not _is_zip(name):
        yield from _named(name, lambda _: Path(path))
        return
    archive = zips.open_zip(Path(path), displayable_name(name), labelled_images.MAX_ZIP_FILES)
    members = zips.files(archive)
    if len(members) > 2 * MAX_PICTURES:
        raise DataError(
            f"{displayable_name(name)} holds {len(members):,} files, and a project at most "
            f"{MAX_PICTURES} pictures; make it smaller."
        )
    for info in members:
        read = functools.partial(zips.read, archive, info)
        yield from _named(info.filename, lambda shown, read=read: lambda: read(shown, MAX_BYTES))  # type: ignore[misc]


def _named(path: str, given: Callable[[str], PictureSource]) -> Iterator[_File]:
    """Yields the file at that path, unless it or one of its folders is to be ignored."""
    parts = tuple(part for part in re.split(r"[/\\]", path) if part)
    if parts and not any(
        part.startswith(".") or part.casefold() in label_names.JUNK for part in parts
    ):
        name = displayable_name(parts[-1])
        yield _File(parts[:-1], name, given(name))


def _common(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Returns the common prefix of the paths."""
    together = zip(*paths, strict=False)
    same = itertools.takewhile(lambda parts: len(set(parts)) == 1, together)
    return tuple(parts[0] for parts in same)


def add_uploads(
    project: Project,
    files: Sequence[Upload],
    key: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> dict[str, Added]:
    """Adds the uploads; files that no folder names go to the class of that key, or to a new one.

    Returns what became of the pictures, by the names of their classes. Raises DataError or
    TeachError, and CancelledError like `Project.add`.
    """
    sorted_in, outer = batches(files)
    total = sum(len(batch.pictures) for batch in sorted_in)
    found: dict[str, Added] = {}
    done = 0
    if all(batch.folder for batch in sorted_in):
        _remove_unused(project)
    for batch in sorted_in:
        named = batch.folder
        index = _class_of(project, named) if named else _chosen(project, key, outer)
        key = project.classes[index].key
        before = done
        added = project.add(
            index,
            batch.pictures,
            lambda count, _, before=before: on_progress(before + count, total),  # type: ignore[misc]
            cancelled,
        )
        done += len(batch.pictures)
        found[project.classes[index_of(project, key)].name] = added
    return found


def index_of(project: Project, key: int) -> int:
    """Returns the index of the class of that key. Raises TeachError if it no longer exists."""
    for index, each in enumerate(project.classes):
        if each.key == key:
            return index
    raise TeachError(texts.NO_SUCH_CLASS)


def _remove_unused(project: Project) -> None:
    """Removes classes that have neither a name nor pictures."""
    for each in project.classes:
        if not each.pictures and UNNAMED.fullmatch(each.name):
            project.remove_class(index_of(project, each.key))


def _chosen(project: Project, key: int, outer: str) -> int:
    """Returns the class of that key; without name and pictures, it gets the outer folder's name."""
    if not project.classes:
        return _class_of(project, outer) if outer else project.add_class()
    index = index_of(project, key)
    each = project.classes[index]
    if outer and not each.pictures and UNNAMED.fullmatch(each.name):
        name = _class_name(outer)
        if name.casefold() not in (other.casefold() for other in project.class_names):
            project.rename(index, name)
    return index


def _class_of(project: Project, folder: str) -> int:
    """Returns the class of that name, which is created if it does not exist."""
    name = _class_name(folder)
    for index, each in enumerate(project.classes):
        if each.name.casefold() == name.casefold():
            return index
    return project.add_class(name)


def _class_name(folder: str) -> str:
    """Returns a folder's name as the name of a class: on one line, and not too long."""
    return class_name(displayable_name(folder))
