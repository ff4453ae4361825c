"""What shoppers say of items: the last word holds, in any order of arrival and under any name."""

from __future__ import annotations

import random

import pytest
from hypothesis import given as given_any
from hypothesis import strategies as st

from evermail.clock import DAY, SECOND
from evermail.documents import Feedback, Opinion, Verdict
from evermail.feedback import MAX_OPINIONS, RETENTION_US, given, refused, wanted

NOW = 1_790_000_000_000_000
NO, MORE, NONE = Verdict.NOT_FOR_ME, Verdict.MORE_LIKE_THIS, Verdict.NONE


def give(
    stored: Feedback | None, item_id: str, verdict: Verdict, *, at: int = 0, erased_at: int = 0
) -> Feedback | None:
    return given(stored, "ann", item_id, verdict, erased_at=erased_at, now_us=NOW + at * SECOND)


def told(*said: tuple[str, Verdict]) -> Feedback:
    document = None
    for at, (item_id, verdict) in enumerate(said):
        document = give(document, item_id, verdict, at=at) or document
    assert document is not None
    return document


def test_what_was_refused_and_what_is_wanted() -> None:
    document = told(("A", NO), ("B", MORE), ("C", NONE))
    assert (refused([document]), set(wanted([document]))) == ({"A"}, {"B"})
    assert (refused([]), wanted([])) == (set(), {})


@pytest.mark.parametrize("last", Verdict)
def test_the_last_word_holds(last: Verdict) -> None:
    document = told(("A", NO), ("A", MORE), ("A", NONE), ("A", NO), ("A", last))
    assert refused([document]) == ({"A"} if last is NO else set())
    assert set(wanted([document])) == ({"A"} if last is MORE else set())


def test_said_again_there_is_nothing_to_store() -> None:
    assert give(told(("A", NO), ("B", MORE)), "A", NO, at=9) is None


def test_it_is_kept_for_a_year_after_the_last_word() -> None:
    document = told(("A", NO), ("B", MORE))
    assert document.expire_at == NOW + SECOND + RETENTION_US


def test_a_clock_that_goes_back_does_not_undo_the_last_word() -> None:
    document = give(give(None, "A", NO, at=60), "A", NONE, at=0)
    assert document is not None
    assert refused([document]) == set()


def test_of_two_made_of_the_same_a_store_takes_one() -> None:
    stored = told(("A", NO))
    for before in (None, stored):
        versions = {one.version for at in (1, 2) if (one := give(before, "B", NO, at=at)) is not None}
        assert len(versions) == 1
        assert before is None or versions.pop() > before.version


def test_the_first_one_is_newer_than_any_that_has_expired() -> None:
    old: Feedback | None = None
    for n in range(500):
        old = give(old, "A", NO if n % 2 else MORE) or old
    assert old is not None
    new = given(None, "ann", "A", NO, erased_at=0, now_us=NOW + RETENTION_US + DAY)
    assert new is not None
    assert new.version > old.version


def test_the_newest_are_kept() -> None:
    document = told(*((f"item {n}", NO) for n in range(MAX_OPINIONS + 5)))
    assert refused([document]) == {f"item {n}" for n in range(5, MAX_OPINIONS + 5)}


@pytest.mark.parametrize(
    ("erased_at", "left"), [(NOW - SECOND, {"A", "B"}), (NOW, {"B"}), (NOW + SECOND, set())]
)
def test_an_erasure_takes_what_was_said_until_its_second(erased_at: int, left: set[str]) -> None:
    document = told(("A", NO), ("B", NO))
    assert refused([document], erased_at) == left
    written = give(document, "C", NO, at=9, erased_at=erased_at)
    assert written is not None
    assert set(written.opinions) == {*left, "C"}


def test_what_an_erasure_takes_is_written_away_even_if_nothing_new_is_said() -> None:
    document = told(("A", NO), ("B", NO))
    written = give(document, "B", NO, at=9, erased_at=NOW)
    assert written is not None
    assert set(written.opinions) == {"B"}


words = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(Verdict), st.integers(0, 3)), min_size=1, max_size=12
)


@given_any(words, st.randoms(use_true_random=False))
def test_under_several_names_the_newest_word_holds_in_any_order(
    said: list[tuple[str, Verdict, int]], dice: random.Random
) -> None:
    documents = [
        Feedback(
            id=f"name {n}", version=1, updated_at=NOW, opinions={item: Opinion(verdict, NOW + at * SECOND)}
        )
        for n, (item, verdict, at) in enumerate(said)
    ]
    found = refused(documents), wanted(documents)
    dice.shuffle(documents)
    assert (refused(documents), wanted(documents)) == found
    assert not found[0] & set(found[1])
    for item in "ABC":
        newest = max((at for one, _, at in said if one == item), default=None)
        last = {verdict for one, verdict, at in said if one == item and at == newest}
        if len(last) == 1:
            assert (item in found[0], item in found[1]) == (last == {NO}, last == {MORE})
        elif NO in last:
            assert item in found[0]
