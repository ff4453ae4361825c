"""Products of the catalog, remembered for a while: what a stream of events asks for again and again.

Unlike `evermail.stores.cached`, which answers an email in any case, this one never guesses: when the store
does not answer, it says so, and what the catalog does not know it asks for again soon.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

from evermail import clock
from evermail.documents import Document, Key, Product
from evermail.enrichment import ProductFacts
from evermail.stores import Store, StoreError, StoreUnavailable

CAPACITY = 50_000
"""Answers in memory, some 300 bytes each."""

MAX_IDS = 500
"""Products in one call to the store."""

UNKNOWN_TTL_US = 30 * clock.SECOND
"""How long it is remembered that a product is unknown: a feed may bring it any moment."""


class ProductCache:
    """Reads products through to a store. An answer holds for `ttl_us`, that there is none for at most
    `UNKNOWN_TTL_US`. Thread-safe; of more than `capacity` answers the oldest go first."""

    def __init__(
        self,
        store: Store,
        *,
        ttl_us: int,
        capacity: int = CAPACITY,
        clock: clock.Clock = clock.now_us,
    ) -> None:
        self._store = store
        self._ttl_us = ttl_us
        self._capacity = capacity
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, tuple[int, ProductFacts | None]] = {}

    def held(self, item_ids: Sequence[str]) -> dict[str, ProductFacts | None] | None:
        """What is known of these items without asking; None for a product that the catalog does not have.
        Returns None if the store has to be asked for any of them."""
        now_us = self._clock()
        answers = {}
        for item_id in item_ids:
            held = self._held.get(item_id)
            if held is None or held[0] <= now_us:
                return None
            answers[item_id] = held[1]
        return answers

    def look_up(self, item_ids: Iterable[str]) -> dict[str, ProductFacts | None]:
        """What the catalog says of these items, from memory or the store, at most `MAX_IDS` a call.
        Raises `StoreUnavailable`; what was answered before is remembered."""
        now_us = self._clock()
        answers: dict[str, ProductFacts | None] = {}
        missing = []
        for item_id in dict.fromkeys(item_ids):
            held = self._held.get(item_id)
            if held is None or held[0] <= now_us:
                missing.append(item_id)
            else:
                answers[item_id] = held[1]
        for start in range(0, len(missing), MAX_IDS):
            chunk = missing[start : start + MAX_IDS]
            found = self._read(chunk)
            answered = {item_id: _facts(found.get(_key(item_id))) for item_id in chunk}
            self._hold(answered, now_us)
            answers.update(answered)
        return answers

    def ask(self, item_ids: Sequence[str]) -> dict[str, ProductFacts | None]:
        """What the catalog says of these items now, even of those that were unknown a moment ago. Raises
        `StoreUnavailable`."""
        with self._lock:
            for item_id in item_ids:
                held = self._held.get(item_id)
                if held is not None and held[1] is None:
                    del self._held[item_id]
        return self.look_up(item_ids)

    def _read(self, item_ids: Sequence[str]) -> dict[Key, Document]:
        """A stored product that cannot be read must not take the others with it: it counts as unknown."""
        try:
            return self._store.get_many([_key(item_id) for item_id in item_ids])
        except StoreUnavailable:
            raise
        except StoreError:
            if len(item_ids) == 1:
                return {}
            half = len(item_ids) // 2
            return self._read(item_ids[:half]) | self._read(item_ids[half:])

    def _hold(self, answered: dict[str, ProductFacts | None], now_us: int) -> None:
        with self._lock:
            for item_id, facts in answered.items():
                ttl_us = self._ttl_us if facts is not None else min(self._ttl_us, UNKNOWN_TTL_US)
                self._held.pop(item_id, None)
                self._held[item_id] = (now_us + ttl_us, facts)
            while len(self._held) > self._capacity:
                del self._held[next(iter(self._held))]


def _key(item_id: str) -> Key:
    return Key(Product.COLLECTION, item_id)


def _facts(product: Document | None) -> ProductFacts | None:
    if not isinstance(product, Product):
        return None
    price = product.price if product.sale_price is None else product.sale_price
    return ProductFacts(product.category or None, price, product.currency)
