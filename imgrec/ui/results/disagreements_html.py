"""The pictures on which the approaches disagree, as HTML: buttons, and one picture enlarged."""

from collections.abc import Sequence
from html import escape

from PIL import Image

from imgrec.approaches.verdict import Verdict
from imgrec.data import labels
from imgrec.data.label_names import Label
from imgrec.data.labelled_images import Item
from imgrec.evaluation.disagreements import Disagreement
from imgrec.ui.components import html, verdict_cards
from imgrec.ui.components.formatting import counted, percent
from imgrec.ui.components.html import to_png_data_uri

TILE = 96  # pixels, the longer side of a picture on a button; CSS enlarges a small one
LARGE = 448  # pixels, of the enlarged picture


def tile(dispute: Disagreement, image: Image.Image) -> str:
    """Renders a picture as a button."""
    alt = ", ".join(filter(None, (label_in_words(dispute.label), dispute.name)))
    return (
        f'<button type="button" class="sample" data-press="{dispute.number}">'
        f'<img src="{to_png_data_uri(image, TILE)}" alt="{escape(alt)}"></button>'
    )


def label_in_words(label: Label) -> str:
    """Describes a picture's label: `ship`, `Chihuahua`, `not a dog`; empty if there is none."""
    if label.imagenet is not None:
        return labels.imagenet()[label.imagenet].title
    if label.cifar10 is not None:
        return labels.CIFAR10[label.cifar10]
    return {True: "a dog", False: "not a dog", None: ""}[label.dog]


def group(name: str, right: bool | None, tiles: Sequence[str]) -> str:
    """Renders the pictures on which an approach stands alone."""
    how = {True: "alone is right", False: "alone is wrong", None: "says what no other says"}
    return (
        f'<h4 class="{name}"><i aria-hidden="true"></i>{verdict_cards.TITLES[name]} {how[right]}: '
        f"{counted(len(tiles), 'picture')}</h4><div>{''.join(tiles)}</div>"
    )


def disagreements(groups: str, count: int, shown: int, n: int) -> str:
    """Renders all groups, with the number of disagreements."""
    if not count:
        return html.panel("They agree", f"On all of the {counted(n, 'picture')} they agree.")
    more = f" The {shown} with the widest gap are shown." if shown < count else ""
    text = (
        f"On {count:,} of {counted(n, 'picture')} they disagree whether there is a dog.{more} "
        "Press one to see it large, with what each says."
    )
    return (
        f'<p class="offer">{text}</p><div class="samples disputed" data-group="disputed">{groups}'
        "</div>"
    )


NOTHING_ENLARGED = html.panel("One picture", "Press a picture to see what each network says.")


def enlarged(item: Item, image: Image.Image, verdicts: Sequence[Verdict]) -> str:
    """Renders a picture enlarged, with each network's dog answer and most probable class."""
    title = label_in_words(item.label) or "No label tells"
    small = " pixelated" if max(image.size) < TILE else ""
    address = to_png_data_uri(image, LARGE)
    said = "".join(_answer(verdict, item.label.dog) for verdict in verdicts)
    return f"""
<section class="panel enlarged">
  <h3>{escape(title[0].upper() + title[1:])}</h3>
  <p>{escape(item.name)}, {image.width} × {image.height} pixels</p>
  <img class="whole{small}" src="{address}" alt="{escape(f"{title}, {item.name}, enlarged")}">
  <h4>Is there a dog in it?</h4>
  <ul class="opinions">{said}</ul>
</section>"""


def _answer(verdict: Verdict, is_dog: bool | None) -> str:
    yes = verdict.dog >= 0.5
    marks = {True: "✓ right", False: "✗ wrong"}
    mark = "" if is_dog is None else f"<em>{marks[yes == is_dog]}</em>"
    winner = verdict.classes[0]
    sees = "" if verdict.approach == "transfer" else f"takes it for: {winner.label}; "
    calibrated = (
        f", calibrated {percent(verdict.dog_calibrated)}"
        if verdict.dog_calibrated is not None
        else ""
    )
    sign = f"<small>{verdict_cards.UNFAMILIAR}</small>" if verdict.unfamiliar else ""
    return (
        f'<li class="{verdict.approach}"><b>{verdict_cards.TITLES[verdict.approach]} says '
        f"{'yes' if yes else 'no'}</b>{mark}"
        f"<small>{escape(f'{sees}dog {percent(verdict.dog)}{calibrated}')}</small>{sign}"
        f'<i class="track"><i style="width:{100 * verdict.dog:.2f}%"></i></i></li>'
    )
