"""The reads of one open, under a deadline, and how long shared documents are remembered between opens."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from evermail import clock
from evermail.documents import Campaign, Document, Key, Neighbors, Product, Rules, Trending
from evermail.stores import StoreError
from evermail.stores.cached import CachedReader

CACHE_US = {
    Rules.COLLECTION: 5 * clock.SECOND,
    Campaign.COLLECTION: 5 * clock.SECOND,
    Product.COLLECTION: 30 * clock.SECOND,
    Trending.COLLECTION: 10 * clock.MINUTE,
    Neighbors.COLLECTION: 10 * clock.MINUTE,
}
"""How long shared documents are remembered: so old may stock, prices and the shop's rules be at most, unless
the store does not answer (`STALE_US`). What is of one shopper never is: it is why the email is live.

The job writes a row of neighbours or a trending list at most once in five minutes (`--neighbors_flush_s`),
and one that hardly changed only after ten more. Ten minutes old they are here only where nobody has asked:"""

RENEW_US = {
    Rules.COLLECTION: 5 * clock.SECOND,
    Campaign.COLLECTION: 5 * clock.SECOND,
    Product.COLLECTION: 15 * clock.SECOND,
    Trending.COLLECTION: 15 * clock.SECOND,
    Neighbors.COLLECTION: 30 * clock.SECOND,
}
"""From this age on, what is in use is read anew, beside what has to be read anyway."""

ABSENT_US = {
    Trending.COLLECTION: 5 * clock.SECOND,
    Neighbors.COLLECTION: 5 * clock.SECOND,
}
"""How long it is remembered that there is none: the first row of an item, or list of a shop, changes most."""


STALE_US = {
    Product.COLLECTION: clock.HOUR,
    Trending.COLLECTION: clock.DAY,
    Neighbors.COLLECTION: clock.DAY,
}
"""How old they may be where the store does not answer: then no price or stock is better than one of long ago.
Rules and campaigns hold until they can be read again, as without them it is not known what may be shown."""


class Reading:
    """The reads of one answer, under one deadline. What does not arrive in time counts as absent.

    `problem` is what the last of them failed with.
    """

    def __init__(self, reader: CachedReader, monotonic: Callable[[], float], deadline: float) -> None:
        self._reader = reader
        self._monotonic = monotonic
        self._deadline = deadline
        self.problem: Exception | None = None

    def keys(self, keys: Sequence[Key]) -> dict[Key, Document]:
        """Documents of any kinds, in one read."""
        return self.known(keys)[0]

    def known(self, keys: Sequence[Key]) -> tuple[dict[Key, Document], set[Key]]:
        """The same, and the keys of which it is known what there is: of the others, the store did not answer,
        or there is what cannot be read."""
        try:
            return self._reader.get_known(keys, timeout_s=self._left_s())
        except StoreError as problem:
            self.problem = problem
            return {}, set()

    def beside(self, reader: CachedReader) -> Reading:
        """The same with another memory."""
        return Reading(reader, self._monotonic, self._deadline)

    def surely(self, key: Key) -> Document | None:
        """A document, or None if it is known that there is none, which takes no read where it is remembered.
        Raises `StoreError` if the store does not say, and never has."""
        return self._reader.get_many([key], timeout_s=self._left_s()).get(key)

    def _left_s(self) -> float:
        return max(0.0, self._deadline - self._monotonic())
