"""All trained networks that can be displayed or used: those that ship, and the user's runs."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from imgrec.data import labels
from imgrec.errors import ModelError
from imgrec.files import atomic
from imgrec.files.paths import MODELS, runs_dir
from imgrec.models import run_log, store
from imgrec.models.run_log import State

Kind = Literal["scratch", "transfer"]

NAME = re.compile(r"[\w][\w .+-]{0,59}")  # also valid as a folder's name on any system


@dataclass(frozen=True)
class Entry:
    """A trained network, or one in training, in its directory."""

    name: str
    kind: Kind
    shipped: bool
    folder: Path
    config: dict[str, Any]
    history: store.History
    report: dict[str, Any]  # empty while the run has not finished
    state: State
    started: float | None  # in seconds since 1970; None for what ships

    @property
    def network(self) -> str:
        """The name of the network or head in `networks.cifar10` or `networks.heads`."""
        return self.config["network"]

    @property
    def epochs(self) -> int:
        """Number of completed epochs."""
        return len(self.history.get("loss", ()))

    @property
    def seconds(self) -> float | None:
        """Training time so far; None for a run without a completed epoch."""
        each = self.history.get("seconds")
        return self.report.get("seconds", sum(each) if each else None)

    @property
    def best_validation_accuracy(self) -> float | None:
        """Best validation accuracy of any epoch so far."""
        return max(self.history.get("val_accuracy", ()), default=None)

    @property
    def test_accuracy(self) -> float | None:
        """Accuracy on images used neither for training nor for model selection."""
        test = self.report.get("test") or {}
        return self.report.get("test_accuracy", test.get("accuracy"))


def entries() -> list[Entry]:
    """Returns the runs, latest first, then what ships; skips directories that hold no model."""
    found = [entry for folder in folders(runs_dir()) if (entry := _entry(folder, shipped=False))]
    found.sort(key=lambda entry: entry.started or 0, reverse=True)
    return found + [e for folder in folders(MODELS) if (e := _entry(folder, shipped=True))]


def find(name: str, kind: Kind | None = None) -> Entry:
    """Returns the entry of that name and, if one is given, of that kind. Raises ModelError."""
    valid = isinstance(name, str) and NAME.fullmatch(name)  # a visitor may send anything
    for parent, shipped in ((MODELS, True), (runs_dir(), False)):
        entry = _entry(parent / name, shipped) if valid else None
        if entry and kind in (None, entry.kind):
            return entry
    names = ", ".join(entry.name for entry in entries() if kind in (None, entry.kind))
    raise ModelError(f"There is no trained network {name!r}; choose one of {names}.")


def load_entry(folder: Path) -> Entry:
    """Returns the entry in a directory, wherever it is. Raises ModelError."""
    folder = Path(os.path.normpath(folder.absolute()))  # `.` has no name
    entry = _entry(folder, shipped=folder.parent == MODELS)
    if entry is None:
        raise ModelError(f"There is no trained network in {folder}; choose another directory.")
    return entry


def usable_models(kind: Kind) -> list[Entry]:
    """Returns the usable models, those that ship first; of heads, only those that know dogs."""
    usable = [
        e for e in entries() if e.kind == kind and e.state == "finished" and has_tab_classes(e)
    ]
    return sorted(usable, key=lambda entry: not entry.shipped)


def has_tab_classes(entry: Entry) -> bool:
    """Returns whether the entry has the classes of its tab and of the dog question."""
    wanted = list(labels.CIFAR10) if entry.kind == "scratch" else ["dog"]
    return entry.config["classes"] == wanted


def folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir())
    except OSError:
        return []


def _entry(folder: Path, shipped: bool) -> Entry | None:
    """Returns the entry in a directory, or None if there is none or it can't be read."""
    try:
        config = _read(folder / "config.json")
        kind = _kind(config)
        if kind is None:
            return None
        state: State = "finished" if shipped else run_log.state_of(folder)
        started = None if shipped else run_log.started(folder)
        report, curves = (_read(folder / name) for name in ("report.json", "history.json"))
        history = {name: [float(value) for value in values] for name, values in curves.items()}
        return Entry(folder.name, kind, shipped, folder, config, history, report, state, started)
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None


def _kind(config: dict[str, Any]) -> Kind | None:
    """Returns the approach that the network belongs to, or None if it belongs to none."""
    if not isinstance(config["network"], str):
        return None
    if config["classes"] == list(labels.CIFAR10):
        return "scratch"
    return "transfer" if len(config["classes"]) == 1 and "head" in config["recipe"] else None


def _read(file: Path) -> dict[str, Any]:
    """Returns a JSON file's object, empty without a file. Raises ValueError if it is no object."""
    content = atomic.read_json(file) if file.exists() else {}
    if not isinstance(content, dict):
        raise ValueError(f"{file.name} holds no object")
    return content
