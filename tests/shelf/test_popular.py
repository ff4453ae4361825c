"""What fills up the slots: lists in their order, and each item once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock
from evermail.documents import Neighbor, Trending
from evermail.ranking import Ranked, Why
from evermail.shelf.popular import fill, popular

NOW = 1_795_489_200 * clock.SECOND
item_sets = st.text("ABCDEFGHXYZ", max_size=14)


def trending(scope: str, items: str) -> Trending:
    listed = [Neighbor(item_id, 100.0 - n) for n, item_id in enumerate(items)]
    return Trending(id=scope, version=1, updated_at=NOW, as_of=NOW, items=listed)


# Popular items


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


def test_what_is_unwanted_is_in_none() -> None:
    ranked = popular([trending("global", "ABC"), trending("catalog", "ABD")], unwanted="AB")
    assert [one.item_id for one in ranked] == ["C", "D"]


# Slots


def ranked(items: str, why: Why = Why.TRENDING) -> list[Ranked]:
    return [Ranked(item_id, 1.0, why) for item_id in items]


@pytest.mark.parametrize(
    ("slots", "available", "rankings", "chosen"),
    [
        (3, "ABCD", ["ABCD"], "ABC"),
        (3, "BD", ["ABCD"], "BD"),
        (3, "ABCD", ["A", "ABC"], "ABC"),
        (2, "ABCD", ["ABC", "D"], "AB"),
        (4, "ABCD", ["DA", "AB", "BC"], "DABC"),
        (0, "ABCD", ["ABC"], ""),
        (3, "", ["ABC"], ""),
        (3, "ABC", [], ""),
    ],
)
def test_slots_are_filled_from_one_ranking_after_the_other(
    slots: int, available: str, rankings: list[str], chosen: str
) -> None:
    filled = fill(slots, set(available), *map(ranked, rankings))
    assert "".join(one.item_id for one in filled) == chosen


def test_an_item_keeps_the_reason_of_the_first_ranking_it_is_in() -> None:
    [one] = fill(2, {"A"}, ranked("A", Why.REMINDER), ranked("A", Why.TRENDING))
    assert one.why is Why.REMINDER
    assert [why for why in Why if why.personal] == [Why.SEEN_TOGETHER, Why.REMINDER]


@given(st.integers(0, 6), st.sets(st.sampled_from("ABCDEFG")), st.lists(item_sets, max_size=3))
def test_no_slot_holds_what_cannot_be_had_or_is_there_already(
    slots: int, available: set[str], rankings: list[str]
) -> None:
    filled = [one.item_id for one in fill(slots, available, *map(ranked, rankings))]
    assert len(filled) == len(set(filled)) == min(slots, len(available & set("".join(rankings))))
    assert set(filled) <= available
