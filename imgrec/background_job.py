"""Long work in a background thread: one job at a time, observable and cancellable."""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from imgrec.errors import CancelledError, ImgrecError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Status:
    """Progress of the work."""

    running: bool = False
    what: str = ""  # what is being done, in a few words
    done: int = 0
    total: int | None = None  # None: unknown
    problem: str = ""  # why the last work did not complete


Report = Callable[[str, int, int | None], None]  # what, done, total
Work = Callable[[Report, Callable[[], bool]], None]


class BackgroundJob:
    """Runs one piece of work at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.status = Status()
        self._lock = threading.Lock()
        self._stop = threading.Event()

    def start(self, work: Work) -> bool:
        """Starts `work(report, cancelled)` in a thread; returns False if other work is running.

        The work reports its progress with `report` and raises CancelledError soon after
        `cancelled()` turns true.
        """
        with self._lock:
            if self.status.running:
                return False
            self._stop.clear()
            self.status = Status(running=True)
        threading.Thread(target=self._run, args=(work,), name=self.name, daemon=True).start()
        return True

    def cancel(self) -> None:
        """Asks the running work to stop."""
        self._stop.set()

    def _run(self, work: Work) -> None:
        problem = ""
        try:
            work(self._report, self._stop.is_set)
        except ImgrecError as error:
            if not isinstance(error, CancelledError):
                logger.warning(error)
            problem = str(error)
        except Exception:
            logger.exception("%s failed", self.name)
            problem = "That failed for a reason that stands in the server's log; try again."
        self.status = Status(problem=problem)

    def _report(self, what: str, done: int, total: int | None) -> None:
        self.status = replace(self.status, what=what, done=done, total=total)
