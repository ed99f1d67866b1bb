"""Paths to what ships with the project, and to what is kept between starts."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ASSETS = ROOT / "assets"
MODELS = ASSETS / "models"
IMAGES = ASSETS / "images"
REPORTS = ASSETS / "reports"


def cache_dir() -> Path:
    """Returns the folder for downloads, `IMGREC_CACHE` or `~/.cache/imgrec`; doesn't create it."""
    named = os.environ.get("IMGREC_CACHE")
    return Path(named) if named else Path.home() / ".cache" / "imgrec"


def runs_dir() -> Path:
    """Returns the folder of training runs: `IMGREC_RUNS`, or `runs` beside the package."""
    named = os.environ.get("IMGREC_RUNS")
    return Path(named) if named else ROOT / "runs"


def keras_cache_dir() -> Path:
    """Returns the folder of Keras's weights: `KERAS_HOME/models` or `~/.keras/models`."""
    home = os.environ.get("KERAS_HOME")
    return (Path(home) if home else Path.home() / ".keras") / "models"
