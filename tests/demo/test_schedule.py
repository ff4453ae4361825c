"""A schedule is what a run is judged by: it must be the same for a seed, and right about what it expects."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo import malformed, schedule, simulator
from demo.catalog import products
from demo.schedule import Planned, Schedule
from evermail import clock
from evermail.events import Code, Event, Rejected, parse

RANGE = products("http://127.0.0.1")
NOW = clock.now_us()


def make(seed: int = 1, count: int = 300, **shares: float) -> Schedule:
    rng = random.Random(seed)
    planned = simulator.events(RANGE, count=count, rate=100, rng=rng)
    return schedule.make(
        planned,
        duplicates=shares.get("duplicates", 0.03),
        malformed_share=shares.get("malformed", 0.1),
        rng=rng,
    )


def encoded(one: Schedule) -> list[tuple[bytes, dict[str, str]]]:
    return [message.encode(NOW) for message in one]


def test_a_seed_decides_everything() -> None:
    assert encoded(make(7)) == encoded(make(7))
    assert encoded(make(7)) != encoded(make(8))


def test_messages_come_in_the_order_of_publishing() -> None:
    offsets = [message.offset_us for message in make()]
    assert offsets == sorted(offsets)


@pytest.mark.parametrize("code", malformed.SPOILERS)
def test_each_way_of_breaking_an_event_is_refused_with_its_code(code: Code) -> None:
    fields = simulator.wire("sim-1", "view_item", "shopper-1", RANGE[0])
    data = malformed.spoil(code, {**fields, "event_time": clock.to_rfc3339(NOW)})
    result = parse(data, now_us=NOW, version="test")
    assert isinstance(result, Rejected)
    assert result.code is code


def test_every_other_message_is_a_valid_event() -> None:
    for message in make():
        if message.expected is None:
            assert isinstance(parse(message.encode(NOW)[0], now_us=NOW + clock.HOUR, version="test"), Event)


def test_a_copy_has_the_bytes_of_its_original() -> None:
    one = make(duplicates=0.2)
    originals = {m.fields["event_id"]: m.encode(NOW) for m in one if not m.copy and m.expected is None}
    copies = [message for message in one if message.copy]
    assert len(copies) == one.copies == 60
    assert all(copy.encode(NOW) == originals[copy.fields["event_id"]] for copy in copies)


@given(count=st.integers(1, 60), duplicates=st.floats(0, 1), broken=st.floats(0, 1))
def test_counts_follow_the_shares_and_a_share_above_zero_gives_at_least_one(
    count: int, duplicates: float, broken: float
) -> None:
    events = [Planned(i * 1000, i * 1000, {"event_id": f"e{i}", "client_id": "c"}) for i in range(count)]
    one = schedule.make(events, duplicates=duplicates, malformed_share=broken, rng=random.Random(0))
    assert one.originals == count
    assert one.copies == (max(1, round(duplicates * count)) if duplicates else 0)
    assert sum(one.rejected.values()) == (max(1, round(broken * count)) if broken else 0)
    assert len(one) == one.originals + one.copies + sum(one.rejected.values())


def test_watched_events_are_originals_and_bounded() -> None:
    watched = [message for message in make(count=3000) if message.watched]
    assert 1 <= len(watched) <= schedule.WATCHED * 2
    assert not any(message.copy or message.expected for message in watched)


def test_simulated_visits_have_every_kind_of_event_and_companions() -> None:
    events = simulator.events(RANGE, count=2000, rate=100, rng=random.Random(3))
    kinds = Counter(event.fields["event_name"] for event in events)
    assert set(kinds) == {"view_item", "add_to_cart", "remove_from_cart", "purchase"}
    assert kinds["view_item"] > kinds["add_to_cart"] > kinds["purchase"] > 0
    assert len({event.fields["event_id"] for event in events}) == 2000
    assert max(event.offset_us for event in events) <= 20 * clock.SECOND
