"""Colour maps: heatmaps, filters and feature maps as pictures."""

import numpy as np
from PIL import Image

# Perceptually uniform, and readable in greyscale and by colour-blind people: Smith & van der Walt
# 2015 (https://bids.github.io/colormap/). For signed values: blue < 0, white 0, red > 0.
COLOURS, SIGNED = "inferno", "RdBu_r"


def coloured(values: np.ndarray) -> Image.Image:
    """Returns a map (h, w) of values from 0 (dark) to 1 (bright) as RGB; clips other values."""
    return _mapped(values, COLOURS)


def coloured_signed(values: np.ndarray) -> Image.Image:
    """Returns a map (h, w) as RGB: 0 is white, the largest magnitude full red (+) or blue (-)."""
    most = np.abs(values).max()
    return _mapped(0.5 + values / (2 * most) if most else np.full(values.shape, 0.5), SIGNED)


def stretched(values: np.ndarray) -> np.ndarray:
    """Rescales the values to float32 from 0 (least) to 1 (greatest); zeros if all are equal."""
    values = np.asarray(values, "float32")
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _mapped(values: np.ndarray, name: str) -> Image.Image:
    import matplotlib  # not needed before the first explanation

    colours = matplotlib.colormaps[name](np.clip(values, 0, 1))  # (h, w, 4), 0 to 1
    return Image.fromarray(np.rint(colours[..., :3] * 255).astype("uint8"))
