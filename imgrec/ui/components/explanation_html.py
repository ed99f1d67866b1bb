"""An explanation as HTML: the map over the picture, its legend, and its description."""

from html import escape

import numpy as np
from PIL import Image

from imgrec.explaining import heatmaps, targets
from imgrec.explaining.explanation import Explanation
from imgrec.images.colormaps import coloured
from imgrec.images.crops import Box
from imgrec.ui.components import verdict_cards
from imgrec.ui.components.formatting import percent
from imgrec.ui.components.html import to_png_data_uri

OPACITY = 0.7  # initial opacity of the heatmap
SHOWN_SIDE = 400  # pixels, the longer side of the picture in the panel
HATCH = 6  # pixels, the width of a stripe over what the network did not see

METHOD_NAMES = {"grad-cam": "Grad-CAM", "occlusion": "Occlusion"}


def heading(explanation: Explanation, target: str) -> str:
    dog = target == targets.DOG_QUESTION
    asked = "What speaks for a dog?" if dog else f"Why “{explanation.target}”?"
    who = f"{verdict_cards.TITLES.get(explanation.approach, 'Your own')} · {explanation.model}"
    sure = percent(explanation.probability)
    # A shipped network's map explains its raw probability, whereas its card has the calibrated one.
    says = (
        f"the network itself says {sure}" if explanation.approach in verdict_cards.TITLES else sure
    )
    return (
        f'<h3 tabindex="-1" data-approach="{explanation.approach}">{escape(asked)}</h3>'
        f'<p class="who">{escape(who)}: {says}</p>'
    )


def opinion(explanation: Explanation, image: Image.Image, name: str, more: str) -> str:
    """Renders the map over the picture with its description below."""
    notes = [*explanation.notes, more]
    words = "".join(f"<li>{escape(note)}</li>" for note in notes if note)
    return f'{figure(explanation, image, name)}<ul class="why-words">{words}</ul>'


def growing(explanation: Explanation, image: Image.Image, name: str, done: int, total: int) -> str:
    return (
        f"{figure(explanation, image, name)}"
        f'<p class="why-progress" role="status">{done} of {total} places covered</p>'
        f'<progress value="{done}" max="{total}" aria-label="Occlusion"></progress>'
    )


def unseen(explanation: Explanation) -> str:
    if explanation.seen > 0.995:
        return ""
    return (
        f"The network saw {100 * explanation.seen:.0f} % of the picture; the striped part was cut "
        "away before."
    )


def agreement(one: Explanation, other: Explanation) -> str:
    """Describes how well two maps of one picture agree."""
    correlation = heatmaps.agreement(one.map, other.map)
    if correlation is None:
        return "One of the two maps is empty, so they can’t be compared."
    if correlation >= 0.5:
        words = "they agree: the same places are hot"
    elif correlation >= 0.2:
        words = "they agree in part"
    elif correlation > -0.2:
        words = "they have little to do with each other, so trust neither much"
    else:
        words = "they contradict each other, so trust neither"
    return f"Beside Grad-CAM, {words} (rank correlation {correlation:.2f}; 1 is full agreement)."


def figure(explanation: Explanation, image: Image.Image, name: str) -> str:
    """Renders the picture with the heatmap over it, in two layers, and the legend.

    The CSS variable `--heat-<name>` sets the heatmap's opacity.
    """
    size, box = _displayed(image.size, explanation.box)
    picture = to_png_data_uri(hatched(image.resize(size, _filter(image, size)), box))
    method = METHOD_NAMES[explanation.method]
    empty = (
        "no heat"
        if not explanation.map.any()
        else f"hottest {heatmaps.location_in_words(explanation.map)}"
    )
    alt = escape(f"{method}’s map for “{explanation.target}” over the picture: {empty}")
    return (
        f'<figure class="why-figure"><figcaption>{method}</figcaption><div class="why-layers">'
        f'<img src="{picture}" alt="The picture; striped where the network saw nothing of it">'
        f'<img src="{to_png_data_uri(heat(explanation.map, box, size))}" alt="{alt}" '
        f'style="opacity:var(--heat-{name}, {OPACITY})"></div>'
        '<p class="why-legend"><span>little</span><i></i><span>much evidence</span></p></figure>'
    )


def _displayed(size: tuple[int, int], box: Box) -> tuple[tuple[int, int], Box]:
    """Scales width, height and box to a longer side of SHOWN_SIDE."""
    scale = SHOWN_SIDE / max(size)
    width, height = (max(1, round(side * scale)) for side in size)
    across, down = width / size[0], height / size[1]
    left, top, right, bottom = box
    return (width, height), (left * across, top * down, right * across, bottom * down)


def _filter(image: Image.Image, size: tuple[int, int]) -> Image.Resampling:
    """Returns the resampling filter; small pictures keep their pixels as squares of one colour."""
    return Image.Resampling.NEAREST if size[0] > image.width else Image.Resampling.LANCZOS


def hatched(image: Image.Image, box: Box) -> Image.Image:
    """Returns the picture, dimmed and striped outside the box."""
    pixels = np.asarray(image)
    height, width = pixels.shape[:2]
    outside = np.isnan(heatmaps.placed(np.zeros((1, 1)), box, image.size))
    rows, columns = np.ogrid[:height, :width]
    stripes = (rows + columns) // HATCH % 2 * 45
    dimmed = (pixels * 0.35 + stripes[..., None]).astype(np.uint8)
    return Image.fromarray(np.where(outside[..., None], dimmed, pixels))


def heat(over_box: np.ndarray, box: Box, size: tuple[int, int]) -> Image.Image:
    """Returns the map over the box as RGBA of that width and height, clear without evidence."""
    values = np.nan_to_num(heatmaps.placed(over_box, box, size))
    picture = coloured(values)
    picture.putalpha(Image.fromarray(np.rint(255 * np.sqrt(values)).astype(np.uint8)))
    return picture
