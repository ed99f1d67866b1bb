"""Untrusted zips: opened and read within bounds, never unpacked to disk."""

import contextlib
import io
import math
import struct
import weakref
import zlib
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

import numpy as np

from imgrec.errors import DataError, ImageError

MAX_DIRECTORY = 8 * 2**20  # bytes of the central directory, which is read whole

# What zipfile raises for damaged or malicious archives.
ZIP_ERRORS = (BadZipFile, OSError, ValueError, RuntimeError, EOFError, struct.error, zlib.error)
NPY_HEADER = 128  # bytes, for a small array in NumPy's format


class _BoundedFile(io.FileIO):
    """A file that limits the size of a read, because zipfile reads the central directory whole."""

    longest: int | None = MAX_DIRECTORY
    called = "The archive"

    def read(self, size: int | None = -1, /) -> bytes:
        if self.longest is not None and size is not None and size > self.longest:
            raise DataError(
                f"{self.called} holds too many files, or files with names that are too long; make "
                "it smaller."
            )
        return super().read(-1 if size is None else size) or b""


def open_zip(file: Path, name: str, max_files: int) -> ZipFile:
    """Opens a zip, which stays open as long as it is referenced; messages call it `name`.

    Raises DataError if it is no zip, is damaged or password-protected, or holds more than
    `max_files` files.
    """
    with contextlib.ExitStack() as closing:
        try:
            content = closing.enter_context(_BoundedFile(file))
            content.called = name
            archive = ZipFile(content)
        except ZIP_ERRORS as error:
            raise DataError(f"{name} is not a whole zip archive; make it again.") from error
        content.longest = None
        weakref.finalize(archive, closing.pop_all().close)
    members = files(archive)
    if len(members) > max_files:
        raise DataError(f"{name} holds more than {max_files:,} files; make it smaller.")
    if any(info.flag_bits & 1 for info in members):
        raise DataError(f"{name} is protected with a password; make it without one.")
    return archive


def files(archive: ZipFile) -> list[ZipInfo]:
    """Returns the members of the zip, without its folders."""
    return [info for info in archive.infolist() if not info.is_dir()]


def read(archive: ZipFile, info: ZipInfo, name: str, max_bytes: int) -> bytes:
    """Returns a member's bytes, at most `max_bytes` + 1 of them; messages call it `name`.

    Reads only stored and deflated members: zipfile decompresses the other methods without a bound.
    Raises ImageError if the member uses another method or is damaged.
    """
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise ImageError(f"{name} is packed in an unusual way; make a usual zip archive.")
    try:
        with archive.open(info) as member:
            return member.read(max_bytes + 1)
    except ZIP_ERRORS as error:
        raise ImageError(f"{name} is damaged in the archive; make it again.") from error


def read_array(inner: ZipFile, member: str, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a float32 array of that shape; reads no more bytes than it needs.

    Raises ValueError if the array is another one, ImageError if it is damaged.
    """
    most = NPY_HEADER + 4 * math.prod(shape)
    stream = io.BytesIO(read(inner, inner.getinfo(member), f"“{member}”", most))
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError("another version of NumPy's format")
    if np.lib.format.read_array_header_1_0(stream) != (shape, False, np.dtype("float32")):
        raise ValueError("another array")
    return np.frombuffer(stream.read(), "float32").reshape(shape).copy()
