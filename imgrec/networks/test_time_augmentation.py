"""Test-time augmentation (TTA): the mean over six views of a picture, mirrored and shifted."""

import numpy as np

from imgrec.networks.inference import Logits

SHIFT = 1  # pixels, up and left or down and right
VIEWS = 6  # three positions, each as it is and mirrored


def predict_with_tta(logits: Logits, images: np.ndarray) -> np.ndarray:
    """Returns the logits (n, classes) of images float32 (n, h, w, 3), averaged over their views.

    Half of the weight goes to the picture and its mirror image; a quarter each goes to those two
    shifted by a pixel up and left, and down and right, with a mirrored border: Jordan 2024,
    https://arxiv.org/abs/2404.00498, section 3.5 ("multi-crop" test-time augmentation).
    """
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="reflect")

    def both_ways(start: int) -> np.ndarray:
        view = padded[:, start : start + height, start : start + width]
        return (logits(view) + logits(view[:, :, ::-1])) / 2

    return both_ways(SHIFT) / 2 + (both_ways(0) + both_ways(2 * SHIFT)) / 4
