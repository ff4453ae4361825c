"""From documents to an order of items: the formula by hand, and what is never shown."""

from __future__ import annotations

import random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock, ranking, repeats
from evermail.constants import SERVED, Constants
from evermail.documents import Neighbor, Neighbors, Profile, Seen
from evermail.ranking import Ranked, Why
from evermail.repeats import PRIOR

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


# The constants that are served come from tuning; what is worked out by hand here does not depend on them.
PLAIN = Constants(
    half_life_days=14,
    context=3,
    context_decay=0.5,
    row_prior=5,
    row_exponent=0.75,
    hops=2,
    hop_neighbors=2,
    hop_weight=0.5,
    lift=0.0,
    repeats_prior=20,
)


def personal(who: Profile, *rows: Neighbors, constants: Constants = PLAIN) -> list[Ranked]:
    return ranking.personal(who, {one.id: one for one in rows}, now_us=NOW, constants=constants)


def scores(ranked: list[Ranked]) -> dict[str, float]:
    return {one.item_id: one.score for one in ranked}


def shares(ranked: list[Ranked], seen: str) -> dict[str, float]:
    """The scores of what was not seen, as shares of their sum."""
    found = {item_id: score for item_id, score in scores(ranked).items() if item_id not in seen}
    return {item_id: score / sum(found.values()) for item_id, score in found.items()}


# The formula


def test_a_score_is_the_probability_of_coming_next() -> None:
    ranked = personal(profile("AB"), row("A", {"X": 3.0, "Y": 1.0}, total=11.0), row("B", {"Z": 2.0}))
    assert sum(scores(ranked).values()) == pytest.approx(1.0)
    returning = PRIOR[0] + PRIOR[1]
    assert scores(ranked)["A"] + scores(ranked)["B"] == pytest.approx(returning)


def test_neighbours_of_the_newest_item_by_the_formula() -> None:
    ranked = personal(profile("A"), row("A", {"X": 3.0, "Y": 1.0}, total=11.0))
    left = 1 - PRIOR[0]
    assert scores(ranked) == pytest.approx({"X": left * 3 / 4, "Y": left / 4, "A": PRIOR[0]})
    assert [(one.item_id, one.why, one.because) for one in ranked] == [
        ("X", Why.SEEN_TOGETHER, "A"),
        ("Y", Why.SEEN_TOGETHER, "A"),
        ("A", Why.REMINDER, "A"),
    ]


def test_earlier_items_speak_more_softly_and_rows_by_their_totals() -> None:
    ranked = personal(
        profile("ABC"),
        row("A", {"X": 1.0}, total=11.0),
        row("B", {"X": 2.0, "Y": 4.0}, total=27.0),
        row("C", {"Z": 8.0}, total=11.0),
    )
    together = {
        "X": 1 / 16**0.75 + 0.5 * 2 / 32**0.75,
        "Y": 0.5 * 4 / 32**0.75,
        "Z": 0.25 * 8 / 16**0.75,
    }
    whole = sum(together.values())
    assert shares(ranked, "ABC") == pytest.approx({one: score / whole for one, score in together.items()})
    because = {one.item_id: one.because for one in ranked}
    assert because == {"X": "A", "Y": "B", "Z": "C", "A": "A", "B": "B", "C": "C"}


def test_an_item_that_was_seen_and_goes_with_others_is_both() -> None:
    ranked = personal(profile("AB"), row("A", {"B": 3.0, "X": 1.0}, total=11.0))
    left = 1 - PRIOR[0] - PRIOR[1]
    assert scores(ranked)["B"] == pytest.approx(left * 3 / 4 + PRIOR[1])
    assert ranked[0].why is Why.SEEN_TOGETHER


def test_what_is_mostly_a_reminder_says_so() -> None:
    ranked = personal(profile("AB"), row("A", {"B": 1.0, "X": 99.0}, total=100.0))
    [b] = [one for one in ranked if one.item_id == "B"]
    assert (b.why, b.because) == (Why.REMINDER, "B")


def test_a_shop_whose_shoppers_come_back_is_believed() -> None:
    learned = row(repeats.ROW_ID, {"2n01": 700.0, "2n0-": 280.0})
    ranked = personal(profile("AB"), row("A", {"X": 1.0}), learned)
    assert scores(ranked)["B"] == pytest.approx(0.7, abs=0.02)
    assert ranked[0].item_id == "B"


def test_neighbours_of_the_best_candidates_count_too() -> None:
    ranked = personal(
        profile("A"),
        row("A", {"X": 4.0, "Y": 2.0, "Z": 1.0}, total=11.0),
        row("X", {"H": 6.0, "I": 3.0, "J": 1.0}, total=11.0),
        row("Z", {"K": 9.0}, total=11.0),  # not among the best two
    )
    by_row = 16**-0.75
    together = {"X": 4.0, "Y": 2.0, "Z": 1.0, "H": 0.5 * 4 * 6 * by_row, "I": 0.5 * 4 * 3 * by_row}
    whole = sum(together.values())
    assert shares(ranked, "A") == pytest.approx({one: score / whole for one, score in together.items()})
    assert {one.because for one in ranked} == {"A"}


def test_busy_candidates_say_less_than_quiet_ones() -> None:
    rows = row("A", {"X": 1.0, "Y": 1.0}), row("X", {}, total=99.0), row("Y", {}, total=24.0)
    lifted = msgspec.structs.replace(PLAIN, lift=0.5)
    assert shares(personal(profile("A"), *rows), "A") == pytest.approx({"X": 1 / 2, "Y": 1 / 2})
    # Totals of 100 and 25, one added to each: half their ratio in logarithms
    found = shares(personal(profile("A"), *rows, constants=lifted), "A")
    assert found == pytest.approx({"X": 1 / 3, "Y": 2 / 3})


@pytest.mark.parametrize("half_lives", [0, 1, 3])
def test_a_row_fades_until_now(half_lives: int) -> None:
    faded = row("A", {"X": 8.0}, total=16.0, as_of=NOW - half_lives * HALF_LIFE)
    ranked = personal(profile("AB"), faded, row("B", {"Y": 1.0}, total=11.0))
    fade = 2.0**-half_lives
    x, y = 8 * fade / (16 * fade + 5) ** 0.75, 0.5 / 16**0.75
    assert shares(ranked, "AB") == pytest.approx({"X": x / (x + y), "Y": y / (x + y)})


def test_a_row_from_the_future_does_not_grow() -> None:
    def shown(as_of: int) -> dict[str, float]:
        rows = row("A", {"X": 8.0}, total=11.0, as_of=as_of), row("B", {"Y": 1.0}, total=11.0)
        return scores(personal(profile("AB"), *rows))

    assert shown(NOW + HALF_LIFE) == shown(NOW)


@pytest.mark.parametrize("weight", [0.0, 5.0])
def test_a_row_that_has_faded_to_nothing_says_nothing(weight: float) -> None:
    ancient = row("A", {"X": weight, "B": weight}, as_of=NOW - 2000 * HALF_LIFE)
    ranked = personal(profile("AB"), ancient)
    assert [(one.item_id, one.why) for one in ranked] == [("B", Why.REMINDER), ("A", Why.REMINDER)]


@given(st.lists(st.floats(0, 60), min_size=2, max_size=5, unique=True))
def test_the_older_a_row_the_less_it_says(ages: list[float]) -> None:
    """Beside a row that is not old."""

    def said(age_days: float) -> float:
        old = row("A", {"X": 8.0}, total=9.0, as_of=NOW - round(age_days * clock.DAY))
        return scores(personal(profile("AB"), old, row("B", {"Y": 8.0}, total=9.0)))["X"]

    found = [said(age) for age in sorted(ages)]
    assert found == sorted(found, reverse=True)


# What is read


def test_only_the_last_distinct_items_are_asked() -> None:
    who = profile("AABACDEFGHIJKLMN")
    assert ranking.context(who, constants=PLAIN) == list("ABC")
    assert ranking.first_rows(who, constants=PLAIN) == ["A", "B", "C", repeats.ROW_ID]
    assert "Z" not in scores(personal(who, row("D", {"Z": 99.0})))


def test_then_the_best_candidates_are_asked_whose_rows_are_not_there() -> None:
    rows = row("A", {"B": 9.0, "X": 4.0, "Y": 2.0}, total=15.0), row("B", {"Y": 1.0}, total=15.0)

    def asked(*rows: Neighbors) -> list[str]:
        known = {one.id: one for one in rows}
        return ranking.second_rows(profile("AB"), known, now_us=NOW, constants=PLAIN)

    assert asked(*rows) == ["X"]
    assert asked(rows[0]) == ["B", "X"]
    assert asked() == []


def test_nobody_known_asks_for_nothing() -> None:
    assert ranking.first_rows(profile("")) == []


# What is never shown


def test_what_was_bought_is_out() -> None:
    ranked = personal(
        profile("ABC", purchased="CX"),
        row("A", {"X": 9.0, "B": 1.0}),
        row("B", {"A": 9.0, "Y": 1.0, "C": 3.0}),
        row("X", {"Z": 1.0}),
    )
    assert sorted(one.item_id for one in ranked) == ["A", "B", "Y", "Z"]


def test_nobody_known_gets_nothing_personal() -> None:
    assert personal(profile("")) == []


def test_reminders_work_without_any_row() -> None:
    ranked = personal(profile("ABCB"))
    assert {one.item_id for one in ranked} == set("ABC")
    assert {one.why for one in ranked} == {Why.REMINDER}


def test_what_has_faded_beyond_what_floats_can_tell_is_gone() -> None:
    ranked = personal(profile("A"), row("A", {"X": 1e-308}))
    assert [one.item_id for one in ranked] == ["A"]
    assert ranked[0].score <= 1


weights = st.dictionaries(st.sampled_from("ABCDEFGHXYZ"), st.floats(0, 1e6), max_size=8)
row_sets = st.dictionaries(st.sampled_from("ABCDEFGH"), weights, max_size=8)
item_sets = st.text("ABCDEFGHXYZ", max_size=14)


@given(item_sets, item_sets, row_sets)
def test_what_was_bought_is_never_ranked_and_nothing_twice(
    seen: str, purchased: str, tables: dict[str, dict[str, float]]
) -> None:
    ranked = personal(profile(seen, purchased), *(row(one, table) for one, table in tables.items()))
    items = [one.item_id for one in ranked]
    assert len(items) == len(set(items))
    assert not set(items) & set(purchased)
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    assert all(0 < one.score <= 1 and one.because for one in ranked)


@given(item_sets, row_sets, st.randoms(use_true_random=False))
def test_the_order_in_which_documents_are_read_is_irrelevant(
    seen: str, tables: dict[str, dict[str, float]], shuffle: random.Random
) -> None:
    """Nor that of the neighbours in them, as long as all of them are asked."""

    def mixed(table: dict[str, float]) -> dict[str, float]:
        return dict(shuffle.sample(list(table.items()), len(table)))

    rows = [row(one, table, total=50.0) for one, table in tables.items()]
    again = [row(one, mixed(table), total=50.0) for one, table in tables.items()]
    shuffle.shuffle(again)
    expected = personal(profile(seen), *rows, constants=SERVED)
    assert personal(profile(seen), *again, constants=SERVED) == expected


def test_equal_scores_are_in_the_order_of_ids() -> None:
    ranked = personal(profile("A"), row("A", dict.fromkeys("dbca", 1.0)))
    assert [one.item_id for one in ranked] == list("abcdA")
