"""What fills up the slots: lists in their order, and each item once, for its first reason."""

from __future__ import annotations

from evermail import clock
from evermail.documents import Neighbor, Trending
from evermail.ranking import Why
from evermail.shelf.popular import popular

NOW = 1_795_489_200 * clock.SECOND


def trending(scope: str, items: str) -> Trending:
    listed = [Neighbor(item_id, 100.0 - n) for n, item_id in enumerate(items)]
    return Trending(id=scope, version=1, updated_at=NOW, as_of=NOW, items=listed)


def test_lists_follow_each_other_and_say_what_they_are() -> None:
    ranked = popular(
        [trending("category:Shoes: men", "AB"), trending("global", "BC"), trending("catalog", "CD")]
    )
    assert [(one.item_id, one.why, one.because) for one in ranked] == [
        ("A", Why.TRENDING_CATEGORY, "Shoes: men"),
        ("B", Why.TRENDING_CATEGORY, "Shoes: men"),
        ("C", Why.TRENDING, ""),
        ("D", Why.CATALOG, ""),
    ]
