"""Which of ImageNet's classes are which of CIFAR-10's."""

from collections import defaultdict

import pytest

from imgrec.data import labels
from imgrec.data.labels import CIFAR10_IN_IMAGENET, CIFAR10_UNCLEAR, cifar10_of

TITLES = [synset.title for synset in labels.imagenet()]


@pytest.fixture(scope="module")
def titles() -> dict[str, list[str]]:
    """The names of the ImageNet classes in each of CIFAR-10's."""
    found = defaultdict(list)
    for index, of_it in CIFAR10_IN_IMAGENET.items():
        found[labels.CIFAR10[of_it]].append(TITLES[index])
    return found


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("airplane", "airliner, warplane"),
        (
            "automobile",
            "beach wagon, cab, convertible, jeep, limousine, minivan, Model T, racer, sports car",
        ),
        ("cat", "tabby, tiger cat, Persian cat, Siamese cat, Egyptian cat"),
        ("frog", "bullfrog, tree frog, tailed frog"),
        ("horse", "sorrel"),
        (
            "ship",
            "aircraft carrier, catamaran, container ship, fireboat, lifeboat, liner, pirate, "
            "schooner, speedboat, submarine, trimaran, yawl",
        ),
        ("truck", "fire engine, garbage truck, moving van, tow truck, trailer truck"),
    ],
)
def test_the_classes_are_those_meant(titles, name, expected):
    assert titles[name] == expected.split(", ")


def test_birds_and_dogs_are_whole_groups_and_there_are_no_deer(titles):
    birds = titles["bird"]
    assert len(birds) == 59
    for first, last in (("cock", "great grey owl"), ("black grouse", "black swan")):
        assert birds.index(last) - birds.index(first) == TITLES.index(last) - TITLES.index(first)
    assert (birds[-20], birds[-1]) == ("white stork", "albatross")
    assert titles["dog"] == TITLES[labels.IMAGENET_DOGS]
    assert "deer" not in titles


def test_unclear_classes_are_none_of_the_ten():
    assert not CIFAR10_UNCLEAR & CIFAR10_IN_IMAGENET.keys()
    unclear = {TITLES[index] for index in CIFAR10_UNCLEAR}
    assert {"timber wolf", "grey fox", "lion", "zebra", "gazelle", "dogsled"} <= unclear
    assert {"school bus", "bullet train", "pickup", "canoe", "axolotl", "wing", "dock"} <= unclear
    assert not {"plane", "crane", "tench", "brown bear", "goldfish", "Komodo dragon"} & unclear


def test_the_class_of_a_class():
    assert cifar10_of(TITLES.index("beagle")) == labels.CIFAR10_DOG
    assert cifar10_of(TITLES.index("robin")) == labels.CIFAR10.index("bird")
    assert cifar10_of(TITLES.index("plane")) is None  # the carpenter's
    assert cifar10_of(TITLES.index("tiger")) is None


def test_a_wordnet_id_leads_to_its_class():
    assert labels.imagenet_indices()["n02085620"] == TITLES.index("Chihuahua")
    assert sorted(labels.imagenet_indices().values()) == list(range(1000))
