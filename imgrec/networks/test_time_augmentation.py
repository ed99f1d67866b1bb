"""Test-time views: a picture asked about several times, mirrored and shifted, and averaged."""

import numpy as np

from imgrec.networks.inference import Logits

SHIFT = 1  # pixels, up and left or down and right
VIEWS = 6  # each of three places, as it is and mirrored


def predict_with_tta(logits: Logits, images: np.ndarray) -> np.ndarray:
    """Logits (n, classes) of images float32 (n, h, w, 3) over their views.

    Half of the weight is the picture's and its mirror image's; a quarter each is those two shifted
    by a pixel up and left, and down and right, the border mirrored: Jordan 2024,
    https://arxiv.org/abs/2404.00498, section 3.5 ("multi-crop" test-time augmentation).
    """
    height, width = images.shape[1:3]
    padded = np.pad(images, ((0, 0), (SHIFT, SHIFT), (SHIFT, SHIFT), (0, 0)), mode="reflect")

    def both_ways(start: int) -> np.ndarray:
        view = padded[:, start : start + height, start : start + width]
        return (logits(view) + logits(view[:, :, ::-1])) / 2

    return both_ways(SHIFT) / 2 + (both_ways(0) + both_ways(2 * SHIFT)) / 4
