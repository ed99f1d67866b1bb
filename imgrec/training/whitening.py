"""Sets the first layer of the network `fast` from the training images, in place of training it."""

import keras
import numpy as np

IMAGES = 5000  # that patches are taken from, as in Jordan's code
EPSILON = 5e-4  # added to each variance, so that components of little variance don't amplify noise


def whiten(layer: keras.layers.Conv2D, images: np.ndarray) -> None:
    """Sets a convolution's filters so that its outputs are uncorrelated, with variance 1.

    `images`, float32 (n, height, width, channels), are the layer's input. The layer has twice as
    many filters as a patch under its kernel has values: the patches' principal components, each
    divided by its standard deviation, and their negatives, because ReLU passes positive values
    only. The kernel is frozen, the bias is not: Jordan 2024, https://arxiv.org/abs/2404.00498,
    section 3.2.
    """
    size = layer.kernel_size
    patches = np.lib.stride_tricks.sliding_window_view(images, size, axis=(1, 2))
    flat = patches.transpose(0, 1, 2, 4, 5, 3).reshape(-1, np.prod(layer.kernel.shape[:3]))
    variances, components = np.linalg.eigh(flat.T.astype("float64") @ flat / len(flat))
    filters = components / np.sqrt(variances + EPSILON)
    layer.kernel.assign(np.concatenate([filters, -filters], axis=1).reshape(layer.kernel.shape))
    layer.kernel.trainable = False
