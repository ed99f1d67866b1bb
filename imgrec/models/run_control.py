"""A training run's lock, and its control file: pause, stop or finish.

.lock           held by the training process; the system frees it however the process ends
wish            the pending command: pause, stop or finish
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
POLL_SECONDS = 0.2  # seconds between reads of the command while paused

_probing = threading.Lock()  # a probe holds the lock for a moment: two at once would see each other


class StopTrainingError(CancelledError):
    """The training ends on a stop command or when its time is over."""


def unusable(run: Path, error: OSError | ValueError) -> ModelError:
    """Returns the ModelError for a run whose files can't be read or written."""
    if isinstance(error, FileNotFoundError) and not run.is_dir():
        return ModelError(f"The folder of the run {run.name} has vanished; start a new run.")
    reason = getattr(error, "strerror", None) or type(error).__name__
    return ModelError(
        f"The run {run.name} can't be read or written ({reason}): see that its disk has room, "
        "then resume it."
    )


@contextlib.contextmanager
def hold(run: Path) -> Iterator[None]:
    """Locks the run for training by this process. Raises ModelError if another one trains it."""
    lock = FileLock(run / ".lock")
    try:
        lock.acquire(timeout=1)  # `is_held` may hold it for a moment
    except Timeout:
        raise ModelError(f"The run {run.name} is being trained already.") from None
    except OSError as error:
        raise unusable(run, error) from error
    try:
        for left_over in run.glob(".*.tmp"):  # by a process killed while writing
            left_over.unlink(missing_ok=True)
        yield
    finally:
        lock.release()


def is_held(run: Path) -> bool:
    """Returns whether a process is training the run."""
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
    """Sends a command to the training; None withdraws the pending one. Raises ModelError."""
    try:
        if command is None:
            (run / "wish").unlink(missing_ok=True)
        else:
            atomic.write(run / "wish", command.encode())
    except OSError as error:
        raise unusable(run, error) from error


def pending_command(run: Path) -> str | None:
    """Returns the pending command, or None."""
    try:
        return (run / "wish").read_text(encoding="utf-8")
    except OSError:
        return None
