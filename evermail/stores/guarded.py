"""A store for those who cannot wait: tries again within the time there is, and not while it is down."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence

from evermail.documents import Document, Key
from evermail.stores.base import Outcome, Store, StoreError, StoreUnavailable, WriteResult
from evermail.stores.breaker import Breaker

FIRST_PAUSE_S = 0.01
"""Pauses between tries are drawn from zero to this, and to twice as much after each: exponential backoff with
full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/)."""

FAIR_TIMEOUT_S = 0.02
"""A store that had less time than this to answer is not to blame that it did not."""


class GuardedStore:
    """Passes calls on to a store. Safe to share between threads.

    A read with a `timeout_s` that fails before that time is over is tried again, as often as there is time;
    one without is tried once. What the breaker holds back fails as `StoreUnavailable`, and as a `TRANSIENT`
    write.
    """

    def __init__(
        self,
        store: Store,
        breaker: Breaker | None = None,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        dice: random.Random | None = None,
    ) -> None:
        self._store = store
        self._breaker = breaker or Breaker(monotonic=monotonic)
        self._monotonic = monotonic
        self._sleep = sleep
        self._dice = dice or random.Random()  # noqa: S311 - nothing is kept secret by it

    def get_many(
        self, keys: Sequence[Key], *, timeout_s: float | None = None, with_memory: bool = False
    ) -> dict[Key, Document]:
        until = None if timeout_s is None else self._monotonic() + timeout_s
        left_s, pause_s = timeout_s, FIRST_PAUSE_S
        while True:
            try:
                return self._read(keys, left_s, with_memory)
            except StoreUnavailable:
                if until is None:
                    raise
                pause = self._dice.uniform(0.0, pause_s)
                left_s = until - self._monotonic() - pause
                if left_s < FAIR_TIMEOUT_S or self._breaker.down:
                    raise
                self._sleep(pause)
                pause_s *= 2

    def _read(self, keys: Sequence[Key], timeout_s: float | None, with_memory: bool) -> dict[Key, Document]:
        if not self._breaker.may_try():
            raise StoreUnavailable("the store is down: it is not asked for a moment")
        try:
            found = self._store.get_many(keys, timeout_s=timeout_s, with_memory=with_memory)
        except StoreUnavailable:
            if timeout_s is None or timeout_s >= FAIR_TIMEOUT_S:
                self._breaker.failed()
            raise
        except StoreError:  # it has answered, if not well
            self._breaker.succeeded()
            raise
        self._breaker.succeeded()
        return found

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        if not self._breaker.may_try():
            return [
                WriteResult(document.key, Outcome.TRANSIENT, "the store is down") for document in documents
            ]
        results = self._store.put_many(documents)
        if any(result.outcome is not Outcome.TRANSIENT for result in results):
            self._breaker.succeeded()
        elif results:
            self._breaker.failed()
        return results

    def delete_many(self, keys: Sequence[Key]) -> None:
        self._store.delete_many(keys)

    def scan(self, collection: str) -> Iterator[Document]:
        return self._store.scan(collection)

    def about(self, shopper: str) -> list[Key]:
        return self._store.about(shopper)

    def ping(self, *, timeout_s: float) -> None:
        self._store.ping(timeout_s=timeout_s)

    def close(self) -> None:
        self._store.close()
