"""A trained model on disk: a directory with its configuration, weights, history and report.

    config.json    the network's name, its classes and the recipe
    weights.npz    one array per weight, by name; read without pickle
    history.json   one value per epoch of each curve
    report.json    what was measured, on which data and machine, and the weights' hash

A calibrated model also has calibration.json (see `imgrec.models.calibration_file`). Each file is
written under a temporary name and renamed, the report last: a directory without a report is an
unfinished run. The directories under `assets/models` have the same layout.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from imgrec.environment import environment
from imgrec.errors import ModelError
from imgrec.files import atomic

History = dict[str, list[float]]


@dataclass(frozen=True)
class SavedModel:
    """The content of a model directory; `weights` maps a weight's path to its array."""

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
    """Writes a model directory; adds the weights' hash and the environment to the report."""
    packed = atomic.pack(weights)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").unlink(missing_ok=True)
    atomic.write_json(folder / "config.json", config)
    atomic.write(folder / "weights.npz", packed)
    atomic.write_json(folder / "history.json", history)
    parameters = sum(array.size for array in weights.values())
    measured = {"weights_sha256": atomic.sha256(packed), "parameters": parameters, **report}
    atomic.write_json(folder / "report.json", {**measured, "environment": environment()})


def load(folder: Path) -> SavedModel:
    """Reads a model directory. Raises ModelError if it is incomplete or the hash is wrong."""
    try:
        config, history, report = (
            atomic.read_json(folder / name)
            for name in ("config.json", "history.json", "report.json")
        )
        packed = (folder / "weights.npz").read_bytes()
        if atomic.sha256(packed) != report["weights_sha256"]:
            raise ModelError(
                f"The weights in {folder.name} are damaged: their hash is not the one in the "
                "report; restore or retrain them."
            )
        return SavedModel(config, atomic.unpack(packed), history, report)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"{folder.name} is not a finished model ({type(error).__name__}); "
            "finish its training or choose another one."
        ) from error
