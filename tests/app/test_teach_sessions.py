"""Twenty visitors teach at once: each gets their own answers, and all of it goes."""

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


@pytest.fixture(scope="module")
def features(pixels):
    """float32 (KINDS, TAUGHT + 1, 512), extracted by nobody beside others."""
    views = [vgg16.view(Image.fromarray(each)) for each in pixels.reshape(-1, 32, 32, 3)]
    return pictures.pooled_features(views).reshape(KINDS, TAUGHT + 1, 512)


def test_twenty_visitors_who_teach_at_once_get_their_own_answers(app, pixels, features, tmp_path):
    assert len(PAIRS) == 20

    def visits(pair):
        return visit(Client(app.url, verbose=False), pair, pixels, tmp_path)

    with ThreadPoolExecutor(len(PAIRS)) as pool:
        told = list(pool.map(visits, PAIRS, timeout=PATIENCE))
    assert len({each.token for each in told}) == len(PAIRS)
    for pair, each in zip(PAIRS, told, strict=True):
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
