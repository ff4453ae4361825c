"""What makes a row worth writing again."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evermail.rankings import HEAD, SHIFT, has_moved

Row = list[tuple[str, float]]


def row(*weights: float) -> Row:
    return [(f"I{place}", weight) for place, weight in enumerate(weights)]


def test_the_same_row_has_not_moved() -> None:
    assert not has_moved(row(3, 2, 1), row(3, 2, 1))


def test_a_new_item_moves_it_and_so_does_one_that_is_gone() -> None:
    assert has_moved(row(3, 2), row(3, 2, 1))
    assert has_moved(row(3, 2, 1), row(3, 2))
    assert has_moved([], row(1))
    assert has_moved(row(1), [])
    assert not has_moved([], [])


def test_another_order_moves_it() -> None:
    assert has_moved([("a", 2.0), ("b", 1.9)], [("b", 2.1), ("a", 2.0)])


def test_what_cannot_reach_a_slot_does_not() -> None:
    before = row(*range(100, 100 - HEAD, -1))
    assert not has_moved([*before, ("x", 2.0), ("y", 1.0)], [*before, ("y", 3.0), ("x", 2.0)])


def test_a_small_shift_does_not_and_a_large_one_does() -> None:
    assert not has_moved([("a", 4.0), ("b", 2.0)], [("a", 4.0), ("b", 2.0 + 4 * SHIFT * 0.9)])
    assert has_moved([("a", 4.0), ("b", 1.0)], [("a", 4.0), ("b", 1.0 + 4 * SHIFT * 1.1)])


@given(
    st.lists(st.floats(0.01, 1e6), max_size=30).map(lambda weights: row(*sorted(weights, reverse=True))),
    st.floats(0.1, 10),
)
def test_what_grows_or_fades_as_a_whole_has_not_moved(before: Row, factor: float) -> None:
    assert not has_moved(before, [(item_id, weight * factor) for item_id, weight in before])
