"""Measuring over labelled pictures: every figure by hand with stand-ins, and with the networks."""

import dataclasses
import itertools
import threading
import time
import tracemalloc

import numpy as np
import pytest

from imgrec import approaches
from imgrec.approaches.verdict import ClassProbability, Verdict
from imgrec.data import labelled_images
from imgrec.data.label_names import Label
from imgrec.data.labelled_images import Item, LabelledSet
from imgrec.errors import CancelledError, DataError, ImageError
from imgrec.evaluation import evaluate

PIXEL = np.zeros((1, 1, 3), np.uint8)


def verdict(approach: str, dog: float, **known) -> Verdict:
    """A verdict of a network that says no more than told here."""
    said = {"classes": (ClassProbability(0, "it", 0.5),), "stand_in": False, **known}
    return Verdict(
        approach=approach,
        model=f"the {approach} one",
        trained_on="nothing",
        dog=dog,
        milliseconds=time.perf_counter(),  # another one each time
        parameters=1,
        saw=None,
        **said,
    )


def ranked(indices, probability=0.6, calibrated=None) -> tuple[ClassProbability, ...]:
    """Classes of which the first has this probability."""
    first, *others = indices
    rest = [ClassProbability(i, f"class {i}", 0.01) for i in others]
    return (ClassProbability(first, f"class {first}", probability, calibrated), *rest)


class Answers:
    """Approaches that answer from tables: of a picture, its first pixel's red value says which row.

    A table maps an approach to a list of the verdicts' fields.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **tables) -> None:
        self.asked: list[tuple[str, int]] = []  # an approach, and how many pictures at a time
        self.names = tuple(tables)

        def judged(images, asked, weights, head, averaged):
            def row(image):
                place = image.getpixel((0, 0))[0]
                return tuple(verdict(name, **tables[name][place]) for name in asked)

            self.asked.append((*asked, len(images)))
            return [row(image) for image in images]

        monkeypatch.setattr(evaluate, "predict_approaches", judged)


def numbered(number: int) -> np.ndarray:
    return np.full((4, 4, 3), number, np.uint8)


def set_of(labels, unreadable=()) -> LabelledSet:
    """A picture for each label, named by its number; some can't be read."""

    def read(number: int) -> np.ndarray:
        if number in unreadable:
            raise ImageError(f"{number}.png is damaged.")
        return numbered(number)

    def items():
        for i, label in enumerate(labels):
            yield Item(f"{i}.png", label, lambda i=i: read(i))

    return LabelledSet("the set", len(labels), items)


# The figures


def test_the_dog_question_of_a_set_made_by_hand(monkeypatch):
    Answers(
        monkeypatch,
        scratch=[
            {"dog": dog, "dog_calibrated": calibrated}
            for dog, calibrated in [(0.9, 0.7), (0.6, 0.4), (0.2, 0.3), (0.99, 0.9), (0.1, 0.2)]
        ],
        transfer=[{"dog": dog} for dog in (0.9, 0.8, 0.7, 0.4, 0.3)],
    )
    labels = [Label(dog=dog) for dog in (True, True, True, False, False)]
    measured = evaluate.measure(set_of(labels), ("scratch", "transfer"))
    assert (measured.n, measured.dogs) == (5, 3)
    scratch, transfer = measured.approaches.values()
    assert list(measured.approaches) == ["scratch", "transfer"]
    assert (scratch.model, scratch.trained_on) == ("the scratch one", "nothing")
    assert (scratch.stand_in, scratch.own, transfer.own) == (False, None, None)

    dog = scratch.dog  # said yes to 0, 1 and 3
    assert (dog.accuracy, dog.precision, dog.recall) == (3 / 5, 2 / 3, 2 / 3)
    assert (dog.specificity, dog.balanced_accuracy) == (1 / 2, (2 / 3 + 1 / 2) / 2)
    assert (dog.low, dog.high) == pytest.approx((0.2307, 0.8824), abs=5e-5)
    assert dog.auc == 3 / 6  # 0, 1 and 2 are above 4, none is above 3
    errors = abs(0.9 - 1) + abs(0.6 - 1) + abs(0.2 - 1) + abs(0.99 - 0) + abs(0.1 - 0)
    assert dog.ece == pytest.approx(errors / 5)  # one in each bin
    assert [(each.file, each.is_dog, each.dog) for each in dog.worst] == [
        ("3.png", False, 0.99),
        ("2.png", True, 0.2),
    ]
    calibrated = dog.calibrated  # says yes to 0 and 3
    assert (calibrated.accuracy, calibrated.recall) == (2 / 5, 1 / 3)
    assert sum(bin.count for bin in calibrated.reliability) == 5
    assert transfer.dog.accuracy == 1 and transfer.dog.calibrated is None
    assert transfer.dog.worst == ()
    assert measured.disagreement_count == 2
    assert measured.as_json()["disagreements"] == [
        {"file": "3.png", "is_dog": False, "dog": {"scratch": 0.99, "transfer": 0.4}},
        {"file": "2.png", "is_dog": True, "dog": {"scratch": 0.2, "transfer": 0.7}},
    ]


def test_scratch_on_its_own_classes(monkeypatch):
    rows = [(0, 0.9, 0.7, False), (1, 0.8, 0.6, True), (0, 0.7, 0.5, False)]
    Answers(
        monkeypatch,
        scratch=[
            {"dog": 0, "classes": ranked([guess], raw, better), "unfamiliar": unfamiliar}
            for guess, raw, better, unfamiliar in rows
        ],
    )
    labels = [Label(cifar10=0), Label(cifar10=0), Label(cifar10=1)]
    measured = evaluate.measure(set_of(labels), ("scratch",))
    assert measured.dogs is None and measured.approaches["scratch"].dog is None
    assert (measured.dog_answers(), measured.tasks()["scratch"].n) == ({}, 3)
    assert measured.approaches["scratch"].own.ece == pytest.approx((0.1 + 0.8 + 0.7) / 3)
    own = measured.as_json()["approaches"]["scratch"]["own"]
    assert (own["n"], own["accuracy"], own["unfamiliar"]) == (3, 1 / 3, 1 / 3)
    assert own["classes"]["airplane"] == {"count": 2, "precision": 1 / 2, "recall": 1 / 2}
    assert own["classes"]["automobile"] == {"count": 1, "precision": 0, "recall": 0}
    assert own["classes"]["dog"] == {"count": 0, "precision": None, "recall": None}
    assert own["confusion"][0][:2] == [1, 1] and own["confusion"][1][:2] == [1, 0]
    assert np.array(own["confusion"]).shape == (10, 10)
    assert own["confusions"][0] == {"class": "airplane", "taken_for": "automobile", "count": 1}
    assert own["calibrated"]["ece"] == pytest.approx((0.3 + 0.6 + 0.5) / 3)


def test_pretrained_on_its_own_classes(monkeypatch):
    tops = [[7, 1, 2, 3, 4], [1, 2, 3, 4, 7], [1, 2, 3, 4, 5], [9, 1, 2, 3, 4]]
    Answers(monkeypatch, pretrained=[{"dog": 0, "classes": ranked(top)} for top in tops])
    labels = [Label(imagenet=7)] * 3 + [Label(dog=True)]
    measured = evaluate.measure(set_of(labels), ("pretrained",))
    own = measured.tasks()["pretrained"]
    assert (own.n, own.accuracy, own.top5) == (3, 1 / 3, 2 / 3)
    assert (own.low, own.high) == pytest.approx((0.0615, 0.7923), abs=5e-5)
    assert (measured.n, measured.dogs) == (4, 1)
    assert measured.approaches["pretrained"].dog.auc is None


def test_only_so_many_are_told_but_all_are_counted(monkeypatch):
    count = 130
    Answers(
        monkeypatch,
        scratch=[{"dog": i / 1000 + 0.5} for i in range(count)],
        transfer=[{"dog": 0.1}] * count,
    )
    unreadable = range(0, count, 13)
    monkeypatch.setattr(evaluate, "MAX_UNUSABLE", 4)
    labels = [Label(dog=False)] * count
    measured = evaluate.measure(set_of(labels, unreadable), ("scratch", "transfer"))
    assert measured.disagreement_count == 120 and len(measured.disagreements) == 50
    worst = [row.file for row in measured.approaches["scratch"].dog.worst]
    assert worst == [f"{i}.png" for i in range(129, 119, -1)]
    assert measured.unusable_count == 10
    assert measured.as_json()["unusable"] == [
        {"file": f"{i}.png", "reason": f"{i}.png is damaged."} for i in (0, 13, 26, 39)
    ]


def test_the_hash_is_of_contents_and_labels_in_their_order(monkeypatch):
    Answers(monkeypatch, scratch=[{"dog": 0.1}] * 3)

    def digest(labels, unreadable=()):
        return evaluate.measure(set_of(labels, unreadable), ("scratch",)).data_sha256

    yes, no = Label(dog=True), Label(dog=False)
    digests = [
        digest([yes, no, no]),
        digest([no, yes, no]),
        digest([yes, no]),
        digest([yes, no, no], unreadable=[1]),
    ]
    assert len({*digests, digest([yes, no, no])}) == 4


# The pass over the pictures


def test_callbacks_tell_of_every_picture(monkeypatch):
    answers = Answers(monkeypatch, scratch=[{"dog": 0.1}] * 40)
    progress, bad, rows = [], [], []
    evaluate.measure(
        set_of([Label(dog=False)] * 40, unreadable=[3, 35]),
        ("scratch",),
        on_progress=lambda done, total: progress.append((done, total)),
        on_bad=lambda file, reason: bad.append((file, reason)),
        on_picture=rows.append,
    )
    assert progress == [(0, 40), (32, 40), (40, 40)]
    assert bad == [("3.png", "3.png is damaged."), ("35.png", "35.png is damaged.")]
    assert [row["file"] for row in rows] == [f"{i}.png" for i in range(40) if i not in (3, 35)]
    assert answers.asked == [("scratch", 31), ("scratch", 7)]
    assert {name: rows[0][name] for name in Label._fields} == Label(dog=False)._asdict()
    (said,) = rows[0]["verdicts"]
    assert (said["approach"], said["dog"]) == ("scratch", 0.1) and "milliseconds" not in said


def test_large_pictures_make_small_batches(monkeypatch):
    answers = Answers(monkeypatch, scratch=[{"dog": 0.1}] * 10)
    monkeypatch.setattr(evaluate, "BATCH_PIXELS", 3 * 16)  # a picture has 16
    evaluate.measure(set_of([Label(dog=False)] * 10), ("scratch",))
    assert [count for _, count in answers.asked] == [3, 3, 3, 1]


def test_nothing_usable_says_why(monkeypatch):
    Answers(monkeypatch, scratch=[])
    with pytest.raises(DataError) as refused:
        evaluate.measure(set_of([Label(dog=True)] * 2, unreadable=[0, 1]), ("scratch",))
    assert str(refused.value) == (
        "No picture of the set can be used, for instance: 0.png is damaged."
    )
    with pytest.raises(DataError, match=r"^No picture of the set can be used\.$"):
        evaluate.measure(set_of([]), ("scratch",))


def endless() -> LabelledSet:
    items = (Item("a.png", Label(dog=False), lambda: PIXEL) for _ in itertools.count())
    return LabelledSet("the set", 100, lambda: items)


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if "read-ahead" in thread.name]


@pytest.mark.parametrize("after", [0, 2])
def test_it_can_be_stopped(monkeypatch, after):
    answers = Answers(monkeypatch, scratch=[{"dog": 0.1}])
    with pytest.raises(CancelledError, match="stopped"):
        evaluate.measure(endless(), ("scratch",), cancelled=lambda: len(answers.asked) >= after)
    assert len(answers.asked) == after
    assert readers() == []


def test_an_error_ends_the_reader_too(monkeypatch):
    def fail(row):
        raise DataError("the disk is full")

    Answers(monkeypatch, scratch=[{"dog": 0.1}])
    with pytest.raises(DataError, match="the disk is full"):
        evaluate.measure(endless(), ("scratch",), on_picture=fail)
    assert readers() == []


def test_an_error_while_reading_arrives(monkeypatch):
    def items():
        yield Item("a.png", Label(dog=False), lambda: PIXEL)
        raise DataError("line 3 is wrong")

    Answers(monkeypatch, scratch=[{"dog": 0.1}])
    with pytest.raises(DataError, match="line 3 is wrong"):
        evaluate.measure(LabelledSet("the set", 2, items), ("scratch",))
    assert readers() == []


def test_the_next_batch_is_read_beside_the_forward_pass_and_no_more(monkeypatch):
    read, read_meanwhile = [], []

    def items():
        for number in range(96):
            yield Item("a.png", Label(dog=False), lambda i=number: (read.append(i), PIXEL)[1])

    def judged(images, asked, weights, head, averaged):
        patience = time.monotonic() + 10
        while len(read) < min(32 * (len(read_meanwhile) + 2), 96) and time.monotonic() < patience:
            time.sleep(0.01)
        time.sleep(0.05)
        read_meanwhile.append(len(read))
        return [(verdict("scratch", 0.1),) for _ in images]

    monkeypatch.setattr(evaluate, "predict_approaches", judged)
    evaluate.measure(LabelledSet("the set", 96, items), ("scratch",))
    assert read_meanwhile == [64, 96, 96]


def test_memory_does_not_grow_with_the_pictures(monkeypatch):
    Answers(monkeypatch, scratch=[{"dog": 0.7, "dog_calibrated": 0.6}], transfer=[{"dog": 0.1}])

    def peak(count: int) -> int:
        items = (Item(f"{i}.png", Label(False, 3), lambda: PIXEL) for i in range(count))
        some = LabelledSet("the set", count, lambda: items)
        tracemalloc.start()
        evaluate.measure(some, ("scratch", "transfer"))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most

    peak(200)  # what is loaded once
    each = (peak(2200) - peak(200)) / 2000
    assert each < 150  # bytes a picture, at the end, when the ROC AUC sorts them


# The networks


def test_it_says_what_the_approaches_say(monkeypatch):
    sample = labelled_images.sample_set()
    items = list(itertools.islice(sample.items(), 48, 54))  # deer and dogs
    some = dataclasses.replace(sample, count=len(items), items=lambda: iter(items))
    rows: list[dict] = []
    measured = evaluate.measure(some, on_picture=rows.append)
    again = evaluate.measure(some)
    assert measured == again
    assert (measured.n, measured.dogs) == (6, 4)

    images = [evaluate.open_image(item.read()) for item in items]
    expected = approaches.compare(images)
    for verdicts, row in zip(expected, rows, strict=True):
        said = {entry["approach"]: entry for entry in row["verdicts"]}
        for one in verdicts:
            assert said[one.approach]["dog"] == pytest.approx(one.dog, abs=1e-5)
            assert len(said[one.approach]["classes"]) == len(one.classes)
    for name, column in zip(approaches.NAMES, zip(*expected, strict=True), strict=True):
        right = [(v.dog >= 0.5) == item.label.dog for v, item in zip(column, items, strict=True)]
        figures = measured.approaches[name]
        assert figures.dog.accuracy == sum(right) / 6
        assert figures.model == column[0].model
    tasks = measured.tasks()
    assert (tasks["scratch"].n, tasks["pretrained"]) == (6, None)  # no label of ImageNet's


@pytest.mark.parametrize("name", approaches.NAMES)
def test_one_approach_alone_says_the_same(name):
    images = [evaluate.open_image(numbered(60))]
    ((alone,),) = evaluate.predict_approaches(images, (name,), "classic", "dog_pooled_64")
    (verdicts,) = approaches.compare(images, weights="classic")
    together = dict(zip(approaches.NAMES, verdicts, strict=True))
    assert alone.dog == pytest.approx(together[name].dog, abs=1e-6)
    assert alone.classes[0].label == together[name].classes[0].label
