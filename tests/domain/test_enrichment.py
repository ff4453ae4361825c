"""What the catalog adds to events, and how what waits for it is kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.clock import MINUTE, SECOND
from evermail.enrichment import (
    FIRST_PAUSE_US,
    LONGEST_PAUSE_US,
    MAX_WINDOWS,
    ProductFacts,
    Waiting,
    join,
    lacking,
)
from evermail.events import Event, EventName, Item

CHAIR = ProductFacts("chairs", 99.0, "EUR")
FACTS = {"CHAIR": CHAIR, "PLAIN": ProductFacts(None, 5.0, "EUR"), "UNKNOWN": None}


def event(*items: Item, name: str = "view_item", **fields: Any) -> Event:
    return Event("e", EventName(name), 0, "c", items=items, **fields)


class TestWhatIsLacking:
    def test_items_without_a_category(self) -> None:
        assert lacking(event(Item("A"), Item("B", item_category="x"), Item("C", item_category=""))) == [
            "A",
            "C",
        ]

    def test_nothing_where_the_event_says_all(self) -> None:
        assert lacking(event(Item("A", item_category="x"))) == []
        assert lacking(event(name="search")) == []

    @pytest.mark.parametrize("name", EventName)
    def test_a_price_only_where_money_is_meant(self, name: EventName) -> None:
        asked = lacking(event(Item("A", item_category="x"), Item("B", 1, 2.0, "x"), name=name))
        assert asked == (["A"] if name in ("add_to_cart", "purchase") else [])


class TestJoin:
    def test_category_and_price_of_the_catalog(self) -> None:
        joined = join(event(Item("CHAIR", 2)), FACTS)
        assert joined.items == (Item("CHAIR", 2, 99.0, "chairs"),)
        assert joined.currency == "EUR"

    def test_what_the_event_says_is_never_overruled(self) -> None:
        said = event(Item("CHAIR", 1, 1.0, "seats", {"size": "L"}), value=1.0, currency="USD")
        assert join(said, FACTS) == said

    def test_what_the_catalog_does_not_say_stays_open(self) -> None:
        assert join(event(Item("UNKNOWN"), Item("ELSE")), FACTS) == event(Item("UNKNOWN"), Item("ELSE"))
        assert join(event(Item("PLAIN"), currency="EUR"), FACTS).items == (Item("PLAIN", 1, 5.0),)

    def test_everything_else_is_kept(self) -> None:
        said = event(Item("CHAIR", extra={"list": 3}), value=9.0, currency="EUR", extra={"page": 1})
        joined = join(said, FACTS)
        assert (joined.value, joined.extra, joined.items[0].extra) == (9.0, {"page": 1}, {"list": 3})

    @pytest.mark.parametrize(
        "said",
        [
            event(Item("CHAIR"), currency="USD"),
            event(Item("CHAIR"), value=80.0),
            event(Item("CHAIR"), Item("OTHER", 1, 5.0)),
        ],
        ids=["another currency", "an amount without one", "another price without one"],
    )
    def test_prices_of_unlike_currencies_are_not_mixed(self, said: Event) -> None:
        joined = join(said, FACTS)
        assert joined.items[0] == Item("CHAIR", item_category="chairs")
        assert joined.currency == said.currency

    def test_the_catalogs_own_currencies_are_not_mixed(self) -> None:
        facts = {"CHAIR": CHAIR, "LAMP": ProductFacts("lamps", 7.0, "USD")}
        joined = join(event(Item("CHAIR"), Item("LAMP")), facts)
        assert [item.price for item in joined.items] == [99.0, None]
        assert joined.currency == "EUR"


WAIT = 15 * MINUTE


def pauses(waiting: Waiting, count: int) -> Iterable[int]:
    for _ in range(count):
        yield waiting.next_pause()
        waiting.end_pause()


class TestWaiting:
    def test_lines_of_a_window_add_up(self) -> None:
        waiting = Waiting()
        for amount in (3, 4):
            assert waiting.add(60, amount, 1, wait_us=WAIT) == 0
        waiting.add(0, 1, 2, wait_us=WAIT)
        assert list(waiting.amounts()) == [(0, 1), (60, 7)]
        assert waiting.lines == 4

    def test_pauses_grow_and_end_with_the_wait(self) -> None:
        waiting = Waiting()
        waiting.add(60, 1, 1, wait_us=WAIT)
        found = list(pauses(waiting, 8))
        assert found[:3] == [FIRST_PAUSE_US, 2 * FIRST_PAUSE_US, 4 * FIRST_PAUSE_US]
        assert max(found) == LONGEST_PAUSE_US
        assert sum(found) == WAIT

    def test_a_line_is_given_up_when_its_wait_is_over(self) -> None:
        waiting = Waiting()
        waiting.add(60, 1, 2, wait_us=20 * SECOND)
        given_up = []
        for _ in pauses(waiting, 3):
            given_up.append(waiting.give_up())
        assert given_up == [0, 0, 0]  # after 0, 5 and 15 seconds
        assert waiting.give_up() == 2
        assert waiting.windows == {}

    @pytest.mark.parametrize("ended", range(8))
    def test_a_line_that_comes_later_waits_as_long(self, ended: int) -> None:
        waiting = Waiting()
        waiting.add(60, 1, 1, wait_us=WAIT)
        list(pauses(waiting, ended))
        pause_us = waiting.next_pause()
        begun_at = waiting.waited_us
        waiting.add(120, 1, 1, wait_us=WAIT)
        waiting.end_pause()
        waiting.give_up()
        while 120 in waiting.windows:
            list(pauses(waiting, 1))
            waiting.give_up()
        assert WAIT <= waiting.waited_us - (begun_at + pause_us) <= WAIT + pause_us

    def test_windows_are_bounded_and_the_oldest_go_first(self) -> None:
        waiting = Waiting()
        given_up = [waiting.add(end, 1, 3, wait_us=WAIT) for end in range(MAX_WINDOWS + 2)]
        assert given_up == [0] * MAX_WINDOWS + [3, 3]
        assert len(waiting.windows) == MAX_WINDOWS
        assert min(waiting.windows) == 2

    @given(
        st.lists(
            st.tuples(st.integers(0, 400), st.integers(1, 5), st.integers(0, 2)), min_size=1, max_size=600
        )
    )
    def test_no_line_is_lost(self, told: list[tuple[int, int, int]]) -> None:
        """Every line is given up in the end, when nothing is ever found."""
        waiting, given_up = Waiting(), 0
        for window_end, lines, ended in told:
            given_up += waiting.add(window_end, 7 * lines, lines, wait_us=MINUTE)
            for _ in range(ended):
                if waiting.windows:
                    list(pauses(waiting, 1))
                    given_up += waiting.give_up()
            waiting = Waiting.from_bytes(waiting.to_bytes())
        while waiting.windows:
            list(pauses(waiting, 1))
            given_up += waiting.give_up()
        assert given_up == sum(lines for _, lines, _ in told)
