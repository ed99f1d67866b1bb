"""The projects of a server, by secret token; idle ones are deleted."""

import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from imgrec.errors import TeachError
from imgrec.teaching.project import GONE_MESSAGE, Project

MAX_PROJECTS = 60  # per server
IDLE_SECONDS = 30 * 60  # kept so long after the visitor left: for a reload, or a break
FORGOTTEN_SECONDS = 12 * 3600  # kept so long without use, if the visitor didn't sign off


class Projects:
    """The projects of a server, by unguessable token; a singleton."""

    def __init__(self) -> None:
        self._kept: dict[str, _StoredProject] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def create(self, project: Project | None = None, owner: str = "") -> str:
        """Stores a project, by default a new one, and returns its token.

        `owner` is the page visitor who started it; empty for a program's project. If the store is
        full, the least recently used project without pictures is evicted. Raises TeachError if
        there is none.
        """
        self.sweep()
        token = secrets.token_urlsafe(24)
        with self._lock:
            given_up = self._make_room()
            self._kept[token] = _StoredProject(project or Project(), time.monotonic(), owner)
        _close(given_up)
        return token

    def get(self, token: str) -> Project:
        """Returns the project of that token and marks it as in use. Raises TeachError."""
        self.sweep()
        with self._lock:
            kept = self._kept.get(token) if isinstance(token, str) else None
            if kept is None:
                raise TeachError(GONE_MESSAGE)
            kept.seen, kept.left = time.monotonic(), False
            return kept.project

    def belongs_to(self, token: str, visitor: str) -> bool:
        """Whether there is a project of that token and that page visitor started it."""
        with self._lock:
            kept = self._kept.get(token) if isinstance(token, str) else None
            return kept is not None and kept.owner != "" and kept.owner == visitor

    def leave(self, token: str) -> None:
        """Marks the project as left by its visitor; does nothing if there is no such project."""
        with self._lock:
            kept = self._kept.get(token) if isinstance(token, str) else None
            if kept is not None:
                kept.seen, kept.left = time.monotonic(), True
                self._sweep_later()

    def remove(self, token: str) -> None:
        """Deletes a project immediately; does nothing if there is no such project."""
        with self._lock:
            kept = self._kept.pop(token, None) if isinstance(token, str) else None
        _close([kept] if kept else [])

    def sweep(self) -> None:
        """Deletes the projects that have been idle for too long."""
        now = time.monotonic()
        with self._lock:
            over = [token for token, kept in self._kept.items() if kept.expired(now)]
            gone = [self._kept.pop(token) for token in over]
        _close(gone)

    def __len__(self) -> int:
        return len(self._kept)

    def _make_room(self) -> "list[_StoredProject]":
        """Evicts a project if the store is full, and returns what was evicted."""
        if len(self._kept) < MAX_PROJECTS:
            return []
        empty = [token for token, kept in self._kept.items() if not kept.project.count]
        if not empty:
            raise TeachError("Too many people are teaching here at the moment; try again later.")
        return [self._kept.pop(min(empty, key=lambda token: self._kept[token].seen))]

    def _sweep_later(self) -> None:
        """Schedules a sweep, so that left projects are deleted even if no other call comes."""
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
    """A project, its last use (`time.monotonic()`), and whether its visitor left."""

    project: Project
    seen: float
    owner: str
    left: bool = False

    def expired(self, now: float) -> bool:
        """Whether it has been idle for too long."""
        return now - self.seen > (IDLE_SECONDS if self.left else FORGOTTEN_SECONDS)


def _close(gone: Sequence[_StoredProject]) -> None:
    """Deletes the projects' data; slow, so call it without holding the store's lock."""
    for kept in gone:
        kept.project.close()


projects = Projects()
