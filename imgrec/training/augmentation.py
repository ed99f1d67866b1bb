"""Data augmentation: mirrors, shifts and partly covers the training images anew in each epoch."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from imgrec.training.recipes import CIFAR10_TRAINING_IMAGES, Recipe

# Mean of CIFAR-10's training images: a patch in this colour carries no information.
MEAN_COLOUR = np.array((125, 123, 114), "uint8")


@dataclass(frozen=True)
class Augmentation:
    """The augmentation of one epoch; its random choices depend on the seed and the epoch alone."""

    seed: int
    epoch: int
    alternating: bool  # mirror one half of the images in even epochs, the other half in odd ones
    shift: int  # pixels, at most, in each direction
    cutout: int  # pixels, the side of the covered square; 0: none

    @classmethod
    def of(cls, recipe: Recipe, epoch: int) -> Self | None:
        """Returns the recipe's augmentation in an epoch, from 0; None if the recipe has none."""
        if not recipe.augmentation:
            return None
        alternating = recipe.flip == "alternating"
        return cls(recipe.seed, epoch, alternating, recipe.shift, recipe.cutout)

    def of_batch(self, images: np.ndarray, places: np.ndarray, batch: int) -> np.ndarray:
        """Augments images, uint8 (n, 32, 32, 3); `places` (n,) index them in the training set."""
        random = np.random.default_rng((self.seed, self.epoch, batch))
        if self.alternating:
            first = np.random.default_rng(self.seed).random(CIFAR10_TRAINING_IMAGES) < 0.5
            mirrored = first[places] ^ bool(self.epoch % 2)
        else:
            mirrored = random.random(len(images)) < 0.5
        images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        return cut_out(shifted(images, self.shift, random), self.cutout, random)


def shifted(images: np.ndarray, most: int, random: np.random.Generator) -> np.ndarray:
    """Shifts each image of uint8 (n, h, w, 3) by up to `most` pixels in each direction.

    He et al. 2015, https://arxiv.org/abs/1512.03385, section 4.2; the padding is the image's own
    border, mirrored, not black, as in Jordan 2024, https://arxiv.org/abs/2404.00498.
    """
    n, height, width, _ = images.shape
    padded = np.pad(images, ((0, 0), (most, most), (most, most), (0, 0)), mode="reflect")
    top, left = random.integers(0, 2 * most + 1, (2, n, 1))
    rows, columns = top + np.arange(height), left + np.arange(width)
    return padded[np.arange(n)[:, None, None], rows[:, :, None], columns[:, None, :]]


def cut_out(images: np.ndarray, side: int, random: np.random.Generator) -> np.ndarray:
    """Covers a square of `side` pixels, at a random place within each image, in the mean colour.

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
