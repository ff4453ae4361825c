"""What fills the slots that nothing personal fills: trending lists, and the first pages of the catalog."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from evermail.documents import Trending
from evermail.ranking import Ranked, Why


def popular(lists: Iterable[Trending], *, unwanted: Iterable[str] = ()) -> list[Ranked]:
    """Items of trending lists but for the `unwanted`, the first list's first, each item once."""
    out = set(unwanted)
    found: dict[str, Ranked] = {}
    for trending in lists:
        scope, _, category = trending.id.partition(":")
        why = _WHY_SCOPE.get(scope, Why.TRENDING)
        for item in trending.items:
            if item.item_id not in out:
                found.setdefault(item.item_id, Ranked(item.item_id, item.weight, why, category))
    return list(found.values())


_WHY_SCOPE = {"category": Why.TRENDING_CATEGORY, "catalog": Why.CATALOG}


def fill(slots: int, available: set[str], *rankings: Sequence[Ranked]) -> list[Ranked]:
    """The first `slots` available items of the rankings taken one after the other, each item once."""
    chosen: dict[str, Ranked] = {}
    for ranking in rankings:
        for ranked in ranking:
            if len(chosen) == slots:
                break
            if ranked.item_id in available:
                chosen.setdefault(ranked.item_id, ranked)
    return list(chosen.values())
