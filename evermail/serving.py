"""Answers an opened email: reads what is stored, ranks, and fills the slots.

Plain Python over a `Store`; the HTTP round it lives in functions/.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from enum import StrEnum
from typing import TypeVar

import msgspec

from evermail import clock, ranking
from evermail.documents import Document, Key, Neighbors, Product, Profile, Trending
from evermail.money import format_price
from evermail.ranking import Ranked, Why
from evermail.stores import Store, StoreUnavailable
from evermail.stores.cached import CachedReader
from evermail.trending import CATALOG, GLOBAL, category_scope

CANDIDATES_PER_SLOT = 4
"""Products are looked up for this many candidates a slot, as some will be sold out or unknown."""

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
    """`as_of` is the event time (microseconds) of the newest event of this shopper that went in, 0 if none."""

    items: list[RecommendedItem]
    source: Source
    as_of: int = 0


class NothingToShow(Exception):
    """Neither the store nor anything remembered from it can fill a slot: the email shows its own fallback."""


D = TypeVar("D", bound=Document)


class Recommender:
    """Recommends products to a shopper from stored documents. Safe to share between threads.

    `deadline_s` bounds the time spent waiting for the store in one answer; `locale` is how prices are
    written, as in `en_GB`.
    """

    def __init__(
        self,
        store: Store,
        *,
        clock: clock.Clock = clock.now_us,
        deadline_s: float = 0.2,
        locale: str = "en",
    ) -> None:
        self._reader = CachedReader(store, CACHE_US, clock=clock)
        self._clock = clock
        self._deadline_s = deadline_s
        self._locale = locale

    def recommend(self, shopper: str, *, slots: int) -> Answer:
        """At most `slots` items for a shopper. Raises `NothingToShow`."""
        read = _Reading(self._reader, time.monotonic() + self._deadline_s)
        profile = read.one(Profile, shopper)
        personal: list[Ranked] = []
        lists: list[Trending] = []
        if profile is not None and profile.history:
            recent = ranking.context(profile)
            personal = ranking.personal(profile, read.many(Neighbors, recent), now_us=self._clock())[
                : slots * CANDIDATES_PER_SLOT
            ]
            lists = self._category_lists(read, recent[0])
        everywhere = read.many(Trending, [GLOBAL, CATALOG])
        lists += [everywhere[scope] for scope in (GLOBAL, CATALOG) if scope in everywhere]
        bought = profile.purchased if profile is not None else {}
        popular = ranking.popular(lists, purchased=bought)[: slots * CANDIDATES_PER_SLOT]
        wanted = [ranked.item_id for ranked in (*personal, *popular)]
        seeds = [ranked.because for ranked in personal]
        products = read.many(Product, list(dict.fromkeys(wanted + seeds)))
        available = {item_id for item_id, product in products.items() if product.available}
        chosen = ranking.fill(slots, available, personal, popular)
        if not chosen:
            raise NothingToShow
        return Answer(
            items=[self._present(ranked, products) for ranked in chosen],
            source=min((_SOURCES[ranked.why] for ranked in chosen), key=list(Source).index),
            as_of=profile.as_of if profile is not None else 0,
        )

    def _category_lists(self, read: _Reading, item_id: str) -> list[Trending]:
        product = read.one(Product, item_id)
        if product is None or not product.category:
            return []
        found = read.one(Trending, category_scope(product.category))
        return [found] if found is not None else []

    def _present(self, ranked: Ranked, products: dict[str, Product]) -> RecommendedItem:
        product = products[ranked.item_id]
        price = product.price if product.sale_price is None else product.sale_price
        was = "" if product.sale_price is None else self._money(product.price, product)
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
    """The reads of one answer, under one deadline. What does not arrive in time counts as absent."""

    def __init__(self, reader: CachedReader, deadline: float) -> None:
        self._reader = reader
        self._deadline = deadline

    def one(self, kind: type[D], document_id: str) -> D | None:
        return self.many(kind, [document_id]).get(document_id)

    def many(self, kind: type[D], ids: Sequence[str]) -> dict[str, D]:
        left_s = self._deadline - time.monotonic()
        try:
            found = self._reader.get_many(
                [Key(kind.COLLECTION, one) for one in ids], timeout_s=max(left_s, 0.001)
            )
        except StoreUnavailable:
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
