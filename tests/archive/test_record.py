"""Rows: an event comes back as it was, whatever it says; what is no row says why."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from archive_support import event, events, row, texts
from hypothesis import given
from hypothesis import strategies as st

from evermail import clock
from evermail.archive import bigquery
from evermail.archive.record import (
    Row,
    Unreadable,
    Verdict,
    event_of,
    from_columns,
    from_line,
    row_of,
    to_line,
)
from evermail.events import Code, Event, Item

shoppers = st.just("") | texts
verdicts = st.sampled_from(Verdict)


@given(events, shoppers, verdicts)
def test_an_event_comes_back_from_a_line_equal(event: Event, shopper: str, verdict: Verdict) -> None:
    row = row_of(event, shopper=shopper, verdict=verdict, version="1")
    read = from_line(to_line(row))
    assert read == row
    assert event_of(read) == event
    assert (read.shopper, read.verdict) == (shopper, verdict)


@given(events)
def test_an_event_is_one_line(event: Event) -> None:
    line = to_line(row_of(event, shopper="s", verdict=Verdict.ACCEPTED, version="1"))
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")


@given(events, shoppers, verdicts)
def test_an_event_comes_back_from_columns_equal(event: Event, shopper: str, verdict: Verdict) -> None:
    row = row_of(event, shopper=shopper, verdict=verdict, version="1")
    assert event_of(from_columns(columns(row))) == event


def columns(row: Row) -> dict[str, Any]:
    """A row as the client of BigQuery gives it: null for what is empty, lists for repeated fields."""
    given: dict[str, Any] = {name: getattr(row, name) or None for name in Row.__struct_fields__}
    return given | {
        "event": bytes(row.event).decode(),
        "verdict": str(row.verdict),
        "user_aliases": list(row.user_aliases),
        "client_aliases": list(row.client_aliases),
    }


def test_what_is_asked_for_often_stands_in_columns() -> None:
    made = event("e1", user="k1.u", client="k1.c", at=-60, received=-50)
    line = json.loads(to_line(row_of(made, shopper="k1.u", verdict=Verdict.LATE, version="7")))
    assert line == {
        "row_id": line["row_id"],
        "verdict": "late",
        "event_name": "view_item",
        "event_time": "2026-09-21T14:13:00Z",
        "received_at": "2026-09-21T14:13:10Z",
        "pipeline_version": "7",
        "shopper": "k1.u",
        "event_id": "e1",
        "client_id": "k1.c",
        "user_id": "k1.u",
        "event": line["event"],
    }
    assert line["event"]["items"] == [{"item_id": "A"}]


def test_whose_an_event_was_found_to_be_is_left_to_be_found_again() -> None:
    made = event("e1", client="k1.c", linked_at=5)
    back = event_of(row_of(made, shopper="k1.u", verdict=Verdict.ACCEPTED, version="1"))
    assert back == event("e1", client="k1.c")


class TestRowIds:
    def test_the_same_row_has_the_same_id(self) -> None:
        assert row("e1", user="u").row_id == row("e1", user="u").row_id

    def test_the_version_of_the_pipeline_makes_no_other_row(self) -> None:
        made = event("e1", user="u")
        ids = {
            row_of(made, shopper="u", verdict=Verdict.ACCEPTED, version=version).row_id
            for version in ("1", "2")
        }
        assert len(ids) == 1

    @pytest.mark.parametrize(
        "change",
        [
            {"event_id": "e2"},
            {"shopper": "other"},
            {"verdict": Verdict.LATE},
            {"received": -10.0},
            {"at": -61, "received": -59},
            {"item": "B"},
        ],
    )
    def test_what_says_something_else_has_another(self, change: dict[str, Any]) -> None:
        given: dict[str, Any] = {"event_id": "e1", "user": "u"}
        assert row(**given).row_id != row(**given | change).row_id

    def test_events_without_an_id_are_told_apart_by_what_makes_them_unique(self) -> None:
        made = event("")
        ids = {
            row_of(made, shopper="", verdict=Verdict.ACCEPTED, version="1", unique=unique).row_id
            for unique in ("a", "b")
        }
        assert len(ids) == 2


class TestUnreadable:
    def test_a_field_that_this_version_does_not_know_is_no_reason(self) -> None:
        fields = json.loads(to_line(row("e1", user="u")))
        assert from_line(json.dumps(fields | {"new": 1}).encode()) == from_line(json.dumps(fields).encode())

    @pytest.mark.parametrize(
        ("line", "code"),
        [
            (b"", Code.MALFORMED_JSON),
            (b"{", Code.MALFORMED_JSON),
            (b'{"row_id": "\xff"}', Code.MALFORMED_JSON),
            (b'{"event": ' + b"[" * 100_000, Code.MALFORMED_JSON),
            (b"[]", Code.WRONG_TYPE),
            (b"{}", Code.WRONG_TYPE),
        ],
    )
    def test_a_line_that_is_no_row_says_why(self, line: bytes, code: Code) -> None:
        with pytest.raises(Unreadable) as caught:
            from_line(line)
        assert caught.value.code is code
        assert str(caught.value)

    @pytest.mark.parametrize(
        "change", [{"verdict": "maybe"}, {"event_time": "yesterday"}, {"received_at": "2026-09-21T14:13:10"}]
    )
    def test_a_column_that_is_not_what_it_should_be_says_which(self, change: dict[str, str]) -> None:
        line = json.dumps(json.loads(to_line(row("e1", user="u"))) | change).encode()
        with pytest.raises(Unreadable, match=next(iter(change))):
            from_line(line)

    @pytest.mark.parametrize(
        ("body", "code"),
        [
            (b"[]", Code.NOT_AN_OBJECT),
            (b"{", Code.MALFORMED_JSON),
            (b"{}", Code.WRONG_TYPE),
            (b'{"event_id": 1, "event_name": "search"}', Code.WRONG_TYPE),
            (b'{"event_id": "1", "event_name": "jump"}', Code.WRONG_TYPE),
            (b'{"event_id": "1", "event_name": "search", "items": 1}', Code.WRONG_TYPE),
            (b'{"event_id": "1", "event_name": "search", "items": ["A"]}', Code.WRONG_TYPE),
            (b'{"event_id": "1", "event_name": "search", "consent": 1}', Code.WRONG_TYPE),
        ],
    )
    def test_a_row_whose_event_is_none_says_why(self, body: bytes, code: Code) -> None:
        broken = msgspec.structs.replace(row("e1", user="u"), event=msgspec.Raw(body))
        with pytest.raises(Unreadable, match="event: ") as caught:
            event_of(broken)
        assert caught.value.code is code

    @given(st.binary(max_size=200) | st.recursive(st.none() | texts, st.lists).map(msgspec.json.encode))
    def test_no_line_raises_anything_else(self, line: bytes) -> None:
        with suppress(Unreadable):
            event_of(from_line(line))

    def test_a_record_of_bigquery_without_a_column_says_which(self) -> None:
        given = columns(row("e1", user="u"))
        del given["event"]
        with pytest.raises(Unreadable, match="event"):
            from_columns(given)


def test_what_was_good_enough_to_count_is_readable_although_it_would_be_refused_today() -> None:
    made = Event("", event("e").event_name, clock.now_us() + clock.DAY, items=(Item("a@example.com"),))
    assert event_of(row_of(made, shopper="", verdict=Verdict.ACCEPTED, version="1")) == made


def test_the_schema_of_bigquery_has_the_columns_of_a_row() -> None:
    assert [column["name"] for column in bigquery.schema()] == list(Row.__struct_fields__)
    required = {column["name"] for column in bigquery.schema() if column["mode"] == "REQUIRED"}
    assert required == {field.name for field in msgspec.structs.fields(Row) if field.required}
    assert {column["type"] for column in bigquery.schema()} == {"STRING", "TIMESTAMP", "INTEGER"}
