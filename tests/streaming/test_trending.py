"""Trending: windows of event time count touches, and every accepted one is in the sum exactly once."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from streaming_support import (
    NOW,
    Collected,
    StoppedClock,
    Stream,
    accepted,
    config,
    event,
    pipeline,
    run,
    totals,
)

from evermail.clock import DAY, MINUTE, SECOND
from evermail.decay import UNIT
from evermail.documents import Trending
from evermail.events import Accepted, EventName, Item
from evermail.interest import TOUCHES
from pipeline.await_products import CategoryCounts
from pipeline.enrich import Enrich, Enriched
from pipeline.shoppers import Shoppers
from pipeline.trending import CountTrending

Lists = Callable[..., list[Trending]]

FOREVER = 10**6 * DAY


@pytest.fixture
def lists(collected: Collected) -> Lists:
    """Runs a stream of accepted events, and of what the catalog tells late, through the transform."""

    def run_(stream: Stream, **changes: Any) -> list[Trending]:
        settings = config(**{"trending_half_life_us": FOREVER, **changes})
        p = pipeline()
        categories, events = p | stream.source() | beam.Partition(_is_event, 2)
        events.element_type, categories.element_type = Accepted, CategoryCounts
        Enriched(events, categories) | CountTrending(settings) | collected.into("lists")
        run(p)
        return collected["lists"]

    return run_


def _is_event(element: Any, _: int) -> int:
    return 1 if isinstance(element, Accepted) else 0


def newest(documents: list[Trending]) -> dict[str, dict[str, float]]:
    """Counts by item of each scope's last document."""
    return {document.id: totals(document.items) for document in documents}


def test_touches_count_by_their_weight(lists: Lists) -> None:
    stream = (
        Stream()
        .arrives(accepted("A"), accepted("A"), accepted("B", name="purchase"), accepted("B"))
        .watermark(60)
    )
    (document,) = lists(stream.passes())
    assert isinstance(document, Trending)
    assert totals(document.items) == {"B": 6.0, "A": 2.0}
    assert [item.item_id for item in document.items] == ["B", "A"]


def test_only_touches_count(lists: Lists) -> None:
    stream = Stream().arrives(*(accepted(f"item-of-{name}", name=name) for name in EventName)).watermark(60)
    assert newest(lists(stream.passes())) == {
        "global": {f"item-of-{name}": weight for name, weight in TOUCHES.items()}
    }


def test_every_item_of_an_event_counts_globally_and_in_its_category(lists: Lists) -> None:
    items = [Item("A", item_category="chairs"), Item("B", item_category="tables"), Item("C")]
    stream = Stream().arrives(accepted(items), accepted("A", category="chairs")).watermark(60).passes()
    assert newest(lists(stream)) == {
        "global": {"A": 2.0, "B": 1.0, "C": 1.0},
        "category:chairs": {"A": 2.0},
        "category:tables": {"B": 1.0},
    }


class TestWindows:
    @pytest.mark.parametrize(
        ("watermark", "told"), [(59.999, [{"B": 2.0, "A": 1.0}]), (60, [{"A": 1.0}, {"B": 2.0, "A": 1.0}])]
    )
    def test_a_window_counts_when_the_watermark_passes_its_end(
        self, lists: Lists, watermark: float, told: list[dict[str, float]]
    ) -> None:
        stream = Stream().arrives(accepted("A")).watermark(watermark).passes()
        stream.arrives(accepted("B", at=1), accepted("B", at=2)).watermark(61).passes()
        assert [totals(document.items) for document in lists(stream)] == told

    def test_a_list_is_as_of_the_end_of_its_newest_window(self, lists: Lists) -> None:
        stream = Stream().arrives(accepted("A", at=-60), accepted("A", at=59)).watermark(60).passes()
        (document,) = lists(stream)
        assert document.as_of == NOW + MINUTE

    def test_windows_go_by_event_time_and_add_up(self, lists: Lists) -> None:
        stream = Stream().watermark(-60)
        stream.arrives(accepted("C", at=61), accepted("B", at=1), accepted("A", at=-59))
        stream.watermark(0).passes().watermark(60).passes().watermark(120).passes()
        assert [(doc.as_of - NOW, totals(doc.items)) for doc in lists(stream)] == [
            (0, {"A": 1.0}),
            (MINUTE, {"A": 1.0, "B": 1.0}),
            (2 * MINUTE, {"A": 1.0, "B": 1.0, "C": 1.0}),
        ]

    def test_what_comes_late_adds_only_itself(self, lists: Lists) -> None:
        stream = Stream().arrives(accepted("A"), accepted("A"), accepted("B")).watermark(60).passes()
        stream.arrives(accepted("B", at=30)).arrives(accepted("B", at=40)).passes()
        stream.watermark(1800).arrives(accepted("B", at=31), accepted("C", at=59)).passes()
        on_time, late, later = lists(stream)
        assert totals(on_time.items) == {"A": 2.0, "B": 1.0}
        assert totals(late.items) == {"A": 2.0, "B": 3.0}
        assert totals(later.items) == {"A": 2.0, "B": 4.0, "C": 1.0}
        assert on_time.version < late.version < later.version

    def test_a_late_event_may_be_the_first_of_its_window(self, lists: Lists) -> None:
        stream = Stream().watermark(600).arrives(accepted("A", at=5)).passes()
        (document,) = lists(stream)
        assert (document.as_of, totals(document.items)) == (NOW + MINUTE, {"A": 1.0})

    def test_whatever_the_shoppers_may_accept_still_counts(self, lists: Lists) -> None:
        hour = 3600  # the allowed lateness of these tests; the way here may have taken as long again
        stream = Stream().watermark(2 * hour - 1).arrives(accepted("A")).passes()
        assert newest(lists(stream)) == {"global": {"A": 1.0}}

    def test_what_was_accepted_long_after_its_time_counts_all_the_same(self, lists: Lists) -> None:
        """A backlog is worked through, or a dead letter replayed: in time, by when Pub/Sub took it."""
        later = 2 * DAY
        stream = Stream().watermark(later / SECOND).arrives(accepted("A", category="chairs"), accepted("A"))
        documents = lists(stream.passes(), wall_clock=StoppedClock(NOW + later))
        assert newest(documents) == {"global": {"A": 2.0}, "category:chairs": {"A": 1.0}}
        assert {document.as_of for document in documents} == {NOW + MINUTE}

    def test_windows_whose_length_no_float_holds_exactly_stay_aligned(self, lists: Lists) -> None:
        window_us = 1001 * 1000  # 1.001 s, which is a little less as a float
        start_us = (NOW // window_us + 1) * window_us
        first = (start_us - NOW) / SECOND
        stream = Stream().watermark(first - 10)
        stream.arrives(accepted("A", at=first), accepted("B", at=first + 1)).watermark(first + 1.001).passes()
        (document,) = lists(stream, trending_window_us=window_us)
        assert (document.as_of, totals(document.items)) == (start_us + window_us, {"A": 1.0, "B": 1.0})


def test_one_document_an_interval_serves_all_windows(lists: Lists) -> None:
    stream = Stream().watermark(-600)
    for minute in range(5):
        stream.arrives(accepted("A", at=-60 * minute))
    (document,) = lists(stream.watermark(60).passes())
    assert totals(document.items) == {"A": 5.0}


def test_the_order_of_arrival_does_not_matter(lists: Lists) -> None:
    told = [("A", -61, "view_item"), ("B", -1, "purchase"), ("A C", 1, "add_to_cart")]
    stream = Stream().watermark(-120)
    for step in zip(*permutations(told), strict=True):
        stream.arrives(
            *(
                accepted(items, at=at, name=name, category=f"order {number}")
                for number, (items, at, name) in enumerate(step)
            )
        )
    documents = lists(stream.watermark(60).passes(), trending_half_life_us=MINUTE)
    by_order = [(doc.as_of, tuple(doc.items)) for doc in documents if doc.id != "global"]
    assert len(by_order) == 6
    assert len(set(by_order)) == 1


def test_a_window_weighs_half_after_a_half_life(lists: Lists) -> None:
    stream = (
        Stream().watermark(-600).arrives(accepted("A", at=-121), accepted("B", at=59)).watermark(60).passes()
    )
    (document,) = lists(stream, trending_half_life_us=MINUTE)
    assert totals(document.items) == pytest.approx({"A": 1 / 8, "B": 1.0})


def test_the_top_is_kept(lists: Lists) -> None:
    stream = Stream().arrives(*(accepted(f"I{n}") for n in range(6) for _ in range(n))).watermark(60).passes()
    (document,) = lists(stream, trending_kept=2)
    assert totals(document.items) == {"I5": 5.0, "I4": 4.0}


def test_every_accepted_touch_is_counted_once_in_its_whole_way(collected: Collected, tmp_path: Path) -> None:
    """Copies, refused events, bundles of all sizes, windows on time and late: amounts are conserved."""
    events = [event(f"I{n % 3}", at=-10 * n, shopper=f"s{n % 4}", category=f"c{n % 2}") for n in range(60)]
    collision = event("X", event_id=events[0].event_id, shopper=events[0].user_id)
    too_late = event("Y", at=-7200)
    stream = Stream().watermark(-660).arrives(*events[40:], too_late).arrives(*events[:20], *events[:10])
    stream.watermark(0).passes().arrives(*events[20:40], collision).watermark(60).passes().arrives(*events)
    p = pipeline()
    settings = config(f"sqlite:///{tmp_path}/store.sqlite3", trending_half_life_us=FOREVER)
    shopped = p | stream.passes().source() | Shoppers(settings)
    shopped.accepted | Enrich(settings) | CountTrending(settings) | collected.into("lists")
    run(p)
    assert newest(collected["lists"]) == {
        "global": {"I0": 20.0, "I1": 20.0, "I2": 20.0},
        "category:c0": {"I0": 10.0, "I1": 10.0, "I2": 10.0},
        "category:c1": {"I0": 10.0, "I1": 10.0, "I2": 10.0},
    }


class TestToldLate:
    """What the catalog tells when the windows have gone on: (scope, (end of window, amounts by item))."""

    def late(self, minute: int, **amounts: int) -> tuple[str, tuple[int, dict[str, int]]]:
        counts = {item_id: amount * UNIT for item_id, amount in amounts.items()}
        return "category:chairs", (NOW + minute * MINUTE, counts)

    def test_it_adds_to_what_was_counted(self, lists: Lists) -> None:
        stream = Stream().arrives(accepted("A", category="chairs")).arrives(self.late(1, A=2, B=5))
        assert newest(lists(stream.watermark(60).passes())) == {
            "global": {"A": 1.0},
            "category:chairs": {"B": 5.0, "A": 3.0},
        }

    def test_it_makes_the_list_that_an_event_in_time_would_have_made(self, lists: Lists) -> None:
        half_life = {"trending_half_life_us": MINUTE}
        counted, told = Stream().watermark(-300), Stream().watermark(-300)
        for at in (-200, -70, 10):
            counted.arrives(accepted("A", at=at, category="chairs"))
            told.arrives(accepted("A", at=at))
        counted.watermark(60).passes()
        told.watermark(60).arrives(self.late(-3, A=1)).arrives(self.late(1, A=1), self.late(-1, A=1)).passes()
        in_time, late = lists(counted, **half_life), lists(told, **half_life)
        assert newest(late) == newest(in_time)
        assert {doc.as_of for doc in late} == {doc.as_of for doc in in_time}

    def test_it_is_never_too_late(self, lists: Lists) -> None:
        stream = Stream().watermark(10**6).arrives(self.late(1, A=1)).passes()
        assert newest(lists(stream)) == {"category:chairs": {"A": 1.0}}
