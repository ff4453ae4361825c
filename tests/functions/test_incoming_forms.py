"""Whatever the body is, in whichever form: an answer of ours, a result for each event, and ids that stay."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evermail.events import Refusal, parse_or_refuse
from functions.collect import create_collect
from functions.entry import endpoint
from functions.incoming import Accepted, Incoming, check, read
from functions.incoming_ga4 import NAMES as GA4_NAMES
from functions.incoming_segment import NAMES as SEGMENT_NAMES
from tests.functions import fakes
from tests.functions.fakes import EVENT, NOW_US, FakePublisher, post

DOCUMENT = Path(__file__).parents[2] / "docs" / "collect.md"

_ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["SKU1", "GRANTED", "track", "2026-11-24T02:00:00Z", "1790000000000000"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["item_id", "consent", "categoryPreferences", "x"]), inner, max_size=3
        )
    ),
    max_leaves=8,
)


def _objects(**members: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional={name: value | _ANYTHING for name, value in members.items()})


_ITEMS = st.lists(_objects(item_id=st.just("SKU1"), price=_ANYTHING, quantity=st.integers()), max_size=3)
_GA4_EVENTS = _objects(
    name=st.sampled_from(list(GA4_NAMES)),
    params=_objects(items=_ITEMS, value=_ANYTHING, transaction_id=_ANYTHING, source=_ANYTHING),
    timestamp_micros=st.just(NOW_US),
)
_GA4 = _objects(
    client_id=st.just("1.2"),
    user_id=_ANYTHING,
    timestamp_micros=_ANYTHING,
    consent=_objects(ad_personalization=_ANYTHING),
    events=st.lists(_GA4_EVENTS, max_size=4),
)
_CALLS = _objects(
    type=st.sampled_from(["track", "identify", "page"]),
    event=st.sampled_from(list(SEGMENT_NAMES)),
    messageId=st.just("m1"),
    anonymousId=st.just("a1"),
    userId=_ANYTHING,
    timestamp=_ANYTHING,
    properties=_objects(products=st.lists(_ANYTHING, max_size=3), product_id=_ANYTHING, query=_ANYTHING),
    context=_objects(consent=_objects(categoryPreferences=_ANYTHING)),
)
_SEGMENT = _CALLS | _objects(batch=st.lists(_CALLS, max_size=4), context=_ANYTHING, sentAt=_ANYTHING)
_BODIES = _ANYTHING | _GA4 | _SEGMENT | st.lists(_GA4 | _CALLS, max_size=3)


@pytest.mark.parametrize("example", re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL))
def test_what_the_document_shows_is_taken(example: str) -> None:
    events = read(example.encode(), NOW_US).events
    assert events
    assert all(isinstance(event, Accepted) for event in events), events


def ids(received: Incoming) -> list[str | None]:
    return [event.event.event_id if isinstance(event, Accepted) else None for event in received.events]


@given(_BODIES)
def test_anything_is_answered_and_what_is_published_is_valid(body: object) -> None:
    publisher = FakePublisher()
    collect = endpoint("collect", lambda: create_collect(fakes.COLLECT, publisher, clock=fakes.now))
    response = collect(post(json.dumps(body).encode()))
    assert 200 <= response.status_code < 500
    for message in publisher.published:
        assert parse_or_refuse(message.data, NOW_US).event_id == message.event_id


@given(_GA4.filter(lambda body: "events" in body) | st.fixed_dictionaries({"batch": st.lists(_CALLS)}))
def test_there_is_a_result_for_each_event(body: dict[str, Any]) -> None:
    sent = body.get("events", body.get("batch"))
    if isinstance(sent, list) and sent:
        assert len(read(json.dumps(body).encode(), NOW_US).events) == len(sent)


@given(_GA4 | _SEGMENT, st.integers(0, 59))
def test_a_retry_has_the_same_ids(body: dict[str, Any], minutes: int) -> None:
    sent = json.dumps(body).encode()
    try:
        first = ids(read(sent, NOW_US))
    except Refusal:  # of the whole body, for ever
        return
    assert ids(read(sent, NOW_US + minutes * 60_000_000)) == first


@given(st.dictionaries(st.sampled_from(["userId", "anonymousId", "batch", "name", "type", "x"]), _ANYTHING))
def test_no_event_of_ours_is_taken_for_anything_else(unknown: dict[str, Any]) -> None:
    body = json.dumps({**unknown, **EVENT}).encode()
    assert read(body, NOW_US).events == [check(body, NOW_US)]
    batch = json.dumps({**unknown, "events": [{**unknown, **EVENT}]}).encode()
    assert read(batch, NOW_US).events == [check(body, NOW_US)]
