"""Answers an opened email: reads what is stored, ranks, and fills the slots.

Plain Python over a `Store`; the HTTP round it lives in functions/, and what becomes of scored candidates in
shelf/.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import StrEnum

import msgspec

from evermail import clock
from evermail.documents import Exposures
from evermail.ranking import Why
from evermail.shelf.filling import Filled, fill
from evermail.shelf.opened import ABSENT_US, CACHE_US, RENEW_US, Opened, Reading, read_open
from evermail.shelf.presentation import RecommendedItem
from evermail.shelf.selection import Selection
from evermail.stores import Store
from evermail.stores.cached import CachedReader

__all__ = ["Answer", "NothingToShow", "RecommendedItem", "Recommender", "Source", "source"]

DEADLINE_S = 0.2
"""How long the store is waited for in one answer."""

PERSONAL_SHARE = 0.7
"""What is read about the shopper may take this much of the deadline: if it hangs, there must be time to read
what goes to everybody."""


class Source(StrEnum):
    """Where an answer came from, best first."""

    PERSONAL = "personal"
    TRENDING = "trending"
    STATIC = "static"


class Answer(msgspec.Struct):
    """`as_of` is the event time (microseconds) of this shopper's newest event that went in, 0 if none.

    `to_remember` is what the store should hold once it was shown, so that later campaigns show other items;
    None if nothing.
    """

    items: list[RecommendedItem]
    source: Source
    as_of: int = 0
    to_remember: Exposures | None = None


class NothingToShow(Exception):
    """Neither the store nor anything remembered from it can fill a slot: the email shows its own fallback.

    Its cause is what went wrong last, if anything did: a `StoreError`, or a price that cannot be written.
    """


class Recommender:
    """Recommends products to a shopper from stored documents. Safe to share between threads.

    `deadline_s` bounds the time spent waiting for the store in one answer, counted by `monotonic`;
    `locale` is how prices are written, as in `en_GB`.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: clock.Clock = clock.now_us,
        monotonic: Callable[[], float] = time.monotonic,
        deadline_s: float = DEADLINE_S,
        locale: str = "en",
    ) -> None:
        self._reader = CachedReader(
            store, CACHE_US, renew_us=RENEW_US, absent_us=ABSENT_US, clock=clock, monotonic=monotonic
        )
        self._clock = clock
        self._monotonic = monotonic
        self._deadline_s = deadline_s
        self._locale = locale

    def recommend(self, shopper: str, *, slots: int, campaign: str = "") -> Answer:
        """At most `slots` items for a shopper, in an email of a campaign. Raises `NothingToShow`."""
        opened, filled, problem = self.open(shopper, slots=slots, campaign=campaign)
        if not filled.items:
            raise NothingToShow from problem
        return Answer(
            items=filled.items,
            source=source(filled.selection),
            as_of=opened.profile.as_of if opened.profile is not None else 0,
            to_remember=opened.to_remember([item.item_id for item in filled.items]),
        )

    def open(
        self, shopper: str, *, slots: int, campaign: str = ""
    ) -> tuple[Opened, Filled, Exception | None]:
        """What an answer is made of: all that was read, how the slots were filled, perhaps not at all, and
        what went wrong last."""
        begun = self._monotonic()
        about_shopper = Reading(self._reader, self._monotonic, begun + PERSONAL_SHARE * self._deadline_s)
        read = Reading(self._reader, self._monotonic, begun + self._deadline_s)
        opened = read_open(about_shopper, read, shopper, campaign, self._clock())
        filled = fill(opened, read, slots, self._locale)
        return opened, filled, read.problem or about_shopper.problem


def source(selection: Selection) -> Source:
    """The best source of any slot. Raises `ValueError` if all are empty."""
    return min((_SOURCES[one.candidate.ranked.why] for one in selection.placed), key=list(Source).index)


_SOURCES = {
    Why.SEEN_TOGETHER: Source.PERSONAL,
    Why.REMINDER: Source.PERSONAL,
    Why.TRENDING_CATEGORY: Source.TRENDING,
    Why.TRENDING: Source.TRENDING,
    Why.CATALOG: Source.STATIC,
}
