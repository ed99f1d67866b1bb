"""A visitor's project: classes of their own pictures, separate from all other visitors'.

A `Project` holds one visitor's classes, their pictures in a temporary folder of its own, and the
pictures' features once VGG16 has extracted them. `store.projects` holds the projects of a server.
Everything here is thread-safe. The lock is held only for reads and small changes, never while a
picture is decoded or a network runs.
"""

import base64
import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from imgrec.errors import CancelledError, ImageError, TeachError
from imgrec.files.display_names import displayable_name
from imgrec.files.folders import bytes_below, temporary_folder
from imgrec.images import decode
from imgrec.teaching.classifier import TaughtHead
from imgrec.teaching.features import Features
from imgrec.teaching.pictures import VIEWS, Prepared, prepare
from imgrec.teaching.project_parts import (
    Added,
    Picture,
    Settings,
    Size,
    Snapshot,
    TaughtClass,
    class_name,
)

MAX_CLASSES = 20
MIN_CLASSES = 2
MAX_PICTURES = 600  # per project
MAX_PROJECT_BYTES = 150 * 2**20  # pictures on disk, per project

MIN_PICTURES = 2  # per class: one to train on while the other is held out

GONE_MESSAGE = (
    "These pictures are not here any more; open the project that you downloaded, or begin anew."
)

PictureSource = decode.Source | Callable[[], bytes | np.ndarray]  # a picture, or its reader


class _Stored(NamedTuple):
    """A picture's file, its size, and a small WebP of the picture."""

    path: Path
    length: int  # bytes
    thumbnail: bytes


class Project:
    """One visitor's classes, pictures and head; thread-safe."""

    def __init__(self) -> None:
        self._temporary = temporary_folder()
        self.folder = Path(self._temporary.name)  # private to the visitor; also holds exports
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)  # extraction done, or project closed
        self._classes: tuple[TaughtClass, ...] = ()
        self._settings = Settings()
        self._next_key = 1
        self._stored: dict[str, _Stored] = {}
        self._features = Features(self.image, self._changed)
        self._head: TaughtHead | None = None
        self._taught: Snapshot | None = None  # what the head was trained on
        self._closed = False

    def __repr__(self) -> str:
        counts = ", ".join(f"{each.name}: {len(each.pictures)}" for each in self._classes)
        return f"<Project {counts or 'without classes'}>"

    @property
    def classes(self) -> tuple[TaughtClass, ...]:
        """The current classes, as an immutable tuple."""
        return self._classes

    @property
    def class_names(self) -> tuple[str, ...]:
        """The class names, in order."""
        return tuple(each.name for each in self._classes)

    @property
    def settings(self) -> Settings:
        """The training settings."""
        return self._settings

    @property
    def count(self) -> int:
        """The number of pictures over all classes; a picture in two classes counts twice."""
        return sum(len(each.pictures) for each in self._classes)

    def snapshot(self) -> Snapshot:
        """Returns what a head would be trained on now."""
        with self.lock:
            pictures = tuple((each.key, each.ids()) for each in self._classes)
            return Snapshot(pictures, self._settings)

    @property
    def head(self) -> TaughtHead | None:
        """The head trained on exactly the current pictures and settings; None if there is none.

        It uses the current class names.
        """
        with self.lock:
            if self._head is None or self.stale:
                return None
            if self._head.class_names != self.class_names:
                self._head = replace(self._head, class_names=self.class_names)
            return self._head

    @property
    def stale(self) -> bool:
        """Whether there is a head and anything that it was trained on has changed since."""
        with self.lock:
            return self._head is not None and self._taught != self.snapshot()

    def keep_head(self, head: TaughtHead, trained_on: Snapshot | None = None) -> None:
        """Stores a head trained on that snapshot; None means the current one."""
        with self.lock:
            self._head, self._taught = head, trained_on or self.snapshot()

    def configure(self, settings: Settings) -> None:
        """Changes the settings. Raises TeachError for a wrong type or a seed out of range."""
        if not isinstance(settings.augment, bool) or type(settings.seed) is not int:
            raise TeachError("These settings are not known here; switch the copies on or off.")
        if not 0 <= settings.seed < 2**31:
            raise TeachError("The seed must be a whole number from 0 to 2,147,483,647.")
        with self.lock:
            self._settings = settings

    # Classes

    def add_class(self, name: str = "") -> int:
        """Adds a class and returns its index.

        Without a name it becomes "Class 1", or the next free number. Raises TeachError if there are
        MAX_CLASSES already, or the name is taken or invalid.
        """
        with self.lock:
            self._check_open()
            if len(self._classes) >= MAX_CLASSES:
                raise TeachError(f"There are {MAX_CLASSES} classes, and that is the limit.")
            name = self._free_name(name) if name else self._next_name()
            self._classes += (TaughtClass(name, key=self._next_key),)
            self._next_key += 1
            return len(self._classes) - 1

    def rename(self, index: int, name: str) -> None:
        """Renames a class. Raises TeachError if the name is taken or invalid."""
        with self.lock:
            self._replace(index, name=self._free_name(name, apart_from=self._at(index).key))

    def remove_class(self, index: int) -> None:
        """Removes a class and its pictures. Raises TeachError if there is no such class."""
        with self.lock:
            self._at(index)
            self._classes = self._classes[:index] + self._classes[index + 1 :]
            self._drop_unused()

    # Pictures

    def add(
        self,
        index: int,
        given: Sequence[tuple[str, PictureSource]],
        on_progress: Callable[[int, int], None] = lambda done, total: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Added:
        """Adds pictures to a class, each under the name of its file.

        A picture is anything that `decode.open_image` accepts, or a function that reads one (and
        may raise ImageError). A picture that the class already has is skipped; one that another
        class has is added and reported. Raises TeachError if the class doesn't exist (any more),
        CancelledError if `cancelled()` becomes true; the pictures added until then stay.
        """
        key = self._at(index).key
        outcome = Added()
        for done, (name, source) in enumerate(given):
            if cancelled():
                raise CancelledError("That was stopped; the pictures that are in stay.")
            self._add(key, displayable_name(name), source, outcome)
            on_progress(done + 1, len(given))
        return outcome

    def _add(self, key: int, name: str, source: PictureSource, outcome: Added) -> None:
        """Adds one picture, or records why it was refused."""
        try:
            self._check_room(0)  # before the expensive work
            picture = prepare(source() if callable(source) else source, name)
            self._put(key, name, picture, outcome)
        except (ImageError, _NoRoomError) as error:
            outcome.refused.append((name, str(error)))

    def _put(self, key: int, name: str, kept: Prepared, outcome: Added) -> None:
        """Adds a picture to the class with that key, unless it is there already."""
        with self.lock:
            index = self._index_of(key)
            known = [each for each in self._classes[index].pictures if each.id == kept.id]
            if known:
                outcome.duplicates.append((name, known[0].name))
                return
            new = kept.id not in self._stored
            self._check_room(len(kept.content) if new else 0)
            if new:
                self._write(kept)
            picture = Picture(kept.id, name)
            others = [each for each in self._classes if picture.id in each.ids()]
            self._replace(index, pictures=(*self._classes[index].pictures, picture))
            outcome.added.append(picture)
            outcome.elsewhere.extend((name, other.name) for other in others)

    def remove(self, index: int, id: str) -> None:
        """Removes a picture from a class. Raises TeachError if it isn't there."""
        with self.lock:
            kept = tuple(each for each in self._at(index).pictures if each.id != id)
            if len(kept) == len(self._classes[index].pictures):
                raise TeachError("This picture is not in the class any more.")
            self._replace(index, pictures=kept)
            self._drop_unused()

    def path(self, id: str) -> Path:
        """Returns the picture's file, `<id>.jpg`, `.png` or `.webp`. Raises TeachError."""
        with self.lock:
            self._check_open()
            if not isinstance(id, str) or id not in self._stored:
                raise TeachError("This picture is not here any more; look at the others.")
            return self._stored[id].path

    def image(self, id: str) -> Image.Image:
        """Loads the picture: upright RGB with sides up to STORED_SIDE. Raises TeachError."""
        try:
            return decode.open_image(self.path(id), "The picture")
        except ImageError:
            self.path(id)  # raises TeachError if it was removed in the meantime
            raise

    def thumbnail(self, id: str) -> str:
        """Returns the picture's thumbnail as a data URI. Raises TeachError."""
        with self.lock:
            self.path(id)
            content = self._stored[id].thumbnail
        return f"data:image/webp;base64,{base64.b64encode(content).decode()}"

    # Features

    def features(self, id: str) -> np.ndarray:
        """Returns the picture's pooled features, float32 (views, 512); extracts missing ones.

        Row 0 is the picture itself; with augmentation, VIEWS - 1 rows of copies follow. Raises
        TeachError if there is no such picture.
        """
        while True:
            with self.lock:
                self.path(id)
                if len(self._features.get(id)) >= self._views():
                    return self._features.get(id)[: self._views()]
            self._extract([id], lambda: False)

    def missing_features(self) -> list[str]:
        """Returns the ids of the pictures whose features are yet to be extracted, in order."""
        with self.lock:
            ids = dict.fromkeys(id for each in self._classes for id in each.ids())
            return [id for id in ids if len(self._features.get(id)) < self._views()]

    def extract(
        self,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> None:
        """Extracts the missing features, a few pictures at a time; returns when all are there.

        Concurrent callers share the work. `on_progress` receives the number of pictures that have
        features and the total. Raises CancelledError if `cancelled()` becomes true, TeachError if
        the project is closed; the features extracted until then stay.
        """
        while True:
            with self.lock:
                self._check_open()
                lacking = self.missing_features()
                total = len({id for each in self._classes for id in each.ids()})
            on_progress(total - len(lacking), total)
            if not lacking:
                return
            if cancelled():
                raise CancelledError("That was stopped; what was looked at so far is kept.")
            self._extract(lacking, cancelled)

    def _extract(self, ids: Sequence[str], cancelled: Callable[[], bool]) -> None:
        """Runs one pass over the first unclaimed pictures, or waits for the threads at work."""
        with self.lock:
            self._check_open()
            views = self._views()
            claimed = self._features.claim(ids, views)
        if claimed:
            self._features.fill(claimed, views, cancelled)

    # The whole

    def size(self) -> Size:
        """Returns the project's memory and disk usage."""
        with self.lock:
            memory = self._features.bytes()
            if self._head is not None:
                arrays = (self._head.kernel, self._head.bias, self._head.known)
                memory += sum(array.nbytes for array in arrays)
            memory += sum(len(stored.thumbnail) for stored in self._stored.values())
        return Size(memory, bytes_below(self.folder))

    def close(self) -> None:
        """Deletes all data of the project; later use of it raises TeachError."""
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
        """Returns the current index of the class with that key."""
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
        """Returns the normalised name. Raises TeachError if it is taken or invalid."""
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
            raise TeachError(GONE_MESSAGE)

    def _check_room(self, more: int) -> None:
        """Raises _NoRoomError if the project is full or can't take `more` additional bytes."""
        if self.count >= MAX_PICTURES:
            raise _NoRoomError(
                f"There are {MAX_PICTURES} pictures already, and that is the limit; remove some."
            )
        if sum(stored.length for stored in self._stored.values()) + more > MAX_PROJECT_BYTES:
            raise _NoRoomError(
                f"The pictures take {MAX_PROJECT_BYTES // 2**20} MB already, and that is the "
                "limit; remove some, or use smaller ones."
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
        """Deletes files that no class uses any more, and unused features beyond MAX_PICTURES."""
        used = {id for each in self._classes for id in each.ids()}
        for id in [id for id in self._stored if id not in used]:
            self._stored.pop(id).path.unlink(missing_ok=True)
        self._features.drop_unused(used, MAX_PICTURES)

    def _views(self) -> int:
        return VIEWS if self._settings.augment else 1


class _NoRoomError(TeachError):
    """A picture does not fit into the project; others may, and those in it stay."""
