"""The class names of CIFAR-10 and ImageNet, and which ImageNet classes are dogs."""

import json
from functools import cache
from typing import NamedTuple

from imgrec.paths import ASSETS

# In the order of the labels 0–9: https://www.cs.toronto.edu/~kriz/cifar.html
CIFAR10 = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
CIFAR10_DOG = CIFAR10.index("dog")

# The 118 dog breeds of ILSVRC-2012, Chihuahua (151) to Mexican hairless (268).
IMAGENET_DOGS = slice(151, 269)

# Timber wolf to sloth bear: wolves, wild dogs, foxes, cats and bears.
IMAGENET_DOG_LOOK_ALIKES = range(269, 298)
# Tusker to wombat, grey whale to sea lion, mongoose and meerkat, wood rabbit to giant panda.
IMAGENET_OTHER_MAMMALS = (*range(101, 107), *range(147, 151), 298, 299, *range(330, 389))


class Synset(NamedTuple):
    """One ImageNet class: its WordNet id (`n02085620`) and its name as Keras writes it."""

    wnid: str
    name: str

    @property
    def title(self) -> str:
        """The name as it is shown to a person: `Italian greyhound`."""
        return self.name.replace("_", " ")


@cache
def imagenet() -> tuple[Synset, ...]:
    """The 1000 classes of ILSVRC-2012 in index order, from Keras's own class index file."""
    index = json.loads((ASSETS / "imagenet_class_index.json").read_text(encoding="utf-8"))
    return tuple(Synset(*index[str(i)]) for i in range(len(index)))
