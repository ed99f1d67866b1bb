"""Managing runs: naming, renaming, deleting, zipping."""

import io
import re
import shutil
import zipfile
from pathlib import Path

from imgrec.errors import ModelError
from imgrec.files import atomic
from imgrec.files.paths import MODELS, runs_dir
from imgrec.models import registry, run_control

RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # on Windows


def fresh_name(wanted: str) -> str:
    """Returns `wanted`, with a number appended if an entry of that name exists already."""
    names = {folder.name for parent in (runs_dir(), MODELS) for folder in registry.folders(parent)}
    numbered = (f"{wanted}-{number}" for number in range(2, len(names) + 3))
    return wanted if wanted not in names else next(n for n in numbered if n not in names)


def valid_name(name: str) -> str:
    """Returns the name without surrounding spaces. Raises ModelError if it can't be a run's."""
    name = name.strip()
    if not registry.NAME.fullmatch(name) or RESERVED.fullmatch(name) or name.endswith("."):
        raise ModelError(
            "A run's name has up to 60 letters, digits, spaces and - _ + . and begins with a "
            "letter or digit; choose another one."
        )
    return name


def check_name(name: str) -> str:
    """Returns the valid name. Raises ModelError also if it is taken."""
    name = valid_name(name)
    taken = {
        folder.name.lower()
        for parent in (runs_dir(), MODELS)
        for folder in registry.folders(parent)
    }
    if name.lower() in taken:
        raise ModelError(f"There is a {name} already; choose another name.")
    return name


def rename(name: str, new: str) -> str:
    """Renames a run and returns the new name, without surrounding spaces. Raises ModelError."""
    folder, new = _idle_folder(name), check_name(new)
    try:
        folder.rename(folder.with_name(new))
    except OSError as error:
        raise run_control.unusable(folder, error) from error
    return new


def delete(name: str) -> None:
    """Deletes a run permanently. Raises ModelError."""
    folder = _idle_folder(name)
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise run_control.unusable(folder, error) from error


def _idle_folder(name: str) -> Path:
    """Returns the folder of a run that may be changed: it doesn't ship and isn't in training.

    Raises ModelError otherwise.
    """
    entry = registry.find(name)
    if entry.shipped:
        raise ModelError(f"{name} ships with the project and stays as it is; choose a run.")
    if run_control.is_held(entry.folder):
        raise ModelError(f"{name} is being trained; stop it first.")
    return entry.folder


def write_zip(name: str, folder: Path) -> Path:
    """Zips a run's files into the folder and returns the zip's path. Raises ModelError."""
    entry = registry.find(name)
    archive = folder / f"{entry.name}.zip"
    content = io.BytesIO()
    try:
        with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as bundle:
            for file in sorted(entry.folder.rglob("*")):
                if file.is_file() and not file.name.startswith("."):
                    bundle.write(file, Path(entry.name) / file.relative_to(entry.folder))
        folder.mkdir(parents=True, exist_ok=True)
        atomic.write(archive, content.getvalue())
    except OSError as error:
        raise run_control.unusable(entry.folder, error) from error
    return archive
