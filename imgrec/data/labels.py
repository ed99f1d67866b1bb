"""The class names of CIFAR-10 and ImageNet, and the mapping from ImageNet's to CIFAR-10's."""

import json
from functools import cache
from typing import NamedTuple

from imgrec.files.paths import ASSETS

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


# The ImageNet classes that clearly belong to a CIFAR-10 class. CIFAR-10's site defines its classes:
# only big trucks are trucks, and pickup trucks are neither trucks nor automobiles. ImageNet has no
# deer, and only one class of horses.
_CIFAR10_IN_IMAGENET = {
    "airplane": (404, 895),
    "automobile": (436, 468, 511, 609, 627, 656, 661, 751, 817),
    "bird": (*range(7, 25), *range(80, 101), *range(127, 147)),
    "cat": range(281, 286),
    "dog": range(1000)[IMAGENET_DOGS],
    "frog": range(30, 33),
    "horse": (339,),
    "ship": (403, 484, 510, 554, 625, 628, 724, 780, 814, 833, 871, 914),
    "truck": (555, 569, 675, 864, 867),
}
CIFAR10_IN_IMAGENET = {  # ImageNet class index to CIFAR-10 class index
    index: CIFAR10.index(name) for name, of_it in _CIFAR10_IN_IMAGENET.items() for index in of_it
}
# ImageNet classes that belong to no CIFAR-10 class but aren't clearly something else either.
CIFAR10_UNCLEAR = frozenset(
    (
        *range(25, 30),  # salamanders and newts
        *(*range(269, 281), 537),  # wolves, wild dogs, hyena, foxes; dog sled
        *range(286, 294),  # big cats
        *(340, 603),  # zebra; horse cart
        *range(351, 354),  # antelopes
        *(405, 812, 908),  # airship, space shuttle, wing
        *(407, 408, 475, 479, 573, 575, 581, 586),  # ambulance to half-track; parts of cars
        *(654, 705, 717, 734, 757, 779, 802, 803, 829, 847, 866, 874),  # minibus to trolleybus
        *(466, 547, 561, 565, 595, 820, 856),  # trains, forklift, harvester, thresher
        *(449, 472, 536, 576, 694, 913),  # boathouse, canoe, dock, gondola, paddle wheel, wreck
    )
)


class Synset(NamedTuple):
    """One ImageNet class: its WordNet id (`n02085620`) and its name as Keras spells it."""

    wnid: str
    name: str

    @property
    def title(self) -> str:
        """The name for display: `Italian greyhound`."""
        return self.name.replace("_", " ")


@cache
def imagenet() -> tuple[Synset, ...]:
    """Returns the 1000 classes of ILSVRC-2012 in index order, from Keras's class index file."""
    index = json.loads((ASSETS / "imagenet_class_index.json").read_text(encoding="utf-8"))
    return tuple(Synset(*index[str(i)]) for i in range(len(index)))


@cache
def imagenet_indices() -> dict[str, int]:
    """Returns the class index of each of the 1000 WordNet ids."""
    return {synset.wnid: index for index, synset in enumerate(imagenet())}


def cifar10_of(imagenet_index: int) -> int | None:
    """Returns the CIFAR-10 class that an ImageNet class clearly belongs to, or None."""
    return CIFAR10_IN_IMAGENET.get(imagenet_index)
