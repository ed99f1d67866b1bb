"""A cache for loaders that several threads may call at once."""

import functools
import threading
from collections.abc import Callable
from typing import Any, TypeVar

MAX_CACHED = 12  # networks that one loader keeps in memory

T = TypeVar("T")


def load_once(load: Callable[..., T]) -> Callable[..., T]:
    """Wraps `functools.lru_cache` in a lock: two visitors never load the same model twice."""
    cached, lock = functools.lru_cache(MAX_CACHED)(load), threading.Lock()

    @functools.wraps(load)
    def locked(*arguments: Any) -> T:
        with lock:
            return cached(*arguments)

    return locked
