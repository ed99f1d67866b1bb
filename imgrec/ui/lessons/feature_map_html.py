"""Pictures and feature maps side by side, as HTML with a description."""

from html import escape

import numpy as np
from PIL import Image

from imgrec.errors import ImgrecError
from imgrec.images.colormaps import coloured_signed
from imgrec.ui.components import html
from imgrec.ui.components.formatting import signed
from imgrec.ui.components.html import to_png_data_uri

EMPTY = html.panel("No picture yet", "Drop a picture, paste one, or choose one of the examples.")


def checked_integer(value: object, low: int, high: int, what: str) -> int:
    """Returns the value as an integer from low to high. Raises ImgrecError if it is not one."""
    if isinstance(value, int | float) and value in range(low, high + 1):
        return int(value)
    raise ImgrecError(f"{what}: choose a whole number from {signed(low)} to {high}.")


def figure(image: Image.Image, title: str, alt: str, marks: str = "") -> str:
    """Renders a picture with its title and alternative text; `marks` is HTML laid over it."""
    return (
        f'<figure class="map"><figcaption>{escape(title)}</figcaption><div class="ground">'
        f'<img src="{to_png_data_uri(image)}" alt="{escape(alt)}">{marks}</div></figure>'
    )


def map_figure(values: np.ndarray, title: str, marks: str = "", known: int | None = None) -> str:
    """Renders a feature map (h, w) as `figure`; if `known` is given, only its first values."""
    height, width = values.shape
    row, column = np.unravel_index(np.abs(values).argmax(), values.shape)
    alt = (
        f"{title}: {height} × {width} values from {signed(values.min(), 2)} to "
        f"{signed(values.max(), 2)}; the strongest is at row {row + 1}, column {column + 1}."
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


def legend(values: np.ndarray) -> str:
    """Describes the colours of `map_picture`."""
    if values.min() < 0:
        most = signed(np.abs(values).max(), 2)
        text = f"Red is above zero, blue below zero, white zero; full colour is {most} away."
    else:
        text = f"Black is zero; the lighter, the greater. White is {signed(values.max(), 2)}."
    return f'<p class="offer">{text}</p>'
