"""Visitors teach at once: each gets their own answers, and all of it goes.

Twenty of them use a cheap network in place of VGG16, two use VGG16 itself.
"""

import gc
import io
import itertools
import weakref
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from imgrec.approaches import vgg16
from imgrec.data import cifar10
from imgrec.teaching import classifier, pictures
from imgrec.teaching.cross_validation import Examples, teach
from imgrec.teaching.store import projects

KINDS, TAUGHT = 5, 2  # classes of pictures that ship; how many of each are taught, one is asked
PAIRS = list(itertools.permutations(range(KINDS), 2))  # one for each visitor: no two the same
PATIENCE = 300  # seconds


class Visit(NamedTuple):
    """What a visitor was told."""

    token: str
    trained: dict
    answer: dict


@pytest.fixture(scope="module")
def pixels():
    """uint8 (KINDS, TAUGHT + 1, 32, 32, 3)."""
    shipped, _ = cifar10.cifar10_sample()
    return shipped.reshape(10, 10, 32, 32, 3)[:KINDS, : TAUGHT + 1]


class Colours:
    """In place of VGG16's base: the colours of a 7 × 7 grid through a fixed random layer."""

    kernel = np.random.default_rng(1).normal(size=(3, 512)).astype("float32")

    def run(self, inputs):
        """Feature maps (n, 7, 7, 512) of (n, 224, 224, 3)."""
        grid = inputs.reshape(-1, 7, 32, 7, 32, 3).mean(axis=(2, 4))
        return [np.maximum(grid @ self.kernel, 0)]


def test_twenty_visitors_who_teach_at_once_get_their_own_answers(
    app, pixels, tmp_path, monkeypatch
):
    assert len(PAIRS) == 20
    monkeypatch.setattr(vgg16, "base", Colours)
    assert_own_answers(app, PAIRS, pixels, tmp_path)


def test_two_visitors_who_teach_vgg16_at_once_get_their_own_answers(app, pixels, tmp_path):
    assert_own_answers(app, [(0, 1), (1, 0)], pixels[:2], tmp_path)


def assert_own_answers(app, pairs, pixels, folder):
    """Each visitor's pair of classes gives what it gives beside nobody."""

    def visits(pair):
        client = Client(app.url, verbose=False, httpx_kwargs={"timeout": PATIENCE})
        return visit(client, pair, pixels, folder)

    with ThreadPoolExecutor(len(pairs)) as pool:
        told = list(pool.map(visits, pairs, timeout=PATIENCE))
    assert len({each.token for each in told}) == len(pairs)
    views = [vgg16.view(Image.fromarray(each)) for each in pixels.reshape(-1, 32, 32, 3)]
    features = pictures.pooled_features(views).reshape(len(pixels), TAUGHT + 1, 512)
    for pair, each in zip(pairs, told, strict=True):
        head = alone(pair, features)
        assert each.trained["classes"] == list(head.class_names)
        assert each.trained["pictures"] == 2 * TAUGHT
        assert each.trained["accuracy"] == pytest.approx(head.cross_validation.accuracy)
        said = classifier.answer(head, features[pair[0], TAUGHT][None])
        expected = dict(zip(head.class_names, said.probabilities[0], strict=True))
        probabilities = {one["label"]: one["probability"] for one in each.answer["classes"]}
        assert probabilities == pytest.approx(expected, abs=1e-3)
        assert each.answer["similarity"] == pytest.approx(said.similarity[0], abs=1e-3)
    assert_all_goes([each.token for each in told])


def visit(client, pair, pixels, folder):
    """Brings a zip with two classes, teaches them, and asks about a picture of the first."""
    archive, asked = folder / f"{pair}.zip", folder / f"{pair}.png"
    with zipfile.ZipFile(archive, "w") as packing:
        for kind in pair:
            for number in range(TAUGHT):
                buffer = io.BytesIO()
                Image.fromarray(pixels[kind, number]).save(buffer, "PNG")
                packing.writestr(f"{name(pair, kind)}/{number}.png", buffer.getvalue())
    Image.fromarray(pixels[pair[0], TAUGHT]).save(asked)
    token = client.predict(api_name="/teach_new")["token"]
    client.predict(token, "", handle_file(str(archive)), api_name="/teach_add")
    trained = client.predict(token, api_name="/teach_train")
    answer = client.predict(token, handle_file(str(asked)), api_name="/teach_ask")
    return Visit(token, trained, answer)


def name(pair, kind):
    """A class's name, which only this visitor has; in the order of the pair."""
    return f"{pair.index(kind) + 1} of {pair}"


def alone(pair, features):
    """The head of the same pictures, taught beside nobody."""
    rows = np.concatenate([features[kind, :TAUGHT] for kind in pair])
    labels = np.repeat([0, 1], TAUGHT)
    groups = np.arange(2 * TAUGHT)
    examples = Examples(rows, labels, groups, np.zeros(len(rows), bool))
    return teach(examples, [name(pair, kind) for kind in pair])


def assert_all_goes(tokens):
    """Nothing of these projects stays in memory or on disk when they are removed."""
    whole = [projects.get(token) for token in tokens]
    folders = [project.folder for project in whole]
    assert all(any(folder.rglob("*.png")) for folder in folders)
    watched = [weakref.ref(kept) for project in whole for kept in (project, project.head)]
    del whole
    for token in tokens:
        projects.remove(token)
    gc.collect()
    assert not any(folder.exists() for folder in folders)
    assert [kept() for kept in watched] == [None] * len(watched)
