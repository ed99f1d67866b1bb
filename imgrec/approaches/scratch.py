"""Approach 1: a small convolutional network trained from scratch on CIFAR-10."""

import numpy as np

SIZE = 32  # pixels, each side of a CIFAR-10 image


def preprocess(images: np.ndarray) -> np.ndarray:
    """uint8 (n, 32, 32, 3) to float32 in [0, 1]."""
    return images.astype("float32") / 255
