"""A reader that remembers: shared documents come from memory for a while, and longer when the store is down."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from evermail import clock
from evermail.documents import Document, Key
from evermail.stores.base import Store, StoreUnavailable


class CachedReader:
    """Reads through to a store. `ttl_us` gives, by collection, how long an answer holds, absence included;
    collections without a time are never remembered. Holds at most `capacity` documents. Thread-safe."""

    def __init__(
        self,
        store: Store,
        ttl_us: Mapping[str, int],
        *,
        capacity: int = 50_000,
        clock: clock.Clock = clock.now_us,
    ) -> None:
        self._store = store
        self._ttl_us = ttl_us
        self._capacity = capacity
        self._clock = clock
        self._lock = threading.Lock()
        self._held: OrderedDict[Key, tuple[int, Document | None]] = OrderedDict()

    def get_many(self, keys: Sequence[Key], *, timeout_s: float | None = None) -> dict[Key, Document]:
        """Like `Store.get_many`: one read for all that is not held. When the store does not answer, what
        is held serves however old it is; raises `StoreUnavailable` only if that is nothing."""
        now_us = self._clock()
        fresh: dict[Key, Document | None] = {}
        stale: dict[Key, Document | None] = {}
        with self._lock:
            for key in keys:
                held = self._held.get(key)
                if held is not None:
                    (fresh if held[0] > now_us else stale)[key] = held[1]
        missing = [key for key in dict.fromkeys(keys) if key not in fresh]
        if missing:
            try:
                found = self._store.get_many(missing, timeout_s=timeout_s)
            except StoreUnavailable:
                if not fresh and not stale:
                    raise
                fresh.update(stale)
            else:
                self._hold(missing, found, now_us)
                fresh.update(found)
        return {key: document for key, document in fresh.items() if document is not None}

    def _hold(self, keys: Sequence[Key], found: Mapping[Key, Document], now_us: int) -> None:
        with self._lock:
            for key in keys:
                ttl_us = self._ttl_us.get(key.collection)
                if ttl_us is None:
                    continue
                self._held[key] = (now_us + ttl_us, found.get(key))
                self._held.move_to_end(key)
            while len(self._held) > self._capacity:
                self._held.popitem(last=False)
