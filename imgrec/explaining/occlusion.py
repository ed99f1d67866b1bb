"""Occlusion: how far an answer falls when each place of the view is covered."""

from collections.abc import Iterator

import numpy as np

from imgrec.approaches import scratch, vgg16
from imgrec.explaining import heatmaps
from imgrec.explaining.targets import Question

OCCLUSION_GRID = {
    scratch.SIZE: 16,
    vgg16.SIZE: 8,
}  # of the patch along a side, by the side of the view
PATCH_SHARE = 0.25  # of the view's side
PATCHES_AT_ONCE = 8  # occluded views in one pass: between two, the work can be stopped


def occlusion(question: Question) -> Iterator[np.ndarray]:
    """Covers one place of the view after another: float32 (rows, columns), how far the target fell.

    After every few places it yields the drops so far, NaN where nothing was covered yet; the last
    one is whole. A drop is a difference of probabilities, below 0 where the target rose. The patch
    has the view's mean colour. Whoever stops asking stops the work.
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
    """Bool (side, side): the square around the centre of one of `places` × `places` cells."""
    along = np.arange(side) + 0.5
    rows, columns = (
        np.abs(along - (p + 0.5) * side / places) < side * PATCH_SHARE / 2 for p in place
    )
    return rows[:, None] & columns
