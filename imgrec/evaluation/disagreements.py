"""The pictures on which the three approaches disagree, each with its outlier."""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from PIL import Image

from imgrec.approaches import MODULES
from imgrec.data.label_names import Label
from imgrec.data.labelled_images import Item, LabelledSet
from imgrec.errors import DataError
from imgrec.evaluation.figures import DisputedPicture
from imgrec.images.decode import open_image


class Disagreement(NamedTuple):
    """A picture on which one approach disagrees with the others."""

    number: int  # its index in the set
    name: str
    label: Label
    dog: dict[str, float]  # probability of a dog by approach

    @property
    def outlier(self) -> str:
        """The approach that disagrees with the others; yes is a probability of one half or more."""
        yes = [name for name, dog in self.dog.items() if dog >= 0.5]
        no = [name for name in self.dog if name not in yes]
        return min(yes, no, key=len)[0]

    @property
    def outlier_is_right(self) -> bool | None:
        """Whether the outlier is right; None without a label."""
        is_dog = self.label.dog
        return None if is_dog is None else (self.dog[self.outlier] >= 0.5) == is_dog


def in_set(labelled: LabelledSet, disputed: Sequence[DisputedPicture]) -> list[Disagreement]:
    """Finds the disputed pictures again, in the order of the set.

    Pictures that are no longer in the set are left out.
    """
    rows = {row.file: row for row in disputed}
    found = []
    for number, item in enumerate(labelled.items()):
        if row := rows.pop(item.name, None):
            found.append(Disagreement(number, item.name, item.label, row.dog))
    return found


def groups(found: Sequence[Disagreement]) -> Iterator[tuple[str, bool | None, list[Disagreement]]]:
    """Yields each outlier, whether it is right, and the pictures; empty groups are left out.

    The groups are in the order of the approaches; for each, those where it is wrong come first.
    """
    for name in MODULES:
        for right in (False, True, None):
            alike = [
                each for each in found if (each.outlier, each.outlier_is_right) == (name, right)
            ]
            if alike:
                yield name, right, alike


def item_at(labelled: LabelledSet, number: int) -> Item:
    """Returns the picture at an index of the set, from 0. Raises DataError if there is none."""
    found = next(islice(labelled.items(), number, None), None)
    if found is None:
        raise DataError("There is no such picture; press one.")
    return found


def open_item(found: Item) -> Image.Image:
    """Opens the picture itself. Raises ImageError if it can't be used."""
    return open_image(found.read(), name=found.name)
