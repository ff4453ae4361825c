"""A reader that remembers: shared documents come from memory for a while, longer when the store is down."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence

from evermail import clock
from evermail.documents import Document, Key
from evermail.stores.base import Store, StoreError, StoreUnavailable

CAPACITY = 5_000
"""Documents in memory: a row of 50 neighbours, the largest, takes some 7 KB, so at most some 37 MB."""


class CachedReader:
    """Reads through to a store. `ttl_us` gives, by collection, how long an answer holds, absence included;
    collections without a time are never remembered. Thread-safe. `monotonic` counts the seconds that a read
    may take.

    Holds at most `capacity` documents, whatever their size; the one read from the store longest ago goes
    first. By default they take at most some 37 MB, which leaves room in a small function instance (256 MB).
    """

    def __init__(
        self,
        store: Store,
        ttl_us: Mapping[str, int],
        *,
        capacity: int = CAPACITY,
        clock: clock.Clock = clock.now_us,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._ttl_us = ttl_us
        self._capacity = capacity
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._held: OrderedDict[Key, tuple[int, Document | StoreError | None]] = OrderedDict()

    def get_many(self, keys: Sequence[Key], *, timeout_s: float | None = None) -> dict[Key, Document]:
        """Like `Store.get_many`: one read for all that is not held; with a `timeout_s` of 0, none. When the
        store does not answer, what is held serves however old it is; raises `StoreUnavailable` only if that
        is nothing.

        A stored document that cannot be read must not take the others with it: the read is halved until it
        stands alone. An older copy stands in for it; without one it counts as absent among others, and
        asked for alone it is an error. Raises `StoreError` only if nothing can be read or is held.
        """
        now_us = self._clock()
        fresh: dict[Key, Document | StoreError | None] = {}
        stale: dict[Key, Document | StoreError | None] = {}
        with self._lock:
            for key in keys:
                held = self._held.get(key)
                if held is not None:
                    (fresh if held[0] > now_us else stale)[key] = held[1]
        missing = [key for key in dict.fromkeys(keys) if key not in fresh]
        if missing:
            try:
                answered, found = self._read(missing, timeout_s)
            except StoreError:
                if not fresh and not stale:
                    raise
                fresh.update(stale)
            else:
                for key, one in found.items():
                    if isinstance(one, StoreError) and stale.get(key) is not None:
                        found[key] = stale[key]
                self._hold(answered, found, now_us)
                fresh.update(stale)
                fresh.update({key: found.get(key) for key in answered})
        unreadable = [one for one in fresh.values() if isinstance(one, StoreError)]
        if unreadable and len(unreadable) == len(fresh):
            raise unreadable[0]
        return {key: one for key, one in fresh.items() if one is not None and not isinstance(one, StoreError)}

    def _read(
        self, keys: Sequence[Key], timeout_s: float | None
    ) -> tuple[Sequence[Key], dict[Key, Document | StoreError | None]]:
        """The keys that were answered, and the documents that there are of them, or why one cannot be read.

        Raises `StoreError` if that is none.
        """
        until = None if timeout_s is None else self._monotonic() + timeout_s
        answered: list[Key] = []
        found: dict[Key, Document | StoreError | None] = {}
        readable = False
        problem: StoreError | None = None
        waiting = [keys]
        while waiting:
            part = waiting.pop()
            left_s = None if until is None else until - self._monotonic()
            try:
                if left_s is not None and left_s <= 0:
                    raise StoreUnavailable("there is no time left to read")
                found.update(self._store.get_many(part, timeout_s=left_s))
                readable = True
            except StoreUnavailable as unavailable:
                problem = unavailable
                break
            except StoreError as unreadable:
                problem = unreadable
                if len(part) > 1:
                    waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
                    continue
                found[part[0]] = unreadable
            answered += part
        if problem is not None and not readable:
            raise problem
        return answered, found

    def _hold(
        self, keys: Sequence[Key], found: Mapping[Key, Document | StoreError | None], now_us: int
    ) -> None:
        with self._lock:
            for key in keys:
                ttl_us = self._ttl_us.get(key.collection)
                if ttl_us is None:
                    continue
                self._held[key] = (now_us + ttl_us, found.get(key))
                self._held.move_to_end(key)
            while len(self._held) > self._capacity:
                self._held.popitem(last=False)
