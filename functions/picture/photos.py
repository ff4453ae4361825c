"""Photos of products, as small as they are drawn: kept in memory, fetched while the caller waits briefly."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future, TimeoutError
from typing import NamedTuple

from functions.picture import fetching
from functions.picture.look import Look

CAPACITY_BYTES = 32_000_000
"""Of photos in memory: some 500, at 60 KB each."""

FRESH_S, FAILED_S = 3600.0, 60.0
"""How long a photo is taken for what its address serves, and how long an address that failed is not asked."""

STALE_S = 86_400.0
"""How long after it was fetched a photo is shown while it is fetched anew, and while that fails."""

MAX_FETCHES = 12
"""At once. A shop whose server hangs holds no more threads than these; others then go without a photo."""

_ENTRY_BYTES = 400  # what an entry takes besides photo and address


class _Entry(NamedTuple):
    photo: bytes | None  # None: there is none
    good_until: float
    shown_until: float


class Photos:
    """Gets photos by their address, scaled down to what a look needs. Safe between threads.

    A photo is fetched once however many ask for it meanwhile, and the fetch goes on when they have stopped
    waiting: the next open of the email has it. (Where a cloud halts an instance between requests, it goes on
    with the next one.) One that is no longer fresh is fetched anew, but nobody waits for that, and a shop
    that is away for a while loses no photo. `allow_private` is that of `fetching.download`.
    """

    def __init__(
        self,
        look: Look,
        *,
        allow_private: bool = False,
        capacity_bytes: int = CAPACITY_BYTES,
        download: Callable[..., bytes] = fetching.download,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._size = look.photo_size
        self._allow_private = allow_private
        self._capacity_bytes = capacity_bytes
        self._download = download
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._bytes = 0
        self._fetches: dict[str, Future[bytes | None]] = {}

    def get(self, url: str, timeout_s: float) -> bytes | None:
        """The photo as `draw` takes it, or None where it is not there within `timeout_s`. Never raises."""
        with self._lock:
            entry, now = self._entries.get(url), self._monotonic()
            if entry and now < entry.good_until:
                self._entries.move_to_end(url)
                return entry.photo
            fetch = self._fetches.get(url) or self._begin(url)
            if entry and now < entry.shown_until:
                self._entries.move_to_end(url)
                return entry.photo
        if fetch is None:
            return None
        try:
            return fetch.result(max(0.0, timeout_s))
        except TimeoutError:
            return None

    def _begin(self, url: str) -> Future[bytes | None] | None:
        """Fetches in the background; None where too much is being fetched. Called with the lock held."""
        if len(self._fetches) >= MAX_FETCHES:
            return None
        fetch: Future[bytes | None] = Future()
        # Not an executor's: the end of the process would wait for those
        thread = threading.Thread(target=self._run, args=(url, fetch), name="photo", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            return None  # no more threads here, or the process is ending
        self._fetches[url] = fetch
        return fetch

    def _run(self, url: str, fetch: Future[bytes | None]) -> None:
        photo = None
        try:
            photo = self._fetched(url)
        finally:
            with self._lock:
                del self._fetches[url]
                self._keep(url, photo)
            fetch.set_result(photo)

    def _fetched(self, url: str) -> bytes | None:
        from functions.picture.scaling import smaller  # with Pillow, see the package

        try:
            served = self._download(url, allow_private=self._allow_private)
        except fetching.Unavailable:
            return None
        return smaller(served, self._size)

    def _keep(self, url: str, photo: bytes | None) -> None:
        """What has come of a fetch; of one that failed, what was there before."""
        before, now = self._entries.get(url), self._monotonic()
        self._forget(url)
        if photo is not None:
            entry = _Entry(photo, now + FRESH_S, now + STALE_S)
        elif before and now < before.shown_until:
            entry = _Entry(before.photo, min(now + FAILED_S, before.shown_until), before.shown_until)
        else:
            entry = _Entry(None, now + FAILED_S, now)
        self._entries[url] = entry
        self._bytes += _cost(url, entry.photo)
        while self._bytes > self._capacity_bytes:
            self._forget(next(iter(self._entries)))

    def _forget(self, url: str) -> None:
        entry = self._entries.pop(url, None)
        if entry:
            self._bytes -= _cost(url, entry.photo)


def _cost(url: str, photo: bytes | None) -> int:
    return _ENTRY_BYTES + len(url) + len(photo or b"")
