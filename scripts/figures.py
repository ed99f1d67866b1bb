"""The reports that scripts/update_readme.py writes about, typed.

Those of scripts/evaluate.py are in imgrec/evaluation/figures.py. Of the others, only what the
documents tell is read. Shares are from 0 to 1, times in seconds unless the name says otherwise.
"""

import statistics

from pydantic import BaseModel, ConfigDict

from imgrec import environment
from imgrec.evaluation.figures import (
    Cifar10Report,
    DogsReport,
    ImagenetReport,
    OutsideReport,
    UnfamiliarReport,
)
from imgrec.files import atomic
from imgrec.files.paths import MODELS, REPORTS

SCRATCH_NETWORKS = ("fast", "classic")
HEAD = "dog_pooled_64"  # the default head


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


class Share(Report):
    """An accuracy over n pictures and the ends of its 95% interval."""

    n: int
    accuracy: float
    low: float
    high: float


class Spread(Report):
    """Mean and sample standard deviation over several runs."""

    mean: float
    deviation: float


# Models


class Training(Report):
    """A training of a scratch network and its test accuracy, with and without TTA."""

    epochs: int
    seconds: float
    test_accuracy: float
    test_accuracy_views: float | None = None  # where it was measured


class ScratchNetwork(Training, Measurement):
    """A scratch network that ships."""

    seed: int
    parameters: int


class ShippedHead(Measurement):
    """The training of the default head."""

    photos: int
    seconds: float


class Rounding(Report):
    """The change of VGG16's features by half precision."""

    photos: int
    least_cosine: float


class Vgg16Base(Report):
    """VGG16's convolutional base."""

    rounding: Rounding


# scripts/benchmark.py training, training_float32


class TimedEpochs(Report):
    """A training of which only some epochs were timed."""

    epochs_timed: int


class SideBySide(Measurement):
    """Both scratch networks, trained on one machine in alternating epochs."""

    fast: Training
    classic: Training
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


# scripts/measure_heads.py


class Draws(Report):
    """A kind of head over several draws of a few photos, by their seeds."""

    seeds: tuple[int, ...]
    accuracy: Spread
    balanced_accuracy: Spread
    mammals_accuracy: Spread


class CrossValidated(Report):
    """A kind of head, cross-validated on all photos."""

    photos: int
    folds: int
    accuracy: float
    low: float
    high: float
    balanced_accuracy: float


class Head(Report):
    """A kind of head, measured in two ways."""

    draws: Draws
    all_photos: CrossValidated


class Heads(Report):
    """The kinds of heads, by name."""

    heads: dict[str, Head]


# scripts/benchmark.py, the other benchmarks


class Ratio(Measurement):
    """A median time, relative to a baseline."""

    ratio: float


class Ratios(Measurement):
    """Median times, relative to a baseline, by name."""

    ratio: dict[str, float]
    milliseconds: dict[str, float] = {}


class EvaluatingRatio(Report):
    """The time of an evaluation, relative to its forward passes."""

    ratio: float


class Evaluating(Measurement):
    """Evaluations with all three networks, and with the pre-trained one."""

    dogs: EvaluatingRatio
    imagenet: EvaluatingRatio


class HeldOut(Report):
    """The accuracy on held-out photos of the same head, trained in two ways."""

    cached: Share
    through_base: Share


class Teaching(Measurement):
    """A head trained on cached features, compared with training through the frozen base."""

    photos: int
    cached_seconds: tuple[float, ...]
    heads_trained_on_cached: int  # including those of cross-validation
    ratio: float
    ratio_with_extraction: float
    kept_apart: HeldOut

    @property
    def seconds(self) -> float:
        """The median time of a training on cached features."""
        return statistics.median(self.cached_seconds)


class FullProject(Report):
    """The memory and disk usage of a project with the maximum number of pictures."""

    pictures: int
    memory_bytes: int
    disk_bytes: int


class TeachingMemory(Report):
    """The memory and disk usage of projects."""

    largest: FullProject


KINDS: dict[str, type[BaseModel]] = {
    "ablation": Ablation,
    "answering": Ratios,
    "cifar10": Cifar10Report,
    "dogs": DogsReport,
    "evaluating": Evaluating,
    "explaining": Ratios,
    "heads": Heads,
    "imagenet": ImagenetReport,
    "outside": OutsideReport,
    "seeds": Seeds,
    "startup": Ratio,
    "teaching": Teaching,
    "teaching_memory": TeachingMemory,
    "training": SideBySide,
    "training_float32": InFloat32,
    "unfamiliar": UnfamiliarReport,
    "while_training": Ratio,
}


def measured() -> dict[str, object]:
    """Returns the reports by name, None where one is missing, and those beside the models.

    The latter are `scratch` by the network's name, `head` and `vgg16_base`.
    """
    return {
        **{name: _report(name, kind) for name, kind in KINDS.items()},
        "scratch": {name: _of_model(name, ScratchNetwork) for name in SCRATCH_NETWORKS},
        "head": _of_model(HEAD, ShippedHead),
        "vgg16_base": _of_model("vgg16_base", Vgg16Base),
    }


def _report(name: str, kind: type[BaseModel]) -> BaseModel | None:
    file = REPORTS / f"{name}.json"
    return kind.model_validate(atomic.read_json(file)) if file.exists() else None


def _of_model(name: str, kind: type[BaseModel]) -> BaseModel:
    return kind.model_validate(atomic.read_json(MODELS / name / "report.json"))
