"""What a visitor teaches: classes of their own pictures, kept apart from everybody else's.

A `Project` holds one visitor's classes, with the pictures in a temporary folder of its own, and
their features as soon as VGG16 has seen them. `store.projects` are the projects of a server.
Everything here may be called from many threads at once. A lock is only held for a look or a small
change, never while a picture is decoded or a network runs.
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
MAX_PICTURES = 600  # of a project
MAX_PROJECT_BYTES = 150 * 2**20  # of a project's pictures on disk

MIN_PICTURES = 2  # of a class: one to learn from while the other is judged

GONE_MESSAGE = (
    "These pictures are not here any more; open the project that you downloaded, or begin anew."
)

PictureSource = decode.Source | Callable[[], bytes | np.ndarray]  # a picture, or what reads one


class _Stored(NamedTuple):
    """A picture's file, how large it is, and the picture as a small WebP."""

    path: Path
    length: int  # bytes
    thumbnail: bytes


class Project:
    """One visitor's classes, pictures and head. May be used from several threads at once."""

    def __init__(self) -> None:
        self._temporary = temporary_folder()
        self.folder = Path(self._temporary.name)  # the visitor's own, for exports too
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)  # what is being extracted, or closed
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
    def head(self) -> TaughtHead | None:
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

    def keep_head(self, head: TaughtHead, trained_on: Snapshot | None = None) -> None:
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
        free. Raises TeachError if there are MAX_CLASSES, or the name is taken or no name."""
        with self.lock:
            self._check_open()
            if len(self._classes) >= MAX_CLASSES:
                raise TeachError(f"There are {MAX_CLASSES} classes, and that is the limit.")
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
        given: Sequence[tuple[str, PictureSource]],
        on_progress: Callable[[int, int], None] = lambda done, total: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Added:
        """Adds pictures, each under the name of its file, to a class.

        A picture is what `decode.open_image` takes, or a function that reads one (and may raise
        ImageError). One that the class has already is left out; one that another class has is
        added, and told. Raises TeachError if there is no such class (any more), CancelledError if
        `cancelled()` became true; what was added till then stays.
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
        """Adds one picture, or tells why not."""
        try:
            self._check_room(0)  # before the work
            picture = prepare(source() if callable(source) else source, name)
            self._put(key, name, picture, outcome)
        except (ImageError, _NoRoomError) as error:
            outcome.refused.append((name, str(error)))

    def _put(self, key: int, name: str, kept: Prepared, outcome: Added) -> None:
        """Puts a picture into the class of that key, unless it is there already."""
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
        """The picture's file, `<id>.jpg`, `.png` or `.webp`. Raises TeachError."""
        with self.lock:
            self._check_open()
            if not isinstance(id, str) or id not in self._stored:
                raise TeachError("This picture is not here any more; look at the others.")
            return self._stored[id].path

    def image(self, id: str) -> Image.Image:
        """The picture, upright RGB with sides up to STORED_SIDE. Raises TeachError."""
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
                if len(self._features.get(id)) >= self._views():
                    return self._features.get(id)[: self._views()]
            self._extract([id], lambda: False)

    def missing_features(self) -> list[str]:
        """The ids of the pictures whose features are yet to be extracted, in their order."""
        with self.lock:
            ids = dict.fromkeys(id for each in self._classes for id in each.ids())
            return [id for id in ids if len(self._features.get(id)) < self._views()]

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
                lacking = self.missing_features()
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
            views = self._views()
            claimed = self._features.claim(ids, views)
        if claimed:
            self._features.fill(claimed, views, cancelled)

    # The whole

    def size(self) -> Size:
        """What it takes in memory and on disk."""
        with self.lock:
            memory = self._features.bytes()
            if self._head is not None:
                arrays = (self._head.kernel, self._head.bias, self._head.known)
                memory += sum(array.nbytes for array in arrays)
            memory += sum(len(stored.thumbnail) for stored in self._stored.values())
        return Size(memory, bytes_below(self.folder))

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
            raise TeachError(GONE_MESSAGE)

    def _check_room(self, more: int) -> None:
        """Raises _NoRoomError if no picture, or none of so many bytes more, goes in."""
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
        """Deletes the files that no class has any more, and features beyond MAX_PICTURES."""
        used = {id for each in self._classes for id in each.ids()}
        for id in [id for id in self._stored if id not in used]:
            self._stored.pop(id).path.unlink(missing_ok=True)
        self._features.drop_unused(used, MAX_PICTURES)

    def _views(self) -> int:
        return VIEWS if self._settings.augment else 1


class _NoRoomError(TeachError):
    """A picture does not fit; others may, and what is there stays."""
