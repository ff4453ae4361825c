"""A value that is made on first use and then kept for the life of the process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Once(Generic[T]):
    """Calls `make` when first called and returns the same value ever after. Safe between threads.

    Clients are made this way, not at import: a server forks its workers after the import, and neither
    gRPC channels nor database connections survive a fork. When `make` raises, nothing is kept and the
    next call tries again.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._made: tuple[T] | None = None

    def __call__(self) -> T:
        made = self._made
        if made is None:
            with self._lock:
                made = self._made
                if made is None:
                    made = self._made = (self._make(),)
        return made[0]
