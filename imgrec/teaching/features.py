"""A cache of the features of a project's pictures, each extracted once, on first use."""

import contextlib
import threading
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from PIL import Image

from imgrec.errors import TeachError
from imgrec.teaching.pictures import BATCH, pooled_features, views_of

NO_FEATURES = np.empty((0, 512), "float32")


class Features:
    """Pooled features by picture id, including some removed ones; threads share the extraction.

    `image` loads a picture, or raises TeachError if it was removed. `changed` is a condition on the
    project's lock; callers must hold that lock for all methods except `fill`.
    """

    def __init__(self, image: Callable[[str], Image.Image], changed: threading.Condition) -> None:
        self._image, self._changed = image, changed
        self._rows: dict[str, np.ndarray] = {}  # float32 (1 or VIEWS, 512)
        self._extracting: set[str] = set()

    def get(self, id: str) -> np.ndarray:
        """Returns the cached features of a picture, float32 (rows, 512); no rows if none."""
        return self._rows.get(id, NO_FEATURES)

    def claim(self, ids: Sequence[str], views: int) -> dict[str, np.ndarray]:
        """Claims the first unclaimed pictures, enough for one pass; returns their cached features.

        If other threads have claimed all of them, waits up to 0.5 s and returns an empty dict.
        """
        mine = [id for id in ids if id not in self._extracting][: max(1, BATCH // views)]
        if not mine:
            self._changed.wait(0.5)
        self._extracting.update(mine)
        return {id: self.get(id) for id in mine}

    def fill(
        self, claimed: Mapping[str, np.ndarray], views: int, cancelled: Callable[[], bool]
    ) -> None:
        """Extracts the claimed pictures' missing features in one pass, without holding the lock."""
        found: dict[str, np.ndarray] = {}
        try:
            found = self._extract_missing(claimed, views, cancelled)
        finally:
            with self._changed:
                for id, rows in found.items():
                    self._rows[id] = np.concatenate([claimed[id], rows])
                self._extracting.difference_update(claimed)
                self._changed.notify_all()

    def _extract_missing(
        self, before: Mapping[str, np.ndarray], views: int, cancelled: Callable[[], bool]
    ) -> dict[str, np.ndarray]:
        """Returns the missing features of these pictures, except those removed meanwhile.

        `before` holds the features that each picture has.
        """
        seen: dict[str, list[Image.Image]] = {}
        for id, rows in before.items():
            with contextlib.suppress(TeachError):
                seen[id] = views_of(self._image(id), views)[len(rows) :]
        if not seen or cancelled():
            return {}
        rows = pooled_features([view for each in seen.values() for view in each])
        ends = np.cumsum([len(each) for each in seen.values()])
        return dict(zip(seen, np.split(rows, ends[:-1]), strict=True))

    def bytes(self) -> int:
        """Returns the size of the cached features in memory."""
        return sum(rows.nbytes for rows in self._rows.values())

    def drop_unused(self, used: Collection[str], limit: int) -> None:
        """Drops unused pictures, the oldest first, until at most `limit` pictures are cached."""
        unused = [id for id in self._rows if id not in used]
        for id in unused[: max(0, len(self._rows) - limit)]:
            del self._rows[id]

    def clear(self) -> None:
        """Drops all features."""
        self._rows.clear()
