"""Pictures whose content is known, one at a time: from a folder, CSV, zip, array or uploads."""

import csv
import functools
import itertools
import os
import re
import stat
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple
from zipfile import ZipFile, ZipInfo

import numpy as np

from imgrec.data import cifar10, labels
from imgrec.errors import DataError, ImageError
from imgrec.files import zips
from imgrec.images import decode
from imgrec.models import store

Scheme = Literal["cifar10", "imagenet", "dogs"]  # which of a label's fields must be known
Parts = tuple[str, ...]  # a path within a set: its folders, and the file's name

MAX_ZIP_FILES = 20_000

# Passed over wherever it lies, as is everything whose name begins with a dot.
JUNK = ("__macosx", "thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir")
# Passed over where nothing says what is in it: files that lie beside pictures and aren't any.
NO_PICTURES = (
    *(".txt", ".md", ".rst", ".html", ".htm", ".pdf", ".doc", ".docx", ".log", ".ini", ".db"),
    *(".csv", ".tsv", ".json", ".jsonl", ".xml", ".yaml", ".yml", ".xls", ".xlsx", ".mat"),
    *(".py", ".ipynb", ".sh", ".npy", ".npz", ".pkl", ".h5", ".keras"),
    *(".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"),
)

# What a folder's name may say, in small letters, with one space between words, without a plural s.
CIFAR10_WORDS = {
    **{name: index for index, name in enumerate(labels.CIFAR10)},
    **{"plane": 0, "aeroplane": 0, "car": 1},
}
DOG_WORD = "dog"
NOT_DOG_WORDS = ("not dog", "not a dog", "no dog", "non dog", "notdog", "nodog", "other")
WORDNET_ID = re.compile(r"(?<![a-z0-9])n\d{8}(?!\d)", re.ASCII | re.IGNORECASE)

HOW_TO_LABEL: dict[Scheme | None, str] = {
    "cifar10": f"Put the pictures into a folder for each class ({', '.join(labels.CIFAR10)}), or "
    "give an .npz file with x and y.",
    "imagenet": "Begin the names of the photos, or of their folders, with a WordNet id "
    "(n02085620_Chihuahua.jpg), or give a CSV file with the columns file,label.",
    "dogs": "Put the photos into two folders, one of them named dog; or begin the names of the "
    "photos, or of their folders, with a WordNet id (n02085620_Chihuahua.jpg); or give a CSV file "
    "with the columns file,label.",
    None: "Put the pictures into folders whose names say it: dog and not_dog, or CIFAR-10’s "
    f"classes ({', '.join(labels.CIFAR10)}), or WordNet ids (n02085620).",
}


class Label(NamedTuple):
    """What is known to be in a picture; None where it is not known."""

    dog: bool | None = None
    cifar10: int | None = None  # class index, 0 to 9
    imagenet: int | None = None  # class index, 0 to 999


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


class Found(NamedTuple):
    """A file that may be a picture, and how to get its bytes (raises ImageError)."""

    parts: Parts
    read: Callable[[], bytes]


Search = Callable[[], Iterator[Found]]  # sorted by parts
Labeller = Callable[[Parts], Label | None]  # None: nothing says what is in the picture


def open_set(path: Path, scheme: Scheme | None = None, root: Path | None = None) -> LabelledSet:
    """The set that a path leads to: a folder, an `.npz` array, a zip, or else a CSV file.

    `scheme` tells what must be known of the pictures; None finds out what there is. `root` is where
    a CSV's paths begin. Raises DataError.
    """
    name = _shown(path.name) or "The path"
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a null character
        reason = getattr(error, "strerror", None) or "invalid path"
        raise DataError(f"{name} cannot be read ({reason}); check the path.") from error
    if stat.S_ISDIR(mode):
        return of_folder(path, scheme)
    kind = path.suffix.lower()
    if kind == ".zip":
        return of_zip(path, scheme)
    if kind == ".npz" and scheme != "imagenet":
        return of_array(path)
    if scheme == "cifar10" or kind == ".npz" or not stat.S_ISREG(mode):
        raise DataError(f"{name} is not what is needed here. {HOW_TO_LABEL[scheme]}")
    return of_csv(path, root)


def of_folder(folder: Path, scheme: Scheme | None = None) -> LabelledSet:
    """The pictures below a folder; of their names, one sub-folder's are in memory at a time.

    `cifar10`: a sub-folder for each class, at least one; another name is refused. `imagenet`:
    photos whose names, or whose folders' names, hold a WordNet id. `dogs`: two sub-folders, one
    named dog; or WordNet ids; or folders whose names say it. None: any of these, whatever is there.
    A folder around all the others doesn't matter. Raises DataError if that isn't so.
    """
    name = _shown(folder.resolve().name) or "the folder"

    def search() -> Iterator[Found]:
        for parts, file in _files_below(folder):
            yield Found(parts, functools.partial(decode.read_file, file, "/".join(parts)))

    return _labelled(name, search, scheme)


def of_zip(file: Path, scheme: Scheme | None = None) -> LabelledSet:
    """The pictures in a zip, labelled as `of_folder` does; nothing is ever unpacked to disk.

    A member's bytes come into memory when it is read, images.MAX_BYTES of them at most. Raises
    DataError if it is no zip, is damaged or protected with a password, or has too many files.
    """
    name = _shown(file.name)
    archive = zips.opened(file, name, MAX_ZIP_FILES)
    found = _sorted_found(
        (info.filename, functools.partial(_read_member, archive, info))
        for info in zips.files(archive)
    )
    return _labelled(name, lambda: iter(found), scheme)


def of_uploads(
    files: Iterable[tuple[str, str | os.PathLike[str]]], scheme: Scheme | None = None
) -> LabelledSet:
    """The pictures at the paths, labelled as `of_folder` does by the relative names beside them.

    Only the paths are opened; the names may come from anyone. Raises DataError.
    """
    found = _sorted_found((name, functools.partial(decode.read_file, path)) for name, path in files)
    return _labelled("the folder", lambda: iter(found), scheme)


def of_csv(file: Path, root: Path | None = None) -> LabelledSet:
    """The pictures that a CSV lists: columns `file` and `label`, an ImageNet class index 0–999.

    Paths are relative to `root` or, without it, to the CSV's folder; other columns are ignored. A
    picture that is missing shows when it is read. Raises DataError, which names the line, if the
    header or a label is wrong.
    """
    folder = file.parent if root is None else root

    def items() -> Iterator[Item]:
        for path, index in _rows(file):
            name = _shown(path)
            read = functools.partial(decode.read_file, folder / path, name)
            yield Item(name, of_imagenet(index), read)

    count = sum(1 for _ in _rows(file))
    if not count:
        raise DataError(f"{_shown(file.name)} lists no pictures; add a line for each.")
    return LabelledSet(_shown(file.name), count, items)


def of_array(file: Path) -> LabelledSet:
    """The images of an `.npz`: uint8 `x` (n, 32, 32, 3), and integers `y` (n,) or (n, 1), 0 to 9.

    Raises DataError if it is not that.
    """
    name = _shown(file.name)
    try:
        arrays = store.unpack(file.read_bytes())
    except (OSError, ValueError, MemoryError) as error:
        raise DataError(
            f"{name} cannot be read as an .npz file; save it with numpy.savez(file, x=…, y=…)."
        ) from error
    if not {"x", "y"} <= arrays.keys():
        raise DataError(
            f"{name} must hold the arrays x and y; it holds: {_listed(arrays) or 'none'}."
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
    return _of_pixels(name, x, y)


def of_official(
    on_progress: cifar10.Progress = lambda source, done, total: None,
) -> LabelledSet:
    """CIFAR-10's 10,000 test images, from the cache or fetched. Raises DataError."""
    data = cifar10.load_cifar10(on_progress)
    return _of_pixels("CIFAR-10’s test images", data.x_test, data.y_test)


def of_sample() -> LabelledSet:
    """The 100 of CIFAR-10's test images that ship: ten of each class, in the classes' order."""
    return _of_pixels("The 100 CIFAR-10 images that ship", *cifar10.cifar10_sample())


def of_cifar10(index: int) -> Label:
    """All that a CIFAR-10 class index, 0 to 9, tells."""
    return Label(dog=index == labels.CIFAR10_DOG, cifar10=index)


def of_imagenet(index: int) -> Label:
    """All that an ImageNet class index, 0 to 999, tells."""
    dog = index in range(1000)[labels.IMAGENET_DOGS]
    return Label(dog=dog, cifar10=labels.cifar10_of(index), imagenet=index)


def _of_pixels(name: str, x: np.ndarray, y: np.ndarray) -> LabelledSet:
    """CIFAR-10 images named by their number, from 00000."""

    def items() -> Iterator[Item]:
        for number, index in enumerate(y.reshape(-1)):
            yield Item(
                f"{number:05}", of_cifar10(int(index)), functools.partial(x.__getitem__, number)
            )

    return LabelledSet(name, len(x), items)


def _labelled(name: str, search: Search, scheme: Scheme | None) -> LabelledSet:
    """The set of what a search finds. Raises DataError if nothing in it is labelled."""
    label_of = _labeller(name, search, scheme)

    def items() -> Iterator[Item]:
        for parts, read in search():
            label = label_of(parts)
            shown = _shown("/".join(parts))
            if label:
                yield Item(shown, label, read)
            elif _may_be_picture(parts):
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


# What names say


def _labeller(name: str, search: Search, scheme: Scheme | None) -> Labeller:
    """How the scheme reads a label from a file's path in this set."""
    if scheme == "imagenet":
        return _by_wordnet_id
    outer = _outer_folders(search)
    if scheme == "cifar10":
        depth = next((i for i, folder in enumerate(outer) if _cifar10_word(folder)), len(outer))
        return functools.partial(_by_class_folder, name, depth)
    return functools.partial(_by_folders, len(outer), _opposite(name, search, len(outer)))


def _by_class_folder(name: str, depth: int, parts: Parts) -> Label | None:
    """By the folder at that depth, which must be a class of CIFAR-10. Raises DataError."""
    if len(parts) <= depth + 1:
        return None
    label = _cifar10_word(parts[depth])
    if label is None and _may_be_picture(parts):
        raise DataError(
            f"The folder {_shown(parts[depth])} in {name} is not one of CIFAR-10’s classes. "
            f"{HOW_TO_LABEL['cifar10']}"
        )
    return label and _agreed(label, _by_wordnet_id(parts))


def _by_folders(depth: int, opposite: str | None, parts: Parts) -> Label | None:
    """By the last folder from that depth on whose name says something, and by WordNet ids.

    `opposite` is the folder beside the one named dog, where these are the only two.
    """
    folders = parts[depth:-1]
    said = next(filter(None, map(_word, reversed(folders))), None)
    if opposite and folders and (folders[0] == opposite or _plain(folders[0]) == DOG_WORD):
        said = Label(dog=folders[0] != opposite)
    return _agreed(said, _by_wordnet_id(parts))


def _agreed(word: Label | None, wordnet: Label | None) -> Label | None:
    """What a folder's word and a WordNet id tell together; the word decides where they differ."""
    if word is None or wordnet is None:
        return word or wordnet
    if word.dog != wordnet.dog:
        return word
    if word.cifar10 is None or wordnet.cifar10 is None:
        return wordnet if word.cifar10 is None else wordnet._replace(cifar10=word.cifar10)
    return wordnet if word.cifar10 == wordnet.cifar10 else word


def _by_wordnet_id(parts: Parts) -> Label | None:
    """By the last name that holds the WordNet id of an ImageNet class, the file's own first."""
    for part in reversed(parts):
        for wordnet_id in WORDNET_ID.findall(part):
            index = labels.imagenet_indices().get(wordnet_id.lower())
            if index is not None:
                return of_imagenet(index)
    return None


def _word(folder: str) -> Label | None:
    """What a folder's name says by itself, if it is a word that is known here."""
    return Label(dog=False) if _plain(folder) in NOT_DOG_WORDS else _cifar10_word(folder)


def _cifar10_word(folder: str) -> Label | None:
    index = CIFAR10_WORDS.get(_plain(folder))
    return None if index is None else of_cifar10(index)


def _plain(folder: str) -> str:
    """A folder's name in small letters, with one space between words, without a plural s."""
    return re.sub(r"[\W_]+", " ", folder.casefold()).strip().removesuffix("s")


def _outer_folders(search: Search) -> Parts:
    """The folders around all pictures, without the one in which all of them lie."""
    folders: Parts | None = None
    deeper = False
    for parts, _ in filter(lambda found: _may_be_picture(found.parts), search()):
        here = parts[:-1]
        if folders is None:
            folders = here
        deeper = deeper or here != folders
        folders = _common(folders, here)
        if not folders:
            break
    return (folders or ()) if deeper else (folders or ())[:-1]


def _common(first: Parts, second: Parts) -> Parts:
    """With what both begin."""
    pairs = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(first, second, strict=False))
    return tuple(part for part, _ in pairs)


def _opposite(name: str, search: Search, depth: int) -> str | None:
    """The folder that means "not a dog": the only one beside the one named dog.

    None where the names speak for themselves. Raises DataError if there are several beside it, one
    of which says nothing.
    """
    folders, silent = set(), set()
    for parts, _ in search():
        if len(parts) > depth + 1 and _may_be_picture(parts):
            folders.add(parts[depth])
            if _by_folders(depth, None, parts) is None:
                silent.add(parts[depth])
    others = [folder for folder in folders if _plain(folder) != DOG_WORD]
    if len(others) == len(folders):  # none is named dog
        return None
    if len(others) == 1 and not _cifar10_word(others[0]) and not _by_wordnet_id((others[0],)):
        return others[0]
    if silent:
        raise DataError(
            f"Beside the folder dog, there are several in {name}, and these don’t say whether "
            f"there are dogs in them: {_listed(sorted(silent))}. Leave one, or call them not_dog."
        )
    return None


def _may_be_picture(parts: Parts) -> bool:
    return not parts[-1].lower().endswith(NO_PICTURES)


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name.casefold() in JUNK


def _shown(name: str) -> str:
    """A name fit to be shown: on one line, without stray surrogates."""
    return "".join(
        "?" if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") else character
        for character in name
    )


def _listed(names: Iterable[str], limit: int = 8) -> str:
    """The first of the names, for a message."""
    first = [_shown(name) for name in itertools.islice(names, limit + 1)]
    return ", ".join([*first[:limit], "…"] if len(first) > limit else first)


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
            kinds = {entry.name: entry.is_dir() for entry in entries if not _is_junk(entry.name)}
    except OSError as error:
        name = _shown("/".join(parts) or folder.name)
        raise DataError(f"The folder {name} cannot be read ({error.strerror}).") from error
    if here in above:
        return
    for name in sorted(kinds):
        if kinds[name]:
            yield from _files_below(folder / name, (*parts, name), above | {here})
        else:
            yield (*parts, name), folder / name


def _sorted_found(files: Iterable[tuple[str, Callable[[str], bytes]]]) -> list[Found]:
    """Files by names that anyone may have chosen; each is read under its name."""
    found = []
    for name, read in files:
        parts = tuple(part for part in re.split(r"[/\\]", name) if part)
        if parts and not any(map(_is_junk, parts)):
            found.append(Found(parts, functools.partial(read, "/".join(parts))))
    return sorted(found, key=lambda file: file.parts)


def _rows(file: Path) -> Iterator[tuple[str, int]]:
    """The path and the class index in each line of a CSV. Raises DataError."""
    name = _shown(file.name)
    try:
        with file.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, skipinitialspace=True, strict=True)
            header = [column.strip().lower() for column in next(reader, [])]
            if not {"file", "label"} <= set(header):
                raise DataError(
                    f"{name}, line 1: the header must name the columns file and label; it is: "
                    f"{_listed(header) or 'empty'}."
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
            f"{_shown(label.strip()[:30]) or 'empty'}."
        )
    return path, int(label)


def _read_member(archive: ZipFile, info: ZipInfo, name: str) -> bytes:
    """A member's bytes; one that is too large comes cut off behind what makes it too large."""
    return zips.read(archive, info, _shown(name), decode.MAX_BYTES)
