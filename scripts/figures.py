"""The measured figures of the reports, typed; scripts/update_readme.py writes them.

Shares are from 0 to 1, times in seconds unless the name says otherwise.
"""

import dataclasses
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from imgrec import environment
from imgrec.files import atomic
from imgrec.files.paths import MODELS, REPORTS

SCRATCH_NETWORKS = ("fast", "classic")
HEAD = "dog_pooled_64"  # the default head
MAX_CONFUSIONS = 3

Report = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True)
class Share:
    """An accuracy over n pictures and the ends of its 95% interval."""

    n: int
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Spread:
    """Mean and sample standard deviation over several runs."""

    mean: float
    deviation: float


@dataclass(frozen=True)
class Training:
    """A training of a scratch network and its test accuracy, with and without TTA."""

    epochs: int
    seconds: float
    test_accuracy: float
    test_accuracy_views: float | None = None  # where it was measured


@dataclass(frozen=True)
class ScratchNetwork:
    """A scratch network that ships."""

    name: str
    seed: int
    parameters: int
    training: Training
    machine: str


@dataclass(frozen=True)
class Confusion:
    """How many pictures of one class were predicted as another."""

    actual: str
    predicted: str
    count: int


@dataclass(frozen=True)
class Cifar10:
    """The default scratch network on CIFAR-10's test images."""

    model: str
    share: Share
    confusions: tuple[Confusion, ...]
    ece: float
    ece_calibrated: float


@dataclass(frozen=True)
class SideBySide:
    """Both scratch networks, trained on one machine in alternating epochs."""

    fast: Training
    classic: Training
    bfloat16_epochs: int  # of `classic` in bfloat16 that were timed
    ratio: float
    ratio_bfloat16: float
    machine: str


@dataclass(frozen=True)
class InFloat32:
    """The same on a processor without fast bfloat16; `short` is a training of `fast`."""

    short: Training
    classic_epochs: int  # that were timed
    ratio: float
    ratio_short: float
    machine: str


@dataclass(frozen=True)
class Seeds:
    """The recipe of `fast`, trained with several seeds."""

    seeds: tuple[int, ...]
    test_accuracy: Spread
    test_accuracy_views: Spread


@dataclass(frozen=True)
class AblationRow:
    """A short training without one ingredient; `difference` is from the whole recipe."""

    without: str
    instead: str
    test_accuracy: float
    difference: float


@dataclass(frozen=True)
class Ablation:
    """What each ingredient of the recipe of `fast` contributes; the largest loss first."""

    epochs: int
    images: int
    batch_size: int
    whole: float  # test accuracy of the whole recipe
    rows: tuple[AblationRow, ...]
    float32: float  # duration of a step without bfloat16, relative to the recipe's
    keras_normalization: float  # … with Keras's own batch normalisation


@dataclass(frozen=True)
class DistributionShift:
    """Accuracy by network on photos of CIFAR-10's ten classes: plain, and with TTA."""

    n: int
    plain: dict[str, Share]
    tta: dict[str, Share]


@dataclass(frozen=True)
class OutOfDistribution:
    """How well the unfamiliar flag separates pictures that the network was not trained for."""

    model: str
    score: str
    accepted: float  # share of the validation images that the threshold accepts
    groups: dict[str, Share]  # `accuracy` is the share that is flagged
    auroc: dict[str, float]  # by score, of CIFAR-10's test images against the groups


@dataclass(frozen=True)
class ImageNet:
    """The pre-trained network on ImageNet's 1000 classes."""

    model: str
    top1: Share
    top5: float


@dataclass(frozen=True)
class DogAnswers:
    """One approach on the dog question, which all three answer."""

    model: str
    stand_in: bool
    share: Share
    recall: float
    specificity: float
    balanced_accuracy: float
    auc: float
    ece: float
    ece_calibrated: float | None


@dataclass(frozen=True)
class Dogs:
    """The three approaches on the same photos."""

    n: int
    dogs: int
    approaches: dict[str, DogAnswers]


@dataclass(frozen=True)
class Head:
    """A kind of head: over several draws of a few photos, and cross-validated on all of them."""

    accuracy: Spread
    balanced_accuracy: Spread
    mammals_accuracy: Spread
    all_photos: Share
    all_photos_balanced: float
    draws: int
    folds: int


@dataclass(frozen=True)
class ShippedHead:
    """The training of the default head."""

    photos: int
    seconds: float
    machine: str


@dataclass(frozen=True)
class Rounding:
    """The change of VGG16's features by half precision."""

    photos: int
    least_cosine: float


@dataclass(frozen=True)
class Ratios:
    """Median times, relative to a baseline, by name."""

    ratio: dict[str, float]
    machine: str
    software: str
    milliseconds: dict[str, float] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Teaching:
    """A head trained on cached features, compared with training through the frozen base."""

    photos: int
    seconds: float
    heads: int  # trained in that time, including those of cross-validation
    ratio: float
    ratio_with_extraction: float
    cached: Share
    through_base: Share
    machine: str


@dataclass(frozen=True)
class FullProject:
    """The memory and disk usage of a project with the maximum number of pictures."""

    pictures: int
    memory_bytes: int
    disk_bytes: int


@dataclass(frozen=True)
class Figures:
    """All measured figures; None where a report is missing."""

    scratch: tuple[ScratchNetwork, ...]
    head: ShippedHead
    rounding: Rounding
    cifar10: Cifar10 | None
    side_by_side: SideBySide | None
    in_float32: InFloat32 | None
    seeds: Seeds | None
    ablation: Ablation | None
    distribution_shift: DistributionShift | None
    out_of_distribution: OutOfDistribution | None
    imagenet: ImageNet | None
    dogs: Dogs | None
    heads: dict[str, Head] | None
    startup: Ratios | None
    while_training: Ratios | None
    explaining: Ratios | None
    evaluating: Ratios | None
    answering: Ratios | None
    teaching: Teaching | None
    full_project: FullProject | None


# From the reports


def measured() -> Figures:
    """Returns the figures of the reports that exist."""
    return Figures(
        scratch=tuple(scratch_network(name) for name in SCRATCH_NETWORKS),
        head=shipped_head(model_report(HEAD)),
        rounding=fields_of(Rounding, model_report("vgg16_base")["rounding"]),
        cifar10=of_report("cifar10", cifar10),
        side_by_side=of_report("training", side_by_side),
        in_float32=of_report("training_float32", in_float32),
        seeds=of_report("seeds", seeds),
        ablation=of_report("ablation", ablation),
        distribution_shift=of_report("outside", distribution_shift),
        out_of_distribution=of_report("unfamiliar", out_of_distribution),
        imagenet=of_report("imagenet", imagenet),
        dogs=of_report("dogs", dogs),
        heads=of_report("heads", heads),
        startup=of_report("startup", ratios),
        while_training=of_report("while_training", ratios),
        explaining=of_report("explaining", ratios),
        evaluating=of_report("evaluating", evaluating),
        answering=of_report("answering", ratios),
        teaching=of_report("teaching", teaching),
        full_project=of_report(
            "teaching_memory", lambda report: fields_of(FullProject, report["largest"])
        ),
    )


def of_report(name: str, figures_of: Callable[[Report], T]) -> T | None:
    """Returns the figures of a report, or None if it doesn't exist."""
    file = REPORTS / f"{name}.json"
    return figures_of(atomic.read_json(file)) if file.exists() else None


def fields_of(kind: type[T], report: Report, **others: Any) -> T:
    """Returns the dataclass with the report's values of the same names, and the others as given."""
    names = {each.name for each in dataclasses.fields(kind)}  # type: ignore[arg-type]
    return kind(**{name: report[name] for name in names & report.keys() - others.keys()}, **others)


def model_report(name: str) -> Report:
    """Returns the report of a shipped model."""
    return atomic.read_json(MODELS / name / "report.json")


def machine(report: Report) -> str:
    """Returns the machine of the measurement."""
    return environment.machine(report["environment"])


def scratch_network(name: str) -> ScratchNetwork:
    report = model_report(name)
    training = fields_of(Training, report, epochs=report["epochs"])
    return fields_of(ScratchNetwork, report, name=name, training=training, machine=machine(report))


def shipped_head(report: Report) -> ShippedHead:
    return fields_of(ShippedHead, report, machine=machine(report))


def cifar10(report: Report) -> Cifar10:
    return Cifar10(
        model=report["model"],
        share=fields_of(Share, report),
        confusions=tuple(
            Confusion(each["class"], each["taken_for"], each["count"])
            for each in report["confusions"][:MAX_CONFUSIONS]
        ),
        ece=report["ece"],
        ece_calibrated=report["calibrated"]["ece"],
    )


def side_by_side(report: Report) -> SideBySide:
    return fields_of(
        SideBySide,
        report,
        fast=fields_of(Training, report["fast"]),
        classic=fields_of(Training, report["classic"]),
        bfloat16_epochs=report["classic_bfloat16"]["epochs_timed"],
        machine=machine(report),
    )


def in_float32(report: Report) -> InFloat32:
    return fields_of(
        InFloat32,
        report,
        short=fields_of(Training, report["short"]),
        classic_epochs=report["classic"]["epochs_timed"],
        machine=machine(report),
    )


def seeds(report: Report) -> Seeds:
    return Seeds(
        seeds=tuple(each["seed"] for each in report["seeds"]),
        test_accuracy=fields_of(Spread, report["test_accuracy"]),
        test_accuracy_views=fields_of(Spread, report["test_accuracy_views"]),
    )


def ablation(report: Report) -> Ablation:
    whole, *others = report["rows"]
    rows = [
        fields_of(AblationRow, row, difference=row["test_accuracy"] - whole["test_accuracy"])
        for row in others
    ]
    return fields_of(
        Ablation,
        report | report["times_as_long"],
        whole=whole["test_accuracy"],
        rows=tuple(sorted(rows, key=lambda row: row.test_accuracy)),
    )


def distribution_shift(report: Report) -> DistributionShift:
    plain, tta = (
        {name: fields_of(Share, each[looks]) for name, each in report["networks"].items()}
        for looks in ("one", "several")
    )
    return DistributionShift(report["n"], plain, tta)


def out_of_distribution(report: Report) -> OutOfDistribution:
    groups = {
        name: fields_of(Share, group, accuracy=group["flagged"])
        for name, group in report["groups"].items()
    }
    return fields_of(OutOfDistribution, report, groups=groups)


def imagenet(report: Report) -> ImageNet:
    return fields_of(ImageNet, report, top1=fields_of(Share, report, accuracy=report["top1"]))


def dogs(report: Report) -> Dogs:
    approaches = {
        name: fields_of(
            DogAnswers,
            each,
            share=fields_of(Share, each, n=report["n"]),
            ece_calibrated=each["calibrated"]["ece"] if each["calibrated"] else None,
        )
        for name, each in report["approaches"].items()
    }
    return fields_of(Dogs, report, approaches=approaches)


def heads(report: Report) -> dict[str, Head]:
    def head(each: Report) -> Head:
        draws, folds = each["draws"], each["all_photos"]
        return Head(
            accuracy=fields_of(Spread, draws["accuracy"]),
            balanced_accuracy=fields_of(Spread, draws["balanced_accuracy"]),
            mammals_accuracy=fields_of(Spread, draws["mammals_accuracy"]),
            all_photos=fields_of(Share, folds, n=folds["photos"]),
            all_photos_balanced=folds["balanced_accuracy"],
            draws=len(draws["seeds"]),
            folds=folds["folds"],
        )

    return {name: head(each) for name, each in report["heads"].items()}


def ratios(report: Report) -> Ratios:
    ratio, environment = report["ratio"], report["environment"]
    return fields_of(
        Ratios,
        report,
        ratio=ratio if isinstance(ratio, dict) else {"page": ratio},
        machine=machine(report),
        software=f"Python {environment['python']}, TensorFlow {environment['tensorflow']} and "
        f"Keras {environment['keras']}",
    )


def evaluating(report: Report) -> Ratios:
    return ratios(
        {**report, "ratio": {name: report[name]["ratio"] for name in ("dogs", "imagenet")}}
    )


def teaching(report: Report) -> Teaching:
    return fields_of(
        Teaching,
        report,
        seconds=statistics.median(report["cached_seconds"]),
        heads=report["heads_trained_on_cached"],
        cached=fields_of(Share, report["kept_apart"]["cached"]),
        through_base=fields_of(Share, report["kept_apart"]["through_base"]),
        machine=machine(report),
    )
