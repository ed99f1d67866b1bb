"""The calibration file beside a trained model, used only if it belongs to the model's weights."""

import dataclasses
import math
from pathlib import Path
from typing import Any

from imgrec.environment import environment
from imgrec.files import atomic
from imgrec.metrics.calibration import SCORES, TEMPERATURES, Calibration
from imgrec.models.registry import Entry

FILE = "calibration.json"
RENAMED = {"energy_threshold": "threshold"}  # in older files, which know no other score


def write(folder: Path, calibration: Calibration) -> None:
    """Writes the calibration of a finished model's weights into its directory. Raises OSError."""
    atomic.write_json(
        folder / FILE,
        {
            "weights_sha256": atomic.read_json(folder / "report.json")["weights_sha256"],
            **dataclasses.asdict(calibration),
            "environment": environment(),
        },
    )


def load_calibration(entry: Entry) -> Calibration | None:
    """Returns a network's calibration; None if it is missing, damaged or for other weights.

    Older runs have none: their raw probabilities are displayed.
    """
    try:
        content = atomic.read_json(entry.folder / FILE)
        if content["weights_sha256"] != entry.report["weights_sha256"]:
            return None
        fields = {field.name for field in dataclasses.fields(Calibration)}
        known = {RENAMED.get(name, name): value for name, value in content.items()}
        calibration = Calibration(**{name: known[name] for name in fields & set(known)})
        return calibration if _is_valid(calibration) else None
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def _is_valid(calibration: Calibration) -> bool:
    """Returns whether the values have the right types, are finite, and are in their ranges.

    Raises TypeError or OverflowError for some that are not.
    """
    values: list[Any] = [calibration.ece_before, calibration.ece_after]
    threshold = calibration.threshold
    return (
        TEMPERATURES[0] <= calibration.temperature <= TEMPERATURES[1]
        and all(0 <= value <= 1 for value in values)
        and isinstance(calibration.n, int)
        and calibration.n > 0
        and isinstance(calibration.split, str)
        and (threshold is None or math.isfinite(threshold))
        and calibration.score in SCORES
    )
