"""From a body to events: shapes, the server's time, and what is published."""

from __future__ import annotations

import json

import pytest

from evermail import events
from evermail.events import Code, Refusal
from functions.incoming import MAX_BATCH_EVENTS, Accepted, Refused, TooManyEvents, check, read
from tests.functions.fakes import EVENT, NOW_US


def dumps(value: object) -> bytes:
    return json.dumps(value).encode()


def without(*names: str) -> dict[str, object]:
    return {name: value for name, value in EVENT.items() if name not in names}


def test_reads_one_event_and_keeps_its_bytes() -> None:
    body = b' { "color":"r\\u006fd", ' + dumps(EVENT).strip()[1:]
    received = read(body, NOW_US)
    assert not received.batched
    [event] = received.events
    assert isinstance(event, Accepted)
    assert event.data == body
    assert event.event.extra == {"color": "rod"}


@pytest.mark.parametrize("wrap", [lambda batch: batch, lambda batch: {"sent_at": 1, "events": batch}])
def test_reads_a_batch_event_by_event(wrap: object) -> None:
    batch = [EVENT, without("event_id"), 7, EVENT | {"event_id": "e2"}]
    received = read(dumps(wrap(batch)), NOW_US)  # type: ignore[operator]
    assert received.batched
    assert [
        event.code if isinstance(event, Refused) else event.event.event_id for event in received.events
    ] == [
        "e1",
        Code.MISSING_FIELD,
        Code.NOT_AN_OBJECT,
        "e2",
    ]


def test_an_event_may_have_a_field_named_events() -> None:
    received = read(dumps(EVENT | {"events": [1, 2]}), NOW_US)
    assert not received.batched
    assert isinstance(received.events[0], Accepted)


@pytest.mark.parametrize("space", ["", " \n"])
def test_an_event_without_a_time_happens_now(space: str) -> None:
    body = (space + "{" + space + json.dumps(without("event_time"))[1:]).encode()
    event = check(body, NOW_US)
    assert isinstance(event, Accepted)
    assert event.event.event_time == NOW_US
    assert events.parse_or_refuse(event.data, NOW_US) == event.event


@pytest.mark.parametrize("time", [None, "", "yesterday", 1764000000])
def test_a_wrong_time_is_not_replaced(time: object) -> None:
    event = check(dumps(EVENT | {"event_time": time}), NOW_US)
    assert isinstance(event, Refused)
    assert event.code in (Code.WRONG_TYPE, Code.INVALID_EVENT_TIME)


def test_an_empty_object_is_told_what_it_lacks() -> None:
    event = check(b"{ }", NOW_US)
    assert isinstance(event, Refused)
    assert event.code is Code.MISSING_FIELD


def test_the_id_is_not_made_up() -> None:
    event = check(dumps(without("event_id")), NOW_US)
    assert isinstance(event, Refused)
    assert event.code is Code.MISSING_FIELD
    assert "event_id" in event.message


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"[]", Code.EMPTY_PAYLOAD),
        (b'{"events": []}', Code.EMPTY_PAYLOAD),
        (b'{"events": {}}', Code.WRONG_TYPE),
        (b'{"events": null}', Code.WRONG_TYPE),
        (b"[{]", Code.MALFORMED_JSON),
        (b"[" * 100_000, Code.MALFORMED_JSON),
        (b"[" * 5_000 + b"]" * 5_000, Code.MALFORMED_JSON),
    ],
)
def test_refuses_a_batch_that_is_none(body: bytes, code: Code) -> None:
    with pytest.raises(Refusal) as caught:
        read(body, NOW_US)
    assert caught.value.code is code
    assert caught.value.message


def test_a_batch_has_a_limit() -> None:
    assert len(read(dumps([EVENT] * MAX_BATCH_EVENTS), NOW_US).events) == MAX_BATCH_EVENTS
    with pytest.raises(TooManyEvents):
        read(dumps([EVENT] * (MAX_BATCH_EVENTS + 1)), NOW_US)
