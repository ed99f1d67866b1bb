"""The projects of a server, by secret tokens; those left alone for long are deleted."""

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from imgrec.errors import TeachError
from imgrec.teaching.project import GONE_MESSAGE, Project

MAX_PROJECTS = 60  # of a server
IDLE_SECONDS = 30 * 60  # a project whose visitor has left is kept so long: for a reload, or a break
FORGOTTEN_SECONDS = 12 * 3600  # and so long where nobody said that they leave, but nobody came


class Projects:
    """The projects of a server, by tokens that nobody can guess; there is one of it."""

    def __init__(self) -> None:
        self._kept: dict[str, _StoredProject] = {}
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
            self._kept[token] = _StoredProject(project or Project(), time.monotonic(), owner)
        _close(given_up)
        return token

    def get(self, token: str) -> Project:
        """The project of that token, which its visitor is looking at. Raises TeachError."""
        self.sweep()
        with self._lock:
            kept = self._kept.get(token) if isinstance(token, str) else None
            if kept is None:
                raise TeachError(GONE_MESSAGE)
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
            over = [token for token, kept in self._kept.items() if kept.expired(now)]
            gone = [self._kept.pop(token) for token in over]
        _close(gone)

    def __len__(self) -> int:
        return len(self._kept)

    def _make_room(self) -> "list[_StoredProject]":
        """What has to go so that one more can be kept."""
        if len(self._kept) < MAX_PROJECTS:
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
class _StoredProject:
    """A project, when it was last looked at (`time.monotonic()`), and whether its visitor left."""

    project: Project
    seen: float
    owner: str
    left: bool = False

    def expired(self, now: float) -> bool:
        """Whether it may go."""
        return now - self.seen > (IDLE_SECONDS if self.left else FORGOTTEN_SECONDS)


def _close(gone: Sequence[_StoredProject]) -> None:
    """Deletes what projects held: outside the store's lock, for it takes a moment."""
    for kept in gone:
        kept.project.close()


projects = Projects()
