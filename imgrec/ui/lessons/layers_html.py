"""A network's layer buttons, the facts about a layer, and its feature maps, as HTML."""

import math
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np
from PIL import Image

from imgrec.explaining.feature_maps import Activation, LayeredNetwork, strongest
from imgrec.images.colormaps import coloured, coloured_signed, stretched
from imgrec.networks.layer_table import Layer
from imgrec.ui.components import formatting, html
from imgrec.ui.components.html import to_png_data_uri

TILES = 24  # feature maps in the gallery
THUMBNAIL_SIDE = 96  # pixels; twice the displayed size, for high-resolution screens
SHOWN = 10  # classes, or strongest neurons
PLACES = (
    ("top left", "top", "top right"),
    ("left", "centre", "right"),
    ("bottom left", "bottom", "bottom right"),
)

DOES = {
    "Normalization": "Takes the mean of all training images away from each colour, and divides by "
    "how far from it the values usually are. So the numbers that come out lie around 0.",
    "Conv2D": "Slides small filters over everything that comes in. Each looks for one pattern and "
    "draws a map: its values are great where it found the pattern, and small where it did not.",
    "BatchNormalization": "Moves and stretches the values of each map as if they had, over many "
    "pictures, a mean of 0 and all the same spread. Then it adds a number that it learned. So no "
    "map drowns the others, and the network learns faster.",
    "ReLU": "Turns whatever is below 0 into 0 and leaves the rest as it is: only patterns that "
    "were found go on.",
    "MaxPooling2D": "Keeps only the largest value of each small square of every map. The maps "
    "shrink, and it matters less where exactly a pattern was.",
    "GlobalMaxPooling2D": "Keeps only the largest value of each whole map: how clearly a pattern "
    "was found. Where it was is forgotten.",
    "Dropout": "While the network trained, this layer silenced some values at random, so that the "
    "network could not learn pictures by heart. Now it lets all of them through unchanged.",
    "Rescaling": "Multiplies every value by one fixed number. That only matters in training: the "
    "last layer learns more slowly.",
    "Flatten": "Puts the values of all maps into one long row. None is changed.",
    "Dense": "Each of its neurons weighs every value that comes in and adds them all up.",
}
SIGNED_COLOURS = "red above 0, blue below, white 0"
PROBABLE = (
    "Each neuron stands for one class: it weighs every value that comes in and adds them up. "
    "Softmax turns the sums into probabilities that add up to 1."
)


def layer_buttons(layered: LayeredNetwork, chosen: str) -> str:
    """Renders a button per layer; it is higher for larger maps and wider for more maps."""
    places = max(math.prod(row.output_shape[:-1]) for row in layered.rows)
    depth = max(row.output_shape[-1] for row in layered.rows)
    buttons = "".join(_layer_button(row, places, depth, row.name == chosen) for row in layered.rows)
    return f'<div class="street" data-group role="group" aria-label="Layers">{buttons}</div>'


def _layer_button(row: Layer, places: int, depth: int, chosen: bool) -> str:
    height = math.log(1 + math.prod(row.output_shape[:-1])) / math.log(1 + places)
    width = math.log(1 + row.output_shape[-1]) / math.log(1 + depth)
    name = escape(row.name)
    return (
        f'<button type="button" data-press="{name}" aria-pressed="{str(chosen).lower()}" '
        f'class="house {escape(row.kind.lower())}">'
        f'<i style="height:{100 * height:.0f}px;width:{100 * width:.0f}%"></i>'
        f"<b>{name}</b><span>{escape(row.kind)}</span>"
        f"<span>{formatting.shape(row.output_shape)}</span></button>"
    )


def facts(layered: LayeredNetwork, activation: Activation) -> str:
    """Describes what the layer does, its output shape, its parameters, its work, and its zeros."""
    row = activation.row
    does = PROBABLE if activation.classes else DOES.get(row.kind, "")
    zeros = share(activation.zeros)
    if row.name in layered.rectified and row.kind != "ReLU":
        zeros += ": its last step, ReLU, turns whatever is below 0 into 0"
    if activation.signed:
        zeros += f"; {share(float((activation.values < 0).mean()))} of the values are below 0"
    entries = {
        "Comes out": _output(row),
        "Parameters": row.formula or "none: there is nothing to learn here",
        "Multiply–adds": _work(row, layered.rows),
        "Zeros": zeros,
    }
    listed = "".join(f"<dt>{term}</dt><dd>{escape(told)}</dd>" for term, told in entries.items())
    return (
        f'<section class="panel layer"><h3>{escape(row.name)} <span>{escape(row.kind)}</span></h3>'
        f"<p>{does}</p><dl>{listed}</dl></section>"
    )


def _output(row: Layer) -> str:
    *sides, depth = row.output_shape
    shape = formatting.shape(row.output_shape)
    return (
        f"{shape}: {depth} maps of {formatting.shape(sides)} values"
        if sides
        else f"{depth:,} values"
    )


def _work(row: Layer, rows: Iterable[Layer]) -> str:
    if not row.multiply_accumulates:
        return "none"
    part = row.multiply_accumulates / sum(other.multiply_accumulates for other in rows)
    return f"{row.multiply_accumulates:,} for one picture, {share(part)} of the whole street’s"


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
    return f"channel {channel}: mean {number(values.mean())}, maximum {number(values.max())}"


def gallery(activation: Activation, chosen: int, by_number: bool) -> str:
    """Renders up to TILES feature maps as buttons: the strongest, or those around the chosen."""
    channels = activation.values.shape[-1]
    if by_number:
        first = chosen // TILES * TILES
        shown: Sequence[int] = range(first, min(first + TILES, channels))
        which = f"Channels {shown[0]} to {shown[-1]}"
    else:
        shown = strongest(activation.values)[:TILES].tolist()
        amount = "mean distance from 0" if activation.signed else "mean"
        which = f"The {len(shown)} strongest (by their {amount})"
    tiles = "".join(_tile(activation, channel, channel == chosen) for channel in shown)
    colours = "each from its least value (dark) to its greatest (bright)"
    if activation.signed:
        colours = f"{SIGNED_COLOURS}, full colour the farthest from 0 in its map"
    return (
        f'<p class="offer">{which} of {channels} feature maps: {colours}. '
        f'Press one to enlarge it.</p><div class="tiles" data-group '
        f'role="group" aria-label="Feature maps">{tiles}</div>'
    )


def _tile(activation: Activation, channel: int, chosen: bool) -> str:
    thumbnail = to_png_data_uri(_map(activation, channel), THUMBNAIL_SIDE)
    text = described(activation, channel)
    return (
        f'<button type="button" data-press="{channel}" aria-pressed="{str(chosen).lower()}" '
        f'aria-label="{text}" title="{text}"><img src="{thumbnail}" alt="">{channel}</button>'
    )


def _map(activation: Activation, channel: int) -> Image.Image:
    values = activation.values[..., channel]
    return coloured_signed(values) if activation.signed else coloured(stretched(values))


def enlarged(activation: Activation, channel: int) -> str:
    """Renders the feature map beside the picture as the network saw it."""
    values = activation.values[..., channel]
    least, greatest = number(values.min()), number(values.max())
    told = f"Channel {channel}, from {least} (dark) to {greatest} (bright)"
    if activation.signed:
        told = f"Channel {channel} ({SIGNED_COLOURS}), from {least} to {greatest}"
    if values.min() < values.max():
        told += f", which is at the {place(values)}; mean {number(values.mean())}"
    figure = _figure(_map(activation, channel), f"{told}.")
    return f'<div class="pair">{_seen(activation)}{figure}</div>'


def place(values: np.ndarray) -> str:
    """Describes where a map (h, w) has its maximum: `top left`, `centre`."""
    row, column = np.unravel_index(values.argmax(), values.shape)
    height, width = values.shape
    return PLACES[3 * int(row) // height][3 * int(column) // width]


def vector(activation: Activation) -> str:
    """Renders a vector as classes with probabilities, or as a strip with its strongest values."""
    if activation.classes:
        return (
            f'<div class="pair">{_seen(activation)}<div class="bars">'
            f"{html.bars(activation.classes[:SHOWN])}</div></div>"
        )
    values = activation.values
    best = ", ".join(f"number {i} ({number(values[i])})" for i in strongest(values)[:SHOWN])
    told = (
        f"All {len(values):,} values, row by row, from {number(values.min())} (dark) to "
        f"{number(values.max())} (bright). The greatest: {best}."
    )
    return f'<div class="pair">{_seen(activation)}{_figure(_strip(values), told)}</div>'


def _strip(values: np.ndarray) -> Image.Image:
    """Draws the vector in rows of equal length, about four times as wide as high if possible."""
    length = len(values)
    width = max(n for n in range(1, 2 * math.isqrt(length) + 1) if length % n == 0)
    return coloured(stretched(values.reshape(-1, width)))


def _seen(activation: Activation) -> str:
    width, height = activation.saw.size
    return _figure(
        activation.saw, f"The picture as this network saw it: {width} × {height} pixels."
    )


def _figure(image: Image.Image, text: str) -> str:
    return (
        f'<figure><img src="{to_png_data_uri(image)}" alt="{escape(text)}">'
        f"<figcaption>{escape(text)}</figcaption></figure>"
    )
