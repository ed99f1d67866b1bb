"""Trains a head in the background: features with progress, then about a second of training."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from imgrec.background_job import BackgroundJob, Report
from imgrec.data.photos import labelled_files
from imgrec.errors import DataError, ImgrecError
from imgrec.files.paths import runs_dir
from imgrec.models import manage_runs
from imgrec.training.permissions import check_run_limit
from imgrec.training.process import trainer
from imgrec.training.recipes import HeadRecipe

if TYPE_CHECKING:
    from imgrec.training import heads

POSITIVE = "dog"  # the class whose probability the head predicts
SHIPPED = "the 64 photos that ship"


class HeadTrainer:
    """Trains one head at a time in a thread of this process, which has one instance."""

    def __init__(self) -> None:
        self.folder: Path | None = None  # labelled photos from whoever started the demo
        self.work = BackgroundJob("head-training")
        self.run = ""  # the name of the last run

    def use(self, folder: Path) -> None:
        """Sets the folder. Raises DataError if it doesn't hold two folders, one of them `dog`."""
        labelled_files(folder, POSITIVE)
        self.folder = folder.resolve()

    def sources(self) -> list[str]:
        """Returns the names of the photo sets that a head can be trained on."""
        return [SHIPPED] if self.folder is None else [SHIPPED, self.folder.name]

    def start(self, recipe: HeadRecipe, source: str = SHIPPED, name: str = "") -> str:
        """Starts a training and returns the name that its run will have.

        Raises ImgrecError if one is in progress, or there is no such source.
        """
        if source not in self.sources():
            raise DataError(f"There are no photos {source!r}; choose {self.sources()[0]}.")
        check_run_limit(trainer.permissions.limits)
        moment = time.strftime("%Y%m%d-%H%M%S")
        name = manage_runs.check_name(name or manage_runs.fresh_name(f"{recipe.head}-{moment}"))

        def work(report: Report, cancelled: Callable[[], bool]) -> None:
            _train(recipe, None if source == SHIPPED else self.folder, name, report, cancelled)

        if not self.work.start(work):
            raise ImgrecError("A head is being trained already; wait a moment.")
        self.run = name
        return name


def _train(
    recipe: HeadRecipe,
    folder: Path | None,
    name: str,
    report: Report,
    cancelled: Callable[[], bool],
) -> None:
    from imgrec.training import heads

    photos = heads.shipped_photos() if folder is None else _extracted(folder, report, cancelled)
    report("training", 0, None)
    started = time.perf_counter()
    head, history = heads.train_head(recipe, photos)
    seconds = round(time.perf_counter() - started, 2)
    run = runs_dir() / name
    measured = {"seconds": seconds, "test": None}
    try:
        heads.save_head(run, recipe, POSITIVE, photos, head, history, measured, keep_features=False)
    except OSError as error:
        shutil.rmtree(run, ignore_errors=True)
        raise DataError(f"The run {name} can't be written ({error.strerror}).") from error


def _extracted(folder: Path, report: Report, cancelled: Callable[[], bool]) -> "heads.Photos":
    """Returns the features of the folder's photos; those that can't be used are left out."""
    from imgrec.training import heads

    return heads.extract(
        labelled_files(folder, POSITIVE),
        on_progress=lambda done, total: report("features of the photos", done, total),
        cancelled=cancelled,
    )


head_trainer = HeadTrainer()
