"""A trained model on disk: a directory with its configuration, weights, history and report.

    config.json    the network's name, its classes and the recipe
    weights.npz    one array a weight, by name; read without pickle
    history.json   one value an epoch of each curve
    report.json    what was measured, on which data and machine, and the weights' hash

Beside them lies calibration.json, where it was measured (see `imgrec.metrics.calibration`). Each
file is written under a temporary name and renamed, the report last: a directory without a report is
a run that has not finished. The directories under `assets/models` are of the same kind.
"""

import hashlib
import importlib.metadata
import io
import json
import os
import platform
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from imgrec.errors import ModelError

History = dict[str, list[float]]


@dataclass(frozen=True)
class SavedModel:
    """What `load` gives back; `weights` maps a weight's path to its array."""

    config: dict[str, Any]
    weights: dict[str, np.ndarray]
    history: History
    report: dict[str, Any]


def save(
    folder: Path,
    *,
    config: Mapping[str, Any],
    weights: Mapping[str, np.ndarray],
    history: Mapping[str, list[float]],
    report: Mapping[str, Any],
) -> None:
    """Writes a model directory; the report gets the hash of the weights and the environment."""
    packed = pack(weights)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").unlink(missing_ok=True)
    write_json(folder / "config.json", config)
    write(folder / "weights.npz", packed)
    write_json(folder / "history.json", history)
    parameters = sum(array.size for array in weights.values())
    measured = {"weights_sha256": sha256(packed), "parameters": parameters, **report}
    write_json(folder / "report.json", {**measured, "environment": environment()})


def load(folder: Path) -> SavedModel:
    """Reads a model directory. Raises ModelError if it is not whole or the hash is wrong."""
    try:
        config, history, report = (
            read_json(folder / name) for name in ("config.json", "history.json", "report.json")
        )
        packed = (folder / "weights.npz").read_bytes()
        if sha256(packed) != report["weights_sha256"]:
            raise ModelError(
                f"The weights in {folder.name} are damaged: their hash is not the one in the "
                "report; restore or retrain them."
            )
        return SavedModel(config, unpack(packed), history, report)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{folder.name} is not a finished model ({type(error).__name__}); "
            "finish its training or choose another one."
        ) from error


def pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    """The arrays as the bytes of an uncompressed `.npz` file."""
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def unpack(packed: bytes) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file's bytes. Raises ValueError if it is damaged or needs pickle."""
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
    """Writes a JSON file, as `write` does."""
    write(path, (json.dumps(content, indent=2) + "\n").encode())


def read_json(path: Path) -> dict[str, Any]:
    """Reads a JSON file that `write_json` wrote."""
    return json.loads(path.read_text(encoding="utf-8"))


def sha256(content: bytes | memoryview) -> str:
    """The SHA-256 of the bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def environment() -> dict[str, Any]:
    """The machine and the library versions that a measured figure belongs to."""
    libraries = ("tensorflow", "keras", "numpy", "pillow")
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in libraries},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
