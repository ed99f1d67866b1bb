"""Evaluates the approaches on labelled pictures in one pass, on all that the labels allow."""

import hashlib
import json
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar

import numpy as np
from PIL import Image

from imgrec import approaches
from imgrec.approaches import pretrained, scratch, transfer, vgg16
from imgrec.approaches.verdict import Verdict
from imgrec.data import labels
from imgrec.data.label_names import Label
from imgrec.data.labelled_images import Item, LabelledSet
from imgrec.errors import CancelledError, DataError, ImageError
from imgrec.evaluation.figures import (
    ApproachFigures,
    BinaryFigures,
    DisputedPicture,
    DogFigures,
    Evaluation,
    Mistake,
    Pictures,
    Reliability,
    ScratchFigures,
    TopFigures,
    Unusable,
)
from imgrec.files import atomic
from imgrec.images.decode import open_image
from imgrec.metrics import classification
from imgrec.metrics.classification import Classes, LargestRows, TopFive, YesNo
from imgrec.networks.inference import BATCH

TOP_K = 5  # classes in each verdict
MAX_MISTAKES = 10  # mistakes listed per approach
MAX_DISAGREEMENTS = 50  # disagreements listed
MAX_UNUSABLE = 100  # files listed by name
BATCH_PIXELS = 32_000_000  # bounds a batch of large pictures: three bytes per pixel

T = TypeVar("T")
Row = dict[str, Any]  # plain JSON about one picture


class Picture(NamedTuple):
    """A decoded picture with its label."""

    name: str
    label: Label
    image: Image.Image
    sha256: str  # of the file, or of the pixels where there is none


class Batch(NamedTuple):
    """Pictures that are evaluated together, and the unusable ones found among them."""

    pictures: list[Picture]
    unusable: list[Unusable]

    @property
    def seen(self) -> int:
        """The number of items taken from the set."""
        return len(self.pictures) + len(self.unusable)


class EvaluatedPictures:
    """The pictures that an evaluation covers: their number, their hash, the unusable ones."""

    def __init__(self) -> None:
        self.n = self.unusable_count = 0
        self.unusable: list[Unusable] = []
        self._digest = hashlib.sha256()

    def add(self, picture: Picture) -> None:
        """Counts a picture; the hash covers contents and labels in their order."""
        self.n += 1
        self._digest.update(json.dumps([picture.sha256, picture.label]).encode())

    def leave_out(self, bad: Unusable) -> None:
        """Counts a picture that can't be used."""
        self.unusable_count += 1
        if len(self.unusable) < MAX_UNUSABLE:
            self.unusable.append(bad)

    def figures(self) -> Pictures:
        """Returns the number of pictures, their hash, and the first of the unusable ones."""
        return Pictures(
            n=self.n,
            data_sha256=self._digest.hexdigest(),
            unusable=tuple(self.unusable),
            unusable_count=self.unusable_count,
        )


def measure(
    labelled: LabelledSet,
    names: Sequence[str] = approaches.NAMES,
    *,
    weights: str = scratch.DEFAULT,
    head: str = transfer.DEFAULT,
    use_tta: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_bad: Callable[[str, str], None] = lambda file, reason: None,
    on_picture: Callable[[Row], None] = lambda row: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Evaluation:
    """Evaluates the approaches in `names` on the pictures, on all that the labels allow.

    `weights` and `head` name the trained scratch network and the trained head; `use_tta` is as in
    `scratch.predict`. `on_progress` gets the number of pictures done and in total, `on_bad` the
    name of an unusable picture and the reason as a sentence, and `on_picture` the answers about
    each picture (`row`); all are called in this thread. Memory grows by some bytes per picture.

    Raises DataError if no picture can be used, ModelError if a network can't be loaded,
    CancelledError if `cancelled()` became true.
    """
    tally, evaluated = Tally(names), EvaluatedPictures()
    answered = predict_all(
        labelled,
        lambda images: predict_approaches(images, names, weights, head, use_tta),
        evaluated,
        on_progress=on_progress,
        on_bad=on_bad,
        cancelled=cancelled,
    )
    with closing(answered):
        for picture, answers in answered:
            tally.add(picture, answers)
            on_picture(row(picture, answers))
    return tally.figures(evaluated.figures())


def predict_all(
    labelled: LabelledSet,
    predict: Callable[[Sequence[Image.Image]], Sequence[T]],
    evaluated: EvaluatedPictures,
    *,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    on_bad: Callable[[str, str], None] = lambda file, reason: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Generator[tuple[Picture, T], None, None]:
    """Yields each usable picture with the answer of `predict`, which gets a batch at a time.

    `evaluated` counts the usable and unusable pictures. Same callbacks and exceptions as `measure`.
    """
    done = 0
    on_progress(done, labelled.count)
    with closing(batches(labelled.items(), cancelled)) as coming:
        for batch in coming:
            if cancelled():
                break
            for bad in batch.unusable:
                evaluated.leave_out(bad)
                on_bad(bad.file, bad.reason)
            images = [picture.image for picture in batch.pictures]
            answers = predict(images) if images else ()
            for picture, answer in zip(batch.pictures, answers, strict=True):
                evaluated.add(picture)
                yield picture, answer
            done += batch.seen
            on_progress(done, max(done, labelled.count))
    if cancelled():
        raise CancelledError("The evaluation was stopped.")
    if not evaluated.n:
        first = f", for instance: {evaluated.unusable[0].reason}" if evaluated.unusable else "."
        raise DataError(f"No picture of {labelled.name} can be used{first}")


def batches(items: Iterator[Item], cancelled: Callable[[], bool]) -> Generator[Batch, None, None]:
    """Yields batches, while a thread reads the next one during the current forward pass."""
    with ThreadPoolExecutor(1, "read-ahead") as reader:
        coming = reader.submit(_read, items, cancelled)
        while (batch := coming.result()).seen:
            coming = reader.submit(_read, items, cancelled)
            yield batch


def _read(items: Iterator[Item], cancelled: Callable[[], bool]) -> Batch:
    """Reads the next batch; an empty one at the end."""
    batch = Batch([], [])
    pixels = 0
    while batch.seen < BATCH and pixels < BATCH_PIXELS and not cancelled():
        item = next(items, None)
        if item is None:
            break
        try:
            content = item.read()
            image = open_image(content, name=item.name)
        except ImageError as error:
            batch.unusable.append(Unusable(file=item.name, reason=str(error)))
            continue
        pixels += image.width * image.height
        encoded = content if isinstance(content, bytes) else np.ascontiguousarray(content).data
        batch.pictures.append(Picture(item.name, item.label, image, atomic.sha256(encoded)))
    return batch


def predict_approaches(
    images: Sequence[Image.Image],
    names: Sequence[str],
    weights: str,
    head: str,
    use_tta: bool = False,
) -> list[tuple[Verdict, ...]]:
    """Returns each picture's verdicts by the approaches in `names`, in that order.

    Runs only the networks that these need, and VGG16's convolutional base once.
    """
    passed = vgg16.run(images) if "transfer" in names else None
    predict: dict[str, Callable[[], list[Verdict]]] = {
        "scratch": lambda: scratch.predict(images, TOP_K, weights, use_tta),
        "pretrained": lambda: pretrained.predict(images, TOP_K, passed),
        "transfer": lambda: transfer.predict(images, TOP_K, passed, head),
    }
    return list(zip(*(predict[name]() for name in names), strict=True))


def row(picture: Picture, verdicts: Sequence[Verdict]) -> Row:
    """Returns a picture's label and verdicts, without timings, so that repeated runs are equal."""
    answers = [verdict.as_json() for verdict in verdicts]
    for verdict in answers:
        del verdict["milliseconds"]
    return {"file": picture.name, **picture.label._asdict(), "verdicts": answers}


@dataclass
class Approach:
    """Running counts of one approach."""

    first: Verdict  # any of its verdicts, for the model's name
    dog: YesNo = field(default_factory=YesNo)
    dog_calibrated: YesNo = field(default_factory=YesNo)
    mistakes: LargestRows[Mistake] = field(default_factory=lambda: LargestRows(MAX_MISTAKES))
    classes: Classes = field(default_factory=lambda: Classes(labels.CIFAR10))
    classes_calibrated: classification.Reliability = field(
        default_factory=classification.Reliability
    )
    flaggable: int = 0
    flagged: int = 0
    top: TopFive = field(default_factory=TopFive)

    def add(self, picture: Picture, verdict: Verdict) -> None:
        """Counts the verdict on each task that the picture's label covers."""
        label = picture.label
        if label.dog is not None:
            self._add_dog(picture.name, label.dog, verdict)
        if verdict.approach == "scratch" and label.cifar10 is not None:
            self._add_class(label.cifar10, verdict)
        if verdict.approach == "pretrained" and label.imagenet is not None:
            self.top.add(label.imagenet, [entry.index for entry in verdict.classes])

    def _add_dog(self, file: str, is_dog: bool, verdict: Verdict) -> None:
        self.dog.add(verdict.dog, is_dog)
        if (verdict.dog >= 0.5) != is_dog:
            wrong = Mistake(file=file, is_dog=is_dog, dog=verdict.dog)
            self.mistakes.add(abs(verdict.dog - is_dog), wrong)
        if verdict.dog_calibrated is not None:
            self.dog_calibrated.add(verdict.dog_calibrated, is_dog)

    def _add_class(self, right: int, verdict: Verdict) -> None:
        winner = verdict.classes[0]
        self.classes.add(right, winner.index, winner.probability)
        if winner.calibrated is not None:
            self.classes_calibrated.add(winner.calibrated, winner.index == right)
        if verdict.unfamiliar is not None:
            self.flaggable += 1
            self.flagged += verdict.unfamiliar

    def figures(self) -> ApproachFigures:
        """Returns the figures on the dog question and on the approach's own task."""
        return ApproachFigures(
            model=self.first.model,
            trained_on=self.first.trained_on,
            stand_in=self.first.stand_in,
            dog=self._dog_figures() if self.dog.scores else None,
            own=self._task_figures(),
        )

    def _dog_figures(self) -> DogFigures:
        calibrated = self.dog_calibrated
        return DogFigures(
            **self.dog.figures(),
            worst=tuple(self.mistakes.rows()),
            calibrated=BinaryFigures(**calibrated.figures()) if calibrated.scores else None,
        )

    def _task_figures(self) -> ScratchFigures | TopFigures | None:
        if self.top.total:
            return TopFigures(**self.top.figures())
        if not self.classes.table.any():
            return None
        calibrated = self.classes_calibrated
        return ScratchFigures(
            **self.classes.figures(),
            calibrated=Reliability(**calibrated.figures()) if any(calibrated.counts) else None,
            unfamiliar=self.flagged / self.flaggable if self.flaggable else None,
        )


class Tally:
    """Running counts over all pictures."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self.with_dog_label = self.dogs = 0  # pictures labelled for the dog question, and dogs
        self.approaches: dict[str, Approach] = {}
        self.disagreements = LargestRows[DisputedPicture](MAX_DISAGREEMENTS)

    def add(self, picture: Picture, verdicts: Sequence[Verdict]) -> None:
        """Counts a picture and its verdicts, in the order of `names`."""
        if picture.label.dog is not None:
            self.with_dog_label += 1
            self.dogs += picture.label.dog
        for name, verdict in zip(self.names, verdicts, strict=True):
            self.approaches.setdefault(name, Approach(verdict)).add(picture, verdict)
        dog = {verdict.approach: verdict.dog for verdict in verdicts}
        if len({probability >= 0.5 for probability in dog.values()}) > 1:
            gap = max(dog.values()) - min(dog.values())
            disputed = DisputedPicture(file=picture.name, is_dog=picture.label.dog, dog=dog)
            self.disagreements.add(gap, disputed)

    def figures(self, pictures: Pictures) -> Evaluation:
        """Returns the figures over the evaluated pictures."""
        return Evaluation(
            **dict(pictures),
            dogs=self.dogs if self.with_dog_label else None,
            approaches={name: counted.figures() for name, counted in self.approaches.items()},
            disagreements=tuple(self.disagreements.rows()),
            disagreement_count=self.disagreements.seen,
        )
