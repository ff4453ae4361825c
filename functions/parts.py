"""What the endpoints of one process share: stores, recommenders and publishers, each made on first use."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Generic, TypeVar

from evermail.serving import Recommender
from evermail.shelf import last_resort
from evermail.stores import Store, open_store
from evermail.stores.guarded import GuardedStore
from functions.once import Once
from functions.publisher import Publisher, PubSubPublisher
from functions.ready_soon import ReadySoon
from functions.settings import SettingsError
from functions.shown import ShownWriter

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class OneForEach(Generic[K, T]):
    """A value for each key, made on first use and kept. Safe between threads."""

    def __init__(self, make: Callable[[K], T]) -> None:
        self._make = make
        self._made: dict[K, Once[T]] = {}

    def __call__(self, key: K) -> T:
        return self._made.setdefault(key, Once(lambda: self._make(key)))()


def _publisher(topic: str) -> Publisher:
    """One that connects already: the first to publish are often those who cannot wait long."""
    made = PubSubPublisher(topic)
    made.start()
    return made


class Parts:
    """One of each for a process."""

    def __init__(self) -> None:
        self.store: OneForEach[str, Store] = OneForEach(lambda url: GuardedStore(open_store(url)))
        """By URL: for answers that do not wait."""
        self.patient_store: OneForEach[str, Store] = OneForEach(lambda url: GuardedStore(open_store(url)))
        """By URL: for who waits longer, and must not be turned away because the others found it slow."""
        self.recommender = OneForEach(self._recommender)
        """By URL of the store, locale, and file of last resort. Raises `SettingsError` for a bad file."""
        self.shown_writer: OneForEach[str, ShownWriter] = OneForEach(lambda url: ShownWriter(self.store(url)))
        """By URL of the store."""
        self.publisher: OneForEach[str, Publisher] = OneForEach(_publisher)
        """By topic."""

    def _recommender(self, of: tuple[str, str, Path | None]) -> ReadySoon:
        store_url, locale, static_file = of
        try:
            items = last_resort.read(static_file) if static_file is not None else []
        except ValueError as problem:
            raise SettingsError(f"EVERMAIL_STATIC: {problem}") from None

        def make() -> Recommender:
            made = Recommender(self.store(store_url), locale=locale, last_resort=items)
            with contextlib.suppress(Exception):  # whatever it is, the first who asks will be told
                made.popular(slots=1)  # connects, and loads what prices are written with
            return made

        return ReadySoon(make, items)
