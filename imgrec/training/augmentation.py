"""Training images that are a little different in each epoch: mirrored, shifted, partly covered."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from imgrec.training.recipes import CIFAR10_TRAINING_IMAGES, Recipe

# Of CIFAR-10's training images. A place in this colour tells nothing.
MEAN_COLOUR = np.array((125, 123, 114), "uint8")


@dataclass(frozen=True)
class Augmentation:
    """What happens to the images of one epoch; what chance decides, seed and epoch decide alone."""

    seed: int
    epoch: int
    alternating: bool  # mirror, in every second epoch, the images that were not mirrored before
    shift: int  # pixels, at most, each way
    cutout: int  # pixels, the side of the square that is covered; 0: none

    @classmethod
    def of(cls, recipe: Recipe, epoch: int) -> Self | None:
        """The recipe's, in an epoch from 0; None if it has none."""
        if not recipe.augmentation:
            return None
        alternating = recipe.flip == "alternating"
        return cls(recipe.seed, epoch, alternating, recipe.shift, recipe.cutout)

    def of_batch(self, images: np.ndarray, places: np.ndarray, batch: int) -> np.ndarray:
        """The images uint8 (n, 32, 32, 3), given where in the training set each of them lies."""
        random = np.random.default_rng((self.seed, self.epoch, batch))
        if self.alternating:
            first = np.random.default_rng(self.seed).random(CIFAR10_TRAINING_IMAGES) < 0.5
            mirrored = first[places] ^ bool(self.epoch % 2)
        else:
            mirrored = random.random(len(images)) < 0.5
        images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        return cut_out(shifted(images, self.shift, random), self.cutout, random)


def shifted(images: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
    """uint8 (n, h, w, 3), each image shifted by up to `most` pixels each way.

    He et al. 2015, https://arxiv.org/abs/1512.03385, section 4.2; what is shifted in is the image's
    own border, mirrored, not black, as in Jordan 2024, https://arxiv.org/abs/2404.00498.
    """
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), mode="reflect")
    top, left = random.integers(0, 2 * most + 1, (2, n, 1))
    rows, columns = top + np.arange(height), left + np.arange(width)
    return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def cut_out(images: np.ndarray, side: int, random: np.random.Generator) -> np.ndarray:
    """The images with a square of `side` pixels, somewhere within each, in the mean colour.

    DeVries & Taylor 2017, https://arxiv.org/abs/1708.04552.
    """
    if not side:
        return images
    n, height, width, _ = images.shape
    top = random.integers(0, height - side + 1, n)[:, None]
    left = random.integers(0, width - side + 1, n)[:, None]
    rows, columns = np.arange(height) - top, np.arange(width) - left  # from the square's corner
    in_rows, in_columns = (rows >= 0) & (rows < side), (columns >= 0) & (columns < side)
    covered = in_rows[:, :, None, None] & in_columns[:, None, :, None]
    return np.where(covered, MEAN_COLOUR, images)
