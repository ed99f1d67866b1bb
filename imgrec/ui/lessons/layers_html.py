"""A network's layer buttons, the facts about a layer, and its feature maps, as HTML."""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from PIL import Image

from imgrec.explaining.feature_maps import Activation, LayeredNetwork, strongest
from imgrec.images.colormaps import coloured, coloured_signed, stretched
from imgrec.ui.components import formatting, html
from imgrec.ui.components.html import to_png_data_uri
from imgrec.ui.components.templates import render
from imgrec.ui.lessons import texts

TILES = 24  # feature maps in the gallery
THUMBNAIL_SIDE = 96  # pixels; twice the displayed size, for high-resolution screens
SHOWN = 10  # classes, or strongest neurons


def layer_buttons(layered: LayeredNetwork, chosen: str) -> Markup:
    """Renders a button per layer; it is higher for larger maps and wider for more maps."""
    places = [math.prod(row.output_shape[:-1]) for row in layered.rows]
    depths = [row.output_shape[-1] for row in layered.rows]
    layers = zip(layered.rows, _percents(places), _percents(depths), strict=True)
    return render(__file__, "layer_buttons.jinja", layers=layers, chosen=chosen)


def _percents(sizes: Sequence[int]) -> list[float]:
    """Returns the sizes in percent of the largest, on a logarithmic scale."""
    most = math.log(1 + max(sizes))
    return [100 * math.log(1 + size) / most for size in sizes]


def facts(layered: LayeredNetwork, activation: Activation) -> Markup:
    """Describes what the layer does, its output shape, its parameters, its work, and its zeros."""
    row = activation.row
    does = texts.GIVES_PROBABILITIES if activation.classes else texts.LAYER_DOES.get(row.kind, "")
    return render(
        __file__,
        "layer_facts.jinja",
        layer=row,
        does=does,
        part=share,
        work=sum(other.multiply_accumulates for other in layered.rows),
        zeros=activation.zeros,
        rectified=row.name in layered.rectified and row.kind != "ReLU",
        negative=float((activation.values < 0).mean()) if activation.signed else None,
    )


def share(part: float) -> str:
    """Formats a share from 0 to 1: `none`, a percentage, or `all`."""
    return {0.0: "none", 1.0: "all"}.get(part) or formatting.percent(part)


def number(value: float) -> str:
    """Formats a value of a map, in short: `1,234`, `−2.41`, `almost 0`."""
    if 0 < abs(value) < 0.001:
        return "almost 0"
    return (f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}").replace("-", "−")


def described(activation: Activation, channel: int) -> str:
    """Describes a feature map: `channel 17: mean −0.31, maximum 2.4`."""
    values = activation.values[..., channel]
    return texts.DESCRIBED_CHANNEL.format(
        channel=channel, mean=number(values.mean()), maximum=number(values.max())
    )


class _Tile(NamedTuple):
    """A feature map in the gallery."""

    channel: int
    image: Image.Image
    text: str


def gallery(activation: Activation, chosen: int, by_number: bool) -> Markup:
    """Renders up to TILES feature maps as buttons: the strongest, or those around the chosen."""
    channels = activation.values.shape[-1]
    first = chosen // TILES * TILES
    around = range(first, min(first + TILES, channels))
    shown = around if by_number else strongest(activation.values)[:TILES].tolist()
    return render(
        __file__,
        "gallery.jinja",
        tiles=[_Tile(i, _map(activation, i), described(activation, i)) for i in shown],
        thumbnail_side=THUMBNAIL_SIDE,
        by_number=by_number,
        chosen=chosen,
        channels=channels,
        signed_values=activation.signed,
        colours=texts.SIGNED_TILES if activation.signed else texts.GREY_TILES,
    )


def _map(activation: Activation, channel: int) -> Image.Image:
    values = activation.values[..., channel]
    return coloured_signed(values) if activation.signed else coloured(stretched(values))


def enlarged(activation: Activation, channel: int) -> Markup:
    """Renders the feature map beside the picture as the network saw it."""
    values = activation.values[..., channel]
    text = texts.SIGNED_CHANNEL if activation.signed else texts.GREY_CHANNEL
    if values.min() < values.max():
        text += texts.MAXIMUM_AND_MEAN
    caption = text.format(
        channel=channel,
        least=number(values.min()),
        greatest=number(values.max()),
        place=place(values),
        mean=number(values.mean()),
    )
    return _beside(activation, _figure(_map(activation, channel), f"{caption}."))


def place(values: np.ndarray) -> str:
    """Describes where a map (h, w) has its maximum: `top left`, `centre`."""
    row, column = np.unravel_index(values.argmax(), values.shape)
    height, width = values.shape
    return texts.PLACES[3 * int(row) // height][3 * int(column) // width]


def vector(activation: Activation) -> Markup:
    """Renders a vector as classes with probabilities, or as a strip with its strongest values."""
    if activation.classes:
        bars = html.bars(activation.classes[:SHOWN])
        return _beside(activation, Markup('<div class="bars">{}</div>').format(bars))
    values = activation.values
    best = (
        texts.ONE_OF_THE_GREATEST.format(index=index, value=number(values[index]))
        for index in strongest(values)[:SHOWN]
    )
    caption = texts.ALL_VALUES.format(
        count=len(values),
        least=number(values.min()),
        greatest=number(values.max()),
        best=", ".join(best),
    )
    return _beside(activation, _figure(_strip(values), caption))


def _strip(values: np.ndarray) -> Image.Image:
    """Draws the vector in rows of equal length, about four times as wide as high if possible."""
    length = len(values)
    width = max(n for n in range(1, 2 * math.isqrt(length) + 1) if length % n == 0)
    return coloured(stretched(values.reshape(-1, width)))


def _beside(activation: Activation, shown: Markup) -> Markup:
    """Renders the picture as the network saw it, and what the layer made of it."""
    width, height = activation.saw.size
    seen = _figure(activation.saw, texts.SEEN.format(width=width, height=height))
    return Markup('<div class="pair">{}{}</div>').format(seen, shown)


def _figure(image: Image.Image, text: str) -> Markup:
    return Markup('<figure><img src="{}" alt="{}"><figcaption>{}</figcaption></figure>').format(
        to_png_data_uri(image), text, text
    )
