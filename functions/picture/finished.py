"""Cards that were drawn of late, kept in memory: what is popular is shown to many, and drawn once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from hashlib import blake2b

from functions.picture.look import Card, Look

CAPACITY = 100
"""Cards, of `MAX_BYTES` each at most. To draw one takes some 6 ms."""


class Finished:
    """Draws cards by `draw`, and keeps them, the one last asked for longest. Safe between threads; who asks
    for one that is being drawn draws it, too."""

    def __init__(
        self, draw: Callable[[Card, bytes | None, Look], bytes], *, capacity: int = CAPACITY
    ) -> None:
        self._draw = draw
        self._capacity = capacity
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[Card, bytes | None, Look], bytes] = OrderedDict()

    def card(self, card: Card, photo: bytes | None, look: Look) -> bytes:
        """As `draw` makes it."""
        of = card, None if photo is None else blake2b(photo, digest_size=16).digest(), look
        with self._lock:
            if of in self._kept:
                self._kept.move_to_end(of)
                return self._kept[of]
        drawn = self._draw(card, photo, look)
        with self._lock:
            self._kept[of] = drawn
            while len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        return drawn
