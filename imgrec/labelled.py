"""Pictures whose content is known, one at a time: from a folder, a CSV, a zip, an array, uploads."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np


class Label(NamedTuple):
    """What is known to be in a picture; None where it is not known."""

    dog: bool | None = None
    cifar10: int | None = None  # class index, 0 to 9
    imagenet: int | None = None  # class index, 0 to 999


class Item(NamedTuple):
    """A labelled picture that has not been read yet."""

    name: str  # its path within the set, with `/`, fit to be shown
    label: Label
    read: Callable[[], bytes | np.ndarray]  # an encoded picture, or uint8 pixels (h, w, 3)


@dataclass(frozen=True)
class LabelledSet:
    """Labelled pictures in a stable order; going through them holds one at a time."""

    name: str  # fit to be shown
    count: int  # how many items there are
    items: Callable[[], Iterator[Item]]
