"""Shops in a few words, for tests of what is shown."""

from __future__ import annotations

from typing import Any

from evermail import clock
from evermail.documents import Neighbor, Neighbors, Product, Profile, Rules, Seen, Trending
from evermail.ranking import Ranked, Why
from evermail.shelf.policy import Policy, Rule, Where
from evermail.shelf.screening import Candidate

NOW = 1_795_489_200 * clock.SECOND
SHARED: dict[str, Any] = {"version": 1, "updated_at": NOW}


def product(item_id: str, category: str | None = None, **changes: Any) -> Product:
    fields: dict[str, Any] = {
        "title": f"Kettle {item_id}",
        "url": f"https://shop.example/{item_id}",
        "image_url": f"https://shop.example/{item_id}.jpg",
        "price": 19.9,
        "currency": "EUR",
        "category": category,
    }
    return Product(id=item_id, **SHARED, **{**fields, **changes})


def profile(seen: str, bought: dict[str, int] | None = None) -> Profile:
    """A shopper who saw these items, the newest first, and bought some so many days ago."""
    return Profile(
        id="ann",
        **SHARED,
        as_of=NOW,
        events=9,
        history=[Seen(item_id, NOW - n - 1, "view_item") for n, item_id in enumerate(seen)],
        purchased={item_id: NOW - days * clock.DAY for item_id, days in (bought or {}).items()},
    )


def row(item_id: str, weights: dict[str, float]) -> Neighbors:
    listed = [Neighbor(one, weight) for one, weight in weights.items()]
    return Neighbors(id=item_id, **SHARED, as_of=NOW, total=100.0, neighbors=listed)


def trending(scope: str, items: str) -> Trending:
    listed = [Neighbor(one, 50.0 - n) for n, one in enumerate(items)]
    return Trending(id=scope, **SHARED, as_of=NOW, items=listed)


def rules(*rules: Rule, **policy: Any) -> Rules:
    return Rules(id=Rules.CURRENT, **SHARED, policy=Policy(rules=rules, **policy))


def rule(items: str = "", name: str = "a rule", **fields: Any) -> Rule:
    """About these items, unless `where` says it in another way."""
    return Rule(name=name, where=fields.pop("where", None) or Where(items=tuple(items)), **fields)


def candidate(
    item_id: str, score: float = 1.0, category: str | None = None, why: Why = Why.SEEN_TOGETHER, **fields: Any
) -> Candidate:
    place = fields.pop("place", 0)
    return Candidate(Ranked(item_id, score, why, "seed"), place, product(item_id, category), **fields)
