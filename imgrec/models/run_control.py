"""A training run's lock, and its control file: pause, stop or finish.

.lock           held by the process that trains; the system frees it however the process ends
wish            what a person wants of the training: pause, stop or finish
"""

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from imgrec.errors import CancelledError, ModelError
from imgrec.files import atomic

Command = Literal["pause", "stop", "finish"]
POLL_SECONDS = 0.2  # seconds between looks at the wish while paused

_probing = threading.Lock()  # a look holds the run for a moment: two at once would see each other


class StopTrainingError(CancelledError):
    """A person wishes that the training stops."""


def unusable(run: Path, error: OSError | ValueError) -> ModelError:
    """The error of a run whose files can't be read or written, as a sentence."""
    if isinstance(error, FileNotFoundError) and not run.is_dir():
        return ModelError(f"The folder of the run {run.name} has vanished; start a new run.")
    reason = getattr(error, "strerror", None) or type(error).__name__
    return ModelError(
        f"The run {run.name} can't be read or written ({reason}): see that its disk has room, "
        "then resume it."
    )


@contextlib.contextmanager
def hold(run: Path) -> Iterator[None]:
    """Makes this process the one that trains the run. Raises ModelError if another one does."""
    lock = FileLock(run / ".lock")
    try:
        lock.acquire(timeout=1)  # a look at `is_held` may hold it for a moment
    except Timeout:
        raise ModelError(f"The run {run.name} is being trained already.") from None
    except OSError as error:
        raise unusable(run, error) from error
    try:
        for left_over in run.glob(".*.tmp"):  # of a process that was killed while it wrote
            left_over.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def is_held(run: Path) -> bool:
    """Whether a process trains the run now."""
    if not (run / ".lock").exists():
        return False
    lock = FileLock(run / ".lock")
    with _probing:
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return True
        except OSError:
            return False  # the run has just vanished
        lock.release()
    return False


def send_command(run: Path, command: Command | None) -> None:
    """Wishes something of the training; None: that it goes on. Raises ModelError."""
    try:
        if command is None:
            (run / "wish").unlink(missing_ok=True)
        else:
            atomic.write(run / "wish", command.encode())
    except OSError as error:
        raise unusable(run, error) from error


def pending_command(run: Path) -> str | None:
    """What is wished of the training now."""
    try:
        return (run / "wish").read_text(encoding="utf-8")
    except OSError:
        return None
