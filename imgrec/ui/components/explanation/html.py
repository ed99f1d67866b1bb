"""An explanation as HTML: the map over the picture, its legend, and its description."""

import numpy as np
from markupsafe import Markup
from PIL import Image

from imgrec.explaining import heatmaps, targets
from imgrec.explaining.explanation import Explanation
from imgrec.images.colormaps import coloured
from imgrec.images.crops import Box
from imgrec.ui.components.templates import render
from imgrec.ui.components.texts import METHODS, TITLES

OPACITY = 0.7  # initial opacity of the heatmap
SHOWN_SIDE = 400  # pixels, the longer side of the picture in the panel
HATCH = 6  # pixels, the width of a stripe over what the network did not see


def heading(explanation: Explanation, target: str) -> Markup:
    """Renders what is explained, a class or the dog question, and which network answered."""
    return render(
        __file__,
        "heading.jinja",
        explanation=explanation,
        target=target,
        dog_question=targets.DOG_QUESTION,
        titles=TITLES,
    )


def opinion(explanation: Explanation, image: Image.Image, name: str, more: str) -> Markup:
    """Renders the map over the picture with its description below."""
    return render(
        __file__,
        "opinion.jinja",
        figure=figure(explanation, image, name),
        notes=[*explanation.notes, more],
    )


def growing(
    explanation: Explanation, image: Image.Image, name: str, done: int, total: int
) -> Markup:
    """Renders an unfinished map over the picture and how many places are covered so far."""
    return render(
        __file__,
        "growing.jinja",
        figure=figure(explanation, image, name),
        done=done,
        total=total,
    )


def figure(explanation: Explanation, image: Image.Image, name: str) -> Markup:
    """Renders the picture with the heatmap over it, in two layers, and the legend.

    The CSS variable `--heat-<name>` sets the heatmap's opacity.
    """
    size, box = _displayed(image.size, explanation.box)
    some = explanation.map.any()
    return render(
        __file__,
        "figure.jinja",
        picture=hatched(image.resize(size, _filter(image, size)), box),
        heat=heat(explanation.map, box, size),
        method=METHODS[explanation.method],
        target=explanation.target,
        hottest=heatmaps.location_in_words(explanation.map) if some else "",
        name=name,
        opacity=OPACITY,
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
