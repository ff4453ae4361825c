"""A reader that remembers: shared documents come from memory for a while, longer when the store is down."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from evermail import clock
from evermail.documents import Document, Key
from evermail.stores.base import Store, StoreError, StoreUnavailable

CAPACITY = 5_000
"""Documents in memory. So many rows of 50 neighbours take some 32 MB if ids have 8 letters, and 55 MB if they
have 100. Lists of 100 trending items take twice that, but there is only one a category."""

_FOREVER_US = 1 << 62

RIDERS = 30
"""A read that has to be made anyway brings so many documents more that would soon be too old."""


class _Held(NamedTuple):
    """An answer, when it was read and until when it holds."""

    one: Document | StoreError | None
    read_us: int
    until_us: int
    rides: bool = True
    """Not if the read that took it along failed: then its copy serves as long as it may."""


class CachedReader:
    """Reads through to a store. `ttl_us` gives, by collection, how long an answer holds, and `absent_us`
    where absence holds shorter; collections without a time are never remembered. `stale_us` is how old an
    answer may be that serves where the store gives none; without a time, however old. Thread-safe.
    `monotonic` counts the seconds that a read may take.

    What is asked for when it is older than `renew_us` says, by default half of its time, is read anew with
    the next read that has to be made: what is in use stays young, and seldom costs a read of its own. A
    thread in the background could not do it: a function has a CPU only while it answers.

    Holds at most `capacity` documents, whatever their size; the one read from the store longest ago goes
    first. The default leaves room in a small function instance (256 MB).
    """

    def __init__(
        self,
        store: Store,
        ttl_us: Mapping[str, int],
        *,
        renew_us: Mapping[str, int] = {},
        absent_us: Mapping[str, int] = {},
        stale_us: Mapping[str, int] = {},
        capacity: int = CAPACITY,
        clock: clock.Clock = clock.now_us,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._ttl_us = ttl_us
        self._renew_us = renew_us
        self._absent_us = absent_us
        self._stale_us = stale_us
        self._capacity = capacity
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._held: OrderedDict[Key, _Held] = OrderedDict()
        self._soon_old: dict[Key, None] = {}

    def get_many(self, keys: Sequence[Key], *, timeout_s: float | None = None) -> dict[Key, Document]:
        """Like `Store.get_many`: one read for all that is not held; with a `timeout_s` of 0, none. When the
        store does not answer, what is held serves as long as it may; raises `StoreUnavailable` if that is
        nothing, or if a key is of a collection that is never remembered.

        A stored document that cannot be read must not take the others with it: the read is halved until it
        stands alone. An older copy stands in for it; without one it counts as absent among others, and
        asked for alone it is an error. Raises `StoreError` only if nothing can be read or is held.
        """
        return self.get_known(keys, timeout_s=timeout_s)[0]

    def get_known(
        self, keys: Sequence[Key], *, timeout_s: float | None = None
    ) -> tuple[dict[Key, Document], set[Key]]:
        """The same, and the keys of which it is known what there is: absent from the documents, these are
        absent from the store as well."""
        now_us = self._clock()
        fresh: dict[Key, Document | StoreError | None] = {}
        stale: dict[Key, Document | StoreError | None] = {}
        with self._lock:
            for key in keys:
                held = self._held.get(key)
                if held is None:
                    continue
                if held.until_us > now_us:
                    fresh[key] = held.one
                elif self._serves_until(key, held.one, held.read_us) > now_us:
                    stale[key] = held.one
                if held.rides and held.until_us - now_us <= self._old_us(key, held.one):
                    self._soon_old[key] = None
            missing = [key for key in dict.fromkeys(keys) if key not in fresh]
            riders = self._riders(missing) if missing else []
        if missing:
            try:
                answered, found = self._read(missing, riders, timeout_s)
            except StoreError:
                if not (fresh or stale) or any(key.collection not in self._ttl_us for key in missing):
                    raise
                fresh.update(stale)
            else:
                self._hold(answered, found, now_us)
                fresh.update(stale)
                asked = set(keys)
                fresh.update({key: found.get(key) for key in answered if key in asked})
        unreadable = [one for one in fresh.values() if isinstance(one, StoreError)]
        if unreadable and len(unreadable) == len(fresh):
            raise unreadable[0]
        known = {key: one for key, one in fresh.items() if not isinstance(one, StoreError)}
        return {key: one for key, one in known.items() if one is not None}, set(known)

    def _read(
        self, missing: Sequence[Key], riders: Sequence[Key], timeout_s: float | None
    ) -> tuple[Sequence[Key], dict[Key, Document | StoreError | None]]:
        """The keys that were answered, and the documents that there are of them, or why one cannot be read.
        One that spoils the read costs the riders theirs, and the `missing` no more than a second one if it
        is a rider.

        Raises `StoreError` if that is none.
        """
        until = None if timeout_s is None else self._monotonic() + timeout_s
        answered: list[Key] = []
        found: dict[Key, Document | StoreError | None] = {}
        readable = False
        problem: StoreError | None = None
        waiting = [[*missing, *riders]]
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
                if len(part) > len(missing):
                    self._stay(riders)
                    waiting.append(list(missing))
                    continue
                if len(part) > 1:
                    waiting += [part[len(part) // 2 :], part[: len(part) // 2]]
                    continue
                found[part[0]] = unreadable
            answered += part
        if problem is not None and not readable:
            raise problem
        return answered, found

    def _hold(
        self, answered: Sequence[Key], found: dict[Key, Document | StoreError | None], now_us: int
    ) -> None:
        """Remembers what was `found`. Where that cannot be read, an older copy takes its place."""
        with self._lock:
            for key in answered:
                one, read_us, rides = found.get(key), now_us, True
                if isinstance(one, StoreError):
                    rides = False
                    older = self._held.get(key)
                    if older and older.one and self._serves_until(key, older.one, older.read_us) > now_us:
                        found[key], read_us = older.one, older.read_us
                        one = older.one
                holds_us = self._holds_us(key, one)
                if not holds_us:
                    continue
                until_us = min(now_us + holds_us, self._serves_until(key, one, read_us))
                self._held[key] = _Held(one, read_us, until_us, rides)
                self._held.move_to_end(key)
                self._soon_old.pop(key, None)
            while len(self._held) > self._capacity:
                gone, _ = self._held.popitem(last=False)
                self._soon_old.pop(gone, None)

    def _riders(self, missing: Sequence[Key]) -> list[Key]:
        """What is read beside the `missing`: of what will soon be too old, what was asked for first."""
        for key in missing:
            self._soon_old.pop(key, None)
        riders = list(islice(self._soon_old, RIDERS))
        for key in riders:
            del self._soon_old[key]
        return riders

    def _stay(self, riders: Sequence[Key]) -> None:
        """Lets none of them ride again until it has been read for its own sake."""
        with self._lock:
            for key in riders:
                if key in self._held:
                    self._held[key] = self._held[key]._replace(rides=False)
                    self._soon_old.pop(key, None)

    def _serves_until(self, key: Key, one: Document | StoreError | None, read_us: int) -> int:
        """When an answer is too old even where the store gives no other."""
        until_us = read_us + self._stale_us.get(key.collection, _FOREVER_US)
        expire_at = one.expire_at if isinstance(one, Document) else None
        return until_us if expire_at is None else min(until_us, expire_at)

    def _holds_us(self, key: Key, one: Document | StoreError | None) -> int:
        ttl_us = self._ttl_us.get(key.collection, 0)
        return min(ttl_us, self._absent_us.get(key.collection, ttl_us)) if one is None else ttl_us

    def _old_us(self, key: Key, one: Document | StoreError | None) -> int:
        """With how much of its time left an answer is to be read anew."""
        holds_us = self._holds_us(key, one)
        return max(0, holds_us - self._renew_us.get(key.collection, holds_us // 2))
