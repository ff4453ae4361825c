"""Shows what a campaign has shown a moment ago, if it still may be: one open shows one thing."""

from __future__ import annotations

from evermail.documents import Key, Product
from evermail.ranking import Ranked, Why
from evermail.shelf.met import Met
from evermail.shelf.presentation import RecommendedItem, item
from evermail.shelf.reading import Reading
from evermail.shelf.screening import Candidate


def shown_again(met: Met, read: Reading, locale: str) -> list[RecommendedItem] | None:
    """What was shown, at the prices of now; None if one of it must not be shown any more."""
    shown = met.impression.slots if met.impression is not None and met.known else []
    found = read.keys([Key(Product.COLLECTION, one.item_id) for one in shown])
    items = []
    for place, one in enumerate(shown):
        product = found.get(Key(Product.COLLECTION, one.item_id))
        if not isinstance(product, Product):
            return None
        if not isinstance(met.screen.judge(Ranked(product.id, 0.0, Why.CATALOG), place, product), Candidate):
            return None
        try:
            items.append(item(product, one.reason, locale))
        except ValueError:  # its price cannot be written any more
            return None
    return items or None
