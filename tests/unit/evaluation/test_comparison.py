"""The comparison in figures: facts, timing, who stands alone; and the reports that it reads."""

import json
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from imgrec import approaches
from imgrec.approaches import MODULES, vgg16
from imgrec.approaches.scratch import DEFAULT
from imgrec.data import labelled_images
from imgrec.data.label_names import Label
from imgrec.data.labelled_images import Item, LabelledSet
from imgrec.errors import DataError, ImageError
from imgrec.evaluation import comparison, disagreements, reports
from imgrec.evaluation.disagreements import Disagreement
from imgrec.evaluation.figures import Cifar10Report, DisputedPicture, Evaluation
from imgrec.files import atomic
from imgrec.files.paths import MODELS, REPORTS
from imgrec.metrics.classification import YesNo

GREY = np.full((8, 8, 3), 128, "uint8")
chances = st.floats(0, 1)


def item(name: str, dog: bool | None = None) -> Item:
    return Item(name, Label(dog), lambda: GREY)


def of(*items: Item) -> LabelledSet:
    return LabelledSet("a set", len(items), lambda: iter(items))


def disputed(name: str, *dogs: float) -> DisputedPicture:
    return DisputedPicture(file=name, is_dog=None, dog=dict(zip(MODULES, dogs, strict=True)))


# The reports


@pytest.mark.parametrize("name", reports.all_reports())
def test_a_report_that_ships_is_read_whole_and_tells_how_to_measure_it_again(name):
    report = reports.all_reports()[name]
    written = (REPORTS / f"{name}.json").read_text(encoding="utf-8")
    assert json.dumps(report.as_json(), indent=2) + "\n" == written
    assert report.command.startswith("scripts/evaluate.py")
    assert len(report.data_sha256) == 64 and report.environment["tensorflow"]


@pytest.mark.parametrize("change", [{"more": 1}, {"ece": None}, {"ece": float("nan")}])
def test_a_report_of_another_form_is_refused(change):
    written = reports.cifar10_report().as_json()
    with pytest.raises(ValidationError, match=next(iter(change))):
        Cifar10Report.model_validate(written | change)


# What it took


def test_the_facts_are_those_of_the_models_that_ship():
    scratch, pretrained, transfer = comparison.facts()
    folder = MODELS / DEFAULT
    report, config = (atomic.read_json(folder / f"{name}.json") for name in ("report", "config"))
    head = atomic.read_json(MODELS / "dog_pooled_64" / "report.json")
    assert scratch.images == 50_000 - config["recipe"]["validation_images"]
    assert scratch.parameters == scratch.learnt == report["parameters"]
    assert scratch.seconds == report["seconds"]
    assert scratch.bytes == (folder / "weights.npz").stat().st_size
    assert report["environment"]["processor"] in scratch.trained
    assert pretrained.images == 1_281_167 and pretrained.stand_in
    assert (transfer.images, transfer.seconds) == (64, head["seconds"])
    assert (transfer.parameters, transfer.learnt) == (vgg16.BASE_PARAMETERS + 513, 513)
    base = (MODELS / "vgg16_base" / "weights.npz").stat().st_size
    assert transfer.bytes == base + (MODELS / "dog_pooled_64" / "weights.npz").stat().st_size


def test_where_the_top_is_here_the_facts_are_vgg16s_own(tmp_path, monkeypatch):
    file = tmp_path / "weights.h5"
    file.write_bytes(b"12345")
    monkeypatch.setattr(comparison.weights, "named", file)
    _, pretrained, _ = comparison.facts()
    assert (pretrained.model, pretrained.stand_in) == ("VGG16", False)
    assert (pretrained.parameters, pretrained.bytes) == (138_357_544, 5)
    assert pretrained.trained == "two to three weeks on four GPUs"


# How fast


def test_timing_takes_turns_and_leaves_the_first_round_out(monkeypatch):
    asked = []

    class Module:
        def __init__(self, name: str) -> None:
            self.name = name

        def predict(self, images):
            asked.append(self.name)
            took = 1000.0 if len(asked) <= 2 else float(len(asked))
            return [type("Verdict", (), {"milliseconds": took})]

    monkeypatch.setattr(comparison, "MODULES", {name: Module(name) for name in ("one", "two")})
    found = comparison.measure_timings(Image.new("RGB", (4, 4)), rounds=3)
    assert asked == ["one", "two"] * 4
    assert found["one"] == (statistics.median([3, 5, 7]), 3, 7)
    assert found["two"] == (6, 4, 8)


# What they disagree on


def test_disagreements_are_found_again_in_the_order_of_the_set():
    chosen = of(item("a", True), item("b", False), item("c"), item("b", True))
    told = [
        disputed("c", 0.9, 0.1, 0.2),
        disputed("gone", 1, 0, 0),
        disputed("b", 0.6, 0.4, 0.7),
    ]
    found = disagreements.in_set(chosen, told)
    assert [(each.number, each.name, each.label.dog) for each in found] == [
        (1, "b", False),
        (2, "c", None),
    ]


@pytest.mark.parametrize(
    ("dogs", "is_dog", "alone", "right"),
    [
        ((0.9, 0.1, 0.2), True, "scratch", True),
        ((0.9, 0.1, 0.2), False, "scratch", False),
        ((0.5, 0.49, 0.7), True, "pretrained", False),  # yes is one half or more
        ((0.6, 0.8, 0.1), None, "transfer", None),
    ],
)
def test_one_stands_alone_rightly_or_not(dogs, is_dog, alone, right):
    dispute = Disagreement(0, "a", Label(is_dog), dict(zip(MODULES, dogs, strict=True)))
    assert (dispute.outlier, dispute.outlier_is_right) == (alone, right)


@given(st.lists(st.tuples(chances, chances, chances, st.sampled_from([True, False, None]))))
def test_every_disagreement_is_in_exactly_one_group(answers):
    found = [
        Disagreement(number, str(number), Label(is_dog), dict(zip(MODULES, dogs, strict=True)))
        for number, (*dogs, is_dog) in enumerate(answers)
        if len({dog >= 0.5 for dog in dogs}) == 2
    ]
    grouped = list(disagreements.groups(found))
    assert sorted(each.number for _, _, group in grouped for each in group) == [
        each.number for each in found
    ]
    assert len({(name, right) for name, right, _ in grouped}) == len(grouped)
    for name, right, group in grouped:
        for each in group:
            said = {other: dog >= 0.5 for other, dog in each.dog.items()}
            assert [other for other in said if said[other] == said[name]] == [name]
            assert right is (None if each.label.dog is None else said[name] == each.label.dog)


def test_an_item_is_the_one_at_its_place():
    chosen = of(item("a"), item("b"))
    assert disagreements.item_at(chosen, 1).name == "b"
    np.testing.assert_array_equal(
        np.asarray(disagreements.open_item(disagreements.item_at(chosen, 1))), GREY
    )
    with pytest.raises(DataError, match="There is no such picture; press one"):
        disagreements.item_at(chosen, 2)
    broken = Item("holiday.jpg", Label(), lambda: b"text")
    with pytest.raises(ImageError, match=r"^holiday\.jpg "):
        disagreements.open_item(broken)


def test_the_sample_that_ships_is_found_again():
    report = reports.sample_report()
    sample = labelled_images.sample_set()
    found = disagreements.in_set(sample, report.disagreements)
    assert len(found) == min(report.disagreement_count, len(report.disagreements))
    told = {row.file: row for row in report.disagreements}
    images = [disagreements.open_item(disagreements.item_at(sample, each.number)) for each in found]
    for each, verdicts in zip(found, approaches.compare(images), strict=True):
        assert told[each.name].is_dog == each.label.dog
        for verdict in verdicts:
            if verdict.model == report.approaches[verdict.approach].model:
                assert verdict.dog == pytest.approx(each.dog[verdict.approach], abs=0.01)


# How well


def test_the_tasks_that_were_reported_are_of_the_reports():
    tasks = reports.shipped_tasks()
    assert list(tasks) == list(MODULES)
    assert tasks["scratch"].accuracy == reports.cifar10_report().accuracy
    imagenet, dogs = reports.imagenet_report(), reports.dogs_report()
    assert (tasks["pretrained"].accuracy, tasks["pretrained"].top5) == (
        imagenet.top1,
        imagenet.top5,
    )
    assert tasks["transfer"].accuracy == dogs.approaches["transfer"].accuracy
    assert tasks["transfer"].n == dogs.n


def test_the_heads_own_task_is_the_dog_question():
    tally = YesNo()
    for probability, dog in ((0.9, True), (0.8, False), (0.1, False), (0.2, False)):
        tally.add(probability, dog)
    facts = {"model": "a", "trained_on": "b", "stand_in": False, "own": None}
    dog = {**tally.figures(), "worst": [], "calibrated": None}
    measured = Evaluation.model_validate(
        {
            "n": 5,  # one has no label
            "data_sha256": "",
            "unusable": [],
            "unusable_count": 0,
            "dogs": 1,
            "approaches": {"pretrained": facts | {"dog": None}, "transfer": facts | {"dog": dog}},
            "disagreements": [],
            "disagreement_count": 0,
        }
    )
    assert list(measured.dog_answers()) == ["transfer"]
    assert measured.tasks()["pretrained"] is None
    assert (measured.tasks()["transfer"].n, measured.tasks()["transfer"].accuracy) == (4, 0.75)
