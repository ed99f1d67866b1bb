"""Arithmetic on heat maps: placing on a picture, resizing, comparing, hottest regions."""

import numpy as np

from imgrec.images.crops import Box

DELETED_SHARE = 0.2  # share of the view that the deletion check covers


def cover(view: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """Returns the view (side, side, 3) with its mean colour where `patch` is true."""
    covered = view.copy()
    covered[patch] = np.rint(view.mean(axis=(0, 1)))
    return covered


def fifths(heat: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns masks of the hottest and the coldest fifth of a view, bool (side, side) each.

    Among equally cold pixels, those farthest from the hottest one are chosen.
    """
    fine = resized(heat, side, side)
    row, column = np.unravel_index(fine.argmax(), fine.shape)
    rows, columns = np.ogrid[:side, :side]
    nearness = -np.hypot(rows - row, columns - column)
    order = np.lexsort((nearness.ravel(), fine.ravel()))  # the coldest first
    number = round(DELETED_SHARE * side * side)
    hottest, coldest = np.zeros((2, side * side), bool)
    hottest[order[-number:]] = coldest[order[:number]] = True
    return hottest.reshape(side, side), coldest.reshape(side, side)


def location_in_words(heat: np.ndarray) -> str:
    """Returns the centre of a map's heat in words: `in the upper left`, `in the middle`."""
    total = heat.sum()
    rows, columns = (np.arange(side) + 0.5 for side in heat.shape)
    down = float((heat.sum(axis=1) * rows).sum() / total / len(rows))
    across = float((heat.sum(axis=0) * columns).sum() / total / len(columns))
    vertical = ("upper", "", "lower")[_third(down)]
    horizontal = ("left", "", "right")[_third(across)]
    if not horizontal:
        return f"in the {vertical or 'middle'}{' part' if vertical else ''}"
    return f"in the {vertical} {horizontal}" if vertical else f"on the {horizontal}"


def _third(place: float) -> int:
    """Returns where a position from 0 to 1 lies: 0 before, 1 near, 2 after the middle."""
    return 0 if place < 0.42 else 2 if place > 0.58 else 1


def hottest_tenth(heat: np.ndarray) -> float:
    """Returns the share of the heat that the hottest tenth of the area holds."""
    falling = np.sort(heat, axis=None)[::-1]
    cells = falling.size / 10
    held = np.interp(cells, np.arange(falling.size + 1), np.append(0, falling.cumsum()))
    return float(held / falling.sum())


def agreement(one: np.ndarray, other: np.ndarray) -> float | None:
    """Returns Spearman's rank correlation of two maps of a view, -1 to 1; None if one is flat."""
    rows, columns = (min(sides) for sides in zip(one.shape, other.shape, strict=True))
    ranks = [_ranks(resized(heat, rows, columns)) for heat in (one, other)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return None
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])


def _ranks(values: np.ndarray) -> np.ndarray:
    """Returns the rank of each value, from 1, (values.size,); ties share their mean rank."""
    _, places, counts = np.unique(values.ravel(), return_inverse=True, return_counts=True)
    return (counts.cumsum() - (counts - 1) / 2)[places]


# Geometry


def placed(heat: np.ndarray, box: Box, size: tuple[int, int]) -> np.ndarray:
    """Places the map on a picture of that (width, height): float (height, width).

    Undoes the crop and the resize of the view by bilinear interpolation; NaN outside the box.
    """
    left, top, right, bottom = box
    width, height = size
    down = _interpolation_weights(heat.shape[0], top, bottom, height)  # (height, rows)
    across = _interpolation_weights(heat.shape[1], left, right, width)  # (width, columns)
    return down @ heat @ across.T


def resized(heat: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Resizes the map to that many rows and columns by bilinear interpolation."""
    return placed(heat, (0, 0, columns, rows), (columns, rows))


def _interpolation_weights(places: int, start: float, end: float, pixels: int) -> np.ndarray:
    """Returns each cell's weight in each pixel, (pixels, places); NaN before start, after end."""
    centres = np.arange(pixels) + 0.5
    along = (centres - start) / (end - start) * places - 0.5
    inside = np.clip(along, 0, places - 1)[:, None]
    shares = np.maximum(0, 1 - np.abs(inside - np.arange(places)))
    shares[(centres < start) | (centres > end)] = np.nan
    return shares
