"""Atomic writes of bytes, JSON and arrays, and hashes."""

import hashlib
import io
import json
import os
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """Packs the arrays into the bytes of an uncompressed `.npz` file."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack(packed: bytes) -> dict[str, np.ndarray]:
    """Unpacks the bytes of an `.npz` file. Raises ValueError if it is damaged or needs pickle."""
    try:
        with np.load(io.BytesIO(packed), allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (BadZipFile, zlib.error, EOFError, OSError, RuntimeError) as error:
        raise ValueError(f"not a whole .npz file: {type(error).__name__}") from error


def write(path: Path, content: bytes) -> None:
    """Writes a file under a temporary name in the same folder, then renames it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file in the same way as `write`."""
    write(path, (json.dumps(content, indent=2) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON file that `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def sha256(content: bytes | memoryview) -> str:
    """Returns the SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()
