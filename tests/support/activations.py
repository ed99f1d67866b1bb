"""Activations of layers that are not there."""

import numpy as np
from PIL import Image

from imgrec.explaining.feature_maps import Activation
from imgrec.networks.layer_table import Layer

BLANK = Image.new("RGB", (1, 1))


def made(values: np.ndarray, name: str = "made", kind: str = "Conv2D") -> Activation:
    """An activation of a layer that is not there."""
    return Activation(Layer(name, kind, values.shape, 0), values, BLANK, ())
