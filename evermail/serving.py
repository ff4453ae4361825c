"""Answers an opened email: reads what is stored, ranks, and fills the slots.

Plain Python over a `Store`; the HTTP round it lives in functions/.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TypeVar

import msgspec

from evermail import clock, ranking
from evermail.documents import Document, Key, Neighbors, Product, Profile, Trending
from evermail.money import format_price
from evermail.ranking import Ranked, Why
from evermail.shelf.popular import fill, popular
from evermail.stores import Store, StoreError
from evermail.stores.cached import CachedReader
from evermail.trending import CATALOG, GLOBAL, category_scope

CANDIDATES_PER_SLOT = 4
"""Products are looked up for this many candidates a slot at once, as some will be sold out or unknown."""

MAX_LOOK_UPS = 5
"""How often more candidates are looked up when too many were sold out or unknown."""

MAX_MOVES = 3
"""How often it is followed where a profile has moved: from a browser's former name to its new one, from there
to its user under a former name, and on to that one's new name."""

PERSONAL_SHARE = 0.7
"""What is read about the shopper may take this much of the deadline: if it hangs, there must be time to read
what goes to everybody."""

CACHE_US = {
    Trending.COLLECTION: 5 * clock.SECOND,
    Product.COLLECTION: 30 * clock.SECOND,
    Neighbors.COLLECTION: 2 * clock.SECOND,
}
"""How long shared documents are remembered. Profiles never are: they are why the email is live."""


class Source(StrEnum):
    """Where an answer came from, best first."""

    PERSONAL = "personal"
    TRENDING = "trending"
    STATIC = "static"


class RecommendedItem(msgspec.Struct, omit_defaults=True):
    """One slot as the email's template reads it. Money is text, ready to show; URLs are complete."""

    item_id: str
    title: str
    price: str
    image: str
    url: str
    reason: str
    was: str = ""


class Answer(msgspec.Struct):
    """`as_of` is the event time (microseconds) of this shopper's newest event that went in, 0 if none."""

    items: list[RecommendedItem]
    source: Source
    as_of: int = 0


class NothingToShow(Exception):
    """Neither the store nor anything remembered from it can fill a slot: the email shows its own fallback.

    Its cause is what went wrong last, if anything did: a `StoreError`, or a price that cannot be written.
    """


D = TypeVar("D", bound=Document)


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
        deadline_s: float = 0.2,
        locale: str = "en",
    ) -> None:
        self._reader = CachedReader(store, CACHE_US, clock=clock, monotonic=monotonic)
        self._clock = clock
        self._monotonic = monotonic
        self._deadline_s = deadline_s
        self._locale = locale

    def recommend(self, shopper: str, *, slots: int) -> Answer:
        """At most `slots` items for a shopper. Raises `NothingToShow`."""
        begun = self._monotonic()
        about_shopper = _Reading(self._reader, self._monotonic, begun + PERSONAL_SHARE * self._deadline_s)
        read = _Reading(self._reader, self._monotonic, begun + self._deadline_s)
        profile = about_shopper.one(Profile, shopper)
        for _ in range(MAX_MOVES):
            if profile is None or not profile.moved_to:
                break
            profile = about_shopper.one(Profile, profile.moved_to)
        personal: list[Ranked] = []
        lists: list[Trending] = []
        unwanted: set[str] = set()
        if profile is not None:
            unwanted.update(profile.purchased)
            recent = ranking.context(profile)
            rows = about_shopper.many(Neighbors, recent)
            personal = ranking.personal(profile, rows, now_us=self._clock())
            if recent:
                unwanted.add(recent[0])  # the shopper has just left it
                lists = self._category_lists(about_shopper, recent[0])
        everywhere = read.many(Trending, [GLOBAL, CATALOG])
        lists += [everywhere[scope] for scope in (GLOBAL, CATALOG) if scope in everywhere]
        general = popular(lists, unwanted=unwanted)
        shown = self._fill(read, slots, personal, general)
        if not shown:
            raise NothingToShow from (read.problem or about_shopper.problem)
        return Answer(
            items=[item for _, item in shown],
            source=min((_SOURCES[ranked.why] for ranked, _ in shown), key=list(Source).index),
            as_of=profile.as_of if profile is not None else 0,
        )

    def _category_lists(self, read: _Reading, item_id: str) -> list[Trending]:
        product = read.one(Product, item_id)
        if product is None or not product.category:
            return []
        found = read.one(Trending, category_scope(product.category))
        return [found] if found is not None else []

    def _fill(
        self, read: _Reading, slots: int, personal: list[Ranked], general: list[Ranked]
    ) -> list[tuple[Ranked, RecommendedItem]]:
        """The slots with what can be sold, looking further down the rankings while slots are empty."""
        products: dict[str, Product] = {}
        shown: list[tuple[Ranked, RecommendedItem]] = []
        step = slots * CANDIDATES_PER_SLOT
        look_ups = -(-max(len(personal), len(general)) // step)
        for look_up in range(min(look_ups, MAX_LOOK_UPS)):
            end = step * (look_up + 1)
            likely, further = personal[end - step : end], general[end - step : end]
            ids = [ranked.item_id for ranked in (*likely, *further)] + [ranked.because for ranked in likely]
            products.update(read.many(Product, [one for one in dict.fromkeys(ids) if one not in products]))
            shown = self._choose(read, slots, products, personal[:end], general[:end])
            if len(shown) == slots:
                break
        return shown

    def _choose(
        self, read: _Reading, slots: int, products: dict[str, Product], *rankings: list[Ranked]
    ) -> list[tuple[Ranked, RecommendedItem]]:
        available = {item_id for item_id, product in products.items() if product.available}
        while True:
            chosen = fill(slots, available, *rankings)
            shown = []
            for ranked in chosen:
                try:
                    shown.append((ranked, self._present(ranked, products)))
                except ValueError as problem:  # a price that cannot be written must not cost the answer
                    read.problem = problem
                    available.remove(ranked.item_id)
            if len(shown) == len(chosen):
                return shown

    def _present(self, ranked: Ranked, products: dict[str, Product]) -> RecommendedItem:
        product = products[ranked.item_id]
        price, was = product.price, ""
        if product.sale_price is not None and product.sale_price < price:
            price, was = product.sale_price, self._money(price, product)
        return RecommendedItem(
            item_id=product.id,
            title=product.title,
            price=self._money(price, product),
            was=was,
            image=product.image_url,
            url=product.url,
            reason=_reason(ranked, products),
        )

    def _money(self, amount: float, product: Product) -> str:
        return format_price(amount, product.currency, self._locale)


class _Reading:
    """The reads of one answer, under one deadline. What does not arrive in time counts as absent.

    `problem` is what the last of them failed with.
    """

    def __init__(self, reader: CachedReader, monotonic: Callable[[], float], deadline: float) -> None:
        self._reader = reader
        self._monotonic = monotonic
        self._deadline = deadline
        self.problem: Exception | None = None

    def one(self, kind: type[D], document_id: str) -> D | None:
        return self.many(kind, [document_id]).get(document_id)

    def many(self, kind: type[D], ids: Sequence[str]) -> dict[str, D]:
        left_s = max(0.0, self._deadline - self._monotonic())
        try:
            found = self._reader.get_many([Key(kind.COLLECTION, one) for one in ids], timeout_s=left_s)
        except StoreError as problem:
            self.problem = problem
            return {}
        return {key.id: document for key, document in found.items() if isinstance(document, kind)}


_SOURCES = {
    Why.SEEN_TOGETHER: Source.PERSONAL,
    Why.REMINDER: Source.PERSONAL,
    Why.TRENDING_CATEGORY: Source.TRENDING,
    Why.TRENDING: Source.TRENDING,
    Why.CATALOG: Source.STATIC,
}


def _reason(ranked: Ranked, products: dict[str, Product]) -> str:
    if ranked.why is Why.REMINDER:
        return "You looked at this"
    if ranked.why is Why.SEEN_TOGETHER:
        seed = products.get(ranked.because)
        return f"Seen with {seed.title}" if seed is not None else "Seen with your last picks"
    if ranked.why is Why.TRENDING_CATEGORY:
        return f"Popular in {ranked.because}"
    return "Popular right now" if ranked.why is Why.TRENDING else "From our range"
