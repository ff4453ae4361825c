"""Answers an opened email: reads what is stored, ranks, and fills the slots.

Plain Python over a `Store`; the HTTP round it lives in functions/.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec

from evermail import clock
from evermail.stores import Store


class Source(StrEnum):
    """Where an answer came from, best first."""

    PERSONAL = "personal"
    TRENDING = "trending"


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


class Recommender:
    """Recommends products to a shopper from stored documents. Safe to share between threads."""

    def __init__(self, store: Store, *, clock: clock.Clock = clock.now_us) -> None:
        self._store = store
        self._clock = clock

    def recommend(self, shopper: str, *, slots: int) -> Answer:
        """At most `slots` items for a shopper. Raises `NothingToShow`."""
        raise NothingToShow
