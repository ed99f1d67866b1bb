"""Pictures whose content is known, one at a time: from a folder, CSV, zip, array or uploads."""

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

    name: str  # its path within the set, with `/`, fit to be shown
    label: Label
    read: Callable[[], bytes | np.ndarray]  # an encoded picture, or uint8 pixels (h, w, 3)


@dataclass(frozen=True)
class LabelledSet:
    """Labelled pictures in a stable order; going through them holds one at a time.

    Files that cannot be read, and pictures of which nothing says what they show, are among the
    items: their `read` raises ImageError, which says why.
    """

    name: str  # fit to be shown
    count: int  # how many items there are
    items: Callable[[], Iterator[Item]]


def open_set(path: Path, scheme: Scheme | None = None, root: Path | None = None) -> LabelledSet:
    """The set that a path leads to: a folder, an `.npz` array, a zip, or else a CSV file.

    `scheme` tells what must be known of the pictures; None finds out what there is. `root` is where
    a CSV's paths begin. Raises DataError.
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
    """The pictures below a folder; of their names, one sub-folder's are in memory at a time.

    `cifar10`: a sub-folder for each class, at least one; another name is refused. `imagenet`:
    photos whose names, or whose folders' names, hold a WordNet id. `dogs`: two sub-folders, one
    named dog; or WordNet ids; or folders whose names say it. None: any of these, whatever is there.
    A folder around all the others doesn't matter. Raises DataError if that isn't so.
    """
    name = displayable_path(folder.resolve().name) or "the folder"

    def search() -> Iterator[FoundFile]:
        for parts, file in _files_below(folder):
            yield FoundFile(parts, functools.partial(decode.read_file, file, "/".join(parts)))

    return _labelled_set(name, search, scheme)


def open_zip(file: Path, scheme: Scheme | None = None) -> LabelledSet:
    """The pictures in a zip, labelled as `open_folder` does; nothing is ever unpacked to disk.

    A member's bytes come into memory when it is read, decode.MAX_BYTES of them at most. Raises
    DataError if it is no zip, is damaged or protected with a password, or has too many files.
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
    """The pictures at the paths, labelled as `open_folder` does by the relative names beside them.

    Only the paths are opened; the names may come from anyone. Raises DataError.
    """
    found = _sorted_found((name, functools.partial(decode.read_file, path)) for name, path in files)
    return _labelled_set("the folder", lambda: iter(found), scheme)


def open_csv(file: Path, root: Path | None = None) -> LabelledSet:
    """The pictures that a CSV lists: columns `file` and `label`, an ImageNet class index 0–999.

    Paths are relative to `root` or, without it, to the CSV's folder; other columns are ignored. A
    picture that is missing shows when it is read. Raises DataError, which names the line, if the
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
    """The images of an `.npz`: uint8 `x` (n, 32, 32, 3), and integers `y` (n,) or (n, 1), 0 to 9.

    Raises DataError if it is not that.
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
    """CIFAR-10's 10,000 test images, from the cache or fetched. Raises DataError."""
    data = cifar10.load_cifar10(on_progress)
    return _pixel_set("CIFAR-10’s test images", data.x_test, data.y_test)


def sample_set() -> LabelledSet:
    """The 100 of CIFAR-10's test images that ship: ten of each class, in the classes' order."""
    return _pixel_set("The 100 CIFAR-10 images that ship", *cifar10.cifar10_sample())


def _pixel_set(name: str, x: np.ndarray, y: np.ndarray) -> LabelledSet:
    """CIFAR-10 images named by their number, from 00000."""

    def items() -> Iterator[Item]:
        for number, index in enumerate(y.reshape(-1)):
            yield Item(
                f"{number:05}", cifar10_label(int(index)), functools.partial(x.__getitem__, number)
            )

    return LabelledSet(name, len(x), items)


def _labelled_set(name: str, search: Search, scheme: Scheme | None) -> LabelledSet:
    """The set of what a search finds. Raises DataError if nothing in it is labelled."""
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


# Where the files are


def _files_below(
    folder: Path, parts: Parts = (), above: frozenset[tuple[int, int]] = frozenset()
) -> Iterator[tuple[Parts, Path]]:
    """The files below a folder, sorted by their parts. Raises DataError if one cannot be listed.

    `above` are the folders on the way down, by device and number: a link to one is not followed.
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
    """Files by names that anyone may have chosen; each is read under its name."""
    found = []
    for name, read in files:
        parts = tuple(part for part in re.split(r"[/\\]", name) if part)
        if parts and not any(map(is_junk, parts)):
            found.append(FoundFile(parts, functools.partial(read, "/".join(parts))))
    return sorted(found, key=lambda file: file.parts)


def _rows(file: Path) -> Iterator[tuple[str, int]]:
    """The path and the class index in each line of a CSV. Raises DataError."""
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
    """The path and the class index in a row of cells. Raises DataError, which names the place."""
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
    """A member's bytes; one that is too large comes cut off behind what makes it too large."""
    return zips.read(archive, info, displayable_path(name), decode.MAX_BYTES)
