"""A store that has bad days, for tests of what stands on one: seeded, so that a bad day comes again.

On the import path (see conftest.py) by the name `faulty_store`. A DoFn is pickled with the URL of its store
and opens it by that, so a job on a runner of this process is given one by `unreliable`.
"""

from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from unittest import mock

from evermail.documents import Document, Key
from evermail.stores import Outcome, Store, StoreUnavailable, WriteResult, open_store
from pipeline import stores

R = TypeVar("R")


class Fault(StrEnum):
    BEFORE = "before"
    """Nothing was done, and the call fails."""
    AFTER = "after"
    """All was done, and the call fails nevertheless: the answer was lost."""
    PARTIAL = "partial"
    """Some was done, and of some of that the answer says that it was not."""
    SLOW = "slow"
    """It takes long, whatever then comes of it."""


@dataclass(frozen=True)
class Faults:
    """How probable each fault is at a call. At most one of the first three happens; a call that sleeps for
    `slow_s` first may fail as any other.

    A write that fails says so in its results, as a store has to, or, with the probability `raising`, by an
    exception, as it should not.
    """

    before: float = 0.0
    after: float = 0.0
    partial: float = 0.0
    slow: float = 0.0
    slow_s: float = 1.0
    raising: float = 0.5

    def draw(self, dice: random.Random) -> Fault | None:
        """How a call fails, if it does."""
        none = max(0.0, 1.0 - self.before - self.after - self.partial)
        return dice.choices(
            [Fault.BEFORE, Fault.AFTER, Fault.PARTIAL, None], [self.before, self.after, self.partial, none]
        )[0]


BAD_DAY = Faults(before=0.15, after=0.15, partial=0.15)
DOWN = Faults(before=1.0)
NONE = Faults()


class UnreliableStore:
    """A real store with faults, which `faults` tells and anybody may change on the way.

    `happened` counts the faults, `calls` the calls by their names. Safe to share between threads; of several
    threads, who meets which fault depends on who comes first.
    """

    def __init__(
        self,
        store: Store,
        faults: Faults = BAD_DAY,
        *,
        seed: int = 0,
        sleep: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self.faults = faults
        self.happened: Counter[Fault] = Counter()
        self.calls: Counter[str] = Counter()
        self._store = store
        self._dice = random.Random(seed)
        self._sleep = sleep
        self._lock = threading.Lock()

    def get_many(
        self, keys: Sequence[Key], *, timeout_s: float | None = None, with_memory: bool = False
    ) -> dict[Key, Document]:
        return self._call(
            "get_many",
            lambda: self._store.get_many(keys, timeout_s=timeout_s, with_memory=with_memory),
        )

    def put_many(self, documents: Sequence[Document]) -> list[WriteResult]:
        fault = self._begin("put_many")
        if fault is None or not documents:
            return self._store.put_many(documents)
        raises, done, told = self._draw_for_each(len(documents), fault)
        results = iter(
            self._store.put_many([d for d, is_done in zip(documents, done, strict=True) if is_done])
        )
        if raises:
            raise StoreUnavailable(_message(fault))
        untold = [WriteResult(document.key, Outcome.TRANSIENT, _message(fault)) for document in documents]
        honest = [next(results) if is_done else lost for is_done, lost in zip(done, untold, strict=True)]
        return [
            answer if is_told else lost for answer, is_told, lost in zip(honest, told, untold, strict=True)
        ]

    def delete_many(self, keys: Sequence[Key]) -> None:
        fault = self._begin("delete_many")
        if fault is None:
            return self._store.delete_many(keys)
        _, done, _ = self._draw_for_each(len(keys), fault)
        self._store.delete_many([key for key, is_done in zip(keys, done, strict=True) if is_done])
        raise StoreUnavailable(_message(fault))

    def scan(self, collection: str) -> Iterator[Document]:
        yield from self._call("scan", lambda: list(self._store.scan(collection)))

    def about(self, shopper: str) -> list[Key]:
        return self._call("about", lambda: self._store.about(shopper))

    def ping(self, *, timeout_s: float) -> None:
        self._call("ping", lambda: self._store.ping(timeout_s=timeout_s))

    def close(self) -> None:
        self._store.close()

    def _call(self, name: str, call: Callable[[], R]) -> R:
        """A call that changes nothing, so it makes no difference when it fails."""
        fault = self._begin(name)
        if fault is not None:
            raise StoreUnavailable(_message(fault))
        return call()

    def _begin(self, name: str) -> Fault | None:
        """How this call fails, if it does; a slow one has been slow already."""
        with self._lock:
            self.calls[name] += 1
            fault = self.faults.draw(self._dice)
            if fault is not None:
                self.happened[fault] += 1
            slow = self._dice.random() < self.faults.slow
            if slow:
                self.happened[Fault.SLOW] += 1
            slow_s = self.faults.slow_s
        if slow:
            self._sleep(slow_s)
        return fault

    def _draw_for_each(self, count: int, fault: Fault) -> tuple[bool, list[bool], list[bool]]:
        """Whether an exception tells of it; which are done; which of those that are done are told to be."""
        with self._lock:
            raises = self._dice.random() < self.faults.raising
            if fault is Fault.PARTIAL:
                return (
                    raises,
                    [self._dice.random() < 0.5 for _ in range(count)],
                    [self._dice.random() < 0.5 for _ in range(count)],
                )
            return raises, [fault is Fault.AFTER] * count, [False] * count


def _message(fault: Fault) -> str:
    return f"a fault for the test: {fault.value}"


@contextmanager
def unreliable(
    url: str,
    faults: Faults = BAD_DAY,
    *,
    seed: int = 0,
    sleep: Callable[[float], None] = lambda seconds: None,
) -> Iterator[UnreliableStore]:
    """Whatever in this process opens `url` for a pipeline meanwhile gets this unreliable store over the one
    that the URL names."""
    opened = UnreliableStore(open_store(url), faults, seed=seed, sleep=sleep)
    usual = stores._open
    with mock.patch.object(stores, "_open", lambda asked: opened if asked == url else usual(asked)):
        yield opened
    opened.close()
