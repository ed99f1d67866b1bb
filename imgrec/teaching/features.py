"""The features of a project's pictures: each is extracted once, by whoever asks first."""

import contextlib
import threading
from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
from PIL import Image

from imgrec.errors import TeachError
from imgrec.teaching.pictures import BATCH, pooled_features, views_of

NO_FEATURES = np.empty((0, 512), "float32")


class Features:
    """Pooled features by picture, also of some that were removed; several threads share the work.

    `image` gives a picture and raises TeachError where it was removed; `changed` is a condition on
    the lock of the project, which whoever uses what is here holds, but for `fill`.
    """

    def __init__(self, image: Callable[[str], Image.Image], changed: threading.Condition) -> None:
        self._image, self._changed = image, changed
        self._rows: dict[str, np.ndarray] = {}  # float32 (1 or VIEWS, 512)
        self._extracting: set[str] = set()

    def get(self, id: str) -> np.ndarray:
        """float32 (rows, 512): what is here of a picture; no row where nothing is."""
        return self._rows.get(id, NO_FEATURES)

    def claim(self, ids: Sequence[str], views: int) -> dict[str, np.ndarray]:
        """The first of these that nobody is at, for one pass, with the features that each has.

        Where somebody is at all of them, it waits a moment for that and gives none.
        """
        mine = [id for id in ids if id not in self._extracting][: max(1, BATCH // views)]
        if not mine:
            self._changed.wait(0.5)
        self._extracting.update(mine)
        return {id: self.get(id) for id in mine}

    def fill(
        self, claimed: Mapping[str, np.ndarray], views: int, cancelled: Callable[[], bool]
    ) -> None:
        """Extracts what the claimed pictures lack; takes the time of a pass, without the lock."""
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
        """The features that lack of these pictures, in one pass; without those removed meanwhile.

        `before` are the features that each has.
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
        """What they take in memory."""
        return sum(rows.nbytes for rows in self._rows.values())

    def drop_unused(self, used: Collection[str], limit: int) -> None:
        """Forgets pictures that are not used any more, the oldest first, until `limit` are left."""
        unused = [id for id in self._rows if id not in used]
        for id in unused[: max(0, len(self._rows) - limit)]:
            del self._rows[id]

    def clear(self) -> None:
        """Forgets all of them."""
        self._rows.clear()
