"""What a visitor teaches: classes of their own pictures, kept apart from everybody else's.

A `Project` holds one visitor's classes, with the pictures in a temporary folder of its own, and
their features as soon as VGG16 has seen them. `projects` is where the projects of a server are.
Everything here may be called from many threads at once. A lock is only held for a look or a small
change, never while a picture is decoded or a network runs.
"""

import base64
import contextlib
import itertools
import os
import re
import secrets
import tempfile
import threading
import time
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from PIL import Image

from imgrec.data import cifar10, labels
from imgrec.errors import CancelledError, ImageError, TeachError
from imgrec.images import decode
from imgrec.teaching.pictures import BATCH, VIEWS, Prepared, pooled, prepared, views_of

if TYPE_CHECKING:
    from imgrec.teaching.classifier import TaughtHead

MOST_CLASSES = 20
FEWEST_CLASSES = 2
MOST_PICTURES = 600  # of a project
MOST_BYTES = 150 * 2**20  # of a project's pictures on disk
MOST_PROJECTS = 60  # of a server
IDLE_SECONDS = 30 * 60  # a project whose visitor has left is kept so long: for a reload, or a break
FORGOTTEN_SECONDS = 12 * 3600  # and so long where nobody said that they leave, but nobody came
NAME_LENGTH = 40  # characters of a class's name

FEWEST_PICTURES = 2  # of a class: one to learn from while the other is judged
FEW_PICTURES = 5  # of a class: with fewer, it can be taught, but hardly well
GOOD_PICTURES = 20  # of a class: what is advised
UNBALANCED = 5  # times as many pictures in one class as in another

BUILT_IN = labels.CIFAR10  # the classes of pictures that ship, ten of each

NO_FEATURES = np.empty((0, 512), "float32")
GONE = "These pictures are not here any more; open the project that you downloaded, or begin anew."

Given = decode.Source | Callable[[], bytes | np.ndarray]  # a picture, or what reads one


@dataclass(frozen=True)
class Picture:
    """A picture of a project: `id` by its pixels, so that it is known again in another file."""

    id: str
    name: str  # of the file that it came from, fit to be shown


@dataclass(frozen=True)
class TaughtClass:
    """A class to be taught."""

    name: str
    pictures: tuple[Picture, ...] = ()
    key: int = 0  # stays when the class is renamed or others go; never used twice in a project

    def ids(self) -> tuple[str, ...]:
        """The ids of its pictures."""
        return tuple(picture.id for picture in self.pictures)


@dataclass(frozen=True)
class Settings:
    """How a project is taught."""

    augment: bool = False  # whether mirrored and cropped copies of each picture are taught too
    seed: int = 1


class Snapshot(NamedTuple):
    """What a head is trained on; names don't count."""

    pictures: tuple[tuple[int, tuple[str, ...]], ...]  # key and ids of each class
    settings: Settings


@dataclass(frozen=True)
class Added:
    """What became of pictures that were given to a class."""

    added: list[Picture] = field(default_factory=list)
    duplicates: list[tuple[str, str]] = field(default_factory=list)  # name; what it is here already
    elsewhere: list[tuple[str, str]] = field(default_factory=list)  # added too; also in that class
    refused: list[tuple[str, str]] = field(default_factory=list)  # name; why, in a sentence


class Problem(NamedTuple):
    """What keeps a project from being taught, or from being taught well."""

    sentence: str  # what is wrong, and what to do
    blocks: bool


class Size(NamedTuple):
    """What a project takes, in bytes."""

    memory: int  # of features, thumbnails and the head
    disk: int  # of everything in its folder


class _Stored(NamedTuple):
    """A picture's file, how large it is, and the picture as a small WebP."""

    path: Path
    length: int  # bytes
    thumbnail: bytes


class Project:
    """One visitor's classes, pictures and head. May be used from several threads at once."""

    def __init__(self) -> None:
        self._temporary = _temporary_folder()
        self.folder = Path(self._temporary.name)  # the visitor's own, for exports too
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)  # what is being extracted, or closed
        self._classes: tuple[TaughtClass, ...] = ()
        self._settings = Settings()
        self._next_key = 1
        self._stored: dict[str, _Stored] = {}
        # float32 (1 or VIEWS, 512) by picture, also of some that were removed.
        self._features: dict[str, np.ndarray] = {}
        self._extracting: set[str] = set()
        self._head: TaughtHead | None = None
        self._taught: Snapshot | None = None  # what the head was trained on
        self._closed = False

    def __repr__(self) -> str:
        counts = ", ".join(f"{each.name}: {len(each.pictures)}" for each in self._classes)
        return f"<Project {counts or 'without classes'}>"

    @property
    def classes(self) -> tuple[TaughtClass, ...]:
        """The classes as they are now; what it gives never changes."""
        return self._classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """The classes' names in their order."""
        return tuple(each.name for each in self._classes)

    @property
    def settings(self) -> Settings:
        """How it is taught."""
        return self._settings

    @property
    def count(self) -> int:
        """How many pictures all classes hold; one in two classes counts twice."""
        return sum(len(each.pictures) for each in self._classes)

    def snapshot(self) -> Snapshot:
        """What a head would be trained on now."""
        with self.lock:
            pictures = tuple((each.key, each.ids()) for each in self._classes)
            return Snapshot(pictures, self._settings)

    @property
    def head(self) -> "TaughtHead | None":
        """The head that was trained on exactly what is here now; None if there is none.

        It answers by the names that the classes have now.
        """
        with self.lock:
            if self._head is None or self.stale:
                return None
            if self._head.class_names != self.class_names:
                self._head = replace(self._head, class_names=self.class_names)
            return self._head

    @property
    def stale(self) -> bool:
        """Whether there was a head, and something that it was trained on has changed since."""
        with self.lock:
            return self._head is not None and self._taught != self.snapshot()

    def keep_head(self, head: "TaughtHead", trained_on: Snapshot | None = None) -> None:
        """Keeps a head that was trained on that snapshot; None means on what is here now."""
        with self.lock:
            self._head, self._taught = head, trained_on or self.snapshot()

    def configure(self, settings: Settings) -> None:
        """Changes the settings. Raises TeachError if they aren't of the right types."""
        if not isinstance(settings.augment, bool) or type(settings.seed) is not int:
            raise TeachError("These settings are not known here; switch the copies on or off.")
        if not 0 <= settings.seed < 2**31:
            raise TeachError("The seed must be a whole number from 0 to 2,147,483,647.")
        with self.lock:
            self._settings = settings

    # Classes

    def add_class(self, name: str = "") -> int:
        """Adds a class and returns its index; without a name it is "Class 1" or the next that is
        free. Raises TeachError if there are MOST_CLASSES, or the name is taken or no name."""
        with self.lock:
            self._check_open()
            if len(self._classes) >= MOST_CLASSES:
                raise TeachError(f"There are {MOST_CLASSES} classes, and that is the limit.")
            name = self._free_name(name) if name else self._next_name()
            self._classes += (TaughtClass(name, key=self._next_key),)
            self._next_key += 1
            return len(self._classes) - 1

    def rename(self, index: int, name: str) -> None:
        """Gives a class another name. Raises TeachError if it is taken or no name."""
        with self.lock:
            self._replace(index, name=self._free_name(name, apart_from=self._at(index).key))

    def remove_class(self, index: int) -> None:
        """Removes a class and its pictures. Raises TeachError if there is none."""
        with self.lock:
            self._at(index)
            self._classes = self._classes[:index] + self._classes[index + 1 :]
            self._drop_unused()

    # Pictures

    def add(
        self,
        index: int,
        given: Sequence[tuple[str, Given]],
        on_progress: Callable[[int, int], None] = lambda done, total: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Added:
        """Adds pictures, each under the name of its file, to a class.

        A picture is what `images.open_image` takes, or a function that reads one (and may raise
        ImageError). One that the class has already is left out; one that another class has is
        added, and told. Raises TeachError if there is no such class (any more), CancelledError if
        `cancelled()` became true; what was added till then stays.
        """
        key = self._at(index).key
        told = Added()
        for done, (name, source) in enumerate(given):
            if cancelled():
                raise CancelledError("That was stopped; the pictures that are in stay.")
            self._add(key, shown_name(name), source, told)
            on_progress(done + 1, len(given))
        return told

    def _add(self, key: int, name: str, source: Given, told: Added) -> None:
        """Adds one picture, or tells why not."""
        try:
            self._check_room(0)  # before the work
            picture = prepared(source() if callable(source) else source, name)
            self._put(key, name, picture, told)
        except (ImageError, _NoRoomError) as error:
            told.refused.append((name, str(error)))

    def _put(self, key: int, name: str, kept: Prepared, told: Added) -> None:
        """Puts a picture into the class of that key, unless it is there already."""
        with self.lock:
            index = self._index_of(key)
            known = [each for each in self._classes[index].pictures if each.id == kept.id]
            if known:
                told.duplicates.append((name, known[0].name))
                return
            new = kept.id not in self._stored
            self._check_room(len(kept.content) if new else 0)
            if new:
                self._write(kept)
            picture = Picture(kept.id, name)
            others = [each for each in self._classes if picture.id in each.ids()]
            self._replace(index, pictures=(*self._classes[index].pictures, picture))
            told.added.append(picture)
            told.elsewhere.extend((name, other.name) for other in others)

    def remove(self, index: int, id: str) -> None:
        """Removes a picture from a class. Raises TeachError if it isn't there."""
        with self.lock:
            kept = tuple(each for each in self._at(index).pictures if each.id != id)
            if len(kept) == len(self._classes[index].pictures):
                raise TeachError("This picture is not in the class any more.")
            self._replace(index, pictures=kept)
            self._drop_unused()

    def path(self, id: str) -> Path:
        """The picture's file, `<id>.jpg`, `.png` or `.webp`. Raises TeachError."""
        with self.lock:
            self._check_open()
            if not isinstance(id, str) or id not in self._stored:
                raise TeachError("This picture is not here any more; look at the others.")
            return self._stored[id].path

    def image(self, id: str) -> Image.Image:
        """The picture, upright RGB with sides up to KEPT_SIDE. Raises TeachError."""
        try:
            return decode.open_image(self.path(id), "The picture")
        except ImageError:
            self.path(id)  # may be removed in between, which the first look did not know
            raise

    def thumbnail(self, id: str) -> str:
        """The picture within THUMBNAIL_SIDE as a data URI. Raises TeachError."""
        with self.lock:
            self.path(id)
            content = self._stored[id].thumbnail
        return f"data:image/webp;base64,{base64.b64encode(content).decode()}"

    # Features

    def features(self, id: str) -> np.ndarray:
        """float32 (views, 512): the pooled features of the picture; extracted if they lack.

        Row 0 is of the picture itself; with augmentation, VIEWS - 1 rows of copies follow. Raises
        TeachError if there is no such picture.
        """
        while True:
            with self.lock:
                self.path(id)
                if self._rows(id) >= self._views():
                    return self._features[id][: self._views()]
            self._extract([id], lambda: False)

    def lacking(self) -> list[str]:
        """The ids of the pictures whose features are yet to be extracted, in their order."""
        with self.lock:
            ids = dict.fromkeys(id for each in self._classes for id in each.ids())
            return [id for id in ids if self._rows(id) < self._views()]

    def extract(
        self,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Extracts the features that lack, a few pictures at a time; returns when none does.

        Several callers share the work. `on_progress` gets how many pictures have them, and how many
        there are. Raises CancelledError if `cancelled()` became true, TeachError if the project was
        closed; what is extracted till then stays.
        """
        while True:
            with self.lock:
                self._check_open()
                lacking = self.lacking()
                total = len({id for each in self._classes for id in each.ids()})
            on_progress(total - len(lacking), total)
            if not lacking:
                return
            if cancelled():
                raise CancelledError("That was stopped; what was looked at so far is kept.")
            self._extract(lacking, cancelled)

    def _extract(self, ids: Sequence[str], cancelled: Callable[[], bool]) -> None:
        """One pass for the first of these that nobody is at; or waits for those who are."""
        with self.lock:
            self._check_open()
            views, free = self._views(), [id for id in ids if id not in self._extracting]
            mine = free[: max(1, BATCH // views)]
            if not mine:
                self._changed.wait(0.5)
                return
            self._extracting.update(mine)
            before = {id: self._features.get(id, NO_FEATURES) for id in mine}
        found: dict[str, np.ndarray] = {}
        try:
            found = self._looked_at(before, views, cancelled)
        finally:
            with self.lock:
                for id, rows in found.items():
                    self._features[id] = np.concatenate([before[id], rows])
                self._extracting.difference_update(mine)
                self._changed.notify_all()

    def _looked_at(
        self, before: dict[str, np.ndarray], views: int, cancelled: Callable[[], bool]
    ) -> dict[str, np.ndarray]:
        """The features that lack of these pictures, in one pass; without those removed meanwhile.

        `before` are the features that each has.
        """
        seen: dict[str, list[Image.Image]] = {}
        for id, rows in before.items():
            with contextlib.suppress(TeachError):
                seen[id] = views_of(self.image(id), views)[len(rows) :]
        if not seen or cancelled():
            return {}
        rows = pooled([view for each in seen.values() for view in each])
        ends = np.cumsum([len(each) for each in seen.values()])
        return dict(zip(seen, np.split(rows, ends[:-1]), strict=True))

    # The whole

    def size(self) -> Size:
        """What it takes in memory and on disk."""
        with self.lock:
            arrays = list(self._features.values())
            if self._head is not None:
                arrays += [self._head.kernel, self._head.bias, self._head.known]
            memory = sum(array.nbytes for array in arrays)
            memory += sum(len(stored.thumbnail) for stored in self._stored.values())
        return Size(memory, _bytes_below(self.folder))

    def close(self) -> None:
        """Deletes everything of it; whoever still works on it gets a TeachError."""
        with self.lock:
            self._closed = True
            self._classes, self._head = (), None
            self._stored.clear()
            self._features.clear()
            self._changed.notify_all()
        self._temporary.cleanup()

    def _at(self, index: int) -> TaughtClass:
        self._check_open()
        classes = self._classes
        if type(index) is not int or not 0 <= index < len(classes):
            raise TeachError("There is no such class any more; choose another one.")
        return classes[index]

    def _index_of(self, key: int) -> int:
        """Where the class of that key is now."""
        self._check_open()
        for index, each in enumerate(self._classes):
            if each.key == key:
                return index
        raise TeachError("The class was removed meanwhile; choose another one.")

    def _replace(self, index: int, **changes: Any) -> None:
        classes = list(self._classes)
        classes[index] = replace(classes[index], **changes)
        self._classes = tuple(classes)

    def _free_name(self, name: str, apart_from: int | None = None) -> str:
        """The name as it is shown. Raises TeachError if another class has it, or it is no name."""
        name = class_name(name)
        for each in self._classes:
            if each.key != apart_from and each.name.casefold() == name.casefold():
                raise TeachError(f"There is a class {each.name} already; give it another name.")
        return name

    def _next_name(self) -> str:
        taken = {each.name.casefold() for each in self._classes}
        names = (f"Class {number}" for number in itertools.count(1))
        return next(name for name in names if name.casefold() not in taken)

    def _check_open(self) -> None:
        if self._closed:
            raise TeachError(GONE)

    def _check_room(self, more: int) -> None:
        """Raises _NoRoomError if no picture, or none of so many bytes more, goes in."""
        if self.count >= MOST_PICTURES:
            raise _NoRoomError(
                f"There are {MOST_PICTURES} pictures already, and that is the limit; remove some."
            )
        if sum(stored.length for stored in self._stored.values()) + more > MOST_BYTES:
            raise _NoRoomError(
                f"The pictures take {MOST_BYTES // 2**20} MB already, and that is the limit; "
                "remove some, or use smaller ones."
            )

    def _write(self, kept: Prepared) -> None:
        file = self.folder / "pictures" / f"{kept.id}.{kept.extension}"
        try:
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(kept.content)
        except OSError as error:
            file.unlink(missing_ok=True)
            raise _NoRoomError(f"It cannot be kept here ({error.strerror}); try later.") from error
        self._stored[kept.id] = _Stored(file, len(kept.content), kept.thumbnail)

    def _drop_unused(self) -> None:
        """Deletes the files that no class has any more, and features beyond MOST_PICTURES."""
        used = {id for each in self._classes for id in each.ids()}
        for id in [id for id in self._stored if id not in used]:
            self._stored.pop(id).path.unlink(missing_ok=True)
        unused = [id for id in self._features if id not in used]
        for id in unused[: max(0, len(self._features) - MOST_PICTURES)]:
            del self._features[id]

    def _views(self) -> int:
        return VIEWS if self._settings.augment else 1

    def _rows(self, id: str) -> int:
        return len(self._features.get(id, NO_FEATURES))


def _bytes_below(folder: Path) -> int:
    """The bytes of the files in a folder, of which some may go meanwhile."""
    total = 0
    for inside, _, names in os.walk(folder):  # passes over what it cannot list
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += (Path(inside) / name).stat().st_size
    return total


def _temporary_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder that goes with the object, or when the process ends. Raises TeachError."""
    try:
        return tempfile.TemporaryDirectory(prefix="imgrec-teach-", ignore_cleanup_errors=True)
    except OSError as error:
        raise TeachError(f"There is no room for pictures here ({error.strerror}).") from error


class _NoRoomError(TeachError):
    """A picture does not fit; others may, and what is there stays."""


def problems(project: Project) -> list[Problem]:
    """What keeps the project from being taught, or taught well; what blocks comes first."""
    classes = project.classes
    found = []
    if len(classes) < FEWEST_CLASSES:
        how_many = "is only one class" if classes else "are no classes yet"
        found.append(
            Problem(f"There {how_many}: add one for each thing to tell apart, two at least.", True)
        )
    for name in (each.name for each in classes if not each.pictures):
        found.append(Problem(f"{name} has no pictures yet: add some, or remove the class.", True))
    return found + _few(classes) + _unbalanced(classes) + _in_two(classes)


def _few(classes: Sequence[TaughtClass]) -> list[Problem]:
    """A problem for each class that has pictures, but few; those that block come first."""
    few = [each for each in classes if 0 < len(each.pictures) < FEW_PICTURES]
    found = [
        Problem(
            f"{each.name} has only {_pictures(len(each.pictures))}: add some until there are "
            f"{FEW_PICTURES}, better {GOOD_PICTURES}, as different as what it will meet.",
            len(each.pictures) < FEWEST_PICTURES,
        )
        for each in few
    ]
    return sorted(found, key=lambda problem: not problem.blocks)


def _unbalanced(classes: Sequence[TaughtClass]) -> list[Problem]:
    filled = sorted(
        (each for each in classes if each.pictures), key=lambda each: len(each.pictures)
    )
    if not filled or len(filled[-1].pictures) <= UNBALANCED * len(filled[0].pictures):
        return []
    least, most = filled[0], filled[-1]
    return [
        Problem(
            f"{most.name} has {_pictures(len(most.pictures))} and {least.name} only "
            f"{len(least.pictures)}: bring them closer together, or the rare one is taught badly.",
            False,
        )
    ]


def _in_two(classes: Sequence[TaughtClass]) -> list[Problem]:
    """One problem for each pair of classes that share pictures."""
    found = []
    for first, second in itertools.combinations(classes, 2):
        shared = [each.name for each in first.pictures if each.id in set(second.ids())]
        if shared:
            what = shared[0] if len(shared) == 1 else f"{len(shared)} pictures ({shared[0]}, …)"
            are = "is" if len(shared) == 1 else "are"
            sentence = f"{what} {are} in {first.name} and in {second.name}: remove one of the two."
            found.append(Problem(sentence, False))
    return found


def _pictures(count: int) -> str:
    return "1 picture" if count == 1 else f"{count} pictures"


def add_built_in(project: Project, index: int, name: str) -> Added:
    """Adds to a class the ten pictures of a class of BUILT_IN. Raises TeachError."""
    if name not in BUILT_IN:
        raise TeachError(
            f"There are no built-in pictures of that; choose from {', '.join(BUILT_IN)}."
        )
    pixels, classes = cifar10.cifar10_sample()
    chosen = pixels[classes == BUILT_IN.index(name)]
    return project.add(index, [(f"{name} {n}", each) for n, each in enumerate(chosen, start=1)])


# Names


def class_name(name: str) -> str:
    """A class's name fit to be shown: on one line, no more spaces than it needs.

    Raises TeachError if nothing is left, or it is longer than NAME_LENGTH.
    """
    if not isinstance(name, str):
        raise TeachError("A class’s name must be a text.")
    name = _one_line(name[: 4 * NAME_LENGTH])
    if not name:
        raise TeachError("A class needs a name; write one.")
    if len(name) > NAME_LENGTH:
        raise TeachError(f"A class’s name has {NAME_LENGTH} characters at most; shorten it.")
    return name


def shown_name(name: str) -> str:
    """A file's name fit to be shown: without its folders, on one line, not endless."""
    name = _one_line(re.split(r"[/\\]", str(name))[-1][: 4 * NAME_LENGTH]) or "a picture"
    return name if len(name) <= NAME_LENGTH else f"{name[: NAME_LENGTH - 1]}…"


def _one_line(text: str) -> str:
    """Without characters that don't show or turn the text around; joiners within emoji stay."""
    text = unicodedata.normalize("NFC", text)
    shown = (each if each.isprintable() or each in "\u200c\u200d" else " " for each in text)
    return " ".join("".join(shown).split()).strip(" \u200c\u200d")


# The projects of a server


class Projects:
    """The projects of a server, by tokens that nobody can guess; there is one of it."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def create(self, project: Project | None = None, owner: str = "") -> str:
        """Keeps a project, a new one by default, and returns its token.

        `owner` is the visitor of the page who began it; without one it is a program's.
        Where there is no room, the one without pictures that was looked at least recently gives
        way. Raises TeachError if there is none.
        """
        self.sweep()
        token = secrets.token_urlsafe(24)
        with self._lock:
            given_up = self._make_room()
            self._kept[token] = _Kept(project or Project(), time.monotonic(), owner)
        _close(given_up)
        return token

    def get(self, token: str) -> Project:
        """The project of that token, which its visitor is looking at. Raises TeachError."""
        self.sweep()
        with self._lock:
            kept = self._kept.get(token) if isinstance(token, str) else None
            if kept is None:
                raise TeachError(GONE)
            kept.seen, kept.left = time.monotonic(), False
            return kept.project

    def belongs_to(self, token: str, visitor: str) -> bool:
        """Whether there is a project of that token, and that visitor of the page began it."""
        with self._lock:
            kept = self._kept.get(token) if isinstance(token, str) else None
            return kept is not None and kept.owner != "" and kept.owner == visitor

    def leave(self, token: str) -> None:
        """Notes that the project's visitor has left the page; without effect if there is none."""
        with self._lock:
            kept = self._kept.get(token) if isinstance(token, str) else None
            if kept is not None:
                kept.seen, kept.left = time.monotonic(), True
                self._sweep_later()

    def remove(self, token: str) -> None:
        """Deletes a project at once; without effect if there is none."""
        with self._lock:
            kept = self._kept.pop(token, None) if isinstance(token, str) else None
        _close([kept] if kept else [])

    def sweep(self) -> None:
        """Deletes the projects that nobody has looked at for too long."""
        now = time.monotonic()
        with self._lock:
            over = [token for token, kept in self._kept.items() if kept.over(now)]
            gone = [self._kept.pop(token) for token in over]
        _close(gone)

    def __len__(self) -> int:
        return len(self._kept)

    def _make_room(self) -> "list[_Kept]":
        """What has to go so that one more can be kept."""
        if len(self._kept) < MOST_PROJECTS:
            return []
        empty = [token for token, kept in self._kept.items() if not kept.project.count]
        if not empty:
            raise TeachError("Too many people are teaching here at the moment; try again later.")
        return [self._kept.pop(min(empty, key=lambda token: self._kept[token].seen))]

    def _sweep_later(self) -> None:
        """Sees to it that what is left goes, even if nobody ever comes again."""
        if self._timer is None:
            self._timer = threading.Timer(IDLE_SECONDS + 1, self._swept_later)
            self._timer.daemon = True
            self._timer.start()

    def _swept_later(self) -> None:
        self.sweep()
        with self._lock:
            self._timer = None
            if any(kept.left for kept in self._kept.values()):
                self._sweep_later()


@dataclass
class _Kept:
    """A project, when it was last looked at (`time.monotonic()`), and whether its visitor left."""

    project: Project
    seen: float
    owner: str
    left: bool = False

    def over(self, now: float) -> bool:
        """Whether it may go."""
        return now - self.seen > (IDLE_SECONDS if self.left else FORGOTTEN_SECONDS)


def _close(gone: Sequence[_Kept]) -> None:
    """Deletes what projects held: outside the store's lock, for it takes a moment."""
    for kept in gone:
        kept.project.close()


projects = Projects()
