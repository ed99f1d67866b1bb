"""Labelled pictures, read one at a time: from a folder, CSV, zip, array or uploads."""

import csv
import functools
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zipfile import ZipFile, ZipInfo

import numpy as np

from imgrec.data import cifar10
from imgrec.data.label_names import (
    HOW_TO_LABEL,
    FoundFile,
    Label,
    Parts,
    Scheme,
    Search,
    cifar10_label,
    first_names,
    imagenet_label,
    is_junk,
    labeller,
    may_be_picture,
)
from imgrec.errors import DataError, ImageError
from imgrec.files import atomic, zips
from imgrec.files.display_names import displayable_path
from imgrec.images import decode

MAX_ZIP_FILES = 20_000


class Item(NamedTuple):
    """A labelled picture that has not been read yet."""

    name: str  # its path within the set, with `/`, fit for display
    label: Label
    read: Callable[[], bytes | np.ndarray]  # an encoded picture, or uint8 pixels (h, w, 3)


@dataclass(frozen=True)
class LabelledSet:
    """Labelled pictures in a stable order; iteration holds one in memory at a time.

    Unreadable files and unlabelled pictures are among the items: their `read` raises ImageError
    with the reason.
    """

    name: str  # fit for display
    count: int  # number of items
    items: Callable[[], Iterator[Item]]


def open_set(path: Path, scheme: Scheme | None = None, root: Path | None = None) -> LabelledSet:
    """Opens the set at a path: a folder, an `.npz` array, a zip, or otherwise a CSV file.

    `scheme` names the label that the pictures must have; None accepts whatever is there. `root` is
    the folder that a CSV's paths are relative to. Raises DataError.
    """
    name = displayable_path(path.name) or "The path"
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", None) or "invalid path"
        raise DataError(f"{name} cannot be read ({reason}); check the path.") from error
    if stat.S_ISDIR(mode):
        return open_folder(path, scheme)
    kind = path.suffix.lower()
    if kind == ".zip":
        return open_zip(path, scheme)
    if kind == ".npz" and scheme != "imagenet":
        return open_array(path)
    if scheme == "cifar10" or kind == ".npz" or not stat.S_ISREG(mode):
        raise DataError(f"{name} is not what is needed here. {HOW_TO_LABEL[scheme]}")
    return open_csv(path, root)


def open_folder(folder: Path, scheme: Scheme | None = None) -> LabelledSet:
    """Opens the pictures below a folder; holds the names of one sub-folder in memory at a time.

    `cifar10`: a sub-folder for each class, at least one; any other name is refused. `imagenet`:
    photos whose names, or whose folders' names, hold a WordNet id. `dogs`: two sub-folders, one
    named dog; or WordNet ids; or folder names that carry a label. None: any of these, whatever is
    there. A folder around all the others is ignored. Raises DataError if the folder has another
    layout.
    """
    name = displayable_path(folder.resolve().name) or "the folder"

    def search() -> Iterator[FoundFile]:
        for parts, file in _files_below(folder):
            yield FoundFile(parts, functools.partial(decode.read_file, file, "/".join(parts)))

    return _labelled_set(name, search, scheme)


def open_zip(file: Path, scheme: Scheme | None = None) -> LabelledSet:
    """Opens the pictures in a zip, labelled as in `open_folder`; unpacks nothing to disk.

    A member's bytes are loaded when it is read, at most decode.MAX_BYTES of them. Raises DataError
    if the file is no zip, is damaged or password-protected, or holds too many files.
    """
    name = displayable_path(file.name)
    archive = zips.open_zip(file, name, MAX_ZIP_FILES)
    found = _sorted_found(
        (info.filename, functools.partial(_read_member, archive, info))
        for info in zips.files(archive)
    )
    return _labelled_set(name, lambda: iter(found), scheme)


def open_uploads(
    files: Iterable[tuple[str, str | os.PathLike[str]]], scheme: Scheme | None = None
) -> LabelledSet:
    """Opens the pictures at the paths, labelled as in `open_folder` by their relative names.

    Only the paths are opened; the names are untrusted. Raises DataError.
    """
    found = _sorted_found((name, functools.partial(decode.read_file, path)) for name, path in files)
    return _labelled_set("the folder", lambda: iter(found), scheme)


def open_csv(file: Path, root: Path | None = None) -> LabelledSet:
    """Opens the pictures that a CSV lists: columns `file` and `label`, an ImageNet index 0–999.

    Paths are relative to `root` or, without it, to the CSV's folder; other columns are ignored. A
    missing picture raises only when it is read. Raises DataError, which names the line, if the
    header or a label is wrong.
    """
    folder = file.parent if root is None else root

    def items() -> Iterator[Item]:
        for path, index in _rows(file):
            name = displayable_path(path)
            read = functools.partial(decode.read_file, folder / path, name)
            yield Item(name, imagenet_label(index), read)

    count = sum(1 for _ in _rows(file))
    if not count:
        raise DataError(f"{displayable_path(file.name)} lists no pictures; add a line for each.")
    return LabelledSet(displayable_path(file.name), count, items)


def open_array(file: Path) -> LabelledSet:
    """Opens the images of an `.npz`: uint8 `x` (n, 32, 32, 3), integer `y` (n,) or (n, 1), 0 to 9.

    Raises DataError if the file holds anything else.
    """
    name = displayable_path(file.name)
    try:
        arrays = atomic.unpack(file.read_bytes())
    except (OSError, ValueError, MemoryError) as error:
        raise DataError(
            f"{name} cannot be read as an .npz file; save it with numpy.savez(file, x=…, y=…)."
        ) from error
    if not {"x", "y"} <= arrays.keys():
        raise DataError(
            f"{name} must hold the arrays x and y; it holds: {first_names(arrays) or 'none'}."
        )
    x, y = arrays["x"], arrays["y"]
    if x.dtype != np.uint8 or x.shape[1:] != (32, 32, 3) or not len(x):
        raise DataError(
            f"x in {name} is {x.dtype} of the shape {x.shape}; it must be uint8 (n, 32, 32, 3)."
        )
    if y.dtype.kind not in "iu" or y.shape not in ((len(x),), (len(x), 1)):
        raise DataError(
            f"y in {name} is {y.dtype} of the shape {y.shape}; it must be an integer for each of "
            f"the {len(x):,} images."
        )
    if y.min() < 0 or y.max() > 9:
        raise DataError(f"y in {name} goes from {y.min()} to {y.max()}; classes are 0 to 9.")
    return _pixel_set(name, x, y)


def official_test_set(
    on_progress: cifar10.Progress = lambda source, done, total: None,
) -> LabelledSet:
    """Returns CIFAR-10's 10,000 test images, cached or fetched. Raises DataError."""
    data = cifar10.load_cifar10(on_progress)
    return _pixel_set("CIFAR-10’s test images", data.x_test, data.y_test)


def sample_set() -> LabelledSet:
    """Returns the 100 CIFAR-10 test images that ship: ten per class, in class order."""
    return _pixel_set("The 100 CIFAR-10 images that ship", *cifar10.cifar10_sample())


def _pixel_set(name: str, x: np.ndarray, y: np.ndarray) -> LabelledSet:
    """Returns a set of CIFAR-10 images, named by their number from 00000."""

    def items() -> Iterator[Item]:
        for number, index in enumerate(y.reshape(-1)):
            yield Item(
                f"{number:05}", cifar10_label(int(index)), functools.partial(x.__getitem__, number)
            )

    return LabelledSet(name, len(x), items)


def _labelled_set(name: str, search: Search, scheme: Scheme | None) -> LabelledSet:
    """Returns the set of a search's pictures. Raises DataError if none of them is labelled."""
    label_of = labeller(name, search, scheme)

    def items() -> Iterator[Item]:
        for parts, read in search():
            label = label_of(parts)
            shown = displayable_path("/".join(parts))
            if label:
                yield Item(shown, label, read)
            elif may_be_picture(parts):
                yield Item(shown, Label(), functools.partial(_refuse_unlabelled, shown))

    count = known = 0
    for item in items():
        count += 1
        known += item.label != Label()
    if not count:
        raise DataError(f"There are no pictures in {name}. {HOW_TO_LABEL[scheme]}")
    if not known:
        raise DataError(f"Nothing in {name} says what is in the pictures. {HOW_TO_LABEL[scheme]}")
    return LabelledSet(name, count, items)


def _refuse_unlabelled(name: str) -> bytes:
    raise ImageError(f"Nothing says what is in {name}; put it into a folder that does.")


# Finding files


def _files_below(
    folder: Path, parts: Parts = (), above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[tuple[Parts, Path]]:
    """Yields the files below a folder, sorted by parts. Raises DataError if it cannot be listed.

    `above` holds the ancestors' device and inode numbers: a link to an ancestor is not followed.
    """
    try:
        status = folder.stat()
        here = status.st_dev, status.st_ino
        with os.scandir(folder) as entries:
            kinds = {entry.name: entry.is_dir() for entry in entries if not is_junk(entry.name)}
    except OSError as error:
        name = displayable_path("/".join(parts) or folder.name)
        raise DataError(f"The folder {name} cannot be read ({error.strerror}).") from error
    if here in above:
        return
    for name in sorted(kinds):
        if kinds[name]:
            yield from _files_below(folder / name, (*parts, name), above | {here})
        else:
            yield (*parts, name), folder / name


def _sorted_found(files: Iterable[tuple[str, Callable[[str], bytes]]]) -> list[FoundFile]:
    """Returns files with untrusted names, sorted by their parts; each is read under its name."""
    found = []
    for name, read in files:
        parts = tuple(part for part in re.split(r"[/\\]", name) if part)
        if parts and not any(map(is_junk, parts)):
            found.append(FoundFile(parts, functools.partial(read, "/".join(parts))))
    return sorted(found, key=lambda file: file.parts)


def _rows(file: Path) -> Iterator[tuple[str, int]]:
    """Yields the path and the class index in each line of a CSV. Raises DataError."""
    name = displayable_path(file.name)
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, skipinitialspace=True, strict=True)
            header = [column.strip().lower() for column in next(reader, [])]
            if not {"file", "label"} <= set(header):
                raise DataError(
                    f"{name}, line 1: the header must name the columns file and label; it is: "
                    f"{first_names(header) or 'empty'}."
                )
            columns = header.index("file"), header.index("label")
            for row in reader:
                if any(cell.strip() for cell in row):
                    yield _cells(row, columns, f"{name}, line {reader.line_num}")
    except UnicodeDecodeError as error:
        raise DataError(f"{name} is not a text file in UTF-8; save it as CSV in UTF-8.") from error
    except csv.Error as error:
        place = f"{name}, line {reader.line_num}"
        raise DataError(f"{place}: this is not a line of a CSV ({error}).") from error
    except OSError as error:
        raise DataError(f"{name} cannot be read ({error.strerror}); check the path.") from error


def _cells(row: list[str], columns: tuple[int, int], place: str) -> tuple[str, int]:
    """Returns the path and the class index in a row of cells. Raises DataError with the place."""
    if len(row) <= max(columns):
        raise DataError(f"{place}: there must be a file and a label.")
    path, label = (row[column] for column in columns)
    if not path.strip():
        raise DataError(f"{place}: the name of the file is missing.")
    if not re.fullmatch(r"0*\d{1,3}", label.strip(), re.ASCII):
        raise DataError(
            f"{place}: the label must be an ImageNet class index from 0 to 999; it is: "
            f"{displayable_path(label.strip()[:30]) or 'empty'}."
        )
    return path, int(label)


def _read_member(archive: ZipFile, info: ZipInfo, name: str) -> bytes:
    """Returns a member's bytes; one that is too large is cut off just over the limit."""
    return zips.read(archive, info, displayable_path(name), decode.MAX_BYTES)
