"""Answers an opened email: reads what is stored, ranks, and fills the slots.

Plain Python over a `Store`; the HTTP round it lives in functions/, and what becomes of scored candidates in
shelf/.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import StrEnum

import msgspec

from evermail import clock, impressions
from evermail.documents import Document, Impression, Key, Shown, Trending
from evermail.ranking import Why
from evermail.shelf import last_resort
from evermail.shelf.again import shown_again
from evermail.shelf.filling import Filled, fill
from evermail.shelf.followed import Followed, is_web_address, item_in_slot, still_there
from evermail.shelf.met import Met, meet
from evermail.shelf.opened import Opened, read_open
from evermail.shelf.presentation import RecommendedItem
from evermail.shelf.reading import ABSENT_US, CACHE_US, RENEW_US, STALE_US, Reading
from evermail.shelf.selection import Selection
from evermail.stores import Store
from evermail.stores.cached import CachedReader
from evermail.trending import CATALOG, category_scope

__all__ = ["Answer", "NothingToShow", "RecommendedItem", "Recommender", "Source", "source"]

DEADLINE_S = 0.2
"""How long the store is waited for in one answer."""

PERSONAL_SHARE = 0.7
"""What is read about the shopper may take this much of the deadline: if it hangs, there must be time to read
what goes to everybody."""


MAX_CATEGORIES = 200
"""Lists of so many categories are remembered for those who ask what is popular there."""


class Source(StrEnum):
    """Where an answer came from, best first."""

    PERSONAL = "personal"
    SEGMENT = "segment"
    """What is popular in a category: that of the shopper's newest item, or of the campaign."""
    TRENDING = "trending"
    STATIC = "static"
    """What the shop lists first, or has laid down for the day when nothing can be read."""


class Answer(msgspec.Struct):
    """`as_of` is the event time (microseconds) of this shopper's newest event that went in, 0 if
    none; in what is for everybody, until when events were counted.

    `to_store` is what the store should hold once it was shown: so that pictures and clicks lead to the same
    items, and later campaigns show others.
    """

    items: list[RecommendedItem]
    source: Source
    as_of: int = 0
    variant: str = ""
    to_store: list[Document] = []


class NothingToShow(Exception):
    """Neither the store nor anything remembered from it can fill a slot: the email shows its own fallback.

    Its cause is what went wrong last, if anything did: a `StoreError`, or a price that cannot be written.
    """


class Recommender:
    """Recommends products to a shopper from stored documents. Safe to share between threads.

    `deadline_s` bounds the time spent waiting for the store in one answer, counted by `monotonic`; `locale`
    is how prices are written, as in `en_GB`. `last_resort` is shown where nothing else can be.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: clock.Clock = clock.now_us,
        monotonic: Callable[[], float] = time.monotonic,
        deadline_s: float = DEADLINE_S,
        locale: str = "en",
        last_resort: Sequence[RecommendedItem] = (),
    ) -> None:
        self._reader = CachedReader(
            store,
            CACHE_US,
            renew_us=RENEW_US,
            absent_us=ABSENT_US,
            stale_us=STALE_US,
            clock=clock,
            monotonic=monotonic,
        )
        # Apart, as anybody may ask for any: made-up names must not push out what is in use.
        self._categories = CachedReader(
            store,
            {Trending.COLLECTION: CACHE_US[Trending.COLLECTION]},
            absent_us=ABSENT_US,
            stale_us=STALE_US,
            capacity=MAX_CATEGORIES,
            clock=clock,
            monotonic=monotonic,
        )
        self._clock = clock
        self._monotonic = monotonic
        self._deadline_s = deadline_s
        self._locale = locale
        self._last_resort = list(last_resort)

    def recommend(
        self,
        shopper: str,
        *,
        slots: int,
        campaign: str = "",
        prefetch: bool = False,
        within_s: float | None = None,
    ) -> Answer:
        """At most `slots` items for a shopper, in an email of a campaign: those that it showed a moment ago,
        or the best of now. `prefetch` says that a program asks before anybody reads; `within_s` is how long
        the store may take, if that is less than the deadline.

        Raises `NothingToShow`."""
        about_shopper, read = self._readings(within_s)
        met = meet(about_shopper, read, shopper, campaign, self._clock())
        last = self._last_shown(met)
        again = shown_again(met, read, self._locale) if last is not None else None
        if last is not None and again is not None and len(again) >= slots:
            answer = Answer(again[:slots], Source(last.source), met.as_of, met.variant.name)
            answer.to_store = _to_store(met, answer, last.slots, prefetch)
            return answer
        filled = fill(read_open(about_shopper, read, met), read, slots, self._locale)
        if last is not None and again is not None:  # what stands in its slots stays, and the rest follow
            there = {one.item_id for one in again}
            items = [*again, *(one for one in filled.items if one.item_id not in there)][:slots]
            best = Source(last.source)
        elif filled.items:
            items, best = filled.items, source(filled.selection)
        else:
            return self._with_last_resort(slots, read.problem or about_shopper.problem)
        answer = Answer(items, best, met.as_of, met.variant.name)
        answer.to_store = _to_store(met, answer, [Shown(one.item_id, one.reason) for one in items], prefetch)
        return answer

    def follow(
        self,
        shopper: str,
        *,
        campaign: str,
        slot: int = 0,
        item_id: str = "",
        within_s: float | None = None,
    ) -> Followed | None:
        """Where a click leads, on an item or on the picture of a slot (from 1 on): to exactly what was shown,
        or to the best that was not if it is sold out by now. None where nothing is known to lead to."""
        about_shopper, read = self._readings(within_s)
        met = meet(about_shopper, read, shopper, campaign, self._clock())
        shown = item_id or item_in_slot(met, slot)
        if shown is not None and (product := still_there(met, read, shown)):
            return Followed(shown, product.id, product.url)
        at_last = last_resort.followed(self._last_resort, slot, item_id)
        if shown is not None and at_last is not None and read.problem is not None:
            return at_last  # it cannot be known whether it is sold out
        beside = {one.item_id for one in met.impression.slots} if met.impression is not None else set()
        filled = fill(read_open(about_shopper, read, met), read, max(slot, 1) + len(beside), self._locale)
        offered = [one for one in filled.items if is_web_address(one.url)]
        if shown is None and slot <= len(offered):  # it was never opened: this is what the picture shows now
            return Followed(offered[slot - 1].item_id, offered[slot - 1].item_id, offered[slot - 1].url)
        found = next((one for one in offered if one.item_id != shown and one.item_id not in beside), None)
        return Followed(shown or found.item_id, found.item_id, found.url) if found is not None else at_last

    def popular(self, *, slots: int, category: str = "", within_s: float | None = None) -> Answer:
        """What everybody may see: popular in a category, if one is given, and then everywhere. Raises
        `NothingToShow`."""
        _, read = self._readings(within_s)
        met = meet(read, read, "", "", self._clock())
        if category:
            key = Key(Trending.COLLECTION, category_scope(category))
            found = read.beside(self._categories).keys([key]).get(key)
            met.lists = [*([found] if isinstance(found, Trending) else ()), *met.lists]
        filled = fill(read_open(read, read, met), read, slots, self._locale)
        if not filled.items:
            return self._with_last_resort(slots, read.problem)
        counted = max((one.as_of for one in met.lists if one.id != CATALOG), default=0)
        return Answer(filled.items, source(filled.selection), counted)

    def open(
        self, shopper: str, *, slots: int, campaign: str = ""
    ) -> tuple[Opened, Filled, Exception | None]:
        """What an answer would be made of now, whatever was shown before: all that was read, how the slots
        were filled, perhaps not at all, and what went wrong last."""
        about_shopper, read = self._readings()
        met = meet(about_shopper, read, shopper, campaign, self._clock())
        opened = read_open(about_shopper, read, met)
        filled = fill(opened, read, slots, self._locale)
        return opened, filled, read.problem or about_shopper.problem

    def _readings(self, within_s: float | None = None) -> tuple[Reading, Reading]:
        begun = self._monotonic()
        left_s = self._deadline_s if within_s is None else max(0.0, min(within_s, self._deadline_s))
        return (
            Reading(self._reader, self._monotonic, begun + PERSONAL_SHARE * left_s),
            Reading(self._reader, self._monotonic, begun + left_s),
        )

    def _last_shown(self, met: Met) -> Impression | None:
        last = met.impression
        stands = impressions.stands(last, as_of=met.as_of, variant=met.variant.name, now_us=met.now_us)
        return last if stands else None

    def _with_last_resort(self, slots: int, problem: Exception | None) -> Answer:
        if not self._last_resort:
            raise NothingToShow from problem
        return Answer(self._last_resort[:slots], Source.STATIC)


def source(selection: Selection) -> Source:
    """The best source of any slot. Raises `ValueError` if all are empty."""
    return min((_SOURCES[one.candidate.ranked.why] for one in selection.placed), key=list(Source).index)


def _to_store(met: Met, answer: Answer, shown: list[Shown], prefetch: bool) -> list[Document]:
    """Nothing of a shopper who wants no email, nor of one who was erased and has not come back."""
    if not met.may_be_remembered:
        return []
    impression = impressions.after(
        met.impression,
        campaign=met.campaign,
        shopper=met.shopper,
        variant=answer.variant,
        source=answer.source,
        slots=shown,
        as_of=answer.as_of,
        prefetch=prefetch,
        now_us=met.now_us,
        first_version=met.first_version,
    )
    # What a program has loaded, nobody has seen: it tires nobody.
    exposures = None if prefetch else met.to_remember([item.item_id for item in answer.items])
    return [one for one in (exposures, impression) if one is not None]


_SOURCES = {
    Why.SEEN_TOGETHER: Source.PERSONAL,
    Why.REMINDER: Source.PERSONAL,
    Why.TRENDING_CATEGORY: Source.SEGMENT,
    Why.TRENDING: Source.TRENDING,
    Why.CATALOG: Source.STATIC,
}
