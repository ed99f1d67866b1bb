"""*Why?* by program, and the panel's HTML."""

import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from imgrec.approaches import scratch
from imgrec.explaining import targets
from imgrec.explaining.explanation import Explanation, explain
from imgrec.files.paths import IMAGES
from imgrec.images.decode import open_image
from imgrec.ui.components import texts, verdict_cards
from imgrec.ui.components.explanation import html as explanation_html

DOG = IMAGES / "examples" / "cifar10_dog.png"


@pytest.fixture(scope="module")
def client(app) -> Client:
    return Client(app.url, verbose=False)


@pytest.fixture(scope="module")
def explanation() -> Explanation:
    return explain(targets.build_question(open_image(DOG), "scratch"))


class Images(HTMLParser):
    """The attributes of every image."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[dict[str, str | None]] = []
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag == "img":
            self.found.append(dict(attributes))


# The endpoint


@pytest.mark.parametrize(
    ("approach", "target", "rows", "said"),
    [
        ("scratch", "", 7, "dog"),
        ("pretrained", "dog?", 7, "a dog"),
        ("transfer", "dog", 14, "dog"),
    ],
)
def test_an_explanation_comes_as_plain_json_and_html(client, approach, target, rows, said):
    answer, html = client.predict(
        handle_file(DOG), approach=approach, target=target, api_name="/explain"
    )
    json.dumps(answer)
    asked = targets.build_question(open_image(DOG), approach, target)
    assert answer == {
        "file": DOG.name,
        **json.loads(json.dumps(explain(asked).as_json())),
        "map": answer["map"],
        "probability": pytest.approx(asked.probability, abs=1e-4),
        "deletion": answer["deletion"],
        "notes": answer["notes"],
    }
    assert answer["rows"] == answer["columns"] == rows and answer["target"] == said
    assert np.array(answer["map"]).shape == (rows, rows)
    np.testing.assert_allclose(answer["map"], explain(asked).map, atol=1e-3)
    assert set(answer["deletion"]) == {"now", "hottest_covered", "coldest_covered"}
    assert answer["notes"] and all(isinstance(note, str) for note in answer["notes"])
    assert len(Images(html).found) == 2


def test_only_the_picture_is_needed(client):
    answer, _ = client.predict(handle_file(DOG), api_name="/explain")
    assert answer["approach"] == "pretrained" and answer["stand_in"]
    assert answer["method"] == "grad-cam"


def test_occlusion_and_another_head_can_be_asked_for(client):
    answer, _ = client.predict(handle_file(DOG), "scratch", "cat", "occlusion", api_name="/explain")
    assert answer["rows"] == 16 and answer["method"] == "occlusion" and answer["target"] == "cat"
    answer, _ = client.predict(
        handle_file(DOG),
        "transfer",
        "",
        "grad-cam",
        scratch.DEFAULT,
        "dog_flatten_64",
        api_name="/explain",
    )
    assert "flatten" in answer["model"]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (("all",), "There is no approach 'all'"),
        ((None,), "There is no approach"),
        (("scratch", "lion"), "has no class 'lion'"),
        (("pretrained", 7), "has no class '7'"),
        (("scratch", ["dog"]), "has no class"),
        (("scratch", "", "magic"), "There is no method 'magic'"),
        (("scratch", "", "grad-cam", "../classic"), "There is no trained network"),
        (("transfer", "", "grad-cam", "classic", "classic"), "There is no trained network"),
    ],
)
def test_forged_settings_get_one_sentence(client, more, sentence):
    with pytest.raises(AppError, match=sentence) as error:
        client.predict(handle_file(DOG), *more, api_name="/explain")
    assert "Traceback" not in str(error.value)


def test_without_a_picture_there_is_nothing_to_explain(client):
    assert client.predict(None, api_name="/explain")[0] == {}


def test_a_bad_file_gets_one_sentence(client, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"text")
    with pytest.raises(AppError, match="not a picture"):
        client.predict(handle_file(tmp_path / "bad.png"), api_name="/explain")


# The panel


def test_every_card_has_a_button_that_names_its_approach():
    verdict = scratch.predict([open_image(DOG)])[0]
    html = verdict_cards.card(verdict, 3)
    assert '<button data-press="scratch" aria-label="Why? From scratch">' in html


def test_the_figure_has_two_layers_with_words_for_both(explanation):
    picture, heat = Images(explanation_html.figure(explanation, open_image(DOG), "here")).found
    assert "picture" in picture["alt"].lower()
    assert "Grad-CAM" in heat["alt"] and "dog" in heat["alt"] and " in the " in heat["alt"]
    assert "var(--heat-here" in heat["style"]


def test_names_are_text_not_html(explanation):
    planted = "<b id=x>&\"'"
    hostile = replace(explanation, target=planted, model=planted, notes=(planted,))
    html = explanation_html.heading(hostile, "") + explanation_html.opinion(
        hostile, open_image(DOG), "here", planted
    )
    assert "<b" not in html
    assert len(Images(html).found) == 2


def test_what_the_network_did_not_see_is_striped_and_has_no_heat():
    picture = Image.new("RGB", (300, 100), (200, 200, 200))
    box = (100.0, 0.0, 200.0, 100.0)
    marked = np.asarray(explanation_html.hatched(picture, box))
    assert (marked[:, 100:200] == 200).all()
    outside = np.concatenate([marked[:, :100], marked[:, 200:]], axis=1)
    assert outside.max() < 200 and len(np.unique(outside)) == 2
    heat = np.asarray(explanation_html.heat(np.ones((7, 7)), box, (300, 100)))
    assert (heat[:, 100:200, 3] == 255).all()
    assert (heat[:, :100, 3] == 0).all() and (heat[:, 200:, 3] == 0).all()


@pytest.mark.parametrize("size", [(1, 1), (2048, 3), (3, 2048), (640, 480)])
def test_any_picture_can_be_shown(explanation, size):
    of = replace(explanation, size=size, box=scratch.box(size))
    assert len(Images(explanation_html.figure(of, Image.new("RGB", size), "here")).found) == 2


@pytest.mark.parametrize(
    ("correlation", "words"),
    [(0.5, "they agree:"), (0.2, "in part"), (0, "little"), (-0.9, "contradict"), (None, "empty")],
)
def test_agreement_is_told_in_words(correlation, words):
    assert words in texts.maps_agree(correlation)
