"""Which candidates get the slots: by relevance, variety, caps, pins and what shoppers are tired of."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from shelf_support import candidate, product, row, rule

from evermail.ranking import Why
from evermail.shelf.policy import Where
from evermail.shelf.screening import Candidate
from evermail.shelf.selection import Selection, select
from evermail.shelf.similarity import Similarity


def chosen(candidates: Sequence[Candidate], slots: int, **options: Any) -> Selection:
    """A selection from candidates of which each knows which of the pins may pin it."""
    candidates = [
        msgspec.structs.replace(
            one, pins=tuple(pin for pin in options.get("pins", ()) if pin.where.matches(one.product))
        )
        for one in candidates
    ]
    return select(candidates, slots, **{"similarity": Similarity({}), **options})


def shows(candidates: Sequence[Candidate], slots: int, **options: Any) -> str:
    return items(chosen(candidates, slots, **options))


def items(selection: Selection) -> str:
    return "".join(placed.candidate.ranked.item_id for placed in selection.placed)


def of_categories(text: str) -> list[Candidate]:
    """`AKitchen BDesk`: items by falling score, with their categories."""
    return [
        candidate(one[0], 10.0 - place, one[1:] or None, place=place)
        for place, one in enumerate(text.split())
    ]


# Order


def test_the_most_relevant_come_first_and_equals_as_they_stood() -> None:
    candidates = [candidate("A", 1.0, place=2), candidate("B", 1.0, place=1), candidate("C", 3.0, place=0)]
    assert shows(candidates, 3) == "CBA"


def test_groups_follow_each_other_whatever_their_scores_are() -> None:
    candidates = [
        candidate("A", 900.0, why=Why.TRENDING),
        candidate("B", 90_000.0, why=Why.CATALOG),
        candidate("C", 0.1),
        candidate("D", 0.2, why=Why.REMINDER),
        candidate("E", 100.0, why=Why.TRENDING_CATEGORY),
    ]
    assert shows(candidates, 5) == "DCEAB"


def test_an_item_of_two_groups_stands_where_the_first_has_it() -> None:
    candidates = [candidate("A", 9.0, why=Why.TRENDING), candidate("B", 1.0), candidate("A", 0.5)]
    selection = chosen(candidates, 3)
    assert items(selection) == "BA"
    assert selection.placed[1].candidate.ranked.why is Why.SEEN_TOGETHER


# Variety


def test_by_hand_the_next_is_relevance_less_similarity() -> None:
    # lambda 0.5: after A come B with 0.5*0.9 - 0.5*0.5 = 0.2, and C with 0.5*0.6 = 0.3.
    candidates = [candidate("A", 10, "Tea"), candidate("B", 9, "Tea"), candidate("C", 6, "Desk")]
    selection = chosen(candidates, 3, diversity=0.5)
    assert items(selection) == "ACB"
    assert [(one.relevance, one.similarity) for one in selection.placed] == [
        (1.0, 0.0),
        (0.6, 0.0),
        (0.9, 0.5),
    ]
    assert shows(candidates, 3, diversity=0.0) == "ABC"


def test_a_little_variety_does_not_turn_a_clear_order_round() -> None:
    candidates = [candidate("A", 10, "Tea"), candidate("B", 9, "Tea"), candidate("C", 6, "Desk")]
    assert shows(candidates, 3, diversity=0.1) == "ABC"


def test_items_that_the_same_rows_lead_to_are_alike() -> None:
    similarity = Similarity(
        {"S": row("S", {"A": 4.0, "B": 2.0, "D": 3.0}), "T": row("T", {"C": 1.0, "D": 1.0})}
    )

    def between(one: str, other: str, *categories: str) -> float:
        return similarity.between(product(one, *categories), product(other, *categories))

    assert between("A", "B") == pytest.approx(0.5)
    assert between("A", "B", "Tea") == pytest.approx(1.0)
    assert between("A", "C") == 0.0
    assert between("S", "A") == pytest.approx(0.5), "an item of the shopper and what its row leads to"
    assert between("A", "D") == pytest.approx(0.5 * 0.75 / (0.75**2 + 1) ** 0.5)
    assert between("A", "X") == 0.0


def test_shoppers_of_two_interests_get_both() -> None:
    rows = {"S": row("S", dict(zip("ABC", (9.0, 9.0, 9.0), strict=True))), "T": row("T", {"X": 9.0})}
    candidates = [candidate("A", 10), candidate("B", 9.9), candidate("C", 9.8), candidate("X", 9.0)]
    assert shows(candidates, 2, diversity=0.0, similarity=Similarity(rows)) == "AB"
    assert shows(candidates, 2, diversity=0.3, similarity=Similarity(rows)) == "AX"


# Caps


def test_a_category_has_no_more_slots_than_its_cap() -> None:
    candidates = of_categories("ATea BTea CTea DDesk ETea FDesk")
    assert shows(candidates, 4, max_per_category=2) == "ABDF"


def test_a_cap_gives_way_before_a_slot_stays_empty() -> None:
    selection = chosen(of_categories("ATea BTea CTea DDesk"), 4, max_per_category=1)
    assert items(selection) == "ADBC"
    assert [placed.over_cap for placed in selection.placed] == [False, False, True, True]
    assert selection.strained


def test_items_without_a_category_are_no_category() -> None:
    assert shows(of_categories("A B C"), 3, max_per_category=1) == "ABC"


def test_pins_count_but_are_not_held_back_by_a_cap() -> None:
    candidates = of_categories("ATea BTea CDesk DTea")
    assert shows(candidates, 3, max_per_category=1, pins=[rule("B", pin=2), rule("D", pin=3)]) == "CBD"


# Pins


def test_a_pin_puts_the_best_of_its_items_into_its_slot() -> None:
    candidates = of_categories("ATea BTea CDesk DDesk")
    assert shows(candidates, 4, pins=[rule(where=Where(category=("Desk",)), pin=1)]) == "CABD"
    assert shows(candidates, 4, pins=[rule("DC", pin=3)]) == "ABCD"


def test_of_two_pins_for_a_slot_the_first_in_the_file_has_it() -> None:
    first, second = rule("C", pin=1), rule("D", pin=1)
    selection = chosen(of_categories("A B C D"), 2, pins=[first, second])
    assert items(selection) == "CA"
    assert selection.missed_pins == [second]


@pytest.mark.parametrize(
    "pin", [rule("Z", pin=1), rule("A", pin=3)], ids=["nothing fits", "beyond the slots"]
)
def test_a_pin_that_cannot_be_is_told(pin: Any) -> None:
    selection = chosen(of_categories("A B C"), 2, pins=[pin])
    assert items(selection) == "AB"
    assert selection.missed_pins == [pin]


def test_with_too_few_items_a_pinned_one_moves_up() -> None:
    assert shows(of_categories("A B"), 4, pins=[rule("A", pin=4)]) == "BA"


# Bury, and what shoppers are tired of


def test_what_is_buried_comes_after_all_else_caps_included() -> None:
    candidates = [candidate("A", 9, "Tea", buried=True), *of_categories("BDesk CDesk")]
    selection = chosen(candidates, 3, max_per_category=1)
    assert items(selection) == "BCA"
    assert selection.strained


def test_what_was_shown_to_no_avail_goes_behind_all_others_most_ignored_last() -> None:
    candidates = [
        candidate("A", 9, ignored=4),
        candidate("B", 8, ignored=3),
        candidate("C", 7),
        candidate("D", 6, why=Why.CATALOG),
    ]
    selection = chosen(candidates, 4)
    assert items(selection) == "CDBA"
    assert selection.strained
    assert not chosen(candidates, 2).strained


def test_a_cap_gives_way_before_a_slot_goes_to_what_was_shown_to_no_avail() -> None:
    candidates = [candidate("A", 9, "Desk", ignored=3), *of_categories("BTea CTea DTea EGarden")]
    selection = chosen(candidates, 4, max_per_category=1)
    assert items(selection) == "BECD"
    assert [placed.over_cap for placed in selection.placed] == [False, False, True, True]
    assert items(chosen(candidates, 5, max_per_category=1)) == "BECDA"
    assert selection.strained, "a fresh one further down the ranking would be better than either"


def test_among_what_was_shown_to_no_avail_caps_hold_while_they_can() -> None:
    candidates = [
        candidate(one[0], 9 - n, one[1:], ignored=3) for n, one in enumerate(["ATea", "BTea", "CDesk"])
    ]
    assert shows(candidates, 2, max_per_category=1) == "AC"
    assert shows([*candidates, candidate("D", 1, "Desk")], 4, max_per_category=1) == "DABC"


# Whatever the candidates are

letters = "ABCDEFGHIJ"


@st.composite
def candidate_lists(draw: st.DrawFn) -> list[Candidate]:
    return [
        candidate(
            item_id,
            draw(st.floats(0, 100)),
            draw(st.sampled_from(["Tea", "Desk", "Garden", None])),
            draw(st.sampled_from(list(Why))),
            place=draw(st.integers(0, 5)),
            boost=draw(st.sampled_from([1.0, 1.0, 1.5, 8.0])),
            buried=draw(st.booleans()),
            ignored=draw(st.sampled_from([0, 0, 3, 4])),
        )
        for item_id in draw(st.lists(st.sampled_from(letters), unique=True))
    ]


row_sets = st.dictionaries(
    st.sampled_from("STA"), st.dictionaries(st.sampled_from(letters), st.floats(0, 9)), max_size=3
).map(lambda tables: {seed: row(seed, table) for seed, table in tables.items()})
options = st.fixed_dictionaries(
    {
        "diversity": st.sampled_from([0.0, 0.1, 0.5, 1.0]),
        "max_per_category": st.sampled_from([None, 1, 2]),
        "pins": st.lists(
            st.builds(rule, st.text(letters, min_size=1, max_size=3), pin=st.integers(1, 6)), max_size=3
        ),
    }
)


@given(candidate_lists(), row_sets, st.integers(1, 6), options, st.randoms(use_true_random=False))
def test_the_order_in_which_candidates_and_rows_come_is_irrelevant(
    candidates: list[Candidate],
    rows: dict[str, Any],
    slots: int,
    options: dict[str, Any],
    shuffle: random.Random,
) -> None:
    mixed = shuffle.sample(candidates, len(candidates))
    mixed_rows = dict(shuffle.sample(list(rows.items()), len(rows)))
    selection = chosen(candidates, slots, similarity=Similarity(rows), **options)
    assert chosen(mixed, slots, similarity=Similarity(mixed_rows), **options) == selection


@given(candidate_lists(), row_sets, st.integers(1, 6), options)
def test_as_many_slots_are_filled_as_can_be_and_no_item_is_there_twice(
    candidates: list[Candidate], rows: dict[str, Any], slots: int, options: dict[str, Any]
) -> None:
    shown = items(chosen(candidates, slots, similarity=Similarity(rows), **options))
    assert len(shown) == len(set(shown)) == min(slots, len(candidates))


@given(candidate_lists(), row_sets, st.integers(1, 6), options)
def test_caps_hold_while_others_can_fill_the_slots(
    candidates: list[Candidate], rows: dict[str, Any], slots: int, options: dict[str, Any]
) -> None:
    cap = options["max_per_category"]
    fresh = [one for one in candidates if not one.buried and not one.ignored]
    room = sum(
        number if category is None or cap is None else min(cap, number)
        for category, number in Counter(one.product.category for one in fresh).items()
    )
    assume(room >= slots)
    options = {**options, "pins": []}
    placed = chosen(candidates, slots, similarity=Similarity(rows), **options).placed
    of_category = Counter(one.candidate.product.category for one in placed)
    del of_category[None]
    assert max(of_category.values(), default=0) <= (cap or slots)
    assert not any(one.over_cap or one.candidate.buried or one.candidate.ignored for one in placed)


@given(candidate_lists(), row_sets, st.integers(1, 6), options)
def test_nothing_is_shown_while_something_fresher_is_left(
    candidates: list[Candidate], rows: dict[str, Any], slots: int, options: dict[str, Any]
) -> None:
    """Whatever caps say: what is buried or was ignored gets no slot that another could have."""
    options = {**options, "pins": []}
    placed = chosen(candidates, slots, similarity=Similarity(rows), **options).placed
    staleness = [(one.candidate.buried, one.candidate.ignored > 0) for one in placed]
    assert staleness == sorted((one.buried, one.ignored > 0) for one in candidates)[:slots]


@given(candidate_lists(), row_sets, st.integers(1, 6), options, st.sampled_from(letters), st.floats(1, 20))
def test_a_boost_never_moves_its_item_back(
    candidates: list[Candidate],
    rows: dict[str, Any],
    slots: int,
    options: dict[str, Any],
    item_id: str,
    factor: float,
) -> None:
    def slot_of(shown: str) -> int:
        return shown.index(item_id) if item_id in shown else slots

    boosted = [
        msgspec.structs.replace(one, boost=one.boost * factor) if one.ranked.item_id == item_id else one
        for one in candidates
    ]
    before = items(chosen(candidates, slots, similarity=Similarity(rows), **options))
    after = items(chosen(boosted, slots, similarity=Similarity(rows), **options))
    assert slot_of(after) <= slot_of(before)


@given(candidate_lists(), st.integers(1, 6), st.sampled_from([0.0, 0.1, 0.5, 0.9, 1.0]))
def test_variety_is_maximal_marginal_relevance_written_out(
    candidates: list[Candidate], slots: int, diversity: float
) -> None:
    """Against the formula over one group, without the shortcut that looks at no more than it must."""
    plain = [
        candidate(
            one.ranked.item_id, one.ranked.score, one.product.category, place=one.place, boost=one.boost
        )
        for one in candidates
    ]
    similarity = Similarity({})
    top = max((one.ranked.score for one in plain), default=0.0) or 1.0
    left = sorted(
        plain,
        key=lambda one: (
            -one.boost * one.ranked.score / top,
            -one.ranked.score,
            one.place,
            one.ranked.item_id,
        ),
    )
    expected: list[Candidate] = []

    def value(one: Candidate) -> float:
        alike = max((similarity.between(one.product, other.product) for other in expected), default=0.0)
        return (1.0 - diversity) * (one.boost * one.ranked.score / top) - diversity * alike

    while left and len(expected) < slots:
        best = max(left, key=value)
        left.remove(best)
        expected.append(best)
    shown = items(chosen(plain, slots, similarity=similarity, diversity=diversity))
    assert shown == "".join(one.ranked.item_id for one in expected)
