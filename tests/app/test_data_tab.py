"""The data tab: its endpoint, its pieces of HTML, and what its listeners make of forged input."""

import base64
import io
import re

import gradio as gr
import numpy as np
import pytest
from gradio_client import Client
from gradio_client.exceptions import AppError
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgrec.background_job import Status
from imgrec.data import cifar10 as cifar10_data
from imgrec.data import cifar10_statistics, labels
from imgrec.errors import DataError
from imgrec.training.permissions import Permissions
from imgrec.training.process import trainer
from imgrec.ui.components import cifar10_download
from imgrec.ui.data import html as data_html
from imgrec.ui.data import tab
from imgrec.ui.data.html import Place


@pytest.fixture(scope="module")
def client(app) -> Client:
    return Client(app.url, verbose=False)


def sample(client: Client, *arguments):
    return client.predict(*arguments, api_name="/dataset_sample")


def pixels(address: str) -> np.ndarray:
    encoded = base64.b64decode(address.removeprefix("data:image/png;base64,"))
    return np.asarray(Image.open(io.BytesIO(encoded)))


def pressing(value: object) -> gr.EventData:
    return gr.EventData(None, {"value": value})


# The endpoint


def test_the_endpoint_gives_images_of_a_class_with_their_labels(client, cache):
    answer = sample(client, "test", "frog", 4, 7)
    assert (answer["source"], answer["split"], answer["seed"]) == ("sample", "test", 7)
    images, classes = cifar10_data.cifar10_sample()
    assert len({image["index"] for image in answer["images"]}) == 4
    for image in answer["images"]:
        assert image["class"] == "frog" and image["label"] == 6
        assert image["one_hot"] == [0, 0, 0, 0, 0, 0, 1, 0, 0, 0]
        assert classes[image["index"]] == 6
        np.testing.assert_array_equal(pixels(image["png"]), images[image["index"]])
    assert sample(client, "test", "frog", 4, 7) == answer
    assert sample(client, "test", "frog", 4, 8) != answer


def test_the_endpoint_gives_any_class_and_no_image_twice(client, cache):
    answer = sample(client, "test", "", 100, 0)
    assert sorted(image["index"] for image in answer["images"]) == list(range(100))
    assert len(sample(client, "test", "cat", 100, 0)["images"]) == 10  # as many as there are
    assert len(client.predict(api_name="/dataset_sample")["images"]) == 10


def test_training_images_come_with_the_full_set(client, cifar10):
    answer = sample(client, "train", "truck", 2, 0)
    assert answer["source"] == "full" and answer["split"] == "train"
    for image in answer["images"]:
        np.testing.assert_array_equal(pixels(image["png"]), cifar10.x_train[image["index"]])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("train", "", 1, 0), "The built-in sample has test images only"),
        (("validation", "", 1, 0), "There is no split 'validation'"),
        (("test", "wolf", 1, 0), "There is no class 'wolf'; choose one of airplane"),
        (("test", "", 101, 0), "n: choose a whole number from 1 to 100"),
        (("test", "", 1, 2**32), "seed: choose a whole number from 0 to"),
        ((["test"], "", 1, 0), "There is no split"),
        (("test", {"a": 1}, 1, 0), "There is no class"),
    ],
)
def test_what_cannot_be_drawn_gets_one_sentence(client, cache, arguments, sentence):
    with pytest.raises(AppError, match=re.escape(sentence)):
        sample(client, *arguments)


@given(st.one_of(st.floats(), st.booleans(), st.text(), st.none(), st.integers()))
def test_only_a_whole_number_in_the_range_is_one(value):
    try:
        number = tab._checked_integer("n", value, 1, 100)
    except DataError as error:
        assert str(error) == "n: choose a whole number from 1 to 100."
    else:
        assert number == value and 1 <= number <= 100 and not isinstance(value, bool)


# Images


def test_a_place_is_found_again_by_its_text():
    place = Place.of("sample/test/99")
    assert Place.of(str(place)) == place
    assert place.title == "sample image 99" and place.label == 9
    images, _ = cifar10_data.cifar10_sample()
    np.testing.assert_array_equal(np.asarray(place.image), images[99])


@given(st.text() | st.from_regex(r"\A(sample|full|no)/(test|train|x)/\d{1,8}\Z"))
def test_no_text_opens_anything_but_an_image(text):
    try:
        place = Place.of(text)
    except DataError:
        return
    assert place.image.size == (32, 32) and 0 <= place.label < 10


@pytest.mark.parametrize("number", ["100", "-1", "1e1", "²", "", "0/0", "9" * 400])
def test_an_image_that_is_not_there_is_refused(number):
    with pytest.raises(DataError, match="no such image"):
        Place.of(f"sample/test/{number}")


def test_the_tiles_are_ten_named_buttons_of_each_class():
    html = data_html.tiles(cifar10_statistics.load_set("sample"), "test", 3)
    alts = re.findall(r'data-press="sample/test/\d+">\s*<img [^>]*alt="(.*?)"', html)
    assert len(alts) == len(set(alts)) == 100
    for name in labels.CIFAR10:
        assert sum(alt.startswith(f"{name}, sample image ") for alt in alts) == 10


@pytest.mark.parametrize("value", ["full/test/x", "", None, 3, {"a": 1}, "sample/train/1"])
def test_a_forged_press_is_answered_in_a_sentence(value):
    shown, button, place = tab.enlarge("classic", pressing(value))
    assert "That did not work" in shown and place == "" and button.visible is False
    assert "error" in tab.show_cell(("sample", "classic"), pressing(value))


@pytest.mark.parametrize("name", ["../classic", None, ["classic"], "<b>"])
def test_a_forged_network_is_answered_in_a_sentence(name, cache):
    assert "That did not work" in tab.enlarge(name, pressing("sample/test/1"))[0]
    state, shown, *_ = tab.measure(name, ("", ""), lambda *done, **named: None)
    assert state == ("", "") and "no trained network" in shown and "<b>" not in shown


def test_forged_splits_and_scales_are_answered_in_a_sentence(cache):
    for split in ("train", "x", None, ["test"]):
        assert "That did not work" in tab.draw(split, 0)[0]
    for scale in ("log", None, ["unit"]):
        assert "That did not work" in tab.pixels(scale)


# Numbers


def test_the_pixels_show_the_numbers_of_the_data(cache):
    found = cifar10_statistics.statistics(cifar10_statistics.current_set())
    assert f"<td>{found.mean[0]:.4f}</td>" in tab.pixels("unit")
    assert f"<td>{found.deviation[2] * 255:.1f}</td>" in tab.pixels("stored")
    assert tab.pixels("standard").count("mean 0.0000</figcaption>") == 3


def test_counts_and_sentences_come_from_the_data(cache, cifar10):
    small = cifar10_statistics.load_set("sample")
    assert "exactly 10 test images" in data_html.made(small)
    assert data_html.counts(small).count("<span>10 test</span>") == 10
    train, test = (
        cifar10_statistics.Split(x, y)
        for x, y in ((cifar10.x_train, cifar10.y_train), (cifar10.x_test, cifar10.y_test))
    )
    full = cifar10_statistics.DataSet("full", {"train": train, "test": test})
    made = data_html.made(full)
    assert "the test batch has exactly 1,000 images" in made and "exactly 5,000 of" in made
    assert data_html.counts(full).count("<span>5,000 training</span>") == 10


def test_the_matrix_names_its_cells():
    small = cifar10_statistics.load_set("sample")
    found = np.eye(10, dtype="float32")[small.splits["test"].labels]  # all right
    found[30:33] = np.eye(10, dtype="float32")[5]  # but for three cats that are called dogs
    html = data_html.matrix("<i>", small, found)
    assert 'aria-label="cat taken for dog: 3"' in html and 'data-press="3/5"' in html
    assert 'aria-label="cat taken for cat: 7"' in html
    assert html.count("<button") == 11 and html.count("<td>0</td>") == 89
    assert "97 of 100 test images: 97 %" in html and "<i> is" not in html


def test_a_cell_shows_its_images(cache):
    state, matrix, _, surest = tab.measure("classic", ("", ""), lambda *done, **named: None)
    assert state == ("sample", "classic")
    assert tab.measure("classic", state) == (gr.skip(),) * 4  # nothing is done twice
    cell, number = re.findall(r'class="wrong"[^>]*data-press="(\d/\d)"[^>]*: (\d+)"', matrix)[0]
    shown = tab.show_cell(state, pressing(cell))
    assert shown.count("<button") == int(number)
    wrong = sum(map(int, re.findall(r'class="wrong"[^>]*>(\d+)</button>', matrix)))
    assert surest.count("<button") == min(tab.MAX_MISTAKES, wrong)


# Which data


def test_the_tab_goes_over_to_the_full_set_when_it_is_there(cifar10):
    source, parts, timer, heading, box, *_ = tab.refresh_source("sample")
    assert source == "full" and parts.selected == "images" and not timer.active
    assert "50,000 training images" in heading and box.visible is False
    assert tab.refresh_source("full")[1] == gr.skip()


def test_the_full_set_is_offered_unless_downloads_are_off(cache, monkeypatch):
    started = []
    monkeypatch.setattr(cifar10_data, "start_fetching_cifar10", lambda: started.append(True))
    source, parts, _, heading, box, _, fetch, stop = tab.refresh_source("")
    assert source == "sample" and parts == gr.skip() and "built-in sample" in heading
    assert box.visible and fetch.visible and not stop.visible
    cifar10_download.start_fetching()
    assert started == [True]
    monkeypatch.setattr(trainer, "permissions", Permissions(download=False))
    *_, text, fetch, _ = tab.refresh_source("")
    assert "Downloads are off" in text and not fetch.visible
    cifar10_download.start_fetching()
    assert started == [True]


def test_while_it_is_fetched_the_tab_looks_again(cache, monkeypatch):
    running = Status(running=True, what="here", done=70_000_000, total=140_000_000)
    monkeypatch.setattr(cifar10_data.cifar10_download, "status", running)
    _, _, timer, _, _, text, fetch, stop = tab.refresh_source("sample")
    assert timer.active and "70 of 140 MB" in text and not fetch.visible and stop.visible
