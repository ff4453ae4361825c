"""Which products of a catalog the rules of a file meet, and which of its words no product knows."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import msgspec

from evermail.documents import Product
from evermail.shelf.policy import Policy, Rule


class Met(msgspec.Struct):
    """How many products a rule meets, and how many of those can be shown."""

    rule: Rule
    products: int = 0
    available: int = 0


class Reach(msgspec.Struct):
    """`unknown` says of each word that no product has where it stands, and what might be meant."""

    products: int
    met: list[Met]
    unknown: list[str]


def reach(policy: Policy, products: Iterable[Product]) -> Reach:
    """Looks at every product once; each kind of word is remembered while it does."""
    met = [Met(rule) for rule in policy.rules]
    known: dict[str, set[str]] = {"items": set(), "category": set(), "brand": set(), "label": set()}
    number = 0
    for product in products:
        number += 1
        known["items"].add(product.id)
        known["category"].update(filter(None, [product.category]))
        known["brand"].update(filter(None, [product.brand]))
        known["label"].update(product.labels)
        for one in met:
            if one.rule.where.matches(product):
                one.products += 1
                one.available += product.available
    unknown = [
        f"{rule}: no product has the {_NAMES[kind]} {word!r}{_guess(word, known[kind])}"
        for rule in policy.rules
        for kind in known
        for word in getattr(rule.where, kind) or ()
        if word not in known[kind]
    ]
    unknown += [
        f"repurchase_after_days: no product has the category {word!r}{_guess(word, known['category'])}"
        for word in policy.repurchase_after_days
        if word not in known["category"]
    ]
    return Reach(number, met, unknown)


_NAMES = {"items": "id", "category": "category", "brand": "brand", "label": "label"}


def _guess(word: str, known: set[str]) -> str:
    folded = {one.casefold(): one for one in sorted(known)}
    close = get_close_matches(word.casefold(), folded, n=1)
    return f"; did you mean {folded[close[0]]!r}?" if close else ""
