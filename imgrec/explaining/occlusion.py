"""Occlusion: the drop of the target's probability when each part of the view is covered."""

from collections.abc import Iterator

import numpy as np

from imgrec.approaches import scratch, vgg16
from imgrec.explaining import heatmaps
from imgrec.explaining.targets import Question

OCCLUSION_GRID = {
    scratch.SIZE: 16,
    vgg16.SIZE: 8,
}  # patch positions along a side, by the side of the view
PATCH_SHARE = 0.25  # of the view's side
PATCHES_AT_ONCE = 8  # occluded views per forward pass; the work can be stopped between passes


def occlusion(question: Question) -> Iterator[np.ndarray]:
    """Covers one position of the view after another; yields the drops, float32 (rows, columns).

    Yields after every batch of positions, with NaN where nothing was covered yet; the last one is
    complete. A drop is a difference of probabilities, below 0 where the target's probability rose.
    The patch has the view's mean colour. Closing the iterator stops the work.
    """
    view = question.view[0]
    places = OCCLUSION_GRID[len(view)]
    drops = np.full((places, places), np.nan, "float32")
    patches = [_patch(place, places, len(view)) for place in np.ndindex(drops.shape)]
    batch = PATCHES_AT_ONCE * (vgg16.SIZE // len(view))
    for start in range(0, len(patches), batch):
        views = np.stack([heatmaps.cover(view, patch) for patch in patches[start : start + batch]])
        fallen = question.probability - question.probabilities(views)
        drops.flat[start : start + batch] = fallen
        yield drops.copy()


def _patch(place: tuple[int, ...], places: int, side: int) -> np.ndarray:
    """Returns bool (side, side): the square centred on one of `places` × `places` cells."""
    along = np.arange(side) + 0.5
    rows, columns = (
        np.abs(along - (p + 0.5) * side / places) < side * PATCH_SHARE / 2 for p in place
    )
    return rows[:, None] & columns
