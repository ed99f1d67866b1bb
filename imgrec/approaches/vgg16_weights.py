"""Finds VGG16's official weights: a file that the user names, Keras's cache, or a download."""

import functools
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from imgrec.background_job import BackgroundJob, Report
from imgrec.errors import DataError, ModelError
from imgrec.files import downloads
from imgrec.files.paths import keras_cache_dir

logger = logging.getLogger(__name__)

# Keras's own file and hash (keras/src/applications/vgg16.py).
FILE_NAME = "vgg16_weights_tf_dim_ordering_tf_kernels.h5"
URL = f"https://storage.googleapis.com/tensorflow/keras-applications/vgg16/{FILE_NAME}"
CHECKSUM = downloads.Checksum("md5", "64373286793e3c8b2b4e3219cbf3544b")
FILE_MEGABYTES = 553


@dataclass(frozen=True)
class Status:
    """Whether VGG16's own top is available, in a form for the page."""

    state: Literal["absent", "downloading", "ready"]
    done: int = 0  # bytes downloaded
    total: int = FILE_MEGABYTES * 1_000_000  # bytes
    message: str = ""  # why the file is absent, if something went wrong


class Weights:
    """The official file of all VGG16 weights: the one named, Keras's cached one, or a download.

    A process has one instance. The download runs in a thread and can be watched and cancelled.
    """

    def __init__(self) -> None:
        self.named: Path | None = None
        self.may_download = True
        self._refused = ""  # why the named file was dropped
        self._transfer = BackgroundJob("vgg16-download")
        self._checked: tuple[tuple[float, int], bool] | None = None

    def use(self, file: Path) -> None:
        """Sets the file to use. Raises ModelError if it doesn't exist."""
        if not file.is_file():
            raise ModelError(f"There is no file {file} with VGG16's weights; check the path.")
        self.named = file.resolve()

    def file(self) -> Path | None:
        """Returns the named file, else Keras's cached one if its hash matches, else None."""
        if self.named is not None:
            return self.named
        cached = keras_cache_dir() / FILE_NAME
        if not cached.is_file():
            return None
        stamp = (cached.stat().st_mtime, cached.stat().st_size)
        if self._checked is None or self._checked[0] != stamp:  # hashing takes a second: do it once
            self._checked = (stamp, CHECKSUM.matches(cached))
        return cached if self._checked[1] else None

    def refuse(self, reason: str) -> None:
        """Drops the named file, which could not be loaded, and keeps the reason for the page."""
        logger.warning(reason)
        self.named = None
        self._refused = reason

    def status(self) -> Status:
        """Returns the state of the file for the page."""
        transfer = self._transfer.status
        if transfer.running:
            return Status("downloading", transfer.done, transfer.total or Status.total)
        if self.file() is not None:
            return Status("ready")
        return Status("absent", message=self._refused or transfer.problem)

    def download(self) -> None:
        """Starts the download in a thread; does nothing if it is running, done or not allowed."""
        if self.may_download and self.status().state == "absent":
            self._refused = ""
            self._transfer.start(self._download)

    def cancel(self) -> None:
        """Cancels a running download; the part that has arrived is kept for the next one."""
        self._transfer.cancel()

    def _download(self, report: Report, cancelled: Callable[[], bool]) -> None:
        try:
            downloads.fetch(
                URL,
                keras_cache_dir() / FILE_NAME,
                checksum=CHECKSUM,
                on_progress=functools.partial(report, "VGG16"),
                cancelled=cancelled,
            )
        except DataError as error:
            raise DataError(
                f"{error} Try again, or name a file that you have with --vgg16-weights."
            ) from error


weights = Weights()
