"""Downloads that survive a broken line: resumed, cancellable, believed only by their hash."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from imgrec.errors import CancelledError, DataError

logger = logging.getLogger(__name__)

Progress = Callable[[int, int | None], None]  # bytes done, bytes in all where the server tells

ATTEMPTS = 3
TIMEOUT = httpx.Timeout(10)  # seconds of silence, also before a cancelled one can end


@dataclass(frozen=True)
class Checksum:
    """The expected hash of a file, with the algorithm's name as `hashlib` knows it."""

    algorithm: str
    hexdigest: str

    def matches(self, path: Path) -> bool:
        """Whether the file at `path` has this hash."""
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
    """Downloads `url` to `target` and returns it; a file that is there already is kept.

    The bytes go to `target.part`, which takes its real name when it is whole and its hash is
    right. A broken transfer is taken up where it stopped, here and at the next call.

    Raises DataError if the file can't be had, CancelledError as soon as `cancelled()` is true (what
    has arrived stays for the next call).
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
    """Appends to `part` what it lacks, or writes it anew where the server can't resume."""
    have = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    _check(cancelled)
    with httpx.stream(
        "GET", url, headers=headers, timeout=TIMEOUT, follow_redirects=True
    ) as response:
        if have and response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # all of it is here already, or none of it is right: the hash tells
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
    """The error in a few words for a user."""
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
