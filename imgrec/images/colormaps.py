"""Numbers as colours: maps, filters and feature maps as pictures."""

import numpy as np
from PIL import Image

# Perceptually uniform, and told apart by the colour-blind and in grey: Smith & van der Walt 2015
# (https://bids.github.io/colormap/). For signed values blue is below zero, white zero, red above.
COLOURS, SIGNED = "inferno", "RdBu_r"


def coloured(values: np.ndarray) -> Image.Image:
    """RGB of a map (h, w) of values from 0 (dark) to 1 (bright); what is outside is clipped."""
    return _mapped(values, COLOURS)


def coloured_signed(values: np.ndarray) -> Image.Image:
    """RGB of a map (h, w): 0 is white, the greatest amount is full red (above) or blue (below)."""
    most = np.abs(values).max()
    return _mapped(0.5 + values / (2 * most) if most else np.full(values.shape, 0.5), SIGNED)


def stretched(values: np.ndarray) -> np.ndarray:
    """The values as float32 from 0 (the least) to 1 (the greatest); zeros where all are equal."""
    values = np.asarray(values, "float32")
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _mapped(values: np.ndarray, name: str) -> Image.Image:
    import matplotlib  # not needed before somebody asks why

    colours = matplotlib.colormaps[name](np.clip(values, 0, 1))  # (h, w, 4), 0 to 1
    return Image.fromarray(np.rint(colours[..., :3] * 255).astype("uint8"))
