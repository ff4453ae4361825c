"""Whose email is looked at, and what they would find in it now: somebody made up, or people of a store."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from evermail import clock
from evermail.campaigns.context import Context, Tokens
from evermail.campaigns.snapshot import SLOTS, Snapshot
from evermail.documents import Key, Product, Profile
from evermail.serving import NothingToShow, RecommendedItem, Recommender
from evermail.shelf.explanation import explain
from evermail.stores import Store
from evermail.tokens import Recipient, TokenSigner

MADE_UP = "made-up"
"""The key of somebody whom no store knows."""

_NOBODY = "k0.bm9ib2R5LWF0LWFsbC1oZXJl"

Here = Callable[[RecommendedItem], RecommendedItem]
"""An item as an email has it: with addresses that mail clients take."""


class Shopper(msgspec.Struct, frozen=True):
    """Somebody to look at an email as. `key` is how the page names them, `recipient` whom a store knows."""

    key: str
    label: str
    recipient: Recipient | None = None


class Reason(msgspec.Struct, frozen=True):
    """Why an item stands in its slot, in words, with the stable code of it."""

    item_id: str
    title: str
    price: str
    image: str
    why: str
    code: str = ""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """What an email shows when it is opened now. `as_of` is in microseconds; 0 if nothing is known."""

    items: list[RecommendedItem]
    source: str
    as_of: int = 0
    reasons: list[Reason] = []
    notes: list[str] = []


class Shelf(Protocol):
    """What is known of a shopper."""

    @property
    def snapshot(self) -> Snapshot: ...
    def about(self, sample: Context) -> list[RecommendedItem]: ...
    def category(self, sample: Context) -> str: ...
    def tokens(self, sample: Context) -> Tokens: ...
    def open(self, sample: Context, category: str) -> Opened: ...


class MadeUpShelf:
    """Somebody made up, to whom the sample of a template happens."""

    def __init__(self, sample: Context) -> None:
        self.snapshot = Snapshot(None, sample.items)
        self._as_of = clock.now_us()

    def about(self, sample: Context) -> list[RecommendedItem]:
        return list(sample.about)

    def category(self, sample: Context) -> str:
        return sample.category

    def tokens(self, sample: Context) -> Tokens:
        """They are as long as real ones, and open nothing: nobody has the key."""
        signer = TokenSigner([secrets.token_urlsafe(32)])
        return Tokens.signed(Recipient(_NOBODY, sample.campaign), signer)

    def open(self, sample: Context, category: str) -> Opened:
        reasons = [Reason(one.item_id, one.title, one.price, one.image, one.reason) for one in sample.items]
        return Opened(items=list(sample.items), source="sample", as_of=self._as_of, reasons=reasons)


class StoreShelf:
    """Somebody whom a store knows. Looking leaves no trace: nothing is remembered as shown.

    `sign` makes their tokens, `here` the items as the email has them. Reading raises `StoreError`.
    """

    def __init__(
        self,
        store: Store,
        recommender: Recommender,
        recipient: Recipient,
        sign: Callable[[Recipient], Tokens],
        here: Here,
        *,
        locale: str,
    ) -> None:
        self._store, self._recommender, self._recipient = store, recommender, recipient
        self._sign, self._here = sign, here
        self.snapshot: Snapshot = _Here(store, here, locale=locale)

    def about(self, sample: Context) -> list[RecommendedItem]:
        """What is in their cart, or else they looked at last; for want of it what is popular."""
        if not sample.about:
            return []
        known = self._profile()
        ids = (list(known.cart) or [seen.item_id for seen in known.history]) if known else []
        found = self.snapshot.products(ids[: len(sample.about)])
        return list(found.values()) or self.snapshot.for_everybody()[:1]

    def category(self, sample: Context) -> str:
        """That of what they looked at last, or of what is popular."""
        if not sample.category:
            return ""
        known = self._profile()
        ids = [seen.item_id for seen in known.history[:1]] if known else []
        ids += [item.item_id for item in self.snapshot.for_everybody()[:1]]
        products = self._store.get_many([Key(Product.COLLECTION, one) for one in ids])
        found = [one.category for one in products.values() if isinstance(one, Product) and one.category]
        return found[0] if found else sample.category

    def tokens(self, sample: Context) -> Tokens:
        return self._sign(self._recipient)

    def open(self, sample: Context, category: str) -> Opened:
        """Raises `NothingToShow`."""
        if category:
            answer = self._recommender.popular(slots=SLOTS, category=category)
            reasons = [_reason(self._here(one)) for one in answer.items]
            return Opened(items=self._all(answer.items), source=answer.source, reasons=reasons)
        who, campaign = self._recipient.shopper, self._recipient.campaign
        answer = self._recommender.recommend(who, slots=SLOTS, campaign=campaign, prefetch=True)
        opened, filled, _ = self._recommender.open(who, slots=SLOTS, campaign=campaign)
        told = explain(opened, filled, SLOTS, filled.products)
        whys = {one.item_id: one for one in told.shown}
        reasons = []
        for item in map(self._here, answer.items):
            why = whys.get(item.item_id)
            reason = _reason(item)
            reasons.append(msgspec.structs.replace(reason, why=why.why, code=why.code) if why else reason)
        return Opened(
            items=self._all(answer.items),
            source=answer.source,
            as_of=answer.as_of,
            reasons=reasons,
            notes=told.notes,
        )

    def _all(self, items: Sequence[RecommendedItem]) -> list[RecommendedItem]:
        return [self._here(one) for one in items]

    def _profile(self) -> Profile | None:
        key = Key(Profile.COLLECTION, self._recipient.shopper)
        found = self._store.get_many([key]).get(key)
        return found if isinstance(found, Profile) else None


class _Here(Snapshot):
    """A snapshot whose items have addresses that mail clients take."""

    def __init__(self, store: Store, here: Here, *, locale: str) -> None:
        super().__init__(store, locale=locale)
        self._here = here

    def for_everybody(self, category: str = "") -> list[RecommendedItem]:
        return [self._here(one) for one in super().for_everybody(category)]

    def for_shopper(self, shopper: str, campaign: str) -> list[RecommendedItem]:
        return [self._here(one) for one in super().for_shopper(shopper, campaign)]

    def products(self, item_ids: object) -> dict[str, RecommendedItem]:
        return {key: self._here(one) for key, one in super().products(item_ids).items()}  # type: ignore[arg-type]


def _reason(item: RecommendedItem) -> Reason:
    return Reason(item.item_id, item.title, item.price, item.image, item.reason)


__all__ = ["MADE_UP", "MadeUpShelf", "NothingToShow", "Opened", "Reason", "Shelf", "Shopper", "StoreShelf"]
