"""Downloads that survive a broken connection: resumable, cancellable, verified by hash."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from imgrec.errors import CancelledError, DataError

logger = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]  # bytes done, total bytes if the server states them

ATTEMPTS = 3
TIMEOUT = httpx.Timeout(10)  # seconds of silence; a cancelled download may need as long to end


@dataclass(frozen=True)
class Checksum:
    """The expected hash of a file, and the algorithm's name in `hashlib`."""

    algorithm: str
    hexdigest: str

    def matches(self, path: Path) -> bool:
        """Returns whether the file at `path` has this hash."""
        with path.open("rb") as file:
            return hashlib.file_digest(file, self.algorithm).hexdigest() == self.hexdigest


def fetch(
    url: str,
    target: Path,
    *,
    checksum: Checksum | None = None,
    on_progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """Downloads `url` to `target` and returns it; keeps a file that is there already and matches.

    The bytes go to `target.part`, which is renamed once it is complete and its hash is right. A
    broken transfer resumes where it stopped, both here and in the next call.

    Raises DataError if the download fails, CancelledError as soon as `cancelled()` is true (the
    bytes received so far stay for the next call).
    """
    if target.is_file() and (checksum is None or checksum.matches(target)):
        return target
    part = target.with_name(target.name + ".part")
    reason = ""
    for _ in range(ATTEMPTS):
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            _transfer(url, part, on_progress, cancelled)
            if checksum is None or checksum.matches(part):
                return part.replace(target)
            part.unlink()
            reason = "what arrived is not the expected file (wrong hash)"
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            reason = _reason(error)
            logger.info("download of %s: %s", url, reason)
            if isinstance(error, httpx.HTTPStatusError | httpx.ConnectError | OSError):
                break
    raise DataError(f"{target.name} could not be downloaded: {reason}.")


def _transfer(url: str, part: Path, on_progress: Progress, cancelled: Callable[[], bool]) -> None:
    """Appends the missing bytes to `part`, or rewrites it if the server can't resume."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    _check(cancelled)
    with httpx.stream(
        "GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True
    ) as response:
        if have and response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # the part is complete or entirely wrong: the hash decides
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        done = have if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_bytes():
                _check(cancelled)
                file.write(chunk)
                done += len(chunk)
                on_progress(done, total)


def _check(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        raise CancelledError("The download was stopped; starting it again goes on from here.")


def _reason(error: Exception) -> str:
    """Describes the error in a few words for a user."""
    match error:
        case httpx.HTTPStatusError():
            return f"the server answered {error.response.status_code}"
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return "the server can't be reached"
        case httpx.TimeoutException():
            return "the server stopped answering"
        case httpx.HTTPError():
            return "the connection broke"
        case OSError():
            return f"the file can't be written ({error.strerror})"
    return str(error)
