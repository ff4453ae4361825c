"""From bytes to an event or to a reason: what is taken, what is refused, and in which words."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evermail import clock, events
from evermail.events import Code, Consent, Event, EventName, Item, Refusal, Rejected, plain
from evermail.events.checks import TELLING_CHARS

NOW = 1_795_489_200 * clock.SECOND  # 2026-11-24T03:00:00Z
USER, CLIENT = "ann@example.com", "GA1.1.1712345678"

VIEW: dict[str, Any] = {
    "event_id": "e1",
    "event_name": "view_item",
    "event_time": "2026-11-24T02:59:59.123Z",
    "client_id": CLIENT,
    "user_id": USER,
    "items": [{"item_id": "SKU1"}],
}


def encode(fields: dict[str, Any], **changes: Any) -> bytes:
    return json.dumps({**fields, **changes}).encode()


def named(name: EventName, **changes: Any) -> bytes:
    """An event of this name that has what it needs."""
    needed = {"consent": {"personalization": True}} if name is EventName.UPDATE_CONSENT else {}
    return encode(VIEW, event_name=name, **needed, **changes)


def without(*names: str) -> bytes:
    return encode({name: value for name, value in VIEW.items() if name not in names})


def read(data: bytes) -> Event | Rejected:
    return events.parse(data, now_us=NOW, version="test")


def accepted(data: bytes) -> Event:
    result = read(data)
    assert isinstance(result, Event), result
    return result


def rejected(data: bytes) -> Rejected:
    result = read(data)
    assert isinstance(result, Rejected), result
    return result


def test_reads_every_field() -> None:
    data = encode(
        VIEW,
        event_name="purchase",
        items=[{"item_id": "SKU1", "quantity": 2, "price": 19.9, "item_category": "Kettles"}],
        value=39.8,
        currency="EUR",
        search_term="red kettle",
        campaign_id="black-friday",
        consent={"personalization": False},
        source="web",
    )
    assert accepted(data) == Event(
        event_id="e1",
        event_name=EventName.PURCHASE,
        event_time=NOW - 877_000,
        client_id=CLIENT,
        user_id=USER,
        items=(Item("SKU1", 2, 19.9, "Kettles"),),
        value=39.8,
        currency="EUR",
        search_term="red kettle",
        campaign_id="black-friday",
        consent=Consent(personalization=False),
        source="web",
    )


@pytest.mark.parametrize("name", EventName)
def test_takes_every_name(name: EventName) -> None:
    assert accepted(named(name)).event_name is name


@pytest.mark.parametrize("name", sorted(set(EventName) - events.NEEDS_ITEMS))
@pytest.mark.parametrize("items", [None, []])
def test_events_that_are_not_about_items_need_none(name: EventName, items: list[Any] | None) -> None:
    assert accepted(named(name, items=items)).items == ()


# Reasons to refuse

REFUSED: dict[str, tuple[bytes, Code, str]] = {
    "nothing": (b"", Code.EMPTY_PAYLOAD, "no data"),
    "too much": (encode(VIEW, note="x" * events.MAX_PAYLOAD_BYTES), Code.OVERSIZE_PAYLOAD, "at most 65536"),
    "latin-1": (encode(VIEW)[:-1] + b',"a":"\xfc"}', Code.INVALID_UTF8, "not valid UTF-8"),
    "UTF-16": (encode(VIEW).decode().encode("utf-16"), Code.INVALID_UTF8, "byte 0 "),
    "cut off": (encode(VIEW)[:-9], Code.MALFORMED_JSON, "truncated"),
    "a byte order mark": (b"\xef\xbb\xbf" + encode(VIEW), Code.MALFORMED_JSON, "byte 0"),
    "NULs": (b"\0" * 10, Code.MALFORMED_JSON, "byte 0"),
    "NaN": (encode(VIEW, value=float("nan")), Code.MALFORMED_JSON, "invalid character"),
    "two objects": (encode(VIEW) * 2, Code.MALFORMED_JSON, "trailing"),
    "half a surrogate": (encode(VIEW, source="\ud800"), Code.MALFORMED_JSON, ""),
    "a number without end": (encode(VIEW)[:-1] + b',"a":1e999}', Code.MALFORMED_JSON, "out of range"),
    "an abyss": (b"[" * 60_000, Code.MALFORMED_JSON, "nested too deeply"),
    "a list": (b"[" + encode(VIEW) + b"]", Code.NOT_AN_OBJECT, "got list"),
    "null": (b"null", Code.NOT_AN_OBJECT, "got NoneType"),
    "no id": (without("event_id"), Code.MISSING_FIELD, "`event_id`"),
    "no name": (without("event_name"), Code.MISSING_FIELD, "`event_name`"),
    "no time": (without("event_time"), Code.MISSING_FIELD, "`event_time`"),
    "an item without id": (encode(VIEW, items=[{"quantity": 1}]), Code.MISSING_FIELD, "`$.items[0]`"),
    "a number for an id": (encode(VIEW, event_id=42), Code.WRONG_TYPE, "`$.event_id`"),
    "a number for a time": (encode(VIEW, event_time=1795489200), Code.WRONG_TYPE, "`$.event_time`"),
    "an object of items": (encode(VIEW, items={"0": {}}), Code.WRONG_TYPE, "`$.items`"),
    "ids for items": (encode(VIEW, items=["SKU1"]), Code.WRONG_TYPE, "`$.items[0]`"),
    "half a piece": (encode(VIEW, items=[{"item_id": "a", "quantity": 0.5}]), Code.WRONG_TYPE, "quantity"),
    "text for money": (encode(VIEW, value="19.90"), Code.WRONG_TYPE, "`$.value`"),
    "a yes": (encode(VIEW, consent={"personalization": "yes"}), Code.WRONG_TYPE, "personalization"),
    "no pieces": (encode(VIEW, items=[{"item_id": "a", "quantity": 0}]), Code.OUT_OF_RANGE, ">= 1"),
    "a billion pieces": (
        encode(VIEW, items=[{"item_id": "a", "quantity": 10**9}]),
        Code.OUT_OF_RANGE,
        "<= 1000000",
    ),
    "a price below 0": (encode(VIEW, items=[{"item_id": "a", "price": -1}]), Code.OUT_OF_RANGE, ">= 0"),
    "a fortune": (encode(VIEW, value=1e13), Code.OUT_OF_RANGE, "value"),
    "201 items": (encode(VIEW, items=[{"item_id": "a"}] * 201), Code.OUT_OF_RANGE, "at most 200"),
    "an essay": (encode(VIEW, search_term="x" * 513), Code.OUT_OF_RANGE, "512"),
    "an integer of 65 bits": (encode(VIEW, note=[2**64]), Code.OUT_OF_RANGE, "64 bits"),
    "an empty id": (encode(VIEW, event_id=""), Code.INVALID_IDENTIFIER, "event_id is empty"),
    "an empty item id": (
        encode(VIEW, items=[{"item_id": ""}]),
        Code.INVALID_IDENTIFIER,
        "items[].item_id is empty",
    ),
    "a line break": (encode(VIEW, event_id="a\nb"), Code.INVALID_IDENTIFIER, "control characters"),
    "a NUL": (encode(VIEW, campaign_id="a\0"), Code.INVALID_IDENTIFIER, "campaign_id"),
    "outer spaces": (encode(VIEW, source=" web"), Code.INVALID_IDENTIFIER, "outer spaces"),
    "a category of two lines": (
        encode(VIEW, items=[{"item_id": "a", "item_category": "A\nB"}]),
        Code.INVALID_IDENTIFIER,
        "item_category",
    ),
    "an unknown name": (
        encode(VIEW, event_name="page_view"),
        Code.UNKNOWN_EVENT_NAME,
        "(9 characters) is not one of",
    ),
    "a day": (encode(VIEW, event_time="2026-11-24"), Code.INVALID_EVENT_TIME, "RFC 3339"),
    "tomorrow": (encode(VIEW, event_time="2026-11-25T03:00:00Z"), Code.EVENT_TIME_IN_FUTURE, "86400 s"),
    "nobody": (without("client_id", "user_id"), Code.MISSING_SHOPPER, "client_id"),
    "a user of no browser": (
        encode(VIEW, event_name="identify", client_id=None),
        Code.MISSING_SHOPPER,
        "identify joins client_id and user_id: client_id is missing",
    ),
    "a browser of no user": (
        encode(VIEW, event_name="identify", user_id=""),
        Code.MISSING_SHOPPER,
        "identify joins client_id and user_id: user_id is missing",
    ),
    "a change to nothing": (
        encode(VIEW, event_name="update_consent"),
        Code.MISSING_FIELD,
        "needs consent.personalization",
    ),
    "a change to null": (
        encode(VIEW, event_name="update_consent", consent=None),
        Code.MISSING_FIELD,
        "needs consent.personalization",
    ),
    "a yes by silence": (
        encode(VIEW, event_name="update_consent", consent={"ads": False}),
        Code.MISSING_FIELD,
        "needs consent.personalization",
    ),
    "empty cookies": (encode(VIEW, client_id="", user_id=""), Code.MISSING_SHOPPER, "user_id"),
    "a view of nothing": (encode(VIEW, items=[]), Code.MISSING_ITEMS, "view_item"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=REFUSED)
def test_says_in_a_code_and_in_words_what_is_wrong(case: tuple[bytes, Code, str]) -> None:
    data, code, words = case
    refused = rejected(data)
    assert refused.code is code
    assert words in refused.message
    assert 5 < len(refused.message) < 400


def test_there_is_a_case_for_every_code_that_reading_can_give() -> None:
    given_later = {Code.ID_COLLISION, Code.IDS_FORGOTTEN, Code.LATE, Code.STORE_REFUSED}
    assert {code for _, code, _ in REFUSED.values()} == set(Code) - given_later - {Code.INTERNAL_ERROR}


def test_a_rejected_message_is_kept_whole() -> None:
    data, attributes = b"\xffnot JSON", {"event_id": "7", "googclient": ""}
    refused = events.parse(data, attributes, now_us=NOW, version="1.2", stage="collect")
    assert refused == Rejected(
        stage="collect",
        code=Code.INVALID_UTF8,
        message="byte 0 is not valid UTF-8",
        data=data,
        attributes=attributes,
        pipeline_version="1.2",
        first_seen=NOW,
        attempts=1,
    )


def test_a_bug_costs_one_event_and_tells_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def buggy(data: bytes, now_us: int) -> Event:
        raise ZeroDivisionError(data)

    monkeypatch.setattr(plain, "read", buggy)
    refused = rejected(encode(VIEW))
    assert (refused.code, refused.message) == (Code.INTERNAL_ERROR, "ZeroDivisionError while decoding")


LONG = {"event_id": 128, "client_id": 256, "user_id": 256, "campaign_id": 128, "currency": 8, "source": 64}


@pytest.mark.parametrize(("field", "limit"), LONG.items())
def test_identifiers_have_a_length(field: str, limit: int) -> None:
    assert getattr(accepted(encode(VIEW, **{field: "é" * limit})), field) == "é" * limit
    refused = rejected(encode(VIEW, **{field: "é" * (limit + 1)}))
    assert refused.code is Code.INVALID_IDENTIFIER
    assert f"{field} has {limit + 1} characters, at most {limit}" in refused.message


@pytest.mark.parametrize(("field", "limit"), [("item_id", 128), ("item_category", 256)])
def test_so_have_those_of_items(field: str, limit: int) -> None:
    accepted(encode(VIEW, items=[{"item_id": "a", field: "é" * limit}]))
    assert rejected(encode(VIEW, items=[{"item_id": "a", field: "é" * (limit + 1)}])).code is (
        Code.INVALID_IDENTIFIER
    )


def test_limits_are_inclusive() -> None:
    padding = events.MAX_PAYLOAD_BYTES - len(encode(VIEW, note=""))
    accepted(encode(VIEW, note="x" * padding))
    assert rejected(encode(VIEW, note="x" * (padding + 1))).code is Code.OVERSIZE_PAYLOAD
    assert len(accepted(encode(VIEW, items=[{"item_id": "a"}] * events.MAX_ITEMS)).items) == events.MAX_ITEMS


def test_a_shopper_is_the_user_where_known_and_else_the_browser() -> None:
    assert accepted(encode(VIEW)).shopper == USER
    assert accepted(encode(VIEW, user_id=None)).shopper == CLIENT
    assert accepted(encode(VIEW, user_id="")).shopper == CLIENT


@pytest.mark.parametrize(
    "field", ["client_id", "user_id", "campaign_id", "currency", "source", "search_term"]
)
def test_an_empty_text_where_none_is_needed_is_a_missing_one(field: str) -> None:
    assert getattr(accepted(encode(VIEW, **{field: ""})), field) is None


@pytest.mark.parametrize(
    "category", ["Möbel\u00a0& Licht", "کتاب\u200cها", "👩\u200d🍳 Küche", "家具\u3000収納", " Shoes "]
)
def test_a_category_is_a_name_in_any_language(category: str) -> None:
    data = encode(VIEW, items=[{"item_id": "a", "item_category": category}])
    assert accepted(data).items[0].item_category == category


def test_an_empty_category_is_a_missing_one() -> None:
    assert accepted(encode(VIEW, items=[{"item_id": "a", "item_category": ""}])).items == (Item("a"),)


def test_of_a_key_given_twice_the_last_counts() -> None:
    assert accepted(encode(VIEW)[:-1] + b', "event_id": "e2"}').event_id == "e2"


# Times

SAME_TIMES = {
    "in UTC": "2026-11-24T03:00:00Z",
    "in small letters": "2026-11-24t03:00:00z",
    "with a space, as RFC 3339 allows": "2026-11-24 03:00:00Z",
    "east": "2026-11-24T08:45:00+05:45",
    "west": "2026-11-23T23:30:00-03:30",
    "in the farthest east": "2026-11-25T02:59:00+23:59",
    "of unknown offset": "2026-11-24T03:00:00-00:00",
    "with a fraction": "2026-11-24T03:00:00.0Z",
    "in nanoseconds, rounded": "2026-11-24T03:00:00.000000499Z",
    "in nanoseconds, rounded up": "2026-11-24T02:59:59.999999500Z",
}


@pytest.mark.parametrize("text", SAME_TIMES.values(), ids=SAME_TIMES)
def test_one_moment_has_many_spellings(text: str) -> None:
    assert accepted(encode(VIEW, event_time=text)).event_time == NOW


NO_TIMES = {
    "empty": "",
    "naive": "2026-11-24T03:00:00",
    "a word": "yesterday",
    "seconds": "1795489200",
    "without seconds": "2026-11-24T03:00Z",
    "of a day that never was": "2026-02-30T03:00:00Z",
    "of hour 24": "2026-11-24T24:00:00Z",
    "a leap second": "2016-12-31T23:59:60Z",
    "of offset 24": "2026-11-24T03:00:00+24:00",
    "of year 0": "0000-01-01T00:00:00Z",
    "of year 10000": "10000-01-01T00:00:00Z",
    "just before 2010": "2009-12-31T23:59:59.999999Z",
    "of the epoch": "1970-01-01T00:00:00Z",
    "before all time": "0001-01-01T00:00:00+14:00",
    "in foreign digits": "٢٠٢٦-11-24T03:00:00Z",
}


@pytest.mark.parametrize("text", NO_TIMES.values(), ids=NO_TIMES)
def test_a_time_must_be_a_moment_that_can_be(text: str) -> None:
    assert rejected(encode(VIEW, event_time=text)).code is Code.INVALID_EVENT_TIME


def test_2010_is_early_enough() -> None:
    assert accepted(encode(VIEW, event_time="2010-01-01T00:00:00Z")).event_time == events.EARLIEST_TIME_US


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59.9999999Z", "9999-12-31T23:59:59-23:59"])
def test_the_end_of_time_is_refused(text: str) -> None:
    assert rejected(encode(VIEW, event_time=text)).code in (
        Code.EVENT_TIME_IN_FUTURE,
        Code.INVALID_EVENT_TIME,
    )


def test_a_clock_may_be_ten_minutes_fast_and_no_more() -> None:
    limit = NOW + events.MAX_FUTURE_US
    assert accepted(encode(VIEW, event_time=clock.to_rfc3339(limit))).event_time == limit
    refused = rejected(encode(VIEW, event_time=clock.to_rfc3339(limit + 1)))
    assert refused.code is Code.EVENT_TIME_IN_FUTURE


# Unknown fields

ITEM = {"item_id": "SKU1", "item_name": "Kettle", "index": 3, "extra": {"a": [1, None, 0.5]}}


def test_unknown_fields_are_kept_wherever_they_stand() -> None:
    consent = {"personalization": True, "ads": False}
    event = accepted(encode(VIEW, page={"path": ["a", 1]}, extra=1, items=[ITEM], consent=consent))
    assert event.extra == {"page": {"path": ["a", 1]}, "extra": 1}
    assert event.items == (
        Item("SKU1", extra={"item_name": "Kettle", "index": 3, "extra": {"a": [1, None, 0.5]}}),
    )
    assert event.consent == Consent(extra={"ads": False})


def test_unknown_fields_go_back_to_where_they_stood() -> None:
    consent = {"ads": False, "personalization": False}
    sent = VIEW | {"page": {"path": ["a", 1]}, "items": [ITEM], "consent": consent}
    assert events.to_wire(accepted(encode(sent))) == sent | {"event_time": "2026-11-24T02:59:59.123000Z"}


def test_an_unknown_field_never_replaces_a_known_one() -> None:
    event = Event("e1", EventName.SEARCH, NOW, "c", extra={"event_id": "forged", "client_id": "x"})
    assert events.to_wire(event)["event_id"] == "e1"
    assert events.to_wire(event)["client_id"] == "c"


@pytest.mark.parametrize(
    "place",
    [
        lambda value: {"note": value},
        lambda value: {"items": [{"item_id": "a", "note": value}]},
        lambda value: {"consent": {"note": value}},
    ],
)
def test_unknown_fields_nest_as_deep_as_can_be_passed_on(place: Any) -> None:
    def nested(depth: int) -> Any:
        return [nested(depth - 1)] if depth else 1

    accepted(encode(VIEW, **place(nested(events.MAX_DEPTH))))
    refused = rejected(encode(VIEW, **place(nested(events.MAX_DEPTH + 1))))
    assert (refused.code, "nested" in refused.message) == (Code.OUT_OF_RANGE, True)


@pytest.mark.parametrize("number", [2**64 - 1, -(2**63), 0.1, 1e308])
def test_numbers_of_unknown_fields_are_kept_exactly(number: float) -> None:
    assert accepted(encode(VIEW, note=number)).extra == {"note": number}


# What no input can do

texts = st.text(max_size=20)
any_texts = st.text(st.characters(exclude_categories=()), max_size=20)  # halves of surrogates among them
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_texts, inner, max_size=4),
    max_leaves=12,
)
names = st.sampled_from([*VIEW, "value", "currency", "search_term", "campaign_id", "consent", "source", "x"])
near_misses = st.builds(
    lambda changes, gone: {key: value for key, value in {**VIEW, **changes}.items() if key not in gone},
    st.dictionaries(names, json_values | st.sampled_from(list(NO_TIMES.values())), max_size=4),
    st.sets(names, max_size=1),
)


def check_total(data: bytes) -> None:
    result = read(data)
    if isinstance(result, Rejected):
        assert result.code is not Code.INTERNAL_ERROR, result.message
        assert result.data == data
        assert result.message
        return
    # What was taken in can be passed on, in every form that the pipeline uses.
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(result), type=Event) == result
    assert events.parse(events.to_json(result), now_us=NOW, version="test") == result


@given(st.binary(max_size=300))
@example(b"\xed\xa0\x80")
@example(b'{"a":' * 500 + b"1" + b"}" * 500)
def test_no_bytes_raise(data: bytes) -> None:
    check_total(data)


@given(json_values)
def test_no_json_raises(value: Any) -> None:
    check_total(json.dumps(value).encode())


@given(near_misses)
def test_nothing_close_to_an_event_raises(fields: dict[str, Any]) -> None:
    check_total(json.dumps(fields).encode())


@given(near_misses, st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_no_damage_on_the_way_raises(fields: dict[str, Any], at: int, noise: bytes) -> None:
    data = json.dumps(fields).encode()
    check_total(data[:at] + noise + data[at + len(noise) :])


@given(st.integers(1, 3000), st.sampled_from(['{"x":', "[", '[{"x":[']))
def test_no_depth_raises(depth: int, opening: str) -> None:
    closing = opening.replace('"x":', "")[::-1].translate(str.maketrans("{[", "}]"))
    check_total(encode(VIEW)[:-1] + b',"x":' + (opening * depth + "0" + closing * depth).encode() + b"}")


SECRET = "secretname"


NAMED: dict[str, dict[str, Any]] = {
    "a value": {**VIEW, "event_name": SECRET},
    "a time": {**VIEW, "event_time": SECRET},
    "a name": {**VIEW, SECRET: [[[2**70]]]},
    "a name in a name": {**VIEW, "x": {SECRET: {SECRET: 2**70}}},
    "a name of an item": {**VIEW, "items": [{"item_id": 1, SECRET: SECRET}]},
    "a name of a consent": {**VIEW, "consent": {SECRET: SECRET, "personalization": SECRET}},
    "an object for a text": {**VIEW, "user_id": {SECRET: SECRET}},
    "a list for a text": {**VIEW, "event_id": [SECRET]},
    "an item that is a text": {**VIEW, "items": [SECRET]},
    "items that are an object": {**VIEW, "items": {SECRET: SECRET}},
    "only a name": {SECRET: SECRET},
    "a long one": {**VIEW, "source": SECRET * 10},
    "an item": {**VIEW, "user_id": SECRET, "items": [{"item_id": SECRET}]},
    "a category": {**VIEW, "client_id": SECRET, "items": [{"item_id": "a", "item_category": SECRET}]},
}


@pytest.mark.parametrize("fields", NAMED.values(), ids=NAMED)
def test_no_message_quotes_what_was_sent(fields: dict[str, Any]) -> None:
    assert SECRET not in rejected(encode(fields)).message


@given(st.sampled_from([*NAMED.values()]), st.integers(0, 400), st.binary(max_size=3))
def test_nor_does_one_about_damage(fields: dict[str, Any], at: int, noise: bytes) -> None:
    data = encode(fields)
    result = read(data[:at] + noise + data[at + len(noise) :])
    assert not isinstance(result, Rejected) or SECRET not in result.message


@given(near_misses.filter(lambda fields: isinstance(fields.get("event_name"), str)))
def test_no_message_tells_who_it_was(fields: dict[str, Any]) -> None:
    result = read(json.dumps(fields).encode())
    if isinstance(result, Rejected):
        assert USER not in result.message
        assert CLIENT not in result.message


@pytest.mark.parametrize("field", ["user_id", "client_id"])
@pytest.mark.parametrize(
    "value",
    [42424242, ["secret-name"], {"secret-name": 1}, "secret-name\0", " secret-name", "secret-name" * 99],
)
def test_nor_does_one_about_the_identifier_itself(field: str, value: Any) -> None:
    message = rejected(encode(VIEW, **{field: value})).message
    assert field in message
    assert "secret-name" not in message
    assert "42424242" not in message


# People are no items


@pytest.mark.parametrize(
    "text",
    [
        *["ann@example.com", "for-ann@example.com!", "ann%40example.com"],
        *["ann%2540example.com", "ann＠example.com", "ann&#64;example.com"],
    ],
)
@pytest.mark.parametrize("field", ["item_id", "item_category"])
def test_an_item_that_is_an_address_is_refused(field: str, text: str) -> None:
    refused = rejected(encode(VIEW, items=[{"item_id": "a"}, {"item_id": "b", field: text}]))
    assert refused.code is Code.INVALID_IDENTIFIER
    assert refused.message == f"items[].{field} contains an email address"


@pytest.mark.parametrize("own", ["user_id", "client_id"])
@pytest.mark.parametrize("field", ["item_id", "item_category"])
def test_an_item_that_is_the_shopper_is_refused(field: str, own: str) -> None:
    data = encode(VIEW, **{own: "crm-1000"}, items=[{"item_id": "b", field: "of crm-1000"}])
    assert rejected(data).message == f"items[].{field} contains the event's own user_id or client_id"


@pytest.mark.parametrize(
    ("user", "item"),
    [("1000", "1000"), ("crm-1000", "crm-10007"), ("12345678", "123456789"), ("crm-1000", "a@b")],
)
def test_a_number_that_may_be_an_articles_is_one(user: str, item: str) -> None:
    assert accepted(encode(VIEW, user_id=user, items=[{"item_id": item}])).items == (Item(item),)


def test_a_caller_that_answers_a_person_gets_refusals_and_nothing_else() -> None:
    for data, code, _ in REFUSED.values():
        with pytest.raises(Refusal) as caught:
            events.parse_or_refuse(data, NOW)
        assert caught.value.code is code


# Round trips

identifiers = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=12)
storable = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)


def extras(kind: type[msgspec.Struct]) -> st.SearchStrategy[dict[str, Any]]:
    known = set(kind.__struct_fields__) - {"extra"}
    return st.dictionaries(texts.filter(lambda name: name not in known), storable, max_size=3)


optional = st.none() | identifiers
people = identifiers.filter(lambda text: len(text) < TELLING_CHARS)
items = st.builds(
    Item,
    identifiers,
    st.integers(1, 1_000_000),
    st.none() | st.floats(0, 1e12),
    optional,
    extras(Item),
)


def needed(name: EventName) -> dict[str, Any]:
    """What an event of this name cannot be without."""
    return {
        EventName.IDENTIFY: {"user_id": "u"},
        EventName.UPDATE_CONSENT: {"consent": Consent(extra={"ads": True})},
    }.get(name, {})


valid_events = st.builds(
    lambda **fields: Event(**{**fields, **needed(fields["event_name"])}),
    event_id=identifiers,
    event_name=st.sampled_from(EventName),
    event_time=st.integers(events.EARLIEST_TIME_US, NOW + events.MAX_FUTURE_US),
    # Short ones, which no item's id can be taken for.
    client_id=people,
    user_id=st.none() | people,
    items=st.lists(items, min_size=1, max_size=3).map(tuple),
    value=st.none() | st.floats(-1e12, 1e12),
    currency=st.none() | st.sampled_from(["EUR", "JPY"]),
    search_term=st.none() | st.text(st.characters(codec="utf-8"), min_size=1, max_size=20),
    campaign_id=optional,
    consent=st.none() | st.builds(Consent, st.booleans(), extras(Consent)),
    source=optional,
    extra=extras(Event),
)


@given(valid_events)
def test_every_event_comes_back_from_the_wire_equal(event: Event) -> None:
    assert events.from_fields(events.to_wire(event), NOW) == event
    assert accepted(events.to_json(event)) == event
