"""The figures of an evaluation, typed: in memory, in assets/reports, and as endpoints send them.

A class has the fields of its last base first, then those of the bases before it, then its own:
`as_json` gives the keys in the order of the files. All are over one picture or more. None stands
for a figure that is undefined, such as the recall without dogs, or that no label or calibration
allows.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

Group = Literal["cifar10", "ten_kinds", "unclear", "other"]  # of pictures, by how familiar they are


class Figures(BaseModel):
    """Figures that never change; unknown keys and NaN are refused (pydantic.ValidationError)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    def as_json(self) -> dict[str, Any]:
        """Returns the figures as plain JSON, to be written or sent."""
        return self.model_dump(mode="json", by_alias=True)


# Pieces


class Network(Figures):
    """The network that was evaluated."""

    model: str  # its name for display
    trained_on: str
    stand_in: bool


class Count(Figures):
    """The number of pictures."""

    n: int


class Unusable(Figures):
    """A file that could not be used, and the reason as a sentence."""

    file: str
    reason: str


class Data(Figures):
    """The evaluated data; only the first of the unusable files are listed."""

    data_sha256: str  # of the pictures' contents and labels
    unusable: tuple[Unusable, ...]
    unusable_count: int


class Pictures(Data, Count):
    """How many pictures were evaluated, and which."""


class Origin(Figures):
    """How a report was measured: the command, and `imgrec.environment.environment()`."""

    command: str
    environment: dict[str, str | int | None]


class ReliabilityBin(Figures):
    """Answers whose probability is in (low, high]: their number, mean, and share of right ones."""

    low: float
    high: float
    count: int
    probability: float | None
    share: float | None


class Reliability(Figures):
    """The expected calibration error, and the bins of the reliability diagram."""

    ece: float
    reliability: tuple[ReliabilityBin, ...]


class Accuracy(Figures):
    """The accuracy with its 95% interval."""

    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class TaskAccuracy:
    """How often an approach is right on its own task, over n pictures."""

    n: int
    accuracy: float
    low: float
    high: float
    top5: float | None = None  # where it was measured


# A yes-or-no question


class BinaryMetrics(Accuracy):
    """`imgrec.metrics.classification.binary_metrics`, and the precision."""

    recall: float | None
    specificity: float | None
    balanced_accuracy: float | None
    auc: float | None
    precision: float | None


class BinaryFigures(Reliability, BinaryMetrics):
    """`imgrec.metrics.classification.YesNo`."""

    @property
    def false_positive_rate(self) -> float | None:
        """The share of the negatives that were answered with yes."""
        return None if self.specificity is None else 1 - self.specificity


class Mistake(Figures):
    """A wrong answer on the dog question."""

    file: str
    is_dog: bool
    dog: float  # the predicted probability


class DogFigures(BinaryFigures):
    """An approach on the dog question, its most confident mistakes, and its calibrated figures."""

    worst: tuple[Mistake, ...]
    calibrated: BinaryFigures | None

    def task(self) -> TaskAccuracy:
        """Returns the accuracy over the pictures with a label for the question."""
        return TaskAccuracy(labelled_count(self), self.accuracy, self.low, self.high)


class NetworkDogFigures(DogFigures, Network):
    """A network on the dog question."""


def labelled_count(figures: Reliability) -> int:
    """Returns how many pictures were evaluated: those with a label for the task."""
    return sum(each.count for each in figures.reliability)


# An approach's own task


class ClassMetrics(Figures):
    """One class: how many pictures, precision and recall."""

    count: int
    precision: float | None
    recall: float | None


class Confusion(Figures):
    """How many pictures of one class were predicted as another."""

    actual: str = Field(
        validation_alias=AliasChoices("class", "actual"), serialization_alias="class"
    )
    predicted: str = Field(
        validation_alias=AliasChoices("taken_for", "predicted"), serialization_alias="taken_for"
    )
    count: int


class ClassFigures(Reliability, Accuracy, Count):
    """`imgrec.metrics.classification.Classes`; a row of the confusion matrix is a right class."""

    classes: dict[str, ClassMetrics]
    confusion: tuple[tuple[int, ...], ...]
    confusions: tuple[Confusion, ...]  # the most frequent first

    def task(self) -> TaskAccuracy:
        """Returns the accuracy."""
        return TaskAccuracy(self.n, self.accuracy, self.low, self.high)


class ScratchFigures(ClassFigures):
    """The scratch network on its ten classes."""

    calibrated: Reliability | None
    unfamiliar: float | None  # the share that was flagged as unfamiliar


class TopFigures(Count):
    """The pre-trained network: `imgrec.metrics.classification.TopFive`; the interval is top-1's."""

    top1: float
    top5: float
    low: float
    high: float

    def task(self) -> TaskAccuracy:
        """Returns the top-1 accuracy, and the top-5 accuracy beside it."""
        return TaskAccuracy(self.n, self.top1, self.low, self.high, self.top5)


# Results


class ApproachFigures(Network):
    """An approach on the dog question and on its own task."""

    dog: DogFigures | None
    own: ScratchFigures | TopFigures | None


class DisputedPicture(Figures):
    """A picture on which the approaches disagree, and the probability of a dog by each."""

    file: str
    is_dog: bool | None
    dog: dict[str, float]


Entry = TypeVar("Entry", bound=Network)


class Comparison(Pictures, Generic[Entry]):
    """The approaches on the same pictures; the widest disagreements come first."""

    dogs: int | None
    approaches: dict[str, Entry]
    disagreements: tuple[DisputedPicture, ...]
    disagreement_count: int

    @abstractmethod
    def dog_answers(self) -> dict[str, DogFigures]:
        """Returns each approach's figures on the dog question; empty without labels for it."""


class Evaluation(Comparison[ApproachFigures]):
    """The result of `imgrec.evaluation.evaluate`, which `/evaluate` sends."""

    def dog_answers(self) -> dict[str, DogFigures]:
        return {name: each.dog for name, each in self.approaches.items() if each.dog}

    def tasks(self) -> dict[str, TaskAccuracy | None]:
        """Returns each approach's accuracy on its own task, which for the head is the dog question.

        None without labels for the task.
        """
        own = {
            name: each.own.task() if each.own else None for name, each in self.approaches.items()
        }
        head = self.dog_answers().get("transfer")
        return {**own, "transfer": head.task() if head else None}


class FlaggedShare(Count):
    """The share of n pictures that the unfamiliar flag marks, with its 95% interval."""

    flagged: float | None
    low: float
    high: float


class OutOfDistribution(Pictures):
    """The result of `imgrec.evaluation.out_of_distribution`."""

    model: str
    score: str
    threshold: float
    accepted: float  # share of the validation images that the threshold accepts
    groups: dict[Group, FlaggedShare]
    auroc: dict[str, float | None]  # by score, of CIFAR-10 images against other things


class TtaFigures(Figures):
    """A network without test-time augmentation, and with it."""

    one: ClassFigures
    several: ClassFigures


class DistributionShift(Pictures):
    """The result of `imgrec.evaluation.distribution_shift`, by the network's name."""

    networks: dict[str, TtaFigures]


# The reports of scripts/evaluate.py, named by its questions


class _Cifar10(Data, ScratchFigures, Network):
    views: bool  # whether test-time augmentation was on


class Cifar10Report(Origin, _Cifar10):
    """`cifar10`: a scratch network on its own task."""


class ImagenetReport(Origin, Data, TopFigures, Network):
    """`imagenet`: the pre-trained network on its own task."""


class DogsReport(Origin, Comparison[NetworkDogFigures]):
    """`dogs`: all three approaches on the dog question."""

    def dog_answers(self) -> dict[str, DogFigures]:
        return {**self.approaches}


class UnfamiliarReport(Origin, OutOfDistribution):
    """`unfamiliar`: how well the unfamiliar flag works."""


class OutsideReport(Origin, DistributionShift):
    """`outside`: the scratch networks on photos from other sources."""
