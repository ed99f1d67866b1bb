"""The reports that scripts/update_readme.py writes about, typed.

Those that the page shows too are in imgrec/evaluation. Of the others, only what the documents tell
is read. Shares are from 0 to 1, times in seconds unless the name says otherwise.
"""

import statistics

from pydantic import BaseModel, Field

from imgrec.evaluation.figures import (
    Cifar10Report,
    DogsReport,
    ImagenetReport,
    OutsideReport,
    UnfamiliarReport,
)
from imgrec.evaluation.training_reports import (
    Ablation,
    InFloat32,
    Measurement,
    Report,
    Seeds,
    SideBySide,
    Spread,
    Training,
    load_report,
)
from imgrec.files import atomic
from imgrec.files.paths import MODELS

SCRATCH_NETWORKS = ("fast", "classic")
HEAD = "dog_pooled_64"  # the default head


class Share(Report):
    """An accuracy over n pictures and the ends of its 95% interval."""

    n: int
    accuracy: float
    low: float
    high: float


# Models


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
    milliseconds: dict[str, float] = Field(default_factory=dict)


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
        **{name: load_report(name, kind) for name, kind in KINDS.items()},
        "scratch": {name: _of_model(name, ScratchNetwork) for name in SCRATCH_NETWORKS},
        "head": _of_model(HEAD, ShippedHead),
        "vgg16_base": _of_model("vgg16_base", Vgg16Base),
    }


def _of_model(name: str, kind: type[BaseModel]) -> BaseModel:
    return kind.model_validate(atomic.read_json(MODELS / name / "report.json"))
