"""A shop whose emails are opened, with a store that keeps what is to be stored."""

from __future__ import annotations

from typing import Any

import msgspec
from shelf_support import NOW, product, profile, row, trending

from evermail import impressions
from evermail.documents import (
    Document,
    Impression,
    Key,
    Profile,
)
from evermail.serving import Answer, Recommender
from evermail.stores import Outcome, StoreUnavailable
from evermail.stores.base import UnreadableDocument, WriteResult


class Store:
    """Keeps the highest version, as every store does."""

    def __init__(self, documents: tuple[Document, ...]) -> None:
        self.documents = {one.key: one for one in documents}
        self.down = False
        self.unreadable: set[Key] = set()
        self.calls = 0

    def get_many(self, keys: Any, *, timeout_s: float | None = None) -> dict[Key, Document]:
        self.calls += 1
        if self.down:
            raise StoreUnavailable("down")
        if self.unreadable.intersection(keys):
            raise UnreadableDocument("no document of this version")
        return {key: self.documents[key] for key in keys if key in self.documents}

    def put_many(self, documents: list[Document]) -> list[WriteResult]:
        results = []
        for one in documents:
            stale = one.key in self.documents and self.documents[one.key].version >= one.version
            if not stale:
                self.documents[one.key] = one
            results.append(WriteResult(one.key, Outcome.STALE if stale else Outcome.WRITTEN))
        return results


class Shop:
    """Ann saw A, then B; A leads to X, Y and Z. P, Q and R are popular, and in Tea T and U."""

    def __init__(self, *documents: Document, **options: Any) -> None:
        self.now_us = NOW
        self.store = Store(
            (
                profile("AB"),
                row("A", {"X": 9.0, "Y": 8.0, "Z": 7.0}),
                trending("global", "PQR"),
                trending("category:Tea", "TU"),
                *(product(one, "Desk") for one in "ABPQRTUXYZ"),
                *documents,
            )
        )
        self.options = options
        self.recommender = self.another()

    def another(self) -> Recommender:
        """Another instance of the function, which remembers nothing yet."""
        return Recommender(self.store, clock=lambda: self.now_us, **self.options)  # type: ignore[arg-type]

    def answer(self, slots: int = 3, *, shopper: str = "ann", campaign: str = "may", **how: Any) -> Answer:
        """Opens the email, and stores what is to be stored."""
        answer = self.recommender.recommend(shopper, slots=slots, campaign=campaign, **how)
        self.store.put_many(answer.to_store)
        return answer

    def shows(self, slots: int = 3, **how: Any) -> str:
        return "".join(item.item_id for item in self.answer(slots, **how).items)

    def put(self, document: Document) -> None:
        self.store.documents[document.key] = document
        self.recommender = self.another()

    @property
    def impression(self) -> Impression:
        stored = self.store.documents[impressions.key("may", "ann")]
        assert isinstance(stored, Impression)
        return stored


def seen(items: str, **changes: Any) -> Profile:
    return msgspec.structs.replace(profile(items), **changes)
