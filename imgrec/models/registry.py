"""Every trained network that can be seen or used: those that ship, and the runs of the user."""

import io
import os
import re
import shutil
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from imgrec.data import labels
from imgrec.errors import ModelError
from imgrec.files.paths import MODELS, runs_dir
from imgrec.models import run_log, store
from imgrec.models.run_log import Point, State

Kind = Literal["scratch", "transfer"]

NAME = re.compile(r"[\w][\w .+-]{0,59}")  # also a folder's name, on any system
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # on Windows


@dataclass(frozen=True)
class Entry:
    """A trained network, or one that is being trained, in its directory."""

    name: str
    kind: Kind
    shipped: bool
    folder: Path
    config: dict[str, Any]
    history: store.History
    report: dict[str, Any]  # empty while the run has not finished
    state: State
    started: float | None  # when, in seconds since 1970; unknown of what ships

    @property
    def network(self) -> str:
        """The network's or the head's name in `imgrec.networks`."""
        return self.config["network"]

    @property
    def epochs(self) -> int:
        """Whole epochs done."""
        return len(self.history.get("loss", ()))

    @property
    def seconds(self) -> float | None:
        """Of training, so far; unknown of a run without a whole epoch."""
        each = self.history.get("seconds")
        return self.report.get("seconds", sum(each) if each else None)

    @property
    def best_validation_accuracy(self) -> float | None:
        """Of any epoch so far."""
        return max(self.history.get("val_accuracy", ()), default=None)

    @property
    def test_accuracy(self) -> float | None:
        """On images that were used neither to train nor to choose."""
        test = self.report.get("test") or {}
        return self.report.get("test_accuracy", test.get("accuracy"))


def entries() -> list[Entry]:
    """The runs, the latest first, then what ships; directories that hold no model are left out."""
    found = [entry for folder in _folders(runs_dir()) if (entry := _entry(folder, shipped=False))]
    found.sort(key=lambda entry: entry.started or 0, reverse=True)
    return found + [e for folder in _folders(MODELS) if (e := _entry(folder, shipped=True))]


def find(name: str, kind: Kind | None = None) -> Entry:
    """The entry of that name, and of that kind where one is given. Raises ModelError."""
    valid = isinstance(name, str) and NAME.fullmatch(name)  # a visitor may send anything
    for parent, shipped in ((MODELS, True), (runs_dir(), False)):
        entry = _entry(parent / name, shipped) if valid else None
        if entry and kind in (None, entry.kind):
            return entry
    names = ", ".join(entry.name for entry in entries() if kind in (None, entry.kind))
    raise ModelError(f"There is no trained network {name!r}; choose one of {names}.")


def at(folder: Path) -> Entry:
    """The entry in a directory, wherever it is. Raises ModelError."""
    folder = Path(os.path.normpath(folder.absolute()))  # `.` has no name
    entry = _entry(folder, shipped=folder.parent == MODELS)
    if entry is None:
        raise ModelError(f"There is no trained network in {folder}; choose another directory.")
    return entry


def finished(kind: Kind) -> list[Entry]:
    """What can be used, what ships first; of heads only those that know dogs."""
    usable = [e for e in entries() if e.kind == kind and e.state == "finished" and answers(e)]
    return sorted(usable, key=lambda entry: not entry.shipped)


def answers(entry: Entry) -> bool:
    """Whether the entry's classes are those of its tab and of the dog question."""
    wanted = list(labels.CIFAR10) if entry.kind == "scratch" else ["dog"]
    return entry.config["classes"] == wanted


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(path for path in parent.iterdir() if path.is_dir())
    except OSError:
        return []


def _entry(folder: Path, shipped: bool) -> Entry | None:
    """The entry in a directory, or None if there is none, or one that can't be read."""
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
    """Which approach the network belongs to; None for those that are no approach of their own."""
    if not isinstance(config["network"], str):
        return None
    if config["classes"] == list(labels.CIFAR10):
        return "scratch"
    return "transfer" if len(config["classes"]) == 1 and "head" in config["recipe"] else None


def _read(file: Path) -> dict[str, Any]:
    """What a JSON file holds, nothing if there is none. Raises ValueError if it is no object."""
    content = store.read_json(file) if file.exists() else {}
    if not isinstance(content, dict):
        raise ValueError(f"{file.name} holds no object")
    return content


# What a person does with a run


def fresh_name(wanted: str) -> str:
    """`wanted`, or with a number behind it where there is such an entry already."""
    names = {folder.name for parent in (runs_dir(), MODELS) for folder in _folders(parent)}
    numbered = (f"{wanted}-{number}" for number in range(2, len(names) + 3))
    return wanted if wanted not in names else next(n for n in numbered if n not in names)


def valid_name(name: str) -> str:
    """The name without spaces around it. Raises ModelError if it can't be a run's."""
    name = name.strip()
    if not NAME.fullmatch(name) or RESERVED.fullmatch(name) or name.endswith("."):
        raise ModelError(
            "A run's name has up to 60 letters, digits, spaces and - _ + . and begins with a "
            "letter or digit; choose another one."
        )
    return name


def check_name(name: str) -> str:
    """The valid name. Raises ModelError also if it is taken."""
    name = valid_name(name)
    taken = {folder.name.lower() for parent in (runs_dir(), MODELS) for folder in _folders(parent)}
    if name.lower() in taken:
        raise ModelError(f"There is a {name} already; choose another name.")
    return name


def rename(name: str, new: str) -> str:
    """Gives a run another name and returns it, without spaces around it. Raises ModelError."""
    folder, new = _idle(name), check_name(new)
    try:
        folder.rename(folder.with_name(new))
    except OSError as error:
        raise run_log.unusable(folder, error) from error
    return new


def delete(name: str) -> None:
    """Deletes a run for good. Raises ModelError."""
    folder = _idle(name)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise run_log.unusable(folder, error) from error


def _idle(name: str) -> Path:
    """The folder of a run that may be changed: it doesn't ship and isn't being trained."""
    entry = find(name)
    if entry.shipped:
        raise ModelError(f"{name} ships with the project and stays as it is; choose a run.")
    if run_log.is_held(entry.folder):
        raise ModelError(f"{name} is being trained; stop it first.")
    return entry.folder


def zipped(name: str, folder: Path) -> Path:
    """Writes a run's files as a zip into the folder and returns its path. Raises ModelError."""
    entry = find(name)
    archive = folder / f"{entry.name}.zip"
    content = io.BytesIO()
    try:
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as bundle:
            for file in sorted(entry.folder.rglob("*")):
                if file.is_file() and not file.name.startswith("."):
                    bundle.write(file, Path(entry.name) / file.relative_to(entry.folder))
        folder.mkdir(parents=True, exist_ok=True)
        store.write(archive, content.getvalue())
    except OSError as error:
        raise run_log.unusable(entry.folder, error) from error
    return archive


# Curves


def training_curve(entry: Entry) -> list[Point]:
    """Loss and accuracy while it was trained: many points where they were kept, or one an epoch."""
    watched = () if entry.shipped else run_log.watch(entry.folder).points
    return list(watched) or _epoch_curve(entry, "loss", "accuracy")


def validation_curve(entry: Entry) -> list[Point]:
    """Loss and accuracy on the images kept apart, a point an epoch; empty if there were none."""
    return _epoch_curve(entry, "val_loss", "val_accuracy")


def _epoch_curve(entry: Entry, loss: str, accuracy: str) -> list[Point]:
    losses, accuracies = entry.history.get(loss, []), entry.history.get(accuracy, [])
    total = entry.seconds or 0.0
    each = entry.history.get("seconds") or [total / max(1, entry.epochs)] * entry.epochs
    return [
        Point(number + 1, sum(each[: number + 1]), *pair)
        for number, pair in enumerate(zip(losses, accuracies, strict=False))
    ]


def thinned(points: Sequence[Point], most: int) -> list[Point]:
    """At most so many points: each the mean of as many neighbours, at the last one's place."""
    size = max(1, -(-len(points) // most))
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    return [
        replace(
            group[-1],
            loss=sum(point.loss for point in group) / len(group),
            accuracy=sum(point.accuracy for point in group) / len(group),
        )
        for group in groups
    ]
