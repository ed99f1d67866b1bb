"""The pictures on which the approaches disagree, as HTML: buttons, and one picture enlarged."""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup
from PIL import Image

from imgrec.approaches.verdict import Verdict
from imgrec.data import labels
from imgrec.data.label_names import Label
from imgrec.data.labelled_images import Item
from imgrec.evaluation.disagreements import Disagreement
from imgrec.ui.components import html
from imgrec.ui.components.formatting import counted
from imgrec.ui.components.templates import render
from imgrec.ui.components.texts import TITLES, UNFAMILIAR
from imgrec.ui.results import texts

TILE = 96  # pixels, the longer side of a picture on a button; CSS enlarges a small one
LARGE = 448  # pixels, of the enlarged picture
NOTHING_ENLARGED = html.panel(*texts.ONE_PICTURE)


class Tile(NamedTuple):
    """A picture on a button."""

    number: int  # its index in the set
    alt: str
    image: Image.Image


class Group(NamedTuple):
    """The pictures on which an approach stands alone, and whether it is right."""

    approach: str
    right: bool | None
    tiles: Sequence[Tile]


def tile(dispute: Disagreement, image: Image.Image) -> Tile:
    """Returns a picture's button, named by its label and file."""
    alt = ", ".join(filter(None, (label_in_words(dispute.label), dispute.name)))
    return Tile(dispute.number, alt, image)


def label_in_words(label: Label) -> str:
    """Describes a picture's label: `ship`, `Chihuahua`, `not a dog`; empty if there is none."""
    if label.imagenet is not None:
        return labels.imagenet()[label.imagenet].title
    if label.cifar10 is not None:
        return labels.CIFAR10[label.cifar10]
    return texts.DOG_LABELS[label.dog]


def disagreements(groups: Sequence[Group], count: int, n: int) -> Markup:
    """Renders the groups of a set's n pictures, `count` of which are disputed."""
    if not count:
        title, text = texts.THEY_AGREE
        return html.panel(title, text.format(pictures=counted(n, "picture")))
    return render(
        __file__,
        "disagreements.jinja",
        groups=groups,
        count=count,
        shown=sum(len(group.tiles) for group in groups),
        n=n,
        side=TILE,
        titles=TITLES,
        outlier=texts.OUTLIER,
    )


def enlarged(item: Item, image: Image.Image, verdicts: Sequence[Verdict]) -> Markup:
    """Renders a picture enlarged, with each network's dog answer and most probable class."""
    return render(
        __file__,
        "enlarged.jinja",
        title=label_in_words(item.label) or texts.NO_LABEL,
        name=item.name,
        is_dog=item.label.dog,
        image=image,
        pixelated=max(image.size) < TILE,
        side=LARGE,
        verdicts=verdicts,
        titles=TITLES,
        unfamiliar=UNFAMILIAR,
    )
