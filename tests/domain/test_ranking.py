"""From documents to an order of items: the formula by hand, and what is never shown."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock, ranking
from evermail.documents import Neighbor, Neighbors, Profile, Seen
from evermail.ranking import Ranked, Why

NOW = 1_795_489_200 * clock.SECOND
HALF_LIFE = 14 * clock.DAY


def profile(seen: str, purchased: str = "") -> Profile:
    """A shopper who saw these items, the newest first."""
    return Profile(
        id="s",
        version=1,
        updated_at=NOW,
        as_of=NOW,
        events=len(seen),
        history=[Seen(item_id, NOW - n, "view_item") for n, item_id in enumerate(seen)],
        purchased=dict.fromkeys(purchased, NOW),
    )


def row(
    item_id: str, weights: dict[str, float], *, total: float | None = None, as_of: int = NOW
) -> Neighbors:
    return Neighbors(
        id=item_id,
        version=1,
        updated_at=NOW,
        as_of=as_of,
        total=sum(weights.values()) if total is None else total,
        neighbors=[Neighbor(one, weight) for one, weight in weights.items()],
    )


def personal(who: Profile, *rows: Neighbors) -> list[Ranked]:
    return ranking.personal(who, {one.id: one for one in rows}, now_us=NOW)


def scores(ranked: list[Ranked]) -> dict[str, float]:
    return {one.item_id: one.score for one in ranked}


# The formula


def test_neighbours_of_the_newest_item_by_the_formula() -> None:
    ranked = personal(profile("A"), row("A", {"X": 3.0, "Y": 1.0}, total=11.0))
    assert scores(ranked) == pytest.approx({"X": 3 / 16**0.75, "Y": 1 / 16**0.75})
    assert [(one.item_id, one.why, one.because) for one in ranked] == [
        ("X", Why.SEEN_TOGETHER, "A"),
        ("Y", Why.SEEN_TOGETHER, "A"),
    ]


def test_earlier_items_speak_more_softly() -> None:
    ranked = personal(
        profile("ABC"),
        row("A", {"X": 1.0}, total=11.0),
        row("B", {"X": 2.0, "Y": 4.0}, total=11.0),
        row("C", {"Z": 8.0}, total=11.0),
    )
    norm = 16**-0.75
    together = {"X": norm * (1 + 0.6 * 2), "Y": norm * 0.6 * 4, "Z": norm * 0.36 * 8}
    best = together["Z"]
    assert scores(ranked) == pytest.approx({**together, "B": 0.6 * best, "C": 0.6 * 0.8 * best})
    assert [one.item_id for one in ranked] == ["Z", "Y", "X", "B", "C"]
    assert {one.item_id: one.because for one in ranked} == {"X": "B", "Y": "B", "Z": "C", "B": "B", "C": "C"}


def test_an_item_that_was_seen_and_goes_with_others_is_both() -> None:
    ranked = personal(profile("AB"), row("A", {"B": 2.0, "X": 1.0}, total=11.0))
    best = 2 / 16**0.75
    assert scores(ranked)["B"] == pytest.approx(best + 0.6 * best)
    assert ranked[0].why is Why.SEEN_TOGETHER


def test_what_is_mostly_a_reminder_says_so() -> None:
    ranked = personal(profile("AB"), row("A", {"B": 1.0, "X": 9.0}, total=11.0))
    [b] = [one for one in ranked if one.item_id == "B"]
    assert (b.why, b.because) == (Why.REMINDER, "B")
    assert b.score == pytest.approx((1 + 0.6 * 9) / 16**0.75)


@pytest.mark.parametrize("half_lives", [0, 1, 3])
def test_a_row_fades_until_now(half_lives: int) -> None:
    ranked = personal(profile("A"), row("A", {"X": 8.0}, total=16.0, as_of=NOW - half_lives * HALF_LIFE))
    fade = 2.0**-half_lives
    assert scores(ranked)["X"] == pytest.approx(8 * fade / (16 * fade + 5) ** 0.75)


def test_a_row_from_the_future_does_not_grow() -> None:
    ranked = personal(profile("A"), row("A", {"X": 8.0}, total=11.0, as_of=NOW + HALF_LIFE))
    assert scores(ranked)["X"] == pytest.approx(8 / 16**0.75)


@pytest.mark.parametrize("weight", [0.0, 5.0])
def test_a_row_that_has_faded_to_nothing_says_nothing(weight: float) -> None:
    ancient = row("A", {"X": weight, "B": weight}, as_of=NOW - 2000 * HALF_LIFE)
    assert [(one.item_id, one.why) for one in personal(profile("AB"), ancient)] == [("B", Why.REMINDER)]


def test_the_busier_an_item_the_less_each_of_its_neighbours_says() -> None:
    quiet = personal(profile("A"), row("A", {"X": 2.0}, total=4.0))
    busy = personal(profile("A"), row("A", {"X": 2.0}, total=4000.0))
    assert quiet[0].score > busy[0].score


def test_only_the_last_ten_distinct_items_are_asked() -> None:
    who = profile("AABACDEFGHIJKLMN")
    assert ranking.context(who) == list("ABCDEFGHIJ")
    assert "Z" not in scores(personal(who, row("K", {"Z": 99.0})))


# What is never shown


def test_what_was_bought_and_what_was_just_left_are_out() -> None:
    ranked = personal(
        profile("ABC", purchased="CX"),
        row("A", {"X": 9.0, "B": 1.0}),
        row("B", {"A": 9.0, "Y": 1.0, "C": 3.0}),
    )
    assert sorted(one.item_id for one in ranked) == ["B", "Y"]


def test_nobody_known_gets_nothing_personal() -> None:
    assert personal(profile("")) == []
    assert personal(profile("A")) == []


def test_reminders_work_without_any_row() -> None:
    ranked = personal(profile("ABCB"))
    assert [(one.item_id, one.why) for one in ranked] == [("B", Why.REMINDER), ("C", Why.REMINDER)]


weights = st.dictionaries(st.sampled_from("ABCDEFGHXYZ"), st.floats(0, 1e6), max_size=8)
row_sets = st.dictionaries(st.sampled_from("ABCDEFGH"), weights, max_size=8)
item_sets = st.text("ABCDEFGHXYZ", max_size=14)


@given(item_sets, item_sets, row_sets)
def test_neither_bought_nor_newest_is_ever_ranked_and_none_twice(
    seen: str, purchased: str, tables: dict[str, dict[str, float]]
) -> None:
    ranked = personal(profile(seen, purchased), *(row(one, table) for one, table in tables.items()))
    items = [one.item_id for one in ranked]
    assert len(items) == len(set(items))
    assert not set(items) & set(purchased)
    assert seen[:1] not in items
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    assert all(one.score > 0 and one.because for one in ranked)


@given(item_sets, row_sets, st.randoms(use_true_random=False))
def test_the_order_in_which_documents_are_read_is_irrelevant(
    seen: str, tables: dict[str, dict[str, float]], shuffle: random.Random
) -> None:
    def mixed(table: dict[str, float]) -> dict[str, float]:
        return dict(shuffle.sample(list(table.items()), len(table)))

    rows = [row(one, table, total=50.0) for one, table in tables.items()]
    again = [row(one, mixed(table), total=50.0) for one, table in tables.items()]
    shuffle.shuffle(again)
    assert personal(profile(seen), *again) == personal(profile(seen), *rows)


def test_equal_scores_are_in_the_order_of_ids() -> None:
    ranked = personal(profile("A"), row("A", dict.fromkeys("dbca", 1.0)))
    assert [one.item_id for one in ranked] == list("abcd")
