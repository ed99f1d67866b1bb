"""The calibration file beside a trained model, used only if it belongs to the model's weights."""

import dataclasses
from pathlib import Path
from typing import Any

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from imgrec.environment import environment
from imgrec.files import atomic
from imgrec.metrics.calibration import TEMPERATURES, Calibration, Score
from imgrec.models.registry import Entry

FILE = "calibration.json"


class _Content(BaseModel):
    """The keys of the file, with the fields of Calibration."""

    model_config = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

    weights_sha256: str
    temperature: float = Field(ge=TEMPERATURES[0], le=TEMPERATURES[1])
    ece_before: float = Field(ge=0, le=1)
    ece_after: float = Field(ge=0, le=1)
    n: int = Field(gt=0)
    split: str
    # The second name is that of older files, which know no other score.
    threshold: float | None = Field(
        None, validation_alias=AliasChoices("threshold", "energy_threshold")
    )
    accepted: float | None = None
    score: Score = "energy"
    environment: dict[str, Any] = {}


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
        content = _Content.model_validate_json((entry.folder / FILE).read_bytes())
    except (OSError, ValueError):
        return None
    if content.weights_sha256 != entry.report.get("weights_sha256"):
        return None
    return Calibration(**content.model_dump(exclude={"weights_sha256", "environment"}))
