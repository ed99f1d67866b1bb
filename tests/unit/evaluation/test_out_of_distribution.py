"""How well the sign tells what is unlike all it was trained on: groups and scores, by hand."""

from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import metrics

from imgrec.data import labels
from imgrec.data.label_names import Label, imagenet_label
from imgrec.data.labelled_images import Item, LabelledSet
from imgrec.errors import ModelError
from imgrec.evaluation import out_of_distribution
from imgrec.evaluation.figures import FlaggedShare
from imgrec.metrics.calibration import Calibration

TABBY, LION, GOLDFISH, ORANGE = 281, 291, 1, 950


def test_photos_are_grouped_by_what_is_known_of_their_class():
    assert out_of_distribution.group(Label(dog=False, cifar10=3)) == "cifar10"
    grouped = [
        out_of_distribution.group(imagenet_label(i)) for i in (TABBY, LION, GOLDFISH, ORANGE)
    ]
    assert grouped == ["ten_kinds", "unclear", "other", "other"]


@pytest.fixture
def network(monkeypatch):
    """A network whose greatest logit is the image's red value, and the others the green one.

    Its energy is taken for familiar from 100.
    """

    def logits(inputs):
        red, green, _ = (inputs[:, 0, 0] * 255).T
        return np.concatenate([red[:, None], np.repeat(green[:, None], 9, axis=1)], axis=1)

    loaded = SimpleNamespace(
        network=SimpleNamespace(model=SimpleNamespace(name="made")),
        logits=logits,
        calibration=Calibration(1.5, 0.1, 0.01, 100, "some", 100.0, 0.95),
    )
    monkeypatch.setattr(out_of_distribution, "load_trained", lambda name, kind: loaded)
    return loaded


def set_of(*pictures) -> LabelledSet:
    """Pictures of one colour, from labels and their red and green."""
    items = [
        Item(str(i), label, lambda c=(red, green, 0): np.full((32, 32, 3), c, np.uint8))
        for i, (label, red, green) in enumerate(pictures)
    ]
    return LabelledSet("the set", len(items), lambda: iter(items))


def test_what_is_flagged_and_the_roc_auc_of_each_score(network):
    familiar = [(250, 0), (90, 0), (200, 199), (180, 0)]
    other = [(190, 0), (50, 49), (99, 0), (101, 100), (60, 60)]
    seen = []
    measured = out_of_distribution.measure(
        set_of(*((Label(cifar10=1), *colour) for colour in familiar)),
        set_of(
            *((imagenet_label(GOLDFISH), *colour) for colour in other),
            (imagenet_label(TABBY), 70, 0),
            (imagenet_label(LION), 170, 0),
        ),
        on_picture=seen.append,
    )
    assert measured.n == 11 and measured.model == "made CNN"
    assert (measured.threshold, measured.accepted) == (100, 0.95)
    groups = {name: (group.n, group.flagged) for name, group in measured.groups.items()}
    assert groups == {
        "cifar10": (4, 1 / 4),
        "ten_kinds": (1, 1),
        "unclear": (1, 0),
        "other": (5, 3 / 5),
    }
    assert measured.groups["other"].low == pytest.approx(0.2307, abs=5e-5)

    truth = [True] * 4 + [False] * 5
    colours = np.array(familiar + other, "float64")
    powers = np.exp(colours - colours[:, :1])  # of the greatest logit, and of the nine others
    total = powers[:, 0] + 9 * powers[:, 1]
    scores = {
        "energy": colours[:, 0] + np.log(total),
        "maximum_logit": colours[:, 0],
        "maximum_probability": 1 / total,
    }
    for name, score in scores.items():
        assert measured.auroc[name] == pytest.approx(metrics.roc_auc_score(truth, score))
    assert len(set(measured.auroc.values())) > 1
    assert [row["group"] for row in seen] == ["cifar10"] * 4 + ["other"] * 5 + [
        "ten_kinds",
        "unclear",
    ]
    assert seen[2]["energy"] == pytest.approx(scores["energy"][2], rel=1e-5)


def test_without_other_things_there_is_no_roc_auc(network):
    familiar, photos = set_of((Label(cifar10=1), 1, 0)), set_of((imagenet_label(TABBY), 1, 0))
    measured = out_of_distribution.measure(familiar, photos)
    assert measured.auroc == dict.fromkeys(out_of_distribution.SCORES)
    assert measured.groups["other"] == FlaggedShare(n=0, flagged=None, low=0, high=1)


def test_a_network_without_the_sign_is_refused(network):
    some = set_of((Label(cifar10=1), 1, 0))
    network.calibration = None
    with pytest.raises(ModelError, match=r"fast has no calibration; run scripts/calibrate\.py"):
        out_of_distribution.measure(some, some)


def test_the_unclear_ones_are_none_of_the_ten():
    assert not labels.CIFAR10_UNCLEAR & set(labels.CIFAR10_IN_IMAGENET)
