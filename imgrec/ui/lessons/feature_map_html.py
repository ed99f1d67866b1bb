"""Pictures and feature maps side by side, as HTML with a description."""

import numpy as np
from markupsafe import Markup
from PIL import Image

from imgrec.errors import ImgrecError
from imgrec.images.colormaps import coloured_signed
from imgrec.ui.components import html
from imgrec.ui.components.formatting import signed
from imgrec.ui.components.html import to_png_data_uri
from imgrec.ui.lessons import texts

EMPTY = html.panel(*texts.NO_PICTURE)
NO_MARKS = Markup()


def checked_integer(value: object, low: int, high: int, what: str) -> int:
    """Returns the value as an integer from low to high. Raises ImgrecError if it is not one."""
    if isinstance(value, int | float) and value in range(low, high + 1):
        return int(value)
    raise ImgrecError(f"{what}: choose a whole number from {signed(low)} to {high}.")


def figure(image: Image.Image, title: str, alt: str, marks: Markup = NO_MARKS) -> Markup:
    """Renders a picture with its title and alternative text; `marks` is laid over it."""
    return Markup(
        '<figure class="map"><figcaption>{}</figcaption><div class="ground">'
        '<img src="{}" alt="{}">{}</div></figure>'
    ).format(title, to_png_data_uri(image), alt, marks)


def map_figure(
    values: np.ndarray, title: str, marks: Markup = NO_MARKS, known: int | None = None
) -> Markup:
    """Renders a feature map (h, w) as `figure`; if `known` is given, only its first values."""
    height, width = values.shape
    row, column = np.unravel_index(np.abs(values).argmax(), values.shape)
    alt = texts.MAP_ALT.format(
        title=title,
        height=height,
        width=width,
        least=signed(values.min(), 2),
        greatest=signed(values.max(), 2),
        row=row + 1,
        column=column + 1,
    )
    image = map_picture(values)
    if known is not None:
        shown = np.arange(values.size).reshape(values.shape) < known
        image.putalpha(Image.fromarray(shown.astype("uint8") * 255))
    return figure(image, title, alt, marks)


def map_picture(values: np.ndarray) -> Image.Image:
    """Draws a map as RGB: signed colours if some values are negative, else greys from 0 (black)."""
    if values.min() < 0:
        return coloured_signed(values)
    most = values.max() or 1
    return Image.fromarray(np.rint(values / most * 255).astype("uint8")).convert("RGB")


def legend(values: np.ndarray) -> Markup:
    """Describes the colours of `map_picture`."""
    text = texts.SIGNED_LEGEND if values.min() < 0 else texts.GREY_LEGEND
    most = signed(np.abs(values).max(), 2)
    return Markup('<p class="offer">{}</p>').format(text.format(most=most))
