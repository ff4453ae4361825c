"""One open counts once and shows one thing, until something moves it."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from evermail import clock, impressions
from evermail.documents import Impression, Shown
from evermail.impressions import ONE_OPEN_US

NOW = 1_795_489_200 * clock.SECOND
ITEMS = (Shown("a", "because"), Shown("b", "because"))


def shown(previous: Impression | None, now_us: int = NOW, **changes: Any) -> Impression | None:
    given: dict[str, Any] = {
        "campaign": "advent",
        "shopper": "k1.a",
        "variant": "",
        "source": "personal",
        "slots": ITEMS,
        "as_of": NOW - clock.HOUR,
        "prefetch": False,
    }
    return impressions.after(previous, now_us=now_us, **{**given, **changes})


def first(**changes: Any) -> Impression:
    document = shown(None, **changes)
    assert document is not None
    return document


def test_the_first_open_makes_a_document() -> None:
    document = first()
    assert document.key == impressions.key("advent", "k1.a")
    assert (document.opens, document.prefetches, document.opened_at) == (1, 0, NOW)
    assert document.slots == list(ITEMS)
    assert document.expire_at == NOW + impressions.RETENTION_US


def test_the_same_within_a_minute_says_nothing_new() -> None:
    document = first()
    assert shown(document, NOW + ONE_OPEN_US - 1) is None
    later = shown(document, NOW + ONE_OPEN_US)
    assert later is not None
    assert (later.opens, later.opened_at) == (2, NOW + ONE_OPEN_US)


def test_other_items_within_a_minute_are_the_same_open() -> None:
    other = shown(first(), NOW + 1, slots=ITEMS[:1])
    assert other is not None
    assert (other.opens, other.opened_at, other.slots) == (1, NOW, [ITEMS[0]])


def test_a_prefetch_is_no_open() -> None:
    document = first(prefetch=True)
    assert (document.opens, document.prefetches, document.opened_at) == (0, 1, 0)
    assert shown(document, NOW + 1, prefetch=True) is None
    read = shown(document, NOW + 1)
    assert read is not None
    assert (read.opens, read.prefetches) == (1, 1)


def stands(document: Impression | None, now_us: int = NOW + 1, **changes: Any) -> bool:
    given: dict[str, Any] = {"as_of": NOW - clock.HOUR, "variant": ""}
    return impressions.stands(document, now_us=now_us, **{**given, **changes})


def test_what_was_shown_stands_for_a_minute() -> None:
    document = first()
    assert stands(document)
    assert stands(document, NOW + ONE_OPEN_US - 1)
    assert not stands(document, NOW + ONE_OPEN_US)
    assert stands(first(prefetch=True))
    assert not stands(None)


def test_an_event_of_the_shopper_moves_it() -> None:
    assert not stands(first(), as_of=NOW)


def test_another_variant_moves_it() -> None:
    assert not stands(first(), variant="b")


@given(st.lists(st.tuples(st.integers(0, 5 * ONE_OPEN_US), st.booleans(), st.integers(0, 2)), max_size=30))
def test_opens_and_prefetches_count_once_a_minute_and_versions_grow(
    visits: list[tuple[int, bool, int]],
) -> None:
    document: Impression | None = None
    now_us = NOW
    last: dict[bool, int] = {}
    expected = {True: 0, False: 0}
    for pause_us, prefetch, items in visits:
        now_us += pause_us
        if prefetch not in last or now_us - last[prefetch] >= ONE_OPEN_US:
            expected[prefetch] += 1
            last[prefetch] = now_us
        written = shown(document, now_us, prefetch=prefetch, slots=ITEMS[:items])
        if written is not None:
            assert document is None or written.version > document.version
            document = written
    if document is not None:
        assert (document.opens, document.prefetches) == (expected[False], expected[True])


def test_of_two_who_do_not_know_of_each_other_the_second_has_no_newer_version() -> None:
    one, other = first(), first(now_us=NOW + clock.HOUR)
    assert one.version == other.version
    assert one.version <= NOW
    again, too = shown(one, NOW + ONE_OPEN_US), shown(one, NOW + ONE_OPEN_US + 1)
    assert again is not None
    assert too is not None
    assert again.version == too.version > one.version


@given(st.integers(NOW, NOW + 9 * impressions.RETENTION_US), st.integers(0, 100), st.integers(0, clock.DAY))
def test_where_one_has_expired_the_next_is_of_a_higher_version(
    opened_us: int, opens: int, later_us: int
) -> None:
    document = first(now_us=opened_us)
    for _ in range(opens):
        following = shown(document, document.opened_at + ONE_OPEN_US)
        assert following is not None
        document = following
    assert document.expire_at is not None
    assert first(now_us=document.expire_at + later_us).version > document.version
