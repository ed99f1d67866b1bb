"""The reports on the training of the scratch networks, typed: the race, seeds, ablation.

Only what the page and the documents tell is read. Shares are from 0 to 1, times in seconds unless
the name says otherwise.
"""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from imgrec import environment
from imgrec.files import atomic
from imgrec.files.paths import REPORTS


class Report(BaseModel):
    """A report, or a part of one."""

    model_config = ConfigDict(frozen=True)


class Measurement(Report):
    """A report that names its machine."""

    environment: dict[str, str | int | None]

    @property
    def machine(self) -> str:
        """The machine of the measurement."""
        return environment.machine(self.environment)


class Spread(Report):
    """Mean and sample standard deviation over several runs."""

    mean: float
    deviation: float


class Training(Report):
    """A training of a scratch network and its test accuracy, with and without TTA."""

    epochs: int
    seconds: float
    test_accuracy: float
    test_accuracy_views: float | None = None  # where it was measured


# scripts/benchmark.py training, training_float32


class TimedEpochs(Report):
    """A training of which only some epochs were timed."""

    epochs_timed: int


class Racer(Training):
    """A training with a point per epoch: the seconds until its end, and the validation accuracy."""

    parameters: int
    elapsed: tuple[float, ...]
    val_accuracy: tuple[float, ...]

    def seconds_until(self, accuracy: float) -> float | None:
        """Returns the training time until that validation accuracy; None if it never got there."""
        epochs = zip(self.elapsed, self.val_accuracy, strict=True)
        return next((seconds for seconds, reached in epochs if reached >= accuracy), None)


class SideBySide(Measurement):
    """Both scratch networks, trained on one machine in alternating epochs."""

    fast: Racer
    classic: Racer
    classic_bfloat16: TimedEpochs
    ratio: float
    ratio_bfloat16: float


class InFloat32(Measurement):
    """The same on a processor without fast bfloat16; `short` is a training of `fast`."""

    short: Training
    classic: TimedEpochs
    ratio: float
    ratio_short: float


# scripts/measure_scratch.py


class Seed(Report):
    """One of the trainings of `Seeds`."""

    seed: int


class Seeds(Report):
    """The recipe of `fast`, trained with several seeds."""

    seeds: tuple[Seed, ...]
    test_accuracy: Spread
    test_accuracy_views: Spread


class AblationRow(Report):
    """A short training without one ingredient; None in the first row, the whole recipe."""

    without: str | None
    instead: str | None
    test_accuracy: float


class TimesAsLong(Report):
    """The duration of a step, relative to the recipe's."""

    float32: float
    keras_normalization: float


class Ablation(Report):
    """What each ingredient of the recipe of `fast` contributes."""

    epochs: int
    images: int
    batch_size: int
    rows: tuple[AblationRow, ...]
    times_as_long: TimesAsLong


R = TypeVar("R", bound=BaseModel)


def load_report(name: str, kind: type[R]) -> R | None:
    """Loads a report by its file's name; None if it was not measured."""
    file = REPORTS / f"{name}.json"
    return kind.model_validate(atomic.read_json(file)) if file.exists() else None
