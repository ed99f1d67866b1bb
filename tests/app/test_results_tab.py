"""The results tab: its endpoints, its pieces of HTML, forged input, and tests that are stopped."""

import re
import threading
import time
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from zipfile import ZipFile

import gradio as gr
import numpy as np
import pytest
from gradio.utils import get_upload_folder
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from support.html import HOSTILE, Page, text, three

from imgrec.approaches import MODULES, scratch
from imgrec.background_job import Status
from imgrec.data import cifar10 as cifar10_data
from imgrec.data import labelled_images, labels
from imgrec.data.label_names import Label
from imgrec.data.labelled_images import Item, LabelledSet
from imgrec.errors import CancelledError, DataError, UploadError
from imgrec.evaluation import comparison, evaluate, reports
from imgrec.evaluation.comparison import Timing
from imgrec.evaluation.figures import Evaluation, Reliability, UnfamiliarReport
from imgrec.files import atomic
from imgrec.files.paths import REPORTS
from imgrec.metrics import classification
from imgrec.metrics.classification import YesNo
from imgrec.models import registry
from imgrec.ui.components import upload_zone
from imgrec.ui.components.formatting import share
from imgrec.ui.results import (
    custom_test_set,
    disagreements,
    disagreements_html,
    reliability_diagram,
    tab,
)
from imgrec.ui.results import html as results_html
from imgrec.ui.results.reliability_diagram import Diagram

NAMES = tuple(MODULES)


@pytest.fixture(scope="module")
def client(app) -> Client:
    return Client(app.url, verbose=False)


def answers(*said: tuple[float, bool]) -> dict:
    """The figures of answers, each a probability of a dog and whether there is one."""
    tally = YesNo()
    for probability, dog in said:
        tally.add(probability, dog)
    return {**tally.figures(), "worst": [], "calibrated": None}


def measured(*dogs: list[tuple[float, bool]], entry=MappingProxyType({}), **changes) -> Evaluation:
    """What `evaluate.measure` gives for an approach's answers each; `entry` changes each one's."""
    network = {"trained_on": "nothing", "stand_in": False, "own": None}
    found = {
        name: {"model": f"net {name}", **network, "dog": answers(*said), **entry}
        for name, said in zip(NAMES, dogs, strict=True)
    }
    usual = {
        "n": len(dogs[0]),
        "data_sha256": "",
        "dogs": sum(dog for _, dog in dogs[0]),
        "approaches": found,
        "disagreements": [],
        "disagreement_count": 0,
        "unusable": [],
        "unusable_count": 0,
    }
    return Evaluation.model_validate(usual | changes)


FOUR = measured(
    [(0.9, True), (0.2, True), (0.1, False), (0.7, False)],
    [(0.9, True), (0.8, True), (0.1, False), (0.2, False)],
    [(0.9, True), (0.8, True), (0.6, False), (0.3, False)],
)
ONE = [[(0.9, True)]] * 3


# What it comes to


def test_the_summary_ranks_and_says_how_far_that_can_be_told():
    said = text(results_html.summary_panel("My test", FOUR))
    assert "Asked of 4 pictures, 2 with a dog." in said
    order = [said.index(f"{rank} {who}") for rank, who in (
        ("somewhat accurate", "From scratch 50.0 %"),
        ("more accurate", "Transfer 75.0 %"),
        ("most accurate", "Pre-trained 100.0 %"),
    )]  # fmt: skip
    assert order == sorted(order)
    assert "intervals of From scratch and Transfer, and of Transfer and Pre-trained overlap" in said
    assert "always says yes is right on 50.0 %" in said
    assert "From scratch finds 50.0 %, Pre-trained finds 100.0 %" in said


def test_intervals_that_do_not_overlap_are_no_accident():
    many = [(0.9, True)] * 200
    wrong = [(0.1, True)] * 200
    half = wrong[:100] + many[:100]
    said = text(results_html.summary_panel("My test", measured(wrong, many, half)))
    assert "No two of the 95 % intervals overlap" in said


def test_equally_good_approaches_get_no_rank():
    same = [(0.9, True), (0.1, False)]
    said = text(results_html.summary_panel("My test", measured(same, same, same)))
    assert "accurate" not in said
    assert said.count("100.0 %") >= 3


@pytest.mark.parametrize(
    ("dog", "missing", "row"),
    [
        (False, "There is no dog among them, so dogs found and the ROC AUC", "Dogs found"),
        (True, "others taken for dogs and the ROC AUC can’t be had", "Others taken for dogs"),
    ],
)
def test_figures_that_cannot_be_had_are_named(dog, missing, row):
    one = measured(*[[(0.9, dog)]] * 3)
    assert missing in text(results_html.summary_panel("My test", one))
    sheet = text(results_html.custom_sheet(one))
    assert f"{row} – – –" in sheet
    assert re.search(r"\(ROC AUC\) – – –", sheet)
    assert "of 1 picture" in sheet


def test_where_no_label_tells_of_dogs_only_the_own_tasks_are_shown():
    top = {"n": 3, "top1": 1 / 3, "top5": 1.0, "low": 0.06, "high": 0.79}
    found = measured(*ONE, entry={"dog": None, "own": top}, dogs=None)
    assert "no label tells whether there is a dog" in text(results_html.summary_panel("A", found))
    sheet = text(results_html.custom_sheet(found))
    assert "Is there a dog?" not in sheet
    said = "33.3 % 6.0 to 79.0 % the right one of 1000 kinds, of 3 pictures"
    assert f"{said} 100.0 % among the first five" in sheet


def test_what_could_not_be_used_is_listed_and_escaped():
    bad = [{"file": HOSTILE, "reason": f"{HOSTILE} is not a picture."}]
    found = measured(*ONE, unusable=bad, unusable_count=3)
    html = results_html.summary_panel(HOSTILE, found)
    assert not [tag for tag, _ in Page(html).tags if tag in ("script", "img")]
    assert "3 files could not be used" in text(html) and "and 2 more" in text(html)


# The sheet


def test_the_sheet_shows_the_figures_of_the_reports():
    dogs, cifar10 = reports.dogs_report(), reports.cifar10_report()
    html = tab.sheet(dogs, {})
    said = text(html)
    for entry in dogs.approaches.values():
        assert f"{100 * entry.low:.1f} to {100 * entry.high:.1f} %" in said
        assert share(entry.accuracy) in said and share(entry.recall) in said
    right = f"{share(cifar10.accuracy)} {100 * cifar10.low:.1f} to {100 * cifar10.high:.1f} %"
    assert f"{right} the right one of ten kinds, of {cifar10.n:,} pictures" in said
    assert said.count("not measured yet") == 3
    cells = [attributes for tag, attributes in Page(html).tags if tag in ("td", "th")]
    assert all("role" in attributes for attributes in cells)


def test_it_is_told_how_the_figures_came_about_and_what_may_flatter_one():
    dogs = reports.dogs_report()
    said = text(results_html.source(dogs))
    assert dogs.command in said and dogs.environment["processor"] in said
    assert "may have met some of these photos" in said


def test_the_sheet_shows_the_milliseconds_once_they_are_measured():
    timings = {name: Timing(12.4, 9.94, 20.6) for name in NAMES}
    said = text(tab.sheet(reports.dogs_report(), timings))
    assert said.count("12 ms 9.9 to 21 ms") == 3 and "not measured yet" not in said


def test_a_figure_of_another_network_is_labelled(monkeypatch, tmp_path):
    (tmp_path / "weights.h5").write_bytes(b"")
    monkeypatch.setattr(comparison.weights, "named", tmp_path / "weights.h5")
    said = text(tab.sheet(reports.dogs_report(), {}))
    assert "measured with EfficientNet-Lite0" in said and "stands in" not in said


# Reliability


def test_a_diagram_has_its_points_where_the_bins_are():
    raw = classification.Reliability()
    for _ in range(30):
        raw.add(0.5, True)
    for number in range(10):
        raw.add(0.55, number < 3)
    figures = Reliability(**raw.figures())
    html = reliability_diagram.draw([Diagram("scratch", "A title", figures, None, "right")])
    circles = [a for tag, a in Page(html).tags if tag == "circle" and float(a["cx"]) >= 60]
    found = [(float(a["cx"]), float(a["cy"])) for a in circles]
    assert found == [(180.0, 12.0), (192.0, 180.0)]  # the square is 240 wide, from (60, 12) on
    assert float(circles[0]["r"]) > float(circles[1]["r"])
    assert 'class="raw" d="M180.0 12.0L192.0 180.0"' in html  # neighbours with ten answers or more
    ece = 100 * (30 * 0.5 + 10 * 0.25) / 40
    assert f"off by {ece:.1f} percentage points" in text(html)
    assert "Its 10 surest answers say 55 % on average; 30.0 % of them are right." in text(html)
    (drawn,) = [a for tag, a in Page(html).tags if a.get("role") == "img"]
    assert "off by" in drawn["aria-label"]


@settings(max_examples=30)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40))
def test_any_answers_can_be_drawn(said):
    assert reliability_diagram.diagrams(None, {}) == ""
    figures = Reliability(**{key: answers(*said)[key] for key in Reliability.model_fields})
    html = reliability_diagram.draw([Diagram("scratch", "A title", figures, figures, "right")])
    drawn = [a for tag, a in Page(html).tags if tag == "circle" and float(a["cx"]) >= 60]
    assert len(drawn) == 2 * sum(each.count > 0 for each in figures.reliability)
    for circle in drawn:
        assert 60 <= float(circle["cx"]) <= 300 and 12 <= float(circle["cy"]) <= 252


def test_the_sign_of_the_unfamiliar_is_reported():
    group = {"n": 4, "flagged": 0.25, "low": 0, "high": 1}
    changes = {
        "accepted": 0.95,
        "score": "energy",
        "groups": {"cifar10": group, "ten_kinds": group | {"n": 0}, "unclear": group,
                   "other": group | {"flagged": 0.5}},
        "auroc": {"energy": 0.789, "maximum_logit": None, "maximum_probability": 0.7},
    }  # fmt: skip
    report = reports.unfamiliar_report().as_json() | changes
    html = results_html.unfamiliar(UnfamiliarReport.model_validate(report))
    assert Page(html).widths() == [25, 25, 50]
    assert "4 photos of other things 50.0 %" in text(html)
    assert "the sign’s own measure: 0.789; the greatest probability: 0.700." in text(html)


# Pictures on which they disagree


def test_tiles_are_grouped_and_enlarged_and_escaped():
    pixels = np.zeros((8, 8, 3), "uint8")
    items = [Item(HOSTILE, Label(dog=True), lambda: pixels), Item("b", Label(), lambda: b"gone")]
    chosen = LabelledSet("a", 2, lambda: iter(items))
    told = [
        {"file": file, "is_dog": None, "dog": dict(zip(NAMES, dogs, strict=True))}
        for file, dogs in ((HOSTILE, (0.9, 0.2, 0.1)), ("b", (0.9, 0.2, 0.8)))
    ]
    found = measured(*ONE, disagreements=told, disagreement_count=2, n=9)
    html = disagreements.tiles(chosen, found)
    (button,) = [a for tag, a in Page(html).tags if tag == "button"]  # the other file has gone
    assert button["data-press"] == "0"
    assert [a["alt"] for tag, a in Page(html).tags if tag == "img"] == [f"a dog, {HOSTILE}"]
    assert "From scratch alone is right: 1 picture" in text(html)
    assert "On 2 of 9 pictures they disagree" in text(html)

    large = disagreements_html.enlarged(items[0], Image.new("RGB", (8, 8)), three(0.9, 0.2, 0.5))
    said = text(large)
    assert "From scratch says yes ✓ right" in said and "Pre-trained says no ✗ wrong" in said
    assert "Transfer says yes ✓ right" in said
    assert [a["alt"] for tag, a in Page(large).tags if tag == "img"] == [
        f"a dog, {HOSTILE}, enlarged"
    ]


def test_where_they_agree_that_is_said():
    html = disagreements.tiles(LabelledSet("a", 0, lambda: iter(())), measured(*ONE))
    assert "On all of the 1 picture they agree" in text(html)


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        (Label(dog=False, cifar10=8), "ship"),
        (Label(dog=True, cifar10=5, imagenet=151), "Chihuahua"),
        (Label(dog=True), "a dog"),
        (Label(), ""),
    ],
)
def test_what_is_known_of_a_picture_is_said(label, expected):
    assert disagreements_html.label_in_words(label) == expected


@given(st.one_of(st.text(), st.none(), st.integers(), st.from_regex(r"\A\d{1,9}\Z")))
def test_a_forged_place_is_refused(place):
    try:
        number = disagreements._number(place)
    except DataError as error:
        assert str(error) == "There is no such picture; press one."
    else:
        assert str(number) == place.lstrip("0").rjust(1, "0") and number < 10**6


# What is dropped


def dropped(files: object) -> gr.EventData:
    return gr.EventData(None, {"files": files})


@pytest.fixture
def upload(tmp_path):
    """Makes a file where gradio keeps what was uploaded."""
    made = []

    def make(name: str, content: bytes = b"x") -> str:
        folder = Path(get_upload_folder()) / f"test{id(made)}{len(made)}"
        folder.mkdir(parents=True)
        (folder / name).write_bytes(content)
        made.append(folder / name)
        return str(folder / name)

    yield make
    for file in made:
        file.unlink(missing_ok=True)
        file.parent.rmdir()


def test_what_was_uploaded_is_taken_by_name_and_place(upload):
    path = upload("a.png")
    taken = upload_zone.uploaded(dropped([{"name": "set/dog/a.png", "path": path}]), 5)
    assert taken == [("set/dog/a.png", path)]


@pytest.mark.parametrize(
    "files",
    [
        None,
        [],
        "text",
        [1],
        [{"name": "a.png"}],
        [{"name": "a.png", "path": "/etc/passwd"}],
        [{"name": "a.png", "path": f"{get_upload_folder()}/../../etc/passwd"}],
        [{"name": "a.png", "path": "\0"}],
        [{"name": "", "path": get_upload_folder()}],
        [{"name": "a.png", "path": get_upload_folder()}],
        [{"name": "a.png", "path": 5}],
        [{"name": "a" * 500, "path": "/etc/passwd"}],
        [{"name": "a.png", "path": "/etc/passwd"}] * 6,
    ],
)
def test_a_forged_upload_is_refused_in_a_sentence(files):
    with pytest.raises((DataError, UploadError), match=r"choose"):
        upload_zone.uploaded(dropped(files), 5)


def test_a_folder_is_named_by_what_is_around_its_files(upload):
    files = [("mine/dog/a.png", upload("a.png")), ("mine/cat/b.png", upload("b.png"))]
    chosen = custom_test_set.open_test_set(files)
    assert (chosen.name, chosen.count) == ("mine", 2)
    assert [item.name for item in chosen.items()] == ["mine/cat/b.png", "mine/dog/a.png"]


def test_more_than_a_test_may_have_is_refused():
    chosen = LabelledSet("many", custom_test_set.MAX_PICTURES + 1, lambda: iter(()))
    with pytest.raises(DataError, match="many has 1,001 pictures and a test here at most 1,000"):
        custom_test_set.check_size(chosen)


# A test that goes on


def visitor(session: str) -> gr.Request:
    return SimpleNamespace(session_hash=session, cookies={})


@pytest.fixture
def slow(monkeypatch):
    """A measurement that tells one step and goes on until it is cancelled."""
    ended = threading.Event()

    def measure(chosen, *, on_progress, cancelled, **networks):
        on_progress(1, chosen.count)
        deadline = time.monotonic() + 30
        while not cancelled() and time.monotonic() < deadline:
            time.sleep(0.01)
        ended.set()
        raise CancelledError("The evaluation was stopped.")

    monkeypatch.setattr(evaluate, "measure", measure)
    return ended


def begun(upload, session: str, name: str) -> tuple[list, gr.Request]:
    """Files that a visitor dropped, taken."""
    asking = visitor(session)
    sent = [{"name": f"{name}/{kind}/a.png", "path": upload("a.png")} for kind in ("dog", "cat")]
    files, waiting, *_ = custom_test_set.take(dropped(sent), asking)
    assert f"{name}" in waiting and "2 pictures" in waiting
    return files, asking


def test_a_test_can_be_stopped(upload, slow):
    files, asking = begun(upload, "one", "first")
    running = custom_test_set.run(files, "classic", "dog_pooled_64", asking)
    seen = next(running)[0]
    while "1 of 2 pictures" not in seen:
        seen = next(running)[0]
    said, _ = custom_test_set.stop_test(asking)
    assert "Stopped" in said and slow.wait(5)
    assert "Stopped" in list(running)[-1][0]
    assert custom_test_set._jobs == {}


def test_who_leaves_stops_their_own_test_only(upload, slow):
    files, asking = begun(upload, "one", "first")
    running = custom_test_set.run(files, "classic", "dog_pooled_64", asking)
    next(running)
    custom_test_set.leave(visitor("another"))
    assert not slow.wait(0.1)
    custom_test_set.leave(asking)
    assert slow.wait(5)
    running.close()


def test_a_second_drop_takes_the_place_of_the_first(upload, slow):
    files, asking = begun(upload, "one", "first")
    running = custom_test_set.run(files, "classic", "dog_pooled_64", asking)
    next(running)
    begun(upload, "one", "second")
    assert slow.wait(5)
    assert list(running) == []  # what is shown belongs to the second
    custom_test_set.leave(asking)
    (skipped,) = list(custom_test_set.run(files, "classic", "dog_pooled_64", asking))
    assert len(skipped) == 6 and "first" not in str(skipped)


def test_a_generator_that_is_given_up_stops_the_work(upload, slow):
    files, asking = begun(upload, "one", "first")
    running = custom_test_set.run(files, "classic", "dog_pooled_64", asking)
    next(running)
    running.close()
    assert slow.wait(5) and custom_test_set._jobs == {}


def test_a_failure_is_said_in_place(upload):
    files, asking = begun(upload, "one", "first")
    *_, last = custom_test_set.run(files, "classic", "dog_pooled_64", asking)
    assert "No picture of first can be used" in last[0] and len(last) == 6


def test_progress_tells_how_much_is_left():
    html = results_html.progress("a", Status(True, "a", 30, 120), 20)
    assert "30 of 120 pictures, about 60 s left" in text(html)
    (bar,) = [a for _, a in Page(html).tags if a.get("role") == "progressbar"]
    assert bar["aria-valuenow"] == "25"
    assert "first pictures" in text(results_html.progress("a", Status(True), 0.0))


# The endpoints


def test_results_gives_the_reports_and_the_facts(client):
    answer = client.predict(api_name="/results")
    assert [each["approach"] for each in answer["approaches"]] == list(NAMES)
    report = registry.find(scratch.DEFAULT).report
    assert answer["approaches"][0]["parameters"] == report["parameters"]
    assert set(answer) == {"approaches", *reports.all_reports()}
    assert answer["dogs"] == atomic.read_json(REPORTS / "dogs.json")


def zipped(path, *wanted: int):
    """CIFAR-10 images of the sample, of these classes, two each, in folders of their names."""
    images, classes = cifar10_data.cifar10_sample()
    with ZipFile(path, "w") as archive:
        for number in np.flatnonzero(np.isin(classes, wanted)):
            if number % 10 < 2:
                name = f"mine/{labels.CIFAR10[classes[number]]}/{number}.png"
                with archive.open(name, "w") as file:
                    Image.fromarray(images[number]).save(file, "PNG")
        archive.writestr("mine/dog/broken.png", b"no picture")
    return path


def test_evaluate_measures_a_zip_as_the_package_does(client, tmp_path):
    file = zipped(tmp_path / "mine.zip", 5, 8)
    answer = client.predict(handle_file(str(file)), api_name="/evaluate")
    assert (answer["n"], answer["dogs"], answer["unusable_count"]) == (4, 2, 1)
    expected = evaluate.measure(labelled_images.open_zip(file))
    assert answer == expected.as_json()
    assert answer["approaches"]["scratch"]["own"]["n"] == 4


def test_what_can_not_be_evaluated_gets_one_sentence(client, tmp_path):
    (tmp_path / "wrong.zip").write_bytes(b"text")
    with pytest.raises(AppError, match="is not a whole zip"):
        client.predict(handle_file(str(tmp_path / "wrong.zip")), api_name="/evaluate")
    with ZipFile(tmp_path / "silent.zip", "w") as archive:
        archive.writestr("holiday/a.png", b"x")
    with pytest.raises(AppError, match="dog"):
        client.predict(handle_file(str(tmp_path / "silent.zip")), api_name="/evaluate")
    with pytest.raises(AppError, match="There is no file; send a zip"):
        client.predict(None, api_name="/evaluate")
